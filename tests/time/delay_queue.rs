//! `DelayQueue`: things that come out when their time has come.

use super::{Counter, HOUR, ms, panic_text, paused};
use futures_core::Stream;
use rondel::testing::task::{Spawn, spawn};
use rondel::time::delay_queue::{Expired, Key};
use rondel::time::{DelayQueue, Duration, Instant, advance, sleep, sleep_until, timeout};
use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

/// The item that must be due now.
#[track_caller]
fn due<T>(queue: &mut Spawn<DelayQueue<T>>) -> T {
    rondel::assert_ready!(queue.poll_next()).expect("the queue is not empty").into_inner()
}

async fn next<T>(queue: &mut DelayQueue<T>) -> Option<Expired<T>> {
    poll_fn(|cx| queue.poll_expired(cx)).await
}

/// All items with the milliseconds at which they came.
async fn drained<T>(queue: &mut DelayQueue<T>, start: Instant) -> Vec<(T, u128)> {
    let mut all = Vec::new();
    while let Some(expired) = next(queue).await {
        all.push((expired.into_inner(), start.elapsed().as_millis()));
    }
    all
}

#[test]
fn items_come_exactly_at_their_deadlines() {
    paused().block_on(async {
        let start = Instant::now();
        let mut queue = DelayQueue::new();
        let long = 262_144 + 9 * 4_096;
        for delay in [1_000, 2, 234, long, 60, 10] {
            queue.insert(delay, ms(delay));
        }
        assert_eq!(queue.len(), 6);
        let came = drained(&mut queue, start).await;
        assert_eq!(came, [2, 10, 60, 234, 1_000, long].map(|ms| (ms, u128::from(ms))));
    });
}

#[test]
fn items_of_one_deadline_come_in_the_order_of_their_insertion() {
    paused().block_on(async {
        let start = Instant::now();
        let mut queue = DelayQueue::new();
        for name in ["a", "b", "c"] {
            queue.insert_at(name, start + ms(100)); // set on a higher dial, and moved
        }
        sleep_until(start + ms(70)).await;
        queue.insert_at("d", start + ms(100));
        let came = drained(&mut queue, start).await;
        assert_eq!(came, ["a", "b", "c", "d"].map(|name| (name, 100)));
    });
}

/// Goal: many items of any length come exactly on time and in order.
/// Method: 3,000 pseudo-random delays up to days, some of them reset or removed, against a model.
#[test]
fn thousands_of_items_come_as_in_a_sorted_list() {
    paused().block_on(async {
        let start = Instant::now();
        let mut queue = DelayQueue::new();
        let mut model = Vec::new();
        let mut noise = 1_u64;
        let mut random = |bound: u64| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (noise >> 33) % bound
        };
        let mut keys = Vec::new();
        for number in 0..3_000_u64 {
            let bits = 1 + random(28);
            let delay = random(1 << bits);
            keys.push(queue.insert_at(number, start + ms(delay)));
            model.push((delay, number, number));
        }
        for turn in 3_000..4_000_u64 {
            let which = random(3_000);
            let delay = random(100_000);
            queue.reset_at(&keys[which as usize], start + ms(delay));
            let entry = model.iter_mut().find(|(_, _, number)| *number == which).unwrap();
            (entry.0, entry.1) = (delay, turn);
        }
        for number in 0..500_u64 {
            assert_eq!(queue.remove(&keys[number as usize]).into_inner(), number);
            model.retain(|(_, _, other)| *other != number);
        }
        model.sort_unstable();
        for (delay, _, number) in model {
            assert_eq!(queue.peek(), Some(keys[number as usize]));
            let expired = next(&mut queue).await.unwrap();
            assert_eq!(
                (expired.key(), expired.deadline()),
                (keys[number as usize], start + ms(delay))
            );
            assert_eq!((expired.into_inner(), start.elapsed()), (number, ms(delay)));
        }
        assert!(queue.is_empty());
    });
}

#[test]
fn what_is_past_comes_at_once() {
    paused().block_on(async {
        let start = Instant::now();
        sleep(ms(10)).await;
        let mut queue = spawn(DelayQueue::new());
        queue.insert_at("past", start);
        queue.insert_at("now", Instant::now());
        queue.insert("at once", Duration::ZERO);
        assert_eq!([due(&mut queue), due(&mut queue), due(&mut queue)], ["past", "now", "at once"]);
        assert!(rondel::assert_ready!(queue.poll_next()).is_none());
        assert_eq!(start.elapsed(), ms(10));
    });
}

