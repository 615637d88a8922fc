//! `Queue` and its kin: an item that was for a dropped getter is there for others; of a dropped
//! putter its own item goes, as its documents say, and nothing else.

use std::sync::Arc;

use rondel::sync::queue::{Fifo, Lifo, QueueOf, Smallest, Store};
use rondel::sync::{LifoQueue, PriorityQueue, Queue};
use rondel::testing::cancel;

use super::{now, shared, waiting};

fn get_of<S: Store<Item = usize>>() {
    let awaits = cancel::at_every_await(
        || {
            let queue = Arc::new(QueueOf::<S>::new(0));
            ((queue.clone(), Vec::new()), queue)
        },
        async |(queue, got)| {
            while got.len() < 3 {
                got.push(queue.get().await.unwrap());
            }
        },
        |queue, nth| queue.put_nowait(nth).unwrap(),
        |(queue, got), _, cut| {
            assert_eq!(cut.wakers_kept, 0);
            got.extend(queue.get_nowait());
            assert!((1..=cut.given).eq(got.iter().copied()), "nothing is lost");
            assert!(queue.empty());
            let mut next = waiting(queue.get());
            queue.put_nowait(7).unwrap();
            assert_eq!(rondel::assert_ready!(next.poll()), Ok(7));
        },
    );
    assert_eq!(awaits, 3);
}

#[test]
fn get() {
    get_of::<Fifo<usize>>();
    get_of::<Lifo<usize>>();
    get_of::<Smallest<usize>>();
}

#[test]
fn get_with_another_behind() {
    let awaits = cancel::at_every_await(
        || {
            let queue = Arc::new(Queue::new(0));
            (queue.clone(), (queue, None))
        },
        async |queue| queue.get().await,
        |(queue, behind), _| {
            let next = queue.clone();
            *behind = Some(waiting(async move { next.get().await }));
            queue.put_nowait("item").unwrap();
        },
        |_, (_, behind), cut| {
            assert_eq!(behind.is_some(), cut.woken);
            if let Some(behind) = behind {
                assert!(behind.is_woken());
                assert_eq!(rondel::assert_ready!(behind.poll()), Ok("item"));
            }
        },
    );
    assert_eq!(awaits, 1);
}

/// Dropped before it has its item, it has nothing to report; what it had is reported.
#[test]
fn get_guard() {
    let awaits = cancel::at_every_await(
        || shared(LifoQueue::new(0)),
        async |queue| {
            let _first = queue.get_guard().await.unwrap();
            drop(queue.get_guard().await.unwrap());
        },
        |queue, nth| queue.put_nowait(nth).unwrap(),
        |_, queue, cut| {
            let left = usize::from(cut.woken);
            assert_eq!(queue.qsize(), left);
            (0..left).for_each(|_| drop(now(queue.get_guard()).unwrap()));
            now(queue.join());
        },
    );
    assert_eq!(awaits, 2);
}

/// The place goes to others; `item` is dropped.
#[test]
fn put() {
    let awaits = cancel::at_every_await(
        || shared(PriorityQueue::new(1)),
        async |queue| {
            for item in 1..=3 {
                queue.put(item).await.unwrap();
            }
        },
        |queue, nth| assert_eq!(queue.get_nowait(), Ok(nth)),
        |_, queue, cut| {
            assert_eq!((queue.full(), cut.wakers_kept), (!cut.woken, 0));
            assert_eq!(queue.get_nowait().ok(), (!cut.woken).then_some(cut.nth));
            queue.put_nowait(7).unwrap();
            assert_eq!(queue.get_nowait(), Ok(7));
        },
    );
    assert_eq!(awaits, 2);
}

#[test]
fn get_and_put_of_a_queue_that_is_shut_down() {
    for immediate in [false, true] {
        let awaits = cancel::at_every_await(
            || shared(Queue::<u32>::new(1)),
            async |queue| queue.get().await.unwrap_err(),
            |queue, _| queue.shutdown(immediate),
            |_, queue, cut| assert_eq!(queue.is_shutdown(), cut.woken),
        );
        assert_eq!(awaits, 1);
        let awaits = cancel::at_every_await(
            || {
                let queue = Queue::new(1);
                queue.put_nowait(1).unwrap();
                shared(queue)
            },
            async |queue| queue.put(2).await.unwrap_err(),
            |queue, _| queue.shutdown(immediate),
            |_, queue, cut| {
                let left = usize::from(!cut.woken || !immediate);
                assert_eq!(queue.qsize(), left);
            },
        );
        assert_eq!(awaits, 1);
    }
}

#[test]
fn join() {
    let awaits = cancel::at_every_await(
        || {
            let queue = Queue::new(0);
            queue.put_nowait(1).unwrap();
            shared(queue)
        },
        async |queue| queue.join().await,
        |queue, _| {
            queue.get_nowait().unwrap();
            queue.task_done().unwrap();
        },
        |_, queue, cut| {
            assert_eq!((queue.qsize(), cut.wakers_kept), (usize::from(!cut.woken), 0));
            assert_eq!(queue.task_done().is_ok(), !cut.woken, "a join changes no count");
        },
    );
    assert_eq!(awaits, 1);
}
