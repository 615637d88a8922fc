//! Time limits around a future, with one timer for all of them.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::Clock;
use super::error::Timeout;

/// Waits for `future`, but not after `at`. Sets no timer if the future is ready at once.
pub(crate) async fn until<C: Clock, F: Future>(
    clock: &C,
    at: Instant,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut sleep = pin!(None::<C::Sleep>);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if sleep.is_none() {
            sleep.set(Some(clock.sleep_until(at)));
        }
        match sleep.as_mut().as_pin_mut() {
            Some(sleep) => sleep.poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}

/// Watches over one attempt: its total time, and the silences within it.
///
/// One timer serves both limits and all waits. It is set to the earlier limit once, and looked at
/// again only when it fires: a wait that ends in time never touches it.
pub(crate) struct Watch<'a, C: Clock> {
    clock: &'a C,
    total: Duration,
    total_at: Instant,
    timer_at: Instant,
    timer: Pin<&'a mut Option<C::Sleep>>,
}

impl<'a, C: Clock> Watch<'a, C> {
    /// A watch that allows `total` from `now`. The timer lives in `timer`.
    pub(crate) fn new(
        clock: &'a C,
        now: Instant,
        total: Duration,
        timer: Pin<&'a mut Option<C::Sleep>>,
    ) -> Self {
        let total_at = now + total;
        Self { clock, total, total_at, timer_at: total_at, timer }
    }

    /// When the total time ends.
    pub(crate) fn total_at(&self) -> Instant {
        self.total_at
    }

    /// The limit that ran out, as an error.
    pub(crate) fn total(&self) -> (Timeout, Duration) {
        (Timeout::Total, self.total)
    }

    /// Waits for `future` within the total time.
    pub(crate) async fn within_total<F: Future>(
        &mut self,
        future: F,
    ) -> Result<F::Output, (Timeout, Duration)> {
        self.wait(Duration::MAX, future).await
    }

    /// Waits for `future` within the total time and `silence` from now.
    pub(crate) async fn wait<F: Future>(
        &mut self,
        silence: Duration,
        future: F,
    ) -> Result<F::Output, (Timeout, Duration)> {
        let mut future = pin!(future);
        let mut ends = None;
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            let (read_at, ends) = *ends.get_or_insert_with(|| {
                let read_at = self.clock.now().checked_add(silence);
                (read_at, read_at.map_or(self.total_at, |at| at.min(self.total_at)))
            });
            loop {
                // A timer that fires too early (set for the wait before) is set anew below; one
                // that would fire too late is set anew here.
                if self.timer.is_none() || self.timer_at > ends {
                    self.timer_at = ends;
                    self.timer.set(Some(self.clock.sleep_until(ends)));
                }
                if let Some(timer) = self.timer.as_mut().as_pin_mut()
                    && timer.poll(cx).is_pending()
                {
                    return Poll::Pending;
                }
                self.timer.set(None);
                let now = self.clock.now();
                if now >= self.total_at {
                    return Poll::Ready(Err((Timeout::Total, self.total)));
                }
                if read_at.is_some_and(|at| now >= at) {
                    return Poll::Ready(Err((Timeout::Read, silence)));
                }
            }
        })
        .await
    }
}