#[test]
fn an_empty_queue_says_none_and_goes_on_when_something_comes() {
    paused().block_on(async {
        let mut queue = spawn(DelayQueue::new());
        assert!(rondel::assert_ready!(queue.poll_next()).is_none());
        queue.insert("late", ms(5));
        assert_eq!(queue.wakes(), 1, "who saw it empty is told");
        assert!(queue.poll_next().is_pending());
        sleep(ms(5)).await;
        assert_eq!(due(&mut queue), "late");
        assert!(rondel::assert_ready!(queue.poll_next()).is_none());
    });
}

/// Goal: whoever waits for a later item learns of an earlier one. Method: a task waits while
/// another one inserts, through a lock.
#[test]
fn an_earlier_item_wakes_the_one_who_waits() {
    paused().block_on(async {
        let start = Instant::now();
        let queue = Arc::new(Mutex::new(DelayQueue::new()));
        queue.lock().unwrap().insert("later", HOUR);
        let theirs = queue.clone();
        let waiter = rondel::spawn(async move {
            let expired = poll_fn(|cx| theirs.lock().unwrap().poll_expired(cx)).await.unwrap();
            (expired.into_inner(), start.elapsed())
        });
        sleep(ms(1)).await;
        queue.lock().unwrap().insert("earlier", ms(9));
        assert_eq!(waiter.await.unwrap(), ("earlier", ms(10)));
    });
}

#[test]
fn a_waiter_is_woken_for_what_comes_earlier_and_for_nothing_else() {
    paused().block_on(async {
        let now = Instant::now();
        let mut queue = spawn(DelayQueue::new());
        queue.insert_at("one", now + ms(40));
        assert!(queue.poll_next().is_pending());
        queue.insert_at("two", now + ms(50));
        assert_eq!(queue.wakes(), 0);
        let three = queue.insert_at("three", now + ms(30));
        assert_eq!(queue.wakes(), 1);
        assert!(queue.poll_next().is_pending());
        queue.reset_at(&three, now - ms(1));
        assert_eq!(queue.wakes(), 2);
        assert_eq!(due(&mut queue), "three");
    });
}

/// Goal: the stops at which the wheel only deals out a slot wake nobody for the first item.
/// Method: an item that lies on a higher dial; look on the way to its deadline.
#[test]
fn waiting_for_the_first_item_is_one_wake() {
    paused().block_on(async {
        let now = Instant::now();
        let mut queue = spawn(DelayQueue::new());
        queue.insert_at("only", now + ms(5_000));
        assert!(queue.poll_next().is_pending());
        sleep(ms(4_999)).await;
        assert_eq!(queue.wakes(), 0);
        sleep(ms(1)).await;
        assert_eq!((queue.wakes(), due(&mut queue)), (1, "only"));
    });
}

#[test]
fn an_item_inserted_in_the_past_wakes_the_one_who_waits() {
    paused().block_on(async {
        let now = Instant::now();
        let mut queue = spawn(DelayQueue::new());
        queue.insert_at("foo", now + ms(200));
        assert!(queue.poll_next().is_pending());
        sleep(ms(30)).await;
        assert_eq!(queue.wakes(), 0);
        queue.insert_at("bar", now + ms(10));
        assert_eq!(queue.wakes(), 1);
        assert_eq!(due(&mut queue), "bar");
        assert!(queue.poll_next().is_pending());
    });
}

