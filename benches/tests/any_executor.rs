//! The primitives on anybody's executor: futures' `LocalPool`, tokio's two runtimes, a bare
//! `block_on`, and Rondel; each alone, and any two of them at once, one on either side.
//!
//! A body is a pair of tasks that talk to each other through one primitive. Goal: whatever polls
//! the two, they come to their end, and what they say of it is true. Method: every body on every
//! executor, then with its left task on one and its right task on another, each on its own thread.
//!
//! A new primitive is a function that returns a [`Body`], and its name in the list of tests.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc as std_mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures_util::task::LocalSpawnExt;
use rondel::io::{AsyncReadExt, AsyncWriteExt, duplex};
use rondel::sync::broadcast::{self, error::RecvError};
use rondel::sync::{
    Barrier, CancellationToken, CapacityLimiter, Condition, Event, LifoQueue, Mutex, Notify,
    OnceCell, PriorityQueue, Queue, RwLock, Semaphore, SetOnce, mpsc, oneshot, watch,
};
use rondel::task::yield_now;

/// Rounds of each body: enough for both tasks to wait for each other many times.
const ROUNDS: usize = 200;

/// Nothing here takes so long; who is not done by then has lost a wake-up.
const LIMIT: Duration = Duration::from_secs(120);

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Two tasks that talk to each other, and what is true when both have ended.
struct Body {
    left: Task,
    right: Task,
    check: Box<dyn FnOnce() + Send>,
}

fn body(
    left: impl Future<Output = ()> + Send + 'static,
    right: impl Future<Output = ()> + Send + 'static,
    check: impl FnOnce() + Send + 'static,
) -> Body {
    Body { left: Box::pin(left), right: Box::pin(right), check: Box::new(check) }
}

// --- executors -------------------------------------------------------------------------------------

/// Runs tasks side by side on this thread until all have ended.
type Executor = fn(Vec<Task>);

const EXECUTORS: [(&str, Executor); 5] = [
    ("futures' LocalPool", on_local_pool),
    ("tokio's current_thread", |tasks| {
        on_tokio(tokio::runtime::Builder::new_current_thread(), tasks)
    }),
    ("tokio's multi_thread", |tasks| on_tokio(tokio::runtime::Builder::new_multi_thread(), tasks)),
    ("rondel::block_on", |tasks| drop(rondel::block_on(rondel::combine::gather(tasks)))),
    ("Rondel", on_rondel),
];

fn on_local_pool(tasks: Vec<Task>) {
    let mut pool = futures_executor::LocalPool::new();
    for task in tasks {
        pool.spawner().spawn_local(task).expect("the pool is there");
    }
    pool.run();
}

