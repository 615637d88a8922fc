//! asyncio's queues: fair to putters and getters, nothing lost with those who give up, and an end
//! that somebody says.
//!
//! The situations are those of CPython's `test_asyncio/test_queues.py`; what holds for all three
//! kinds is asked of all three.

use std::cell::Cell;
use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use rondel::sync::queue::error::{GetError, PutError, QueueShutDown};
use rondel::sync::queue::{Fifo, Item, Lifo, QueueOf, Smallest, Store};
use rondel::sync::{LifoQueue, PriorityQueue, Queue};
use rondel::time::timeout;

use super::executor::{Probe, block_on};

/// Runs a test for each kind of queue.
macro_rules! for_each_kind {
    ($(#[doc = $doc:expr])* $test:ident) => {
        $(#[doc = $doc])*
        #[test]
        fn $test() {
            all_kinds::$test::<Fifo<u32>>();
            all_kinds::$test::<Lifo<u32>>();
            all_kinds::$test::<Smallest<u32>>();
        }
    };
}

// --- which item comes next -----------------------------------------------------------------------

#[test]
fn each_kind_has_its_order() {
    fn order<S: Store<Item = u32>>(queue: QueueOf<S>) -> Vec<u32> {
        for item in [1, 3, 2] {
            block_on(queue.put(item)).unwrap();
        }
        (0..3).map(|_| block_on(queue.get()).unwrap()).collect()
    }
    assert_eq!(order(Queue::new(0)), [1, 3, 2]);
    assert_eq!(order(LifoQueue::new(0)), [2, 3, 1]);
    assert_eq!(order(PriorityQueue::new(0)), [1, 2, 3]);
}

/// Goal: show that equal priorities come in the order in which they were put, also in between.
/// Method: an item that is compared by its first part alone; puts and gets mixed.
#[test]
fn items_of_equal_priority_come_first_in_first_out() {
    #[derive(Debug, Clone, Copy)]
    struct Job(u8, char);
    impl PartialEq for Job {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Job {}
    impl PartialOrd for Job {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Job {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }
    let queue = PriorityQueue::new(0);
    let put = |jobs: &[(u8, char)]| {
        jobs.iter().for_each(|job| queue.put_nowait(Job(job.0, job.1)).unwrap());
    };
    let got = |count| (0..count).map(|_| queue.get_nowait().unwrap().1).collect::<String>();
    put(&[(2, 'x'), (1, 'a'), (2, 'y'), (1, 'b'), (1, 'c')]);
    assert_eq!(got(2), "ab");
    put(&[(1, 'd'), (2, 'z'), (0, '!')]);
    assert_eq!(got(6), "!cdxyz");
}

/// The greatest comes first in a `Reverse`.
#[test]
fn a_reversed_priority_queue_gives_the_greatest() {
    let queue = PriorityQueue::new(0);
    (1..=3).for_each(|item| queue.put_nowait(Reverse(item)).unwrap());
    assert_eq!(queue.get_nowait(), Ok(Reverse(3)));
}

/// A getter that waits is given the right to an item; which one is decided when it looks.
#[test]
fn a_getter_that_waited_gets_what_is_smallest_when_it_runs() {
    let queue = PriorityQueue::new(0);
    let mut getter = Probe::waiting(queue.get());
    queue.put_nowait(2).unwrap();
    queue.put_nowait(1).unwrap();
    assert_eq!(getter.ready(), Ok(1));
    assert_eq!(queue.get_nowait(), Ok(2));
}

// --- room ----------------------------------------------------------------------------------------

for_each_kind! { the_sizes_are_told }
for_each_kind! {
    /// asyncio: `maxsize <= 0` is without limit.
    a_queue_without_a_limit_is_never_full
}
for_each_kind! { a_putter_waits_for_a_place }
for_each_kind! { a_getter_waits_for_an_item }
for_each_kind! { putters_and_getters_take_turns }
for_each_kind! {
    /// Goal: show that items go to getters in the order in which these came, one wake each, and
    /// that nobody overtakes: what a getter was given is not there for others.
    getters_are_served_in_their_order
}
for_each_kind! {
    /// The same for places and putters.
    putters_are_served_in_their_order
}

// --- who gives up --------------------------------------------------------------------------------

for_each_kind! {
    /// CPython: cancelled before anything came, it is not in the way of the next one.
    a_cancelled_getter_is_out_of_the_line
}
for_each_kind! {
    /// CPython: `test_get_cancel_drop_one_pending_reader` and its kin: cancelled after the item
    /// came, it loses nothing.
    an_item_for_a_cancelled_getter_goes_to_the_next
}
for_each_kind! { a_cancelled_putter_is_out_of_the_line }
for_each_kind! {
    /// CPython: `test_put_cancel_drop`: the place of a cancelled putter goes on, its item goes.
    a_place_for_a_cancelled_putter_goes_to_the_next
}

// --- work that is done ---------------------------------------------------------------------------

for_each_kind! { a_join_without_work_is_ready_at_once }
for_each_kind! { a_join_waits_until_each_item_is_done }
for_each_kind! { task_done_once_too_often_is_an_error }
for_each_kind! {
    /// As with asyncio's event: who was let go goes on, although there is new work by then.
    a_join_that_was_let_go_does_not_wait_for_newer_work
}
for_each_kind! { a_guard_says_that_its_item_is_done }

// --- the end -------------------------------------------------------------------------------------

for_each_kind! { an_empty_queue_ends_at_once }
for_each_kind! {
    /// Getters drain it, putters fail at once, and the work is still waited for.
    a_queue_that_is_shut_down_can_be_drained
}
for_each_kind! { an_immediate_shutdown_drops_what_is_left }
for_each_kind! { items_in_hand_outlive_an_immediate_shutdown }
for_each_kind! { an_immediate_shutdown_may_follow_a_patient_one }
for_each_kind! {
    /// Given a place or an item, and not run yet: the place is no use, the item is still got.
    who_was_served_before_the_shutdown
}
for_each_kind! {
    /// asyncio: after the shutdown whoever comes takes what is there; a getter that was woken for
    /// it, and comes too late, gets the end.
    a_drained_queue_has_nothing_for_late_getters
}

mod all_kinds {
    use super::*;

    type Of<S> = QueueOf<S>;

    pub fn the_sizes_are_told<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(2);
        assert_eq!((queue.maxsize(), queue.qsize()), (2, 0));
        assert!(queue.empty() && queue.is_empty() && !queue.full());
        assert_eq!(queue.get_nowait(), Err(GetError::Empty));
        queue.put_nowait(1).unwrap();
        assert!(!queue.empty() && !queue.full());
        queue.put_nowait(1).unwrap();
        assert_eq!((queue.qsize(), queue.len()), (2, 2));
        assert!(queue.full() && queue.is_full());
        assert_eq!(queue.put_nowait(7), Err(PutError::Full(7)));
        assert_eq!(PutError::Full(7).into_inner(), 7);
        assert_eq!(queue.get_nowait(), Ok(1));
        assert!(!queue.full());
    }

    pub fn a_queue_without_a_limit_is_never_full<S: Store<Item = u32>>() {
        for queue in [Of::<S>::new(0), Of::<S>::default(), Of::<S>::new(usize::MAX)] {
            (0..1_000).for_each(|item| queue.put_nowait(item).unwrap());
            assert!(!queue.full() && queue.len() == 1_000);
        }
    }

    pub fn a_putter_waits_for_a_place<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(2);
        let mut putter = Probe::new(async {
            for item in 0..3 {
                queue.put(item).await.unwrap();
            }
        });
        assert!(putter.poll().is_pending());
        assert_eq!(queue.qsize(), 2);
        queue.get_nowait().unwrap();
        assert_eq!(putter.wakes(), 1);
        putter.ready();
        assert!(queue.full());
    }

    pub fn a_getter_waits_for_an_item<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(1);
        let mut getter = Probe::waiting(queue.get());
        block_on(queue.put(1)).unwrap();
        assert_eq!((getter.wakes(), getter.ready()), (1, Ok(1)));
        block_on(queue.put(2)).unwrap();
        assert_eq!(block_on(queue.get()), Ok(2));
    }

    /// CPython: `test_why_are_getters_waiting` and its twin for putters.
    pub fn putters_and_getters_take_turns<S: Store<Item = u32> + 'static>() {
        rondel::run(async {
            let queue = Of::<S>::new(1);
            let produce = async {
                for item in 0..100 {
                    queue.put(item).await.unwrap();
                }
            };
            let consume = async {
                let mut got = Vec::new();
                while got.len() < 100 {
                    got.push(queue.get().await.unwrap());
                }
                got
            };
            let ((), got) = rondel::join!(produce, consume);
            assert_eq!(got, (0..100).collect::<Vec<_>>());

            let queue = Of::<S>::new(2);
            let take_all = async {
                rondel::task::yield_now().await;
                let count = queue.qsize();
                (0..count).for_each(|_| assert!(queue.get_nowait().is_ok()));
                count
            };
            let (taken, a, b, c, d) =
                rondel::join!(take_all, queue.put(0), queue.put(1), queue.put(2), queue.put(3));
            assert!(taken == 2 && a.and(b).and(c).and(d).is_ok());
        });
    }

    pub fn getters_are_served_in_their_order<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(0);
        let mut getters: Vec<_> = (0..3).map(|_| Probe::waiting(queue.get())).collect();
        for item in 0..2 {
            queue.put_nowait(item).unwrap();
            assert_eq!(getters[item as usize].wakes(), 1);
            assert_eq!(getters[2].wakes(), 0);
            assert_eq!(queue.get_nowait(), Err(GetError::Empty));
            assert!(queue.empty());
        }
        let mut got = [getters[0].ready().unwrap(), getters[1].ready().unwrap()];
        got.sort_unstable();
        assert_eq!(got, [0, 1]);
        assert!(getters[2].poll().is_pending());
    }

    pub fn putters_are_served_in_their_order<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(1);
        queue.put_nowait(0).unwrap();
        let mut putters: Vec<_> = (1..=2).map(|item| Probe::waiting(queue.put(item))).collect();
        assert_eq!(queue.get_nowait(), Ok(0));
        assert_eq!((putters[0].wakes(), putters[1].wakes()), (1, 0));
        assert!(queue.full() && queue.empty(), "the place is the first putter's");
        assert_eq!(queue.put_nowait(9), Err(PutError::Full(9)));
        assert_eq!(putters[0].ready(), Ok(()));
        assert_eq!(queue.get_nowait(), Ok(1));
        assert_eq!(putters[1].ready(), Ok(()));
        assert_eq!(queue.get_nowait(), Ok(2));
    }

    pub fn a_cancelled_getter_is_out_of_the_line<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(0);
        let first = Probe::waiting(queue.get());
        let mut second = Probe::waiting(queue.get());
        drop(first);
        queue.put_nowait(1).unwrap();
        assert_eq!((second.wakes(), second.wakers_kept()), (1, 0));
        assert_eq!(second.ready(), Ok(1));
    }

    pub fn an_item_for_a_cancelled_getter_goes_to_the_next<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(0);
        let mut getters: Vec<_> = (0..3).map(|_| Probe::waiting(queue.get())).collect();
        queue.put_nowait(1).unwrap();
        queue.put_nowait(2).unwrap();
        drop(getters.remove(0));
        let mut got: Vec<_> = getters.iter_mut().map(|getter| getter.ready().unwrap()).collect();
        got.sort_unstable();
        assert_eq!(got, [1, 2]);

        let getter = Probe::waiting(queue.get());
        queue.put_nowait(3).unwrap();
        drop(getter); // nobody is behind it: the item is there for all again
        assert_eq!((queue.qsize(), queue.get_nowait()), (1, Ok(3)));
    }

    pub fn a_cancelled_putter_is_out_of_the_line<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(1);
        queue.put_nowait(0).unwrap();
        let first = Probe::waiting(queue.put(1));
        let mut second = Probe::waiting(queue.put(2));
        drop(first);
        assert_eq!(block_on(queue.get()), Ok(0));
        assert_eq!((second.wakes(), second.ready()), (1, Ok(())));
        assert_eq!(block_on(queue.get()), Ok(2));
        assert!(queue.empty() && !queue.full());
    }

    pub fn a_place_for_a_cancelled_putter_goes_to_the_next<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(1);
        queue.put_nowait(0).unwrap();
        let first = Probe::waiting(queue.put(1));
        let mut second = Probe::waiting(queue.put(2));
        assert_eq!(queue.get_nowait(), Ok(0));
        drop(first);
        assert_eq!((second.wakes(), second.ready()), (1, Ok(())));
        assert_eq!(queue.get_nowait(), Ok(2));

        queue.put_nowait(3).unwrap();
        let putter = Probe::waiting(queue.put(4));
        assert_eq!(queue.get_nowait(), Ok(3));
        drop(putter);
        assert!(queue.empty() && !queue.full());
        queue.put_nowait(5).unwrap();
    }

    pub fn a_join_without_work_is_ready_at_once<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(0);
        block_on(queue.join());
        block_on(queue.join());
        queue.put_nowait(1).unwrap();
        queue.get_nowait().unwrap();
        queue.task_done().unwrap();
        block_on(queue.join());
    }

    pub fn a_join_waits_until_each_item_is_done<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(0);
        queue.put_nowait(1).unwrap();
        queue.put_nowait(2).unwrap();
        let mut joins = [Probe::waiting(queue.join()), Probe::waiting(queue.join())];
        let quits = Probe::waiting(queue.join());
        queue.get_nowait().unwrap();
        queue.task_done().unwrap();
        queue.get_nowait().unwrap();
        assert!(joins.iter_mut().all(|join| join.poll().is_pending()), "got is not done");
        drop(quits);
        queue.task_done().unwrap();
        for join in &mut joins {
            assert_eq!((join.wakes(), join.wakers_kept()), (1, 0));
            join.ready();
        }
    }

    pub fn task_done_once_too_often_is_an_error<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(0);
        let text = "task_done() called too many times";
        assert_eq!(queue.task_done().unwrap_err().to_string(), text);
        queue.put_nowait(1).unwrap();
        queue.get_nowait().unwrap();
        assert!(queue.task_done().is_ok());
        assert!(queue.task_done().is_err());
        // An error has changed nothing.
        queue.put_nowait(2).unwrap();
        Probe::waiting(queue.join());
    }

    pub fn a_join_that_was_let_go_does_not_wait_for_newer_work<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(0);
        queue.put_nowait(1).unwrap();
        let mut early = Probe::waiting(queue.join());
        queue.get_nowait().unwrap();
        queue.task_done().unwrap();
        queue.put_nowait(2).unwrap();
        early.ready();
        Probe::waiting(queue.join());
    }

    pub fn a_guard_says_that_its_item_is_done<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(0);
        (0..3).for_each(|item| queue.put_nowait(item).unwrap());
        let mut join = Probe::waiting(queue.join());
        let mut first = block_on(queue.get_guard()).unwrap();
        let (second, third) =
            (block_on(queue.get_guard()).unwrap(), block_on(queue.get_guard()).unwrap());
        let sum = *first + *second + *third;
        assert_eq!((sum, format!("{first:?}")), (3, format!("{:?}", *first)));
        *first += 1;
        // What is in a guard cannot be said to be done by others.
        assert!(queue.task_done().is_err());
        drop(first);
        assert!(
            catch_unwind(AssertUnwindSafe(|| {
                let _second = second;
                panic!("on purpose");
            }))
            .is_err()
        );
        Item::into_inner(third);
        assert!(join.poll().is_pending(), "the third is out of its guard, and not done");
        queue.task_done().unwrap();
        join.ready();
        assert!(queue.task_done().is_err());
    }

    pub fn an_empty_queue_ends_at_once<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(0);
        let mut getters = [Probe::waiting(queue.get()), Probe::waiting(queue.get())];
        assert!(!queue.is_shutdown());
        queue.shutdown(false);
        assert!(queue.is_shutdown());
        block_on(queue.join());
        for getter in &mut getters {
            assert_eq!((getter.wakes(), getter.ready()), (1, Err(QueueShutDown(()))));
        }
        is_over(&queue);
    }

    /// Nothing can be put or got, in any way.
    fn is_over<S: Store<Item = u32>>(queue: &QueueOf<S>) {
        for _ in 0..2 {
            assert_eq!(queue.qsize(), 0);
            assert_eq!(Probe::new(queue.put(1)).ready(), Err(QueueShutDown(1)));
            assert_eq!(queue.put_nowait(1), Err(PutError::ShutDown(1)));
            assert_eq!(Probe::new(queue.get()).ready(), Err(QueueShutDown(())));
            assert_eq!(queue.get_nowait(), Err(GetError::ShutDown));
            assert!(Probe::new(queue.get_guard()).ready().is_err());
            queue.shutdown(false);
        }
    }

    pub fn a_queue_that_is_shut_down_can_be_drained<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(2);
        queue.put_nowait(1).unwrap();
        queue.put_nowait(1).unwrap();
        let mut join = Probe::waiting(queue.join());
        let mut putter = Probe::waiting(queue.put(2));
        queue.shutdown(false);
        assert_eq!((queue.qsize(), queue.full()), (2, true));
        assert_eq!((putter.wakes(), putter.ready()), (1, Err(QueueShutDown(2))));
        assert_eq!(queue.put_nowait(3), Err(PutError::ShutDown(3)));
        assert_eq!(block_on(queue.get()), Ok(1));
        assert_eq!((queue.get_nowait(), queue.full()), (Ok(1), false));
        is_over(&queue);
        queue.task_done().unwrap();
        assert!(join.poll().is_pending());
        queue.task_done().unwrap();
        join.ready();
        assert!(queue.task_done().is_err());
    }

    pub fn an_immediate_shutdown_drops_what_is_left<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(1);
        queue.put_nowait(1).unwrap();
        let mut join = Probe::waiting(queue.join());
        let mut putter = Probe::waiting(queue.put(2));
        queue.shutdown(true);
        assert!(queue.empty() && !queue.full());
        assert_eq!(putter.ready(), Err(QueueShutDown(2)));
        join.ready();
        is_over(&queue);
        assert!(queue.task_done().is_err());
    }

    pub fn items_in_hand_outlive_an_immediate_shutdown<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(0);
        (0..4).for_each(|item| queue.put_nowait(item).unwrap());
        let mut join = Probe::waiting(queue.join());
        block_on(queue.get()).unwrap();
        let guard = block_on(queue.get_guard()).unwrap();
        queue.shutdown(true);
        is_over(&queue);
        assert!(join.poll().is_pending());
        queue.task_done().unwrap();
        assert!(queue.task_done().is_err());
        assert!(join.poll().is_pending());
        drop(guard);
        join.ready();
    }

    pub fn an_immediate_shutdown_may_follow_a_patient_one<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(0);
        queue.put_nowait(1).unwrap();
        let mut join = Probe::waiting(queue.join());
        queue.shutdown(false);
        assert!(join.poll().is_pending());
        queue.shutdown(true);
        queue.shutdown(true);
        join.ready();
        is_over(&queue);
    }

    pub fn who_was_served_before_the_shutdown<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(1);
        queue.put_nowait(0).unwrap();
        let mut putter = Probe::waiting(queue.put(1));
        assert_eq!(queue.get_nowait(), Ok(0));
        queue.shutdown(false);
        assert_eq!(putter.ready(), Err(QueueShutDown(1)));
        is_over(&queue);

        let queue = Of::<S>::new(1);
        let mut getter = Probe::waiting(queue.get());
        queue.put_nowait(1).unwrap();
        queue.shutdown(false);
        assert_eq!(getter.ready(), Ok(1));
        is_over(&queue);
    }

    pub fn a_drained_queue_has_nothing_for_late_getters<S: Store<Item = u32>>() {
        let queue = Of::<S>::new(1);
        let mut woken = Probe::waiting(queue.get());
        queue.put_nowait(1).unwrap();
        queue.shutdown(false);
        assert_eq!((queue.qsize(), queue.get_nowait()), (1, Ok(1)));
        assert_eq!(woken.ready(), Err(QueueShutDown(())));
        is_over(&queue);

        let queue = Of::<S>::new(1);
        let mut woken = Probe::waiting(queue.get());
        queue.put_nowait(1).unwrap();
        queue.shutdown(true);
        assert_eq!(woken.ready(), Err(QueueShutDown(())));

        let queue = Of::<S>::new(1);
        let woken = Probe::waiting(queue.get());
        queue.put_nowait(1).unwrap();
        queue.shutdown(false);
        drop(woken); // the item it leaves is got all the same
        assert_eq!(block_on(queue.get()), Ok(1));
        is_over(&queue);
    }
}

