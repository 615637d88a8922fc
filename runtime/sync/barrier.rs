//! Floor 5. Waiting until all are there.
//!
//! ```text
//!   round 7: [ arrived, arrived, ·, · ]   ◀── each who waits holds the round it came in
//!        the last of n comes:  its waiters go on; it leads, and puts an empty round in its place
//!   round 8: [ ·, ·, ·, · ]               ◀── a fast one may come here before the slow have looked
//! ```
//!
//! A round is a heap block of its own with a waiting list of its own, so that rounds cannot mix: to
//! end one is to close its list, and who comes to it late, as it was preempted between arriving and
//! queueing up, finds it closed.
//!
//! Rules
//! 1. `arrived` counts who waits in the round that stands in `state`. Who is cancelled takes itself
//!    out of the count, but only there: a round that has ended has counted it.
//! 2. A round ends once: complete, or broken by `reset` or `abort`. It is taken out of `state`
//!    under the lock, and its list is closed after that; `broken` is written before.
//!
//! Real world: tokio's barrier is a count and a `watch` channel, and a cancelled party stays
//! counted for ever; asyncio's makes newcomers wait until the last one has left ("draining");
//! `std`'s has a generation number under its lock.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::leaf::leaf;
use crate::shim::atomic::{AtomicBool, Ordering::*};
use crate::shim::{Arc, Mutex, lock};
use crate::wait_list::{Place, WaitList};

/// Lets tasks wait for each other until `n` of them are there, again and again.
///
/// The twin of `tokio::sync::Barrier` and of `asyncio.Barrier`, with the names of both: as in
/// asyncio it can be [reset](Self::reset), [broken](Self::abort), and asked who is there.
///
/// **Cost:** a short lock to arrive; one heap block and a waiting list a round.
///
/// ```
/// use rondel::sync::Barrier;
/// use std::sync::Arc;
///
/// rondel::run(async {
///     let barrier = Arc::new(Barrier::new(3));
///     let mut leaders = 0;
///     let parties = [(); 3].map(|()| {
///         let barrier = barrier.clone();
///         rondel::spawn(async move { barrier.wait().await })
///     });
///     for party in parties {
///         leaders += usize::from(party.await.unwrap().is_leader());
///     }
///     assert_eq!(leaders, 1);
/// });
/// ```
pub struct Barrier {
    parties: usize,
    state: Mutex<State>,
}

struct State {
    round: Arc<Round>,
    /// How many wait in `round` (rule 1).
    arrived: usize,
    /// Nobody is let in any more.
    broken: bool,
}

struct Round {
    /// Never has a permit; closed when the round has ended.
    waiters: WaitList,
    /// Its parties did not all come. Written before the closing (rule 2).
    broken: AtomicBool,
}

impl Round {
    fn new() -> Arc<Self> {
        Arc::new(Self { waiters: WaitList::new(0), broken: AtomicBool::new(false) })
    }
}

impl State {
    /// Puts an empty round in the place of this one, if anybody is in it.
    #[must_use = "its list is to be closed after the lock"]
    fn end_round(&mut self) -> Option<Arc<Round>> {
        let anybody = mem::take(&mut self.arrived) > 0;
        anybody.then(|| mem::replace(&mut self.round, Round::new()))
    }

    /// [`end_round`](Self::end_round) before it was complete.
    #[must_use = "its list is to be closed after the lock"]
    fn break_round(&mut self) -> Option<Arc<Round>> {
        let round = self.end_round()?;
        // Relaxed: closing the list publishes it, and who waits looks only after that.
        round.broken.store(true, Relaxed);
        Some(round)
    }
}

/// Lets everybody go on who waits in a round that has ended.
fn close(round: Option<Arc<Round>>) {
    if let Some(round) = round {
        round.waiters.close();
    }
}

impl Barrier {
    /// A barrier for `n` parties. None counts as one, which never waits, as in `std` and tokio.
    /// (asyncio refuses 0.)
    pub fn new(n: usize) -> Self {
        let state = State { round: Round::new(), arrived: 0, broken: false };
        Self { parties: n.max(1), state: Mutex::new(state) }
    }

    /// Waits until all parties are there. One of them, the last to come, is told that it leads.
    ///
    /// The barrier can be used again at once.
    ///
    /// # Panics
    ///
    /// Panics if the barrier is broken, and if it is [reset](Self::reset) or
    /// [aborted](Self::abort) during the wait. Where that can happen,
    /// [`checked_wait`](Self::checked_wait) tells by an error.
    ///
    /// **Cancel-safe:** yes. Who is dropped while it waits has not come; [`n_waiting`] goes down.
    /// (With tokio it stays counted.) Dropped after the last one came, it had been counted, and the
    /// others have gone on.
    /// **Cost:** a short lock; for all but the last a place in the waiting list.
    ///
    /// [`n_waiting`]: Self::n_waiting
    pub async fn wait(&self) -> BarrierWaitResult {
        match self.checked_wait().await {
            Ok(result) => result,
            Err(error) => panic!("`Barrier::wait`: {error}; `checked_wait` returns this error"),
        }
    }