fn on_tokio(mut builder: tokio::runtime::Builder, tasks: Vec<Task>) {
    let runtime = builder.worker_threads(2).build().unwrap();
    let tasks: Vec<_> = tasks.into_iter().map(|task| runtime.spawn(task)).collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn on_rondel(tasks: Vec<Task>) {
    rondel::run(async {
        let tasks: Vec<_> = tasks.into_iter().map(rondel::spawn).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Runs `run` on a thread of its own; panics if it panics, or does not end.
fn within_limit(what: &str, run: impl FnOnce() + Send + 'static) {
    let (done, end) = std_mpsc::channel();
    let thread = thread::spawn(move || {
        run();
        let _ = done.send(()); // the other end is gone if the limit has passed
    });
    match end.recv_timeout(LIMIT) {
        Err(std_mpsc::RecvTimeoutError::Timeout) => panic!("{what}: somebody was never woken"),
        _ => assert!(thread.join().is_ok(), "{what}: it panicked, see above"),
    }
}

/// Goal and method: see the head of the file.
fn on_all_executors(make: fn() -> Body) {
    for (name, run) in EXECUTORS {
        within_limit(name, move || {
            let Body { left, right, check } = make();
            run(vec![left, right]);
            check();
        });
    }
    for (left_name, run_left) in EXECUTORS {
        for (right_name, run_right) in EXECUTORS {
            let what = format!("left on {left_name}, right on {right_name}");
            within_limit(&what, move || {
                let Body { left, right, check } = make();
                let thread = thread::spawn(move || run_left(vec![left]));
                run_right(vec![right]);
                thread.join().unwrap();
                check();
            });
        }
    }
}

macro_rules! on_all_executors {
    ($($body:ident)*) => {$(
        #[test]
        fn $body() {
            on_all_executors(super::$body);
        }
    )*};
}

mod runs {
    use super::on_all_executors;

    on_all_executors! {
        semaphore
        semaphore_owned_many
        mutex
        mutex_owned
        rwlock
        rwlock_owned
        notify
        notify_waiters
        event
        condition
        barrier
        capacity_limiter
        once_cell
        set_once
        queue
        queue_of_one
        lifo_queue
        oneshot_reply
        oneshot_closed
        mpsc_bounded
        mpsc_reserve_and_recv_many
        mpsc_unbounded
        mpsc_closed
        broadcast_both_ways
        broadcast_lagging_and_closed
        watch_both_ways
        watch_wait_for
        cancellation_token
        combinators
        streams
    }
}

// --- bodies ----------------------------------------------------------------------------------------

/// Both sides want both permits of two, one at a time and two at once.
fn semaphore() -> Body {
    let (seats, inside) = (Arc::new(Semaphore::new(2)), Arc::new(AtomicUsize::new(0)));
    let side = |many: u32| {
        let (seats, inside) = (seats.clone(), inside.clone());
        async move {
            for _ in 0..ROUNDS {
                let _permit = seats.acquire_many(many).await.unwrap();
                assert!(inside.fetch_add(many as usize, SeqCst) + many as usize <= 2);
                yield_now().await;
                inside.fetch_sub(many as usize, SeqCst);
            }
        }
    };
    let check = seats.clone();
    body(side(1), side(2), move || assert_eq!(check.available_permits(), 2))
}

/// One side gives the permits that the other takes, some in vain.
fn semaphore_owned_many() -> Body {
    let seats = Arc::new(Semaphore::new(0));
    let (giver, taker) = (seats.clone(), seats.clone());
    body(
        async move {
            for _ in 0..ROUNDS {
                giver.add_permits(3);
                yield_now().await;
            }
        },
        async move {
            for round in 0..ROUNDS {
                if round % 3 == 0 {
                    // A waiter that is dropped, served or not, takes nothing with it.
                    drop(rondel::testing::task::spawn(taker.acquire_many(2)).poll());
                }
                taker.clone().acquire_many_owned(3).await.unwrap().forget();
            }
            taker.close();
        },
        move || assert_eq!((seats.available_permits(), seats.is_closed()), (0, true)),
    )
}

fn mutex() -> Body {
    let count = Arc::new(Mutex::new(0));
    let side = || {
        let count = count.clone();
        async move {
            for _ in 0..ROUNDS {
                let mut count = count.lock().await;
                let before = *count;
                yield_now().await;
                *count = before + 1;
            }
        }
    };
    let check = count.clone();
    body(side(), side(), move || assert_eq!(*check.try_lock().unwrap(), 2 * ROUNDS))
}

/// The guard goes to the other side, which unlocks.
fn mutex_owned() -> Body {
    let count = Arc::new(Mutex::new(0));
    let (tx, mut rx) = mpsc::unbounded_channel();
    let locker = count.clone();
    body(
        async move {
            for _ in 0..ROUNDS {
                let guard = locker.clone().lock_owned().await;
                tx.send(guard).unwrap();
            }
        },
        async move {
            while let Some(mut guard) = rx.recv().await {
                *guard += 1;
            }
        },
        move || assert_eq!(*count.try_lock().unwrap(), ROUNDS),
    )
}

/// Both sides write two numbers one after the other; whoever reads finds them equal.
fn rwlock() -> Body {
    let pair = Arc::new(RwLock::new((0, 0)));
    let side = || {
        let pair = pair.clone();
        async move {
            for _ in 0..ROUNDS {
                let mut writer = pair.write().await;
                writer.0 += 1;
                yield_now().await;
                writer.1 += 1;
                drop(writer);
                let reader = pair.read().await;
                yield_now().await;
                assert_eq!(reader.0, reader.1);
            }
        }
    };
    let check = pair.clone();
    body(side(), side(), move || assert_eq!(*check.try_read().unwrap(), (2 * ROUNDS, 2 * ROUNDS)))
}

/// A writer that goes on as a reader; its guard goes to the other side, which lets go of it.
fn rwlock_owned() -> Body {
    let count = Arc::new(RwLock::new(0));
    let (tx, mut rx) = mpsc::channel(1);
    let writer = count.clone();
    body(
        async move {
            for _ in 0..ROUNDS {
                let mut guard = writer.clone().write_owned().await;
                *guard += 1;
                tx.send((*guard, guard.downgrade())).await.unwrap();
            }
        },
        async move {
            while let Some((written, guard)) = rx.recv().await {
                yield_now().await;
                assert_eq!(*guard, written);
            }
        },
        move || assert_eq!(*count.try_write().unwrap(), ROUNDS),
    )
}

/// Ping and pong.
fn notify() -> Body {
    let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (their_ping, their_pong) = (ping.clone(), pong.clone());
    body(
        async move {
            for _ in 0..ROUNDS {
                ping.notify_one();
                pong.notified().await;
            }
        },
        async move {
            for _ in 0..ROUNDS {
                their_ping.clone().notified_owned().await;
                their_pong.notify_last();
            }
        },
        || {},
    )
}

/// A call to all reaches the one who has queued up before.
fn notify_waiters() -> Body {
    let (gate, ready) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (their_gate, their_ready) = (gate.clone(), ready.clone());
    body(
        async move {
            for _ in 0..ROUNDS {
                ready.notified().await;
                gate.notify_waiters();
            }
        },
        async move {
            for _ in 0..ROUNDS {
                let mut opened = pin!(their_gate.notified());
                opened.as_mut().enable();
                their_ready.notify_one();
                opened.await;
            }
        },
        || {},
    )
}

/// Ping and pong, cleared at once by the one who was let go.
fn event() -> Body {
    let (ping, pong) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let (their_ping, their_pong) = (ping.clone(), pong.clone());
    body(
        async move {
            for _ in 0..ROUNDS {
                ping.set();
                pong.wait().await;
                pong.clear();
            }
        },
        async move {
            for _ in 0..ROUNDS {
                their_ping.wait().await;
                their_ping.clear();
                their_pong.set();
            }
        },
        || {},
    )
}

/// A list with room for one, and a lock; both sides wait for the other to change it.
fn condition() -> Body {
    let shared = Arc::new((Mutex::new(Vec::new()), Condition::new()));
    let (putter, getter) = (shared.clone(), shared.clone());
    body(
        async move {
            for number in 0..ROUNDS {
                let list = putter.0.lock().await;
                putter.1.wait_for(list, |list| list.is_empty()).await.push(number);
                putter.1.notify_one();
            }
        },
        async move {
            for number in 0..ROUNDS {
                let list = getter.0.lock().await;
                let got = getter.1.wait_while(list, |list| list.is_empty()).await.pop();
                assert_eq!(got, Some(number));
                getter.1.notify_all();
            }
        },
        move || assert!(shared.0.try_lock().unwrap().is_empty()),
    )
}

/// Each is in the same round as the other when it is let go.
fn barrier() -> Body {
    let barrier = Arc::new(Barrier::new(2));
    let rounds = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let side = |me: usize| {
        let (barrier, rounds) = (barrier.clone(), rounds.clone());
        async move {
            for round in 1..=ROUNDS {
                rounds[me].store(round, SeqCst);
                barrier.wait().await;
                assert!(rounds[1 - me].load(SeqCst) >= round);
            }
        }
    };
    let check = barrier.clone();
    body(side(0), side(1), move || assert_eq!(check.n_waiting(), 0))
}

/// Both want the only token; one of them changes how many there are.
fn capacity_limiter() -> Body {
    let limiter = Arc::new(CapacityLimiter::for_borrowers(1));
    let side = |name: &'static str, totals: [usize; 2]| {
        let limiter = limiter.clone();
        async move {
            for round in 0..ROUNDS {
                let token = limiter.clone().acquire_owned_on_behalf_of(name).await.unwrap();
                limiter.set_total_tokens(totals[round % 2]);
                yield_now().await;
                drop(token);
            }
        }
    };
    let check = limiter.clone();
    body(side("left", [1, 2]), side("right", [1, 1]), move || {
        assert_eq!(check.borrowed_tokens(), 0);
    })
}

/// Both want the same values; each is made once, by one of them, and not by who gives up.
fn once_cell() -> Body {
    let cells: Arc<Vec<OnceCell<usize>>> = Arc::new((0..ROUNDS).map(|_| OnceCell::new()).collect());
    let made = Arc::new(AtomicUsize::new(0));
    let side = || {
        let (cells, made) = (cells.clone(), made.clone());
        async move {
            for (number, cell) in cells.iter().enumerate() {
                let slowly = async || {
                    yield_now().await;
                    made.fetch_add(1, SeqCst);
                    number
                };
                // Dropped where it waits, whether it makes the value or waits for the other.
                let _ = rondel::testing::task::spawn(cell.get_or_init(slowly)).poll();
                assert_eq!(*cell.get_or_init(slowly).await, number);
            }
        }
    };
    let check = made.clone();
    body(side(), side(), move || assert_eq!(check.load(SeqCst), ROUNDS))
}

/// Ping and pong, each ball used once.
fn set_once() -> Body {
    let balls: Arc<Vec<[SetOnce<usize>; 2]>> =
        Arc::new((0..ROUNDS).map(|_| <_>::default()).collect());
    let theirs = balls.clone();
    body(
        async move {
            for (number, [ping, pong]) in balls.iter().enumerate() {
                ping.set(number).unwrap();
                assert_eq!(*pong.wait().await, number);
            }
        },
        async move {
            for [ping, pong] in theirs.iter() {
                pong.set(*ping.wait().await).unwrap();
            }
        },
        || {},
    )
}

/// One side puts, in vain now and then; the other one gets, and says when all is done.
fn queue() -> Body {
    let queue = Arc::new(PriorityQueue::new(2));
    let (putter, getter) = (queue.clone(), queue.clone());
    body(
        async move {
            for number in 0..ROUNDS {
                putter.put(number).await.unwrap();
            }
            putter.join().await;
            putter.shutdown(false);
        },
        async move {
            let mut sum = 0;
            loop {
                // A getter that is dropped, served or not, takes nothing with it.
                let polled = rondel::testing::task::spawn(getter.get_guard()).poll();
                if let Poll::Ready(Ok(number)) = polled {
                    sum += *number;
                }
                let Ok(number) = getter.get_guard().await else { break };
                sum += *number;
            }
            assert_eq!(sum, ROUNDS * (ROUNDS - 1) / 2);
        },
        move || assert!(queue.empty() && queue.is_shutdown()),
    )
}

/// Each item waits for its place, and for being done.
fn queue_of_one() -> Body {
    let queue = Arc::new(Queue::new(1));
    let getter = queue.clone();
    body(
        async move {
            for number in 0..ROUNDS {
                queue.put(2 * number).await.unwrap();
                queue.put(2 * number + 1).await.unwrap();
                queue.join().await;
            }
            queue.shutdown(false);
        },
        async move {
            let mut expected = 0;
            while let Ok(number) = getter.get().await {
                assert_eq!(number, expected);
                expected += 1;
                yield_now().await;
                getter.task_done().unwrap();
            }
            assert_eq!(expected, 2 * ROUNDS);
        },
        || {},
    )
}

/// Both sides put and get; what is left is dropped.
fn lifo_queue() -> Body {
    let queue = Arc::new(LifoQueue::new(2));
    let side = || {
        let queue = queue.clone();
        async move {
            for number in 0..ROUNDS {
                queue.put(number).await.unwrap();
                yield_now().await;
                queue.get().await.unwrap();
            }
            queue.put(ROUNDS).await.unwrap();
        }
    };
    let check = queue.clone();
    body(side(), side(), move || {
        assert!(check.full());
        check.shutdown(true);
        assert!(check.get_nowait().is_err() && check.empty());
    })
}

/// Questions with a place for the answer.
fn oneshot_reply() -> Body {
    let (tx, mut rx) = mpsc::channel(1);
    body(
        async move {
            for number in 0..ROUNDS {
                let (reply, answer) = oneshot::channel();
                tx.send((number, reply)).await.unwrap();
                assert_eq!(answer.await, Ok(number * number));
            }
        },
        async move {
            while let Some((number, reply)) = rx.recv().await {
                yield_now().await;
                reply.send(number * number).unwrap();
            }
        },
        || {},
    )
}

/// A receiver that goes away is noticed.
fn oneshot_closed() -> Body {
    let (tx, mut rx) = mpsc::channel::<oneshot::Receiver<()>>(1);
    body(
        async move {
            for _ in 0..ROUNDS {
                let (mut promise, receiver) = oneshot::channel();
                tx.send(receiver).await.unwrap();
                promise.closed().await;
            }
        },
        async move {
            while let Some(receiver) = rx.recv().await {
                yield_now().await;
                drop(receiver);
            }
        },
        || {},
    )
}

/// Both sides hear both sides, each the other's word before its own next one.
fn broadcast_both_ways() -> Body {
    let (tx, first) = broadcast::channel(4);
    let second = tx.subscribe();
    let side = |tx: broadcast::Sender<(usize, usize)>, mut rx: broadcast::Receiver<_>, me| {
        async move {
            for round in 0..ROUNDS {
                assert_eq!(tx.send((me, round)).unwrap(), 2);
                let mut heard = [rx.recv().await.unwrap(), rx.recv().await.unwrap()];
                heard.sort_unstable();
                assert_eq!(heard, [(0, round), (1, round)]);
            }
            rx // kept until both are done: a send finds two receivers
        }
    };
    let (left, right) = (side(tx.clone(), first, 0), side(tx.clone(), second, 1));
    let (keep, kept) = (Arc::new(std::sync::Mutex::new(vec![])), tx);
    let (mine, theirs) = (keep.clone(), keep.clone());
    body(
        async move {
            let rx = left.await;
            mine.lock().unwrap().push(rx);
        },
        async move {
            let rx = right.await;
            theirs.lock().unwrap().push(rx);
        },
        move || {
            assert_eq!((kept.len(), kept.receiver_count()), (0, 2));
            drop(keep);
            assert_eq!(kept.receiver_count(), 0);
        },
    )
}

/// What a slow receiver got and what it was told to have lost is all that was sent; and the sender
/// sees it go.
fn broadcast_lagging_and_closed() -> Body {
    let (tx, mut rx) = broadcast::channel(2);
    let weak = tx.downgrade();
    let (reply, end) = oneshot::channel();
    body(
        async move {
            for number in 0..ROUNDS as u64 {
                tx.send(number).unwrap();
                if number % 3 == 0 {
                    yield_now().await;
                }
            }
            let other = tx.clone();
            drop(tx);
            other.send(u64::MAX).unwrap();
            other.closed().await;
            assert_eq!(end.await, Ok(ROUNDS as u64));
        },
        async move {
            let mut accounted = 0;
            loop {
                match rx.recv().await {
                    Ok(u64::MAX) => break,
                    Ok(number) => {
                        assert_eq!(number, accounted);
                        accounted += 1;
                    }
                    Err(RecvError::Lagged(missed)) => accounted += missed,
                    Err(RecvError::Closed) => panic!("there is a sender"),
                }
            }
            drop(rx);
            reply.send(accounted).unwrap();
        },
        move || assert!(weak.upgrade().is_none()),
    )
}

/// Ping and pong, by two values that both sides can see.
fn watch_both_ways() -> Body {
    let (ping, mut pinged) = watch::channel(0);
    let (pong, mut ponged) = watch::channel(0);
    body(
        async move {
            for round in 1..=ROUNDS {
                ping.send(round).unwrap();
                ponged.changed().await.unwrap();
                assert_eq!(*ponged.borrow_and_update(), round);
            }
        },
        async move {
            while pinged.changed().await.is_ok() {
                let round = *pinged.borrow_and_update();
                pong.send_replace(round);
            }
            assert_eq!(*pinged.borrow(), ROUNDS);
        },
        || {},
    )
}

/// A value is waited for that comes after many others, and the sender sees the receiver go.
fn watch_wait_for() -> Body {
    let (tx, mut rx) = watch::channel(0);
    body(
        async move {
            for _ in 0..ROUNDS {
                tx.send_modify(|count| *count += 1);
                yield_now().await;
            }
            tx.closed().await;
        },
        async move {
            for wanted in (0..=ROUNDS).step_by(7) {
                assert!(*rx.wait_for(|&count| count >= wanted).await.unwrap() >= wanted);
            }
        },
        || {},
    )
}

fn mpsc_bounded() -> Body {
    let (tx, mut rx) = mpsc::channel(1);
    body(
        async move {
            for number in 0..ROUNDS {
                tx.send(number).await.unwrap();
            }
        },
        async move {
            for number in 0..ROUNDS {
                assert_eq!(rx.recv().await, Some(number));
            }
            assert_eq!(rx.recv().await, None);
        },
        || {},
    )
}

fn mpsc_reserve_and_recv_many() -> Body {
    let (tx, mut rx) = mpsc::channel(3);
    body(
        async move {
            for number in 0..ROUNDS {
                tx.clone().reserve_owned().await.unwrap().send(2 * number);
                let mut places = tx.reserve_many(2).await.unwrap();
                places.next().unwrap().send(2 * number + 1);
            }
        },
        async move {
            let mut got = Vec::new();
            while rx.recv_many(&mut got, 2).await > 0 {}
            assert!((0..2 * ROUNDS).eq(got));
        },
        || {},
    )
}

fn mpsc_unbounded() -> Body {
    let (tx, mut rx) = mpsc::unbounded_channel();
    body(
        async move {
            for number in 0..ROUNDS {
                tx.send(number).unwrap();
                yield_now().await;
            }
        },
        async move {
            let mut expected = 0;
            while let Some(number) = rx.recv().await {
                assert_eq!(number, expected);
                expected += 1;
            }
            assert_eq!(expected, ROUNDS);
        },
        || {},
    )
}

/// The receiver closes while the sender waits for a place.
fn mpsc_closed() -> Body {
    let (tx, mut rx) = mpsc::channel(1);
    body(
        async move {
            let mut sent = 0;
            while tx.send(sent).await.is_ok() {
                sent += 1;
            }
            tx.closed().await;
        },
        async move {
            for number in 0..ROUNDS {
                assert_eq!(rx.recv().await, Some(number));
            }
            rx.close();
            while rx.recv().await.is_some() {}
        },
        || {},
    )
}

fn cancellation_token() -> Body {
    let (tx, mut rx) = mpsc::channel::<CancellationToken>(1);
    body(
        async move {
            for _ in 0..ROUNDS {
                let root = CancellationToken::new();
                let child = root.child_token();
                tx.send(root).await.unwrap();
                child.cancelled().await;
                assert_eq!(child.run_until_cancelled(pending::<()>()).await, None);
                assert_eq!(child.reason(), Some("enough"));
            }
        },
        async move {
            while let Some(root) = rx.recv().await {
                yield_now().await;
                root.cancel_with("enough");
            }
        },
        || {},
    )
}

/// Several waits in one task, each with its own partner.
fn combinators() -> Body {
    let (ta, mut a) = mpsc::channel(1);
    let (tb, mut b) = mpsc::channel(1);
    body(
        async move {
            for number in 0..ROUNDS {
                let (one, two) = rondel::join!(ta.send(number), tb.send(number));
                one.and(two).unwrap();
            }
        },
        async move {
            let (mut from_a, mut from_b) = (0, 0);
            loop {
                rondel::select! {
                    Some(number) = a.recv() => {
                        assert_eq!(number, from_a);
                        from_a += 1;
                    }
                    Some(number) = b.recv() => {
                        assert_eq!(number, from_b);
                        from_b += 1;
                    }
                    else => break,
                }
            }
            assert_eq!((from_a, from_b), (ROUNDS, ROUNDS));
        },
        || {},
    )
}

/// Streams in memory need no loop either.
fn streams() -> Body {
    let (mut near, mut far) = duplex(3);
    body(
        async move {
            for _ in 0..ROUNDS {
                near.write_all(b"hello").await.unwrap();
            }
            near.shutdown().await.unwrap();
            let mut answer = String::new();
            near.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "understood");
        },
        async move {
            let mut text = String::new();
            far.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "hello".repeat(ROUNDS));
            far.write_all(b"understood").await.unwrap();
        },
        || {},
    )
}

// --- what a loop gives to strangers ----------------------------------------------------------------

/// Goal: show that a Rondel task can be awaited, and ended, from anybody's executor.
/// Method: a loop on its own thread; each executor spawns there, joins, and aborts.
#[test]
fn a_rondel_task_is_joined_from_any_executor() {
    let (tx, handle) = std_mpsc::channel();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let home = thread::spawn(move || {
        rondel::run(async move {
            tx.send(rondel::Handle::current()).unwrap();
            stopped.cancelled().await;
        });
    });
    let handle = handle.recv().unwrap();
    for (name, run) in EXECUTORS {
        let handle = handle.clone();
        within_limit(name, move || {
            run(vec![Box::pin(async move {
                for number in 0..20 {
                    let task = handle.spawn(async move {
                        rondel::time::sleep(Duration::from_millis(1)).await;
                        number
                    });
                    assert_eq!(task.await.unwrap(), number);
                    let endless = handle.spawn(pending::<()>());
                    endless.abort();
                    assert!(endless.await.unwrap_err().is_cancelled());
                }
            })]);
        });
    }
    stop.cancel();
    home.join().unwrap();
}