// --- what the queue does with its items ----------------------------------------------------------

/// Goal: show that items are dropped once, outside the lock, wherever they are when they go.
/// Method: items that look at their queue as they are dropped: with a cancelled putter, with an
/// immediate shutdown, with the queue.
#[test]
fn an_item_may_look_at_the_queue_as_it_is_dropped() {
    struct Looks(Option<Arc<Queue<Looks>>>, Arc<AtomicUsize>);
    impl Drop for Looks {
        fn drop(&mut self) {
            if let Some(queue) = &self.0 {
                assert!(queue.qsize() <= 1);
                let _ = queue.get_nowait();
            }
            self.1.fetch_add(1, SeqCst);
        }
    }
    let (queue, dropped) = (Arc::new(Queue::new(1)), Arc::<AtomicUsize>::default());
    let item = || Looks(Some(queue.clone()), dropped.clone());
    queue.put_nowait(Looks(None, dropped.clone())).ok().unwrap();
    drop(Probe::waiting(queue.put(item()))); // and takes the first one out
    assert_eq!(dropped.load(SeqCst), 2);
    queue.put_nowait(item()).ok().unwrap();
    queue.shutdown(true);
    assert_eq!(dropped.load(SeqCst), 3);
    drop(queue.put_nowait(item()));
    assert_eq!(dropped.load(SeqCst), 4);

    let queue = Queue::new(0);
    queue.put_nowait(Looks(None, dropped.clone())).ok().unwrap();
    drop(queue);
    assert_eq!(dropped.load(SeqCst), 5);
}

