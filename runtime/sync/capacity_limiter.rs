//! Floor 5. So many at a time, and who they are.
//!
//! A semaphore counts; a limiter knows its borrowers. So it can say who holds what, it refuses a
//! borrower a second token (which would wait for the first, for ever), and its total can change
//! while it is in use.
//!
//! ```text
//!                    ┌ tokens in the wait list ┐
//!   total + debt  =  free                      +  out (held, or handed to one who has not looked)
//!                                                   └ debt: so many of these do not come back
//! ```
//!
//! | the total goes     | tokens that are free     | tokens that are out                        |
//! |--------------------|--------------------------|--------------------------------------------|
//! | up by n            | n more, for who waits    | first they pay off the debt                |
//! | down by n          | n fewer                  | what the free ones lack becomes debt       |
//!
//! Rules
//! 1. Every token that goes out or comes back does so under the lock of `state`, together with its
//!    borrower's entry; only to be woken and to look is done after it.
//! 2. A token that comes back pays debt before it goes to anybody.
//! 3. Entries are numbered in the order of the queue. Tokens go out in that order, so those who
//!    have one are the first so many entries, whether they have looked or not.
//! 4. `Hash` and `Eq` of a borrower are called under the lock; its `Drop` and `Clone` are not.
//!
//! Real world: trio's `CapacityLimiter` guards its thread pool, and anyio has it, too; both key
//! their borrowers by identity and keep them in a set. tokio has only the semaphore.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::leaf::leaf;
use crate::shim::{Mutex, lock};
use crate::task::id::{self, Id};
use crate::wait_list::{MAX_PERMITS, Place, WaitList};

/// Lends out at most so many tokens at a time, and at most one to each borrower.
///
/// The twin of `trio.CapacityLimiter` and `anyio.CapacityLimiter`; asyncio and tokio have only
/// semaphores. Fair: tokens go to borrowers in the order in which they came.
///
/// A borrower is known by a value of type `B`: by the id of the current task, as long as nothing
/// else is said. Futures that run side by side in one task (in `join!`, say) are one borrower then;
/// give each a name of its own with [`for_borrowers`](Self::for_borrowers) and
/// [`acquire_on_behalf_of`](Self::acquire_on_behalf_of). `B`'s `Hash` and `Eq` must not use the
/// limiter itself.
///
/// **Cost:** a short lock, a hash and a small allocation for each token.
///
/// ```
/// use rondel::sync::CapacityLimiter;
///
/// rondel::run(async {
///     let licences = CapacityLimiter::for_borrowers(2);
///     let anna = licences.acquire_on_behalf_of("Anna").await.unwrap();
///     let _ben = licences.acquire_on_behalf_of("Ben").await.unwrap();
///     assert!(licences.acquire_on_behalf_of("Anna").await.is_err(), "she has one");
///     assert_eq!(licences.statistics().borrowers, ["Anna", "Ben"]);
///     drop(anna);
///     assert_eq!(licences.available_tokens(), 1);
/// });
/// ```
pub struct CapacityLimiter<B = Id> {
    state: Mutex<State<B>>,
    tokens: WaitList,
}

struct State<B> {
    total: usize,
    debt: usize,
    /// Who has a token or waits for one, each with its number (rule 3).
    borrowers: HashMap<Arc<B>, u64>,
    next_number: u64,
}

impl CapacityLimiter {
    /// A limiter with so many tokens, whose borrowers are tasks.
    ///
    /// Zero lets nobody in until the total is raised. No number is too big: `usize::MAX` is without
    /// limit.
    ///
    /// ```
    /// use rondel::sync::CapacityLimiter;
    /// use std::sync::Arc;
    ///
    /// rondel::run(async {
    ///     let limiter = Arc::new(CapacityLimiter::new(2));
    ///     let workers = (0..5).map(|_| {
    ///         let limiter = limiter.clone();
    ///         rondel::spawn(async move {
    ///             let _token = limiter.acquire().await.unwrap();
    ///             assert!(limiter.borrowed_tokens() <= 2);
    ///         })
    ///     });
    ///     for worker in workers.collect::<Vec<_>>() {
    ///         worker.await.unwrap();
    ///     }
    /// });
    /// ```
    pub fn new(total_tokens: usize) -> Self {
        Self::for_borrowers(total_tokens)
    }

