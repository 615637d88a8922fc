//! Queues: those who put, get, give up, finish, join and shut down, at once.

use std::pin::pin;

use loom::thread;
use std::sync::Arc;

use crate::model::{block_on, check, poll_and_cancel, poll_once};
use crate::sync::queue::error::{GetError, QueueShutDown};
use crate::sync::queue::{Fifo, QueueOf};

fn queue(maxsize: usize) -> Arc<QueueOf<Fifo<usize>>> {
    Arc::new(QueueOf::new(maxsize))
}

/// Goal: show that putters and getters of a full and of an empty queue wake each other.
/// Method: two items through a queue with room for one.
#[test]
fn a_putter_and_a_getter_wake_each_other() {
    check(|| {
        let queue = queue(1);
        let putter = {
            let queue = queue.clone();
            thread::spawn(move || {
                block_on(queue.put(1)).unwrap();
                block_on(queue.put(2)).unwrap();
            })
        };
        assert_eq!(block_on(queue.get()), Ok(1));
        assert_eq!(block_on(queue.get()), Ok(2));
        putter.join().unwrap();
        assert_eq!((queue.qsize(), queue.full()), (0, false));
    });
}

/// Goal: show that a getter which is cancelled as it is served eats no item.
/// Method: one gets and gives up, one puts, one gets to the end.
#[test]
fn a_cancelled_getter_eats_no_item() {
    check(|| {
        let queue = queue(1);
        let quitter = {
            let queue = queue.clone();
            thread::spawn(move || {
                if let Some(item) = poll_and_cancel(queue.get()) {
                    queue.put_nowait(item.unwrap()).unwrap();
                }
            })
        };
        let putter = {
            let queue = queue.clone();
            thread::spawn(move || queue.put_nowait(1).unwrap())
        };
        assert_eq!(block_on(queue.get()), Ok(1));
        quitter.join().unwrap();
        putter.join().unwrap();
    });
}

/// Goal: show that a putter which is cancelled as it is given a place hands the place on.
/// Method: a full queue; one puts and gives up, one puts to the end, one gets one item.
#[test]
fn a_cancelled_putter_hands_its_place_on() {
    check(|| {
        let queue = queue(1);
        queue.put_nowait(1).unwrap();
        let quitter = {
            let queue = queue.clone();
            thread::spawn(move || {
                if poll_and_cancel(queue.put(2)).is_some() {
                    assert!(block_on(queue.get()).is_ok());
                }
            })
        };
        let getter = {
            let queue = queue.clone();
            thread::spawn(move || block_on(queue.get()).unwrap())
        };
        block_on(queue.put(3)).unwrap();
        quitter.join().unwrap();
        getter.join().unwrap();
    });
}

/// Goal: show that a join returns when the last item is done, and not before.
/// Method: one item in hand; it is done while one joins.
#[test]
fn a_join_returns_when_the_last_item_is_done() {
    check(|| {
        let queue = queue(0);
        queue.put_nowait(1).unwrap();
        queue.get_nowait().unwrap();
        let worker = {
            let queue = queue.clone();
            thread::spawn(move || queue.task_done().unwrap())
        };
        block_on(queue.join());
        worker.join().unwrap();
        assert!(queue.task_done().is_err());
    });
}

/// Goal: show that a join which begins after a put is not ended by an earlier finish, whose news
/// is still on its way.
/// Method: the last item is done on one thread; another one puts a new one, which is never done,
/// then joins, and looks twice.
#[test]
fn a_join_is_not_ended_by_an_earlier_finish() {
    check(|| {
        let queue = queue(0);
        queue.put_nowait(1).unwrap();
        queue.get_nowait().unwrap();
        let worker = {
            let queue = queue.clone();
            thread::spawn(move || queue.task_done().unwrap())
        };
        queue.put_nowait(2).unwrap(); // before the finish, or after it
        let mut join = pin!(queue.join());
        assert!(poll_once(join.as_mut()).is_pending());
        worker.join().unwrap();
        assert!(poll_once(join.as_mut()).is_pending());
    });
}

/// Goal: show that a shutdown sends a getter away at whatever step, but not from an item.
/// Method: one puts one item, or comes too late; one shuts down; one gets until the end.
#[test]
fn a_getter_gets_the_last_item_and_then_the_end() {
    check(|| {
        let queue = queue(1);
        let putter = {
            let queue = queue.clone();
            thread::spawn(move || queue.put_nowait(1).is_ok())
        };
        let closer = {
            let queue = queue.clone();
            thread::spawn(move || queue.shutdown(false))
        };
        let mut got = 0;
        while block_on(queue.get()).is_ok() {
            got += 1;
        }
        closer.join().unwrap();
        assert_eq!(putter.join().unwrap(), got == 1, "an item that was put is got");
        assert_eq!(queue.get_nowait(), Err(GetError::ShutDown));
    });
}

/// Goal: show that a shutdown sends a putter away at whatever step, and that an immediate one ends
/// a join.
/// Method: a full queue; one puts, one joins, one shuts down.
#[test]
fn an_immediate_shutdown_ends_putters_and_joins() {
    check(|| {
        let queue = queue(1);
        queue.put_nowait(1).unwrap();
        let putter = {
            let queue = queue.clone();
            thread::spawn(move || block_on(queue.put(2)))
        };
        let joiner = {
            let queue = queue.clone();
            thread::spawn(move || block_on(queue.join()))
        };
        queue.shutdown(true);
        assert_eq!(putter.join().unwrap(), Err(QueueShutDown(2)));
        joiner.join().unwrap();
        assert_eq!(queue.qsize(), 0);
    });
}