/// An item is dropped before the queue is told that it is done.
#[test]
fn a_join_does_not_end_before_the_last_item_is_dropped() {
    struct Last<'a>(&'a Cell<bool>);
    impl Drop for Last<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = Cell::new(false);
    let queue = Queue::new(0);
    queue.put_nowait(Last(&dropped)).ok().unwrap();
    let mut join = Probe::waiting(queue.join());
    let guard = block_on(queue.get_guard()).unwrap();
    assert!(join.poll().is_pending() && !dropped.get());
    drop(guard);
    assert!(dropped.get());
    join.ready();
}

/// Goal: show that an order that panics costs the item in hand at most, and no place.
/// Method: items that panic when they are compared, on demand: at a put, for which a getter waits,
/// and at a get.
#[test]
fn an_order_that_panics_blocks_nobody() {
    thread_local! { static PANICS: Cell<bool> = const { Cell::new(false) } }
    #[derive(Debug, PartialEq, Eq)]
    struct Moody(u32);
    impl PartialOrd for Moody {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Moody {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            assert!(!PANICS.get(), "not now");
            self.0.cmp(&other.0)
        }
    }
    fn moodily<R>(call: impl FnOnce() -> R) {
        PANICS.set(true);
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
        PANICS.set(false);
    }
    let queue = PriorityQueue::new(3);
    let mut getter = Probe::waiting(queue.get());
    queue.put_nowait(Moody(2)).unwrap();
    moodily(|| queue.put_nowait(Moody(1)));
    assert_eq!(queue.qsize(), 1, "it is in the queue, beside the one for the getter");
    queue.put_nowait(Moody(3)).unwrap();
    assert!(queue.full());

    moodily(|| queue.get_nowait());
    assert_eq!((queue.qsize(), queue.full()), (1, false), "one is lost, and its place is free");
    queue.put_nowait(Moody(4)).unwrap();
    let got = [getter.ready(), block_on(queue.get()), block_on(queue.get())];
    assert!(got.iter().all(|item| item.is_ok()), "{got:?}");
    let join = Probe::waiting(queue.join());
    (0..3).for_each(|_| queue.task_done().unwrap());
    assert_eq!(join.wakes(), 1, "the lost one is not waited for");
}