    /// Waits for a token for the current task.
    ///
    /// - Errors if this task has a token already, or waits for one.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    /// **Cost:** see [`CapacityLimiter`].
    ///
    /// # Panics
    ///
    /// Panics outside a task, as nobody is there to lend to: the future given to `run` and those on
    /// other executors are none. [`acquire_on_behalf_of`](Self::acquire_on_behalf_of) works
    /// everywhere.
    pub async fn acquire(&self) -> Result<CapacityToken<'_>, AlreadyBorrowedError> {
        self.acquire_on_behalf_of(this_task()).await
    }

    /// [`acquire`](Self::acquire) for a token that may outlive this borrow.
    ///
    /// **Cancel-safe:** yes, as [`acquire`](Self::acquire).
    ///
    /// # Panics
    ///
    /// Panics outside a task.
    pub async fn acquire_owned(
        self: Arc<Self>,
    ) -> Result<OwnedCapacityToken, AlreadyBorrowedError> {
        self.acquire_owned_on_behalf_of(this_task()).await
    }

    /// Takes a token for the current task, if one is free and nobody waits.
    ///
    /// - Errors with [`NoTokens`](TryBorrowTokenError::NoTokens) or
    ///   [`AlreadyBorrowed`](TryBorrowTokenError::AlreadyBorrowed).
    ///
    /// # Panics
    ///
    /// Panics outside a task.
    #[track_caller]
    pub fn try_acquire(&self) -> Result<CapacityToken<'_>, TryBorrowTokenError> {
        self.try_acquire_on_behalf_of(this_task())
    }

    /// [`try_acquire`](Self::try_acquire) for a token that may outlive this borrow.
    ///
    /// # Panics
    ///
    /// Panics outside a task.
    #[track_caller]
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedCapacityToken, TryBorrowTokenError> {
        self.try_acquire_owned_on_behalf_of(this_task())
    }
}

#[track_caller]
fn this_task() -> Id {
    id::try_id().expect(
        "`CapacityLimiter::acquire` was called outside a task: call it in a future given to \
         `spawn`, or say with `acquire_on_behalf_of` who borrows",
    )
}

impl<B: Hash + Eq> CapacityLimiter<B> {
    /// A limiter with so many tokens, whose borrowers are known by values of any type.
    ///
    /// See [`new`](CapacityLimiter::new) about the number.
    pub fn for_borrowers(total_tokens: usize) -> Self {
        let total = total_tokens.min(MAX_PERMITS);
        let state = State { total, debt: 0, borrowers: HashMap::new(), next_number: 0 };
        Self { state: Mutex::new(state), tokens: WaitList::new(total) }
    }

    /// How many tokens there are.
    pub fn total_tokens(&self) -> usize {
        lock(&self.state).total
    }

    /// Changes how many tokens there are.
    ///
    /// More: who waits is served at once. Fewer than are out: whoever has one keeps it, and nobody
    /// gets one until fewer are out than that.
    ///
    /// ```
    /// use rondel::sync::CapacityLimiter;
    ///
    /// rondel::run(async {
    ///     let limiter = CapacityLimiter::for_borrowers(2);
    ///     let first = limiter.acquire_on_behalf_of(1).await.unwrap();
    ///     let _second = limiter.acquire_on_behalf_of(2).await.unwrap();
    ///     limiter.set_total_tokens(1);
    ///     assert_eq!(limiter.borrowed_tokens(), 2);
    ///     drop(first);
    ///     assert_eq!(limiter.available_tokens(), 0);
    /// });
    /// ```
    pub fn set_total_tokens(&self, total_tokens: usize) {
        let total = total_tokens.min(MAX_PERMITS);
        let mut state = lock(&self.state);
        let (more, fewer) = (total.saturating_sub(state.total), state.total.saturating_sub(total));
        state.total = total;
        let paid = more.min(state.debt); // rule 2
        state.debt -= paid;
        let wakes = self.tokens.release_quietly(more - paid);
        state.debt += fewer - self.tokens.take_free(fewer);
        drop(state);
        wakes.wake();
    }

    /// How many tokens are out: held, or on their way to one who waited.
    pub fn borrowed_tokens(&self) -> usize {
        self.out(&lock(&self.state))
    }

    /// How many tokens a newcomer could have at once. (trio counts below zero if fewer there are
    /// than are out; here that is zero.)
    pub fn available_tokens(&self) -> usize {
        self.tokens.free()
    }

    /// Who has tokens, and how many wait.
    pub fn statistics(&self) -> CapacityLimiterStatistics<B>
    where
        B: Clone,
    {
        let state = lock(&self.state);
        let (total_tokens, borrowed_tokens) = (state.total, self.out(&state));
        let entries = state.borrowers.iter();
        let mut entries: Vec<_> = entries.map(|(who, number)| (*number, who.clone())).collect();
        drop(state);
        entries.sort_unstable_by_key(|(number, _)| *number);
        let tasks_waiting = entries.len().saturating_sub(borrowed_tokens);
        let holders = entries.iter().take(borrowed_tokens); // rule 3
        let borrowers = holders.map(|(_, who)| B::clone(who)).collect();
        CapacityLimiterStatistics { borrowed_tokens, total_tokens, borrowers, tasks_waiting }
    }