/// Goal: the waker of the last poll counts, and no other is kept. Method: poll with two.
#[test]
fn the_one_who_polled_last_is_woken() {
    paused().block_on(async {
        let mut queue = DelayQueue::new();
        queue.insert((), ms(10));
        let [first, last] = [(); 2].map(|()| Counter::new());
        for counter in [&first, &last] {
            let waker = Waker::from(counter.clone());
            assert!(queue.poll_expired(&mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!(Arc::strong_count(&first), 1);
        sleep(ms(10)).await;
        assert_eq!((first.wakes(), last.wakes()), (0, 1));
        drop(queue);
        assert_eq!(Arc::strong_count(&last), 1);
    });
}

#[test]
fn a_removed_item_never_comes() {
    paused().block_on(async {
        let mut queue = spawn(DelayQueue::new());
        let key = queue.insert("foo", ms(5));
        assert!(queue.poll_next().is_pending());
        let removed = queue.remove(&key);
        assert_eq!((removed.key(), *removed.get_ref()), (key, "foo"));
        assert_eq!(queue.wakes(), 1, "it is empty now, and who waits is told");
        assert!(rondel::assert_ready!(queue.poll_next()).is_none());
        assert!(queue.try_remove(&key).is_none());
        sleep(ms(10)).await;
        assert!(rondel::assert_ready!(queue.poll_next()).is_none());
    });
}

/// Goal: the sleep that an item leaves behind is a poll in vain, not a wrong item. Method: remove
/// and put off the first of two, and let its moment pass.
#[test]
fn the_next_item_comes_in_time_when_the_first_one_goes() {
    paused().block_on(async {
        let start = Instant::now();
        let mut queue = DelayQueue::new();
        let first = queue.insert("first", ms(10));
        let second = queue.insert("second", ms(20));
        queue.insert("third", ms(30));
        assert!(timeout(ms(1), next(&mut queue)).await.is_err());
        queue.remove(&first);
        queue.reset_at(&second, start + ms(40));
        assert_eq!(drained(&mut queue, start).await, [("third", 30), ("second", 40)]);
    });
}

#[test]
fn an_item_that_is_due_can_be_removed_and_reset() {
    paused().block_on(async {
        let start = Instant::now();
        let mut queue = DelayQueue::new();
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| queue.insert(name, ms(5)));
        assert_eq!(next(&mut queue).await.unwrap().key(), a); // all four are due now
        assert_eq!(queue.peek(), Some(b));
        queue.remove(&b);
        queue.reset(&c, ms(10));
        assert_eq!(queue.peek(), Some(d));
        assert_eq!(drained(&mut queue, start).await, [("d", 5), ("c", 15)]);
    });
}

/// Goal: an item that goes back to the wheel from among those that are due comes once. Method:
/// reset it to the past, twice, while others are due.
#[test]
fn an_item_that_is_reset_while_it_is_due_comes_once() {
    paused().block_on(async {
        let start = Instant::now();
        let mut queue = DelayQueue::new();
        let [_, b, _] = ["a", "b", "c"].map(|name| queue.insert(name, ms(5)));
        next(&mut queue).await.unwrap();
        queue.reset_at(&b, start);
        queue.reset_at(&b, start);
        assert_eq!(drained(&mut queue, start).await, [("c", 5), ("b", 5)]);
    });
}

#[test]
fn reset_moves_an_item_both_ways() {
    paused().block_on(async {
        let start = Instant::now();
        let mut queue = DelayQueue::new();
        let one = queue.insert_at("one", start + ms(200));
        let two = queue.insert_at("two", start + ms(250));
        assert!(timeout(ms(1), next(&mut queue)).await.is_err());
        queue.reset_at(&one, start + ms(300));
        queue.reset_at(&two, start + ms(350));
        queue.reset_at(&one, start + ms(400));
        assert_eq!(queue.deadline(&one), start + ms(400));
        assert_eq!(drained(&mut queue, start).await, [("two", 350), ("one", 400)]);
    });
}

#[test]
fn an_item_inserted_in_the_past_can_be_reset_before_it_is_seen() {
    paused().block_on(async {
        sleep(ms(1_000)).await;
        let now = Instant::now();
        let mut queue = DelayQueue::new();
        let key = queue.insert_at("foo", now - ms(100));
        queue.reset_at(&key, now + ms(100));
        queue.reset_at(&key, now + ms(50));
        assert_eq!(queue.len(), 1);
        assert_eq!(drained(&mut queue, now).await, [("foo", 50)]);
    });
}

#[test]
fn items_are_inserted_between_those_that_are_due() {
    paused().block_on(async {
        let now = Instant::now();
        let mut queue = spawn(DelayQueue::new());
        for name in ["1", "2", "3"] {
            queue.insert_at(name, now + ms(100));
        }
        sleep(ms(100)).await;
        for name in ["1", "2", "3"] {
            assert_eq!(due(&mut queue), name);
            queue.insert_at("later", now + ms(500));
        }
        assert!(queue.poll_next().is_pending());
        assert_eq!(queue.len(), 3);
    });
}

#[test]
fn peek_names_the_item_that_comes_next() {
    paused().block_on(async {
        let now = Instant::now();
        let mut queue = DelayQueue::new();
        assert_eq!(queue.peek(), None);
        // All three share a slot of a higher dial: there the order is not by place.
        let late = queue.insert_at("late", now + ms(120));
        let early = queue.insert_at("early", now + ms(100));
        let same = queue.insert_at("same", now + ms(100));
        for key in [early, same, late] {
            assert_eq!(queue.peek(), Some(key));
            assert_eq!(next(&mut queue).await.unwrap().key(), key);
        }
        assert_eq!(queue.peek(), None);
    });
}

#[test]
fn clear_removes_everything_and_wakes_the_one_who_waits() {
    paused().block_on(async {
        let dropped = Rc::new(Cell::new(0));
        struct OnDrop(Rc<Cell<u32>>);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let mut queue = spawn(DelayQueue::new());
        queue.reserve(10);
        let room = queue.capacity();
        let key = queue.insert(OnDrop(dropped.clone()), ms(5));
        queue.insert(OnDrop(dropped.clone()), HOUR);
        assert!(queue.poll_next().is_pending());
        queue.clear();
        assert_eq!((dropped.get(), queue.wakes()), (2, 1));
        assert!(rondel::assert_ready!(queue.poll_next()).is_none());
        assert_eq!((queue.len(), queue.capacity()), (0, room));
        let other = queue.insert(OnDrop(dropped.clone()), ms(5));
        assert_ne!(key, other);
        assert!(queue.try_remove(&key).is_none());
        drop(queue);
        assert_eq!(dropped.get(), 3);
    });
}

/// Goal: an item whose drop panics leaves a queue that works. Method: clear two of them.
#[test]
fn a_panic_while_it_is_cleared_leaves_an_empty_queue() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("as planned");
            }
        }
    }
    paused().block_on(async {
        let mut queue = DelayQueue::new();
        queue.insert(Bomb, ms(1));
        queue.insert(Bomb, ms(2));
        let cleared = catch_unwind(AssertUnwindSafe(|| queue.clear()));
        assert_eq!(panic_text(cleared.unwrap_err()), "as planned");
        assert!(queue.is_empty());
        assert!(next(&mut queue).await.is_none());
    });
}