/// Items need be neither `Send` nor `Clone`, and may borrow.
#[test]
fn items_may_stay_at_home() {
    let text = String::from("borrowed");
    let queue = Queue::new(1);
    queue.put_nowait((Rc::new(1), text.as_str())).unwrap();
    assert_eq!(block_on(queue.get()), Ok((Rc::new(1), "borrowed")));
}

#[test]
fn wakers_may_come_back_to_the_queue() {
    struct Back(Arc<Queue<u32>>);
    impl Wake for Back {
        fn wake(self: Arc<Self>) {
            let _ = self.0.qsize();
            let _ = self.0.put_nowait(7);
            let _ = Probe::new(self.0.join()).poll();
        }
    }
    let queue = Arc::new(Queue::new(1));
    let waker = Waker::from(Arc::new(Back(queue.clone())));
    let mut cx = Context::from_waker(&waker);
    let mut getter = Box::pin(queue.get());
    assert!(getter.as_mut().poll(&mut cx).is_pending());
    queue.put_nowait(1).unwrap();
    assert!(getter.as_mut().poll(&mut cx).is_ready());
    queue.put_nowait(2).unwrap();
    let mut putter = Box::pin(queue.put(3));
    assert!(putter.as_mut().poll(&mut cx).is_pending());
    let mut joiner = Box::pin(queue.join());
    assert!(joiner.as_mut().poll(&mut cx).is_pending());
    queue.shutdown(false);
    assert!(putter.as_mut().poll(&mut cx).is_ready());
    drop(joiner);
}

