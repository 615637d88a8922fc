//! Floor 5. Letting the others go first.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Goes to the back of the ready queue once.
///
/// Everybody who is ready now gets a poll before this task goes on; sockets and timers get their
/// look after at most one batch.
///
/// The twin of `tokio::task::yield_now` and of `asyncio.sleep(0)`.
///
/// **Cancel-safe:** yes. **Cost:** one wake at home and one trip through the queue.
///
/// ```
/// rondel::run(async {
///     let first = rondel::spawn(async { 1 });
///     rondel::task::yield_now().await;
///     assert!(first.is_finished());
/// });
/// ```
pub async fn yield_now() {
    YieldNow { yielded: false }.await;
}

struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