/// Goal: keys stay good when items are moved. Method: compact with gaps, and use every old key.
#[test]
fn compact_moves_items_and_keeps_their_keys() {
    paused().block_on(async {
        let start = Instant::now();
        let mut queue = DelayQueue::with_capacity(10);
        assert_eq!(queue.capacity(), 10);
        let keys: Vec<Key> = (0..6).map(|n| queue.insert(n, ms(10 + n))).collect();
        queue.remove(&keys[0]);
        queue.remove(&keys[2]);
        queue.compact();
        assert_eq!((queue.len(), queue.capacity()), (4, 4));
        let new = queue.insert(6, ms(99));
        queue.reset_at(&keys[5], start + ms(20));
        assert_eq!(queue.deadline(&keys[4]), start + ms(14));
        queue.remove(&keys[1]);
        queue.compact();
        assert!(queue.try_remove(&keys[1]).is_none() && queue.try_remove(&keys[0]).is_none());
        assert_eq!(drained(&mut queue, start).await, [(3, 13), (4, 14), (5, 20), (6, 99)]);
        assert!(queue.try_remove(&new).is_none());
        queue.compact();
        queue.shrink_to_fit();
        assert_eq!(queue.capacity(), 0);
    });
}

#[test]
fn items_that_are_due_survive_a_compact() {
    paused().block_on(async {
        let start = Instant::now();
        let mut queue = DelayQueue::new();
        let gone = queue.insert("gone", HOUR);
        for name in ["a", "b", "c"] {
            queue.insert(name, ms(5));
        }
        assert_eq!(next(&mut queue).await.unwrap().into_inner(), "a");
        queue.remove(&gone);
        queue.compact();
        assert_eq!(drained(&mut queue, start).await, [("b", 5), ("c", 5)]);
    });
}