// --- on a loop, and between threads --------------------------------------------------------------

/// asyncio's example: workers take turns; 20 pieces of 10 ms by 4 workers last 50 ms, exactly.
#[test]
fn workers_share_the_work() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let queue = Arc::new(Queue::new(0));
        (0..20).for_each(|piece| queue.put_nowait(piece).unwrap());
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let queue = queue.clone();
                rondel::spawn(async move {
                    let mut done = 0;
                    while let Ok(_piece) = queue.get_guard().await {
                        rondel::time::sleep(Duration::from_millis(10)).await;
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        let start = rondel::time::Instant::now();
        queue.join().await;
        assert_eq!(start.elapsed(), Duration::from_millis(50));
        queue.shutdown(false);
        for worker in workers {
            assert_eq!(worker.await.unwrap(), 5);
        }
    });
}

/// A worker that is aborted, at whatever await, does not keep the join waiting for its guard.
#[test]
fn an_aborted_worker_does_not_hang_the_join() {
    rondel::run(async {
        let queue = Arc::new(Queue::new(0));
        queue.put_nowait("work").unwrap();
        let working = queue.clone();
        let worker = rondel::spawn(async move {
            let _work = working.get_guard().await.unwrap();
            std::future::pending::<()>().await;
        });
        while !queue.empty() {
            rondel::task::yield_now().await;
        }
        worker.abort();
        queue.join().await;
    });
}

