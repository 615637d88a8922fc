//! `callbacks`: waiting for a promise changes nothing about it.

use std::future::IntoFuture;

use rondel::callbacks::{Promise, create_task};
use rondel::testing::cancel;
use rondel::time::{Duration, sleep};

use super::{now, waiting};

/// Whoever goes away leaves the promise to the others, settled or not.
#[test]
fn promise() {
    let awaits = cancel::at_every_await(
        || {
            let promise = Promise::new();
            let other = waiting((&promise).into_future());
            (promise.clone(), (promise, other))
        },
        async |promise| assert_eq!((&*promise).await.unwrap(), 7),
        |(promise, _), _| promise.set_result(7).unwrap(),
        |_, (promise, other), cut| {
            assert_eq!(
                (promise.done(), other.is_woken(), cut.wakers_kept),
                (cut.woken, cut.woken, 0)
            );
            let _ = promise.set_result(7); // settled already, if it was woken
            assert_eq!(now(other).unwrap(), 7);
        },
    );
    assert_eq!(awaits, 1);
}

/// A task that is waited for by one who goes away runs on.
#[rondel::test(start_paused = true)]
async fn task_with_done_callbacks() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let task = create_task(async {
                sleep(Duration::from_secs(1)).await;
                7
            });
            (task, ())
        },
        async |task| assert_eq!((&*task).await.unwrap(), 7),
        async |(), _| {},
        async |task, (), cut| {
            assert_eq!((task.done(), cut.wakers_kept), (cut.woken, 0));
            assert_eq!((&*task).await.unwrap(), 7);
        },
    )
    .await;
    assert_eq!(awaits, 1);
}