    /// Waits for a token for `borrower`.
    ///
    /// - Errors if `borrower` has a token already, or waits for one.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    /// **Cost:** see [`CapacityLimiter`].
    pub async fn acquire_on_behalf_of(
        &self,
        borrower: B,
    ) -> Result<CapacityToken<'_, B>, AlreadyBorrowedError> {
        let borrower = self.borrow(borrower).await?;
        Ok(CapacityToken { limiter: self, borrower })
    }

    /// [`acquire_on_behalf_of`](Self::acquire_on_behalf_of) for a token that may outlive this
    /// borrow.
    ///
    /// **Cancel-safe:** yes, as [`acquire_on_behalf_of`](Self::acquire_on_behalf_of).
    pub async fn acquire_owned_on_behalf_of(
        self: Arc<Self>,
        borrower: B,
    ) -> Result<OwnedCapacityToken<B>, AlreadyBorrowedError> {
        let borrower = self.borrow(borrower).await?;
        Ok(OwnedCapacityToken { limiter: self, borrower })
    }

    /// Takes a token for `borrower`, if one is free and nobody waits.
    ///
    /// - Errors with [`NoTokens`](TryBorrowTokenError::NoTokens) or
    ///   [`AlreadyBorrowed`](TryBorrowTokenError::AlreadyBorrowed).
    pub fn try_acquire_on_behalf_of(
        &self,
        borrower: B,
    ) -> Result<CapacityToken<'_, B>, TryBorrowTokenError> {
        let borrower = self.try_borrow(borrower)?;
        Ok(CapacityToken { limiter: self, borrower })
    }

    /// [`try_acquire_on_behalf_of`](Self::try_acquire_on_behalf_of) for a token that may outlive
    /// this borrow.
    pub fn try_acquire_owned_on_behalf_of(
        self: Arc<Self>,
        borrower: B,
    ) -> Result<OwnedCapacityToken<B>, TryBorrowTokenError> {
        let borrower = self.try_borrow(borrower)?;
        Ok(OwnedCapacityToken { limiter: self, borrower })
    }

    async fn borrow(&self, borrower: B) -> Result<Arc<B>, AlreadyBorrowedError> {
        let borrower = Arc::new(borrower);
        let wait =
            Wait { limiter: self, borrower: &borrower, place: Place::default(), queued: false };
        leaf("CapacityLimiter::acquire", wait).await?;
        Ok(borrower)
    }

    fn try_borrow(&self, borrower: B) -> Result<Arc<B>, TryBorrowTokenError> {
        let borrower = Arc::new(borrower);
        let taken = self.enter(&borrower, || self.tokens.try_acquire(1).ok())?;
        taken.map(|()| borrower).ok_or(TryBorrowTokenError::NoTokens)
    }

    /// Takes a token or a place by `take`, and a borrower in if that brings something (rule 1).
    fn enter<R>(
        &self,
        borrower: &Arc<B>,
        take: impl FnOnce() -> Option<R>,
    ) -> Result<Option<R>, AlreadyBorrowedError> {
        let state = &mut *lock(&self.state);
        let Entry::Vacant(entry) = state.borrowers.entry(borrower.clone()) else {
            return Err(AlreadyBorrowedError(()));
        };
        let taken = take();
        if taken.is_some() {
            entry.insert(state.next_number);
            state.next_number += 1;
        }
        Ok(taken)
    }

    /// Takes a borrower out, and its token back, if it has one.
    fn leave(&self, borrower: &B, has_token: bool) {
        let mut state = lock(&self.state);
        let _entry = state.borrowers.remove_entry(borrower); // dropped after the lock (rule 4)
        let back = usize::from(has_token);
        let paid = back.min(state.debt); // rule 2
        state.debt -= paid;
        let wakes = self.tokens.release_quietly(back - paid);
        drop(state);
        wakes.wake();
    }
}

impl<B> CapacityLimiter<B> {
    /// How many tokens are out. Under the lock no token is made or comes back (rule 1).
    fn out(&self, state: &State<B>) -> usize {
        state.total + state.debt - self.tokens.free()
    }
}

impl<B> fmt::Debug for CapacityLimiter<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        let (total_tokens, borrowed_tokens) = (state.total, self.out(&state));
        drop(state); // the writer may be other people's
        let mut debug = f.debug_struct("CapacityLimiter");
        debug.field("total_tokens", &total_tokens).field("borrowed_tokens", &borrowed_tokens);
        debug.finish_non_exhaustive()
    }
}

/// A borrower that has no token yet.
struct Wait<'a, B: Hash + Eq> {
    limiter: &'a CapacityLimiter<B>,
    borrower: &'a Arc<B>,
    place: Place,
    /// It has its entry and its place.
    queued: bool,
}