#[test]
fn a_get_may_run_out_of_time() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let queue = Queue::new(5);
        assert!(timeout(Duration::from_millis(100), queue.get()).await.is_err());
        queue.put_nowait(1).unwrap();
        assert_eq!(timeout(Duration::from_millis(100), queue.get()).await, Ok(Ok(1)));
    });
}

/// A queue that is never empty and never full does not let one task own the loop.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn puts_and_gets_pay_the_budget() {
    rondel::run(async {
        let queue = Queue::new(0);
        let stop = Rc::new(Cell::new(false));
        let stopper = stop.clone();
        rondel::task::spawn_local(async move { stopper.set(true) });
        while !stop.get() {
            queue.put(1).await.unwrap();
            queue.get().await.unwrap();
        }
    });
}

#[test]
#[should_panic(expected = "`Queue::blocking_get` was called inside")]
fn blocking_inside_a_loop_is_refused() {
    rondel::run(async { Queue::<u32>::new(0).blocking_get().unwrap() });
}

/// Goal: show that between threads each item arrives once, while getters and putters give up, and
/// that the end comes when all are done.
/// Method: two threads put 1,000 numbers each, two tasks on a loop and one thread get them; each
/// getter first begins a get and drops it. The main thread joins and shuts down.
#[test]
fn threads_and_tasks_share_a_queue() {
    const EACH: u64 = 1_000;
    let queue = Arc::new(PriorityQueue::new(8));
    let putters: Vec<_> = (0..2)
        .map(|_| {
            let queue = queue.clone();
            thread::spawn(move || {
                for number in 0..EACH {
                    if let std::task::Poll::Ready(done) = Probe::new(queue.put(number)).poll() {
                        done.unwrap();
                    } else {
                        queue.blocking_put(number).unwrap();
                    }
                }
            })
        })
        .collect();
    let thread = {
        let queue = queue.clone();
        thread::spawn(move || {
            let mut sum = 0;
            while let Ok(number) = queue.blocking_get() {
                sum += number;
                queue.task_done().unwrap();
            }
            sum
        })
    };
    let on_loop = {
        let queue = queue.clone();
        thread::spawn(move || {
            rondel::run(async move {
                let work = |queue: Arc<PriorityQueue<u64>>| async move {
                    let mut sum = 0;
                    loop {
                        match Probe::new(queue.get_guard()).poll() {
                            std::task::Poll::Ready(Ok(number)) => sum += *number,
                            std::task::Poll::Ready(Err(_)) => return sum,
                            std::task::Poll::Pending => {}
                        }
                        let Ok(number) = queue.get_guard().await else { return sum };
                        sum += *number;
                    }
                };
                let tasks = [rondel::spawn(work(queue.clone())), rondel::spawn(work(queue))];
                let mut sum = 0;
                for task in tasks {
                    sum += task.await.unwrap();
                }
                sum
            })
        })
    };
    putters.into_iter().for_each(|putter| putter.join().unwrap());
    block_on(queue.join());
    assert!(queue.empty());
    queue.shutdown(false);
    assert_eq!(thread.join().unwrap() + on_loop.join().unwrap(), EACH * (EACH - 1));
}