#[test]
fn a_key_of_an_item_that_has_left_is_refused() {
    paused().block_on(async {
        let mut queue = DelayQueue::new();
        let key = queue.insert((), ms(1));
        next(&mut queue).await.unwrap();
        queue.insert((), ms(1)); // takes the same slot
        let calls: [fn(&mut DelayQueue<()>, &Key); 3] = [
            |queue, key| _ = queue.remove(key),
            |queue, key| queue.reset(key, ms(1)),
            |queue, key| _ = queue.deadline(key),
        ];
        for call in calls {
            let refused = catch_unwind(AssertUnwindSafe(|| call(&mut queue, &key)));
            assert_eq!(
                panic_text(refused.unwrap_err()),
                "invalid key: its item has left the queue"
            );
        }
        assert_eq!(queue.len(), 1);
    });
}

#[test]
fn an_item_of_any_delay_is_accepted() {
    paused().block_on(async {
        let mut queue = DelayQueue::new();
        queue.insert("never", Duration::MAX);
        assert!(timeout(20 * 365 * 24 * HOUR, next(&mut queue)).await.is_err());
        // A queue that is older than a round of the wheel's last dial takes new items all the same.
        let start = Instant::now();
        queue.insert("soon", ms(1));
        assert_eq!(next(&mut queue).await.unwrap().into_inner(), "soon");
        assert_eq!(start.elapsed(), ms(1));
    });
}

/// Goal: a queue that was made outside a loop is exact in it. Method: make and fill one before the
/// runtime exists, and one inside it after a part of a tick.
#[test]
fn a_queue_is_made_outside_a_loop_and_keeps_the_ticks_of_the_one_it_is_filled_in() {
    let mut early = DelayQueue::new();
    early.insert("made before", Duration::ZERO);
    paused().block_on(async {
        assert_eq!(next(&mut early).await.unwrap().into_inner(), "made before");
        advance(Duration::from_micros(300)).await;
        let start = Instant::now();
        let mut queue = DelayQueue::new();
        queue.insert((), Duration::from_micros(1_500)); // 1.8 ms of the loop: its tick 2
        next(&mut queue).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_micros(1_700));
    });
}

#[test]
fn waiting_outside_a_runtime_panics_and_says_how_to_enter_one() {
    let mut queue = spawn(DelayQueue::new());
    queue.insert((), HOUR);
    let panic = catch_unwind(AssertUnwindSafe(|| _ = queue.poll_next())).unwrap_err();
    assert!(panic_text(panic).contains("no Rondel loop runs on this thread"));
}

#[test]
fn a_stranger_can_wait_for_items() {
    rondel::run(async {
        let handle = rondel::Handle::current();
        let stranger = move || {
            handle.block_on(async {
                let start = Instant::now();
                let mut queue = DelayQueue::new();
                queue.insert("second", ms(4));
                queue.insert("first", ms(2));
                let first = next(&mut queue).await.unwrap();
                assert!((*first.get_ref(), Instant::now() >= first.deadline()) == ("first", true));
                assert_eq!(next(&mut queue).await.unwrap().into_inner(), "second");
                assert!(start.elapsed() >= ms(4));
            });
        };
        rondel::spawn_blocking(stranger).await.unwrap();
    });
}

#[test]
fn a_queue_is_a_stream_and_its_next_is_cancel_safe() {
    paused().block_on(async {
        let start = Instant::now();
        let mut queue = DelayQueue::new();
        queue.insert("only", ms(10));
        let next = |queue: &mut DelayQueue<&'static str>, cx: &mut Context<'_>| {
            Pin::new(queue).poll_next(cx)
        };
        for _ in 0..3 {
            assert!(timeout(ms(2), poll_fn(|cx| next(&mut queue, cx))).await.is_err());
        }
        let mut only = poll_fn(|cx| next(&mut queue, cx)).await.unwrap();
        *only.get_mut() = "changed";
        assert_eq!((only.into_inner(), start.elapsed()), ("changed", ms(10)));
        assert!(poll_fn(|cx| next(&mut queue, cx)).await.is_none());
    });
}