impl<B: Hash + Eq> Wait<'_, B> {
    /// Takes a token, or a place in the queue. There is no waker in it yet, as it would be cloned
    /// under the lock.
    fn queue_up(&mut self) -> Poll<Result<(), AlreadyBorrowedError>> {
        let (tokens, place) = (&self.limiter.tokens, &mut self.place);
        let take = || Some(tokens.poll(place, 1, None, || false));
        self.queued =
            self.limiter.enter(self.borrower, take)?.is_some_and(|step| step.is_pending());
        if self.queued { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl<B: Hash + Eq> Future for Wait<'_, B> {
    type Output = Result<(), AlreadyBorrowedError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.queued
            && let Poll::Ready(result) = this.queue_up()
        {
            return Poll::Ready(result);
        }
        let tokens = &this.limiter.tokens;
        let _ = ready!(tokens.poll(&mut this.place, 1, Some(cx.waker()), || false)); // never closed
        this.queued = false;
        Poll::Ready(Ok(()))
    }
}

impl<B: Hash + Eq> Drop for Wait<'_, B> {
    fn drop(&mut self) {
        if self.queued {
            let served = self.limiter.tokens.leave(&mut self.place).is_some();
            self.limiter.leave(self.borrower, served);
        }
    }
}

/// A token of a borrowed [`CapacityLimiter`]; given back when dropped.
#[must_use = "dropped at once, the token is given back"]
pub struct CapacityToken<'a, B: Hash + Eq = Id> {
    limiter: &'a CapacityLimiter<B>,
    borrower: Arc<B>,
}

impl<'a, B: Hash + Eq> CapacityToken<'a, B> {
    /// Who borrowed it.
    pub fn borrower(&self) -> &B {
        &self.borrower
    }

    /// Whose token it is.
    pub fn limiter(&self) -> &'a CapacityLimiter<B> {
        self.limiter
    }
}

impl<B: Hash + Eq> Drop for CapacityToken<'_, B> {
    fn drop(&mut self) {
        self.limiter.leave(&self.borrower, true);
    }
}

impl<B: Hash + Eq + fmt::Debug> fmt::Debug for CapacityToken<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapacityToken").field("borrower", &self.borrower).finish_non_exhaustive()
    }
}

/// A token of a shared [`CapacityLimiter`]; given back when dropped.
#[must_use = "dropped at once, the token is given back"]
pub struct OwnedCapacityToken<B: Hash + Eq = Id> {
    limiter: Arc<CapacityLimiter<B>>,
    borrower: Arc<B>,
}

impl<B: Hash + Eq> OwnedCapacityToken<B> {
    /// Who borrowed it.
    pub fn borrower(&self) -> &B {
        &self.borrower
    }

    /// Whose token it is.
    pub fn limiter(&self) -> &Arc<CapacityLimiter<B>> {
        &self.limiter
    }
}

impl<B: Hash + Eq> Drop for OwnedCapacityToken<B> {
    fn drop(&mut self) {
        self.limiter.leave(&self.borrower, true);
    }
}

impl<B: Hash + Eq + fmt::Debug> fmt::Debug for OwnedCapacityToken<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("OwnedCapacityToken");
        debug.field("borrower", &self.borrower).finish_non_exhaustive()
    }
}

/// What [`CapacityLimiter::statistics`] returns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapacityLimiterStatistics<B = Id> {
    /// How many tokens are out.
    pub borrowed_tokens: usize,
    /// How many there are. Fewer than are out, if the total went down meanwhile.
    pub total_tokens: usize,
    /// Who has a token, in the order in which they came.
    pub borrowers: Vec<B>,
    /// How many wait for one.
    pub tasks_waiting: usize,
}

/// The borrower has a token of this limiter already, or waits for one. A second one could be had
/// only after the first, so waiting for it might take for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlreadyBorrowedError(());

impl fmt::Display for AlreadyBorrowedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this borrower already has a token of this limiter, or waits for one")
    }
}

impl Error for AlreadyBorrowedError {}

/// Why a `try_acquire` got no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TryBorrowTokenError {
    /// The borrower has a token already, or waits for one.
    AlreadyBorrowed,
    /// All tokens are out, or others wait for them.
    NoTokens,
}

impl fmt::Display for TryBorrowTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyBorrowed => AlreadyBorrowedError(()).fmt(f),
            Self::NoTokens => f.write_str("no tokens available"),
        }
    }
}

impl Error for TryBorrowTokenError {}

impl From<AlreadyBorrowedError> for TryBorrowTokenError {
    fn from(_: AlreadyBorrowedError) -> Self {
        Self::AlreadyBorrowed
    }
}