// --- how it looks --------------------------------------------------------------------------------

#[test]
fn a_queue_shows_its_numbers() {
    let queue = LifoQueue::new(3);
    queue.put_nowait("data").unwrap();
    let text = "qsize: 1, unfinished_tasks: 1, is_shutdown: false, .. }";
    assert_eq!(format!("{queue:?}"), format!("LifoQueue {{ maxsize: 3, {text}"));
    let _guard = block_on(queue.get_guard()).unwrap();
    queue.shutdown(true);
    let text = "qsize: 0, unfinished_tasks: 1, is_shutdown: true, .. }";
    assert_eq!(format!("{queue:?}"), format!("LifoQueue {{ maxsize: 3, {text}"));
    assert!(format!("{:?}", Queue::<u8>::new(0)).starts_with("Queue {"));
    assert!(format!("{:?}", PriorityQueue::<u8>::new(0)).starts_with("PriorityQueue {"));
}

#[test]
fn errors_say_what_happened() {
    assert_eq!(QueueShutDown(1).to_string(), "queue shut down");
    assert_eq!(PutError::ShutDown(1).to_string(), "queue shut down");
    assert_eq!(PutError::Full(1).to_string(), "queue full");
    assert_eq!(GetError::Empty.to_string(), "queue empty");
    assert_eq!(GetError::ShutDown.to_string(), "queue shut down");
    struct NoDebug;
    assert_eq!(format!("{:?}", QueueShutDown(NoDebug)), "QueueShutDown { .. }");
    assert_eq!(format!("{:?}", PutError::Full(NoDebug)), "Full(..)");
}
