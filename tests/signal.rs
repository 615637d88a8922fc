//! Ctrl-C. One test only, because a signal is for the whole process.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use rondel::{Builder, Reactor};
use signal_hook::consts::SIGINT;
use signal_hook::low_level::raise;

type CtrlC = Pin<Box<dyn Future<Output = std::io::Result<()>>>>;

/// A waiter that has been polled once, so that it listens.
async fn listening() -> CtrlC {
    let mut waiter: CtrlC = Box::pin(rondel::signal::ctrl_c());
    assert!(poll_fn(|cx| Poll::Ready(waiter.as_mut().poll(cx).is_pending())).await);
    waiter
}

/// Goal: show that every waiter is told of a Ctrl-C, that a dropped one takes nobody's with it, and
/// that it works again and again, also while nobody waits.
/// Method: raise SIGINT in this process, on each reactor.
#[test]
fn every_waiter_is_told_of_a_ctrl_c() {
    for reactor in [Reactor::Mio, Reactor::Polling] {
        Builder::new().reactor(reactor).build().unwrap().block_on(async {
            let (first, second, dropped) =
                (listening().await, listening().await, listening().await);
            drop(dropped);
            raise(SIGINT).unwrap();
            first.await.unwrap();
            second.await.unwrap();

            raise(SIGINT).unwrap(); // nobody waits, and the process lives on
            let mut later = listening().await;
            let silent = poll_fn(|cx| Poll::Ready(later.as_mut().poll(cx).is_pending())).await;
            assert!(silent, "an old Ctrl-C is not remembered");
            raise(SIGINT).unwrap();
            later.await.unwrap();
        });
    }
}
