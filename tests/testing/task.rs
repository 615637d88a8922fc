//! `testing::task`: polling by hand, and counting.

use std::future::{pending, poll_fn, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use rondel::sync::{Notify, Semaphore};
use rondel::testing::task;
use rondel::{assert_pending, assert_ready, assert_ready_eq};

use crate::panic_text;

/// Goal: show what "woken" means: since the last poll, by others or by itself.
/// Method: a waiter that is woken twice, polled, and left alone; a future that wakes itself.
#[test]
fn a_task_is_woken_since_it_was_last_polled() {
    let seats = Semaphore::new(0);
    let mut waiting = task::spawn(seats.acquire_many(2));
    assert_pending!(waiting.poll());
    seats.add_permits(1);
    assert_eq!((waiting.is_woken(), waiting.wakes()), (false, 0), "one permit is not enough");
    seats.add_permits(1);
    assert_eq!((waiting.is_woken(), waiting.wakes()), (true, 1));
    assert_ready!(waiting.poll()).unwrap().forget();
    assert_eq!((waiting.is_woken(), waiting.wakes()), (false, 1));

    let mut restless = task::spawn(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    assert_pending!(restless.poll());
    assert_eq!((restless.is_woken(), restless.wakes()), (true, 2));
}

/// Goal: show that wakes are counted from any thread, also when the task is gone.
/// Method: a thread wakes by a waker that outlives the task.
#[test]
fn wakes_of_other_threads_count() {
    let mut task = task::spawn(pending::<()>());
    let waker = task.enter(|cx, _| cx.waker().clone());
    let waker = std::thread::spawn(move || {
        waker.wake_by_ref();
        waker
    });
    let waker = waker.join().unwrap();
    assert!(task.is_woken());
    assert_eq!(task.waker_ref_count(), 2);
    drop(task);
    waker.wake();
}

/// Goal: show that the same task has the same waker in each poll, so that a primitive need not
/// clone it anew.
/// Method: compare the wakers of two polls; count the clones that a waiter keeps.
#[test]
fn each_poll_has_the_same_waker() {
    let mut task = task::spawn(pending::<()>());
    let first = task.enter(|cx, _| cx.waker().clone());
    assert!(task.enter(|cx, _| cx.waker().will_wake(&first)));

    let notify = Notify::new();
    let mut waiting = task::spawn(notify.notified());
    assert_eq!(waiting.waker_ref_count(), 1);
    assert_pending!(waiting.poll());
    assert_pending!(waiting.poll());
    assert_eq!(waiting.waker_ref_count(), 2);
}

/// Goal: show that `poll_until_idle` goes on as long as the future wakes itself, not longer, and
/// gives up on one that gets nowhere.
/// Method: a future that yields 3 times and waits; one that yields for ever.
#[test]
fn poll_until_idle_polls_while_the_future_wakes_itself() {
    async fn yields(times: usize) {
        for _ in 0..times {
            rondel::task::yield_now().await;
        }
    }
    let notify = Notify::new();
    let mut task = task::spawn(async {
        yields(3).await;
        notify.notified().await;
        yields(3).await;
    });
    assert_pending!(task.poll_until_idle());
    assert_eq!(task.wakes(), 3);
    assert_pending!(task.poll_until_idle());
    notify.notify_one();
    assert_ready!(task.poll_until_idle());

    let text = panic_text(|| task::spawn(yields(1_000)).poll_until_idle());
    assert_eq!(text, "`poll_until_idle` polled 150 times, and the future still wakes itself");
}

/// A stream of 1, a wait, and 2.
struct OneTwo(u32);

impl Stream for OneTwo {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        self.0 += 1;
        match self.0 {
            1 => Poll::Ready(Some(1)),
            2 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            3 => Poll::Ready(Some(2)),
            _ => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(2))
    }
}

/// Goal: show that a stream can be taken in hand as a future can.
#[test]
fn a_stream_is_polled_item_by_item() {
    let mut stream = task::spawn(OneTwo(0));
    assert_ready_eq!(stream.poll_next(), Some(1));
    assert_pending!(stream.poll_next());
    assert!(stream.is_woken());
    assert_eq!(stream.size_hint(), (0, Some(2)));
    assert_eq!(stream.0, 2, "the stream itself is reached through the task");
    stream.0 = 3;
    assert_ready_eq!(stream.poll_next(), None);
    assert_eq!(stream.into_inner().0, 4);
}

/// Goal: show that what a test polls by hand is not taken to wait because the test has spent its own
/// budget. Method: far more steps in one poll of the test than a budget has; and one future that
/// takes more than that itself.
#[rondel::test]
async fn each_poll_has_a_budget_of_its_own() {
    for _ in 0..1_000 {
        assert_ready!(task::spawn(rondel::task::consume_budget()).poll());
    }
    let mut long = task::spawn(async {
        for _ in 0..200 {
            rondel::task::consume_budget().await;
        }
    });
    assert_pending!(long.poll());
    assert!(long.is_woken());
    assert_ready!(long.poll());
}

/// Goal: show that a task which is awaited passes on the waker of whoever awaits it.
/// Method: one task inside another; the inner one counts no wake.
#[test]
fn a_task_that_is_awaited_is_its_future() {
    let notify = Notify::new();
    let mut outer = task::spawn(task::spawn(notify.notified()));
    assert_pending!(outer.poll());
    notify.notify_one();
    assert_eq!((outer.wakes(), outer.into_inner().wakes()), (1, 0));

    let mut stream = task::spawn(OneTwo(0));
    let polled = Pin::new(&mut stream).poll_next(&mut Context::from_waker(Waker::noop()));
    assert_ready_eq!(polled, Some(1));
    assert_eq!(rondel::block_on(task::spawn(ready(42))), 42);
}