    /// [`wait`](Self::wait) for a barrier that may be broken.
    ///
    /// - Errors if the barrier is broken, or is [reset](Self::reset) or [aborted](Self::abort)
    ///   during the wait.
    ///
    /// The twin of `asyncio.Barrier.wait`. (That returns who came as which; here there is
    /// [`is_leader`](BarrierWaitResult::is_leader).)
    ///
    /// **Cancel-safe:** yes, as [`wait`](Self::wait).
    /// **Cost:** as [`wait`](Self::wait).
    ///
    /// ```
    /// use rondel::sync::Barrier;
    ///
    /// rondel::run(async {
    ///     let barrier = Barrier::new(2);
    ///     let (waited, ()) = rondel::join!(barrier.checked_wait(), async { barrier.abort() });
    ///     assert!(waited.is_err());
    /// });
    /// ```
    pub async fn checked_wait(&self) -> Result<BarrierWaitResult, BrokenBarrierError> {
        leaf("Barrier::wait", Wait { barrier: self, waiting: None }).await
    }

    /// How many parties have to come.
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many of them are there and wait.
    pub fn n_waiting(&self) -> usize {
        lock(&self.state).arrived
    }

    /// Whether it is broken: [aborted](Self::abort), and not reset since.
    pub fn is_broken(&self) -> bool {
        lock(&self.state).broken
    }

    /// Sends away all who wait, with an error, and begins anew; a broken barrier is whole again.
    ///
    /// Who has been let through by the last party is let through, also if it has not run yet. (In
    /// asyncio it gets the error then.)
    ///
    /// ```
    /// use rondel::sync::Barrier;
    ///
    /// rondel::run(async {
    ///     let barrier = Barrier::new(1);
    ///     barrier.abort();
    ///     assert!(barrier.checked_wait().await.is_err());
    ///     barrier.reset();
    ///     assert!(barrier.wait().await.is_leader());
    /// });
    /// ```
    pub fn reset(&self) {
        self.break_off(false);
    }

    /// Breaks the barrier: sends away all who wait, with an error, and lets nobody in until it is
    /// [reset](Self::reset).
    ///
    /// For a party that cannot come, so that the others do not wait for it.
    pub fn abort(&self) {
        self.break_off(true);
    }

    fn break_off(&self, for_good: bool) {
        let mut state = lock(&self.state);
        state.broken = for_good;
        let round = state.break_round();
        drop(state);
        close(round);
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Barrier");
        debug.field("parties", &self.parties);
        debug.field("n_waiting", &self.n_waiting()).field("is_broken", &self.is_broken());
        debug.finish_non_exhaustive()
    }
}

/// One party's wait.
struct Wait<'a> {
    barrier: &'a Barrier,
    /// Where it waits, from its arrival to the end of the round.
    waiting: Option<(Arc<Round>, Place)>,
}

impl Wait<'_> {
    /// Arrives. Ready if nobody is missing now, or nobody is let in.
    fn arrive(&mut self) -> Poll<Result<BarrierWaitResult, BrokenBarrierError>> {
        let mut state = lock(&self.barrier.state);
        if state.broken {
            return Poll::Ready(Err(BrokenBarrierError(())));
        }
        if state.arrived + 1 < self.barrier.parties {
            state.arrived += 1;
            self.waiting = Some((state.round.clone(), Place::default()));
            return Poll::Pending;
        }
        let round = state.end_round();
        drop(state);
        close(round);
        Poll::Ready(Ok(BarrierWaitResult(true)))
    }
}

impl Future for Wait<'_> {
    type Output = Result<BarrierWaitResult, BrokenBarrierError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waiting.is_none()
            && let Poll::Ready(result) = self.arrive()
        {
            return Poll::Ready(result);
        }
        let Some((round, place)) = &mut self.waiting else { return Poll::Pending };
        let _ = ready!(round.waiters.poll(place, 1, Some(cx.waker()), || false)); // it was closed
        let broken = round.broken.load(Relaxed); // see `break_round`
        self.waiting = None;
        Poll::Ready(if broken { Err(BrokenBarrierError(())) } else { Ok(BarrierWaitResult(false)) })
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Some((round, place)) = &mut self.waiting else { return };
        let mut state = lock(&self.barrier.state);
        if Arc::ptr_eq(&state.round, round) {
            state.arrived -= 1; // rule 1
        }
        drop(state);
        let _ = round.waiters.leave(place); // it is never given a permit
    }
}

/// What [`Barrier::wait`] returns.
#[derive(Debug, Clone)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this party leads: one of each round does, the last to come.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

/// The barrier is broken, or was reset or aborted during the wait.
///
/// The twin of `asyncio.BrokenBarrierError`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenBarrierError(());

impl fmt::Display for BrokenBarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier is broken: it was aborted, or reset while parties waited")
    }
}

impl Error for BrokenBarrierError {}
