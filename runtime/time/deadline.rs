//! Floor 5. Deadline scopes: a time limit that can be seen and moved from inside.
//!
//! A [`timeout`](super::timeout) is set once and never seen again. A scope gives its body a
//! [`Deadline`]: what is left of it can be asked, it can be moved, and code deep inside learns of
//! it by [`current_deadline`] without being handed anything.
//!
//! ```text
//!   fail_at(10:00) ─ polls ─▶ move_on_at(11:00) ─ polls ─▶ current_deadline()
//!         │                         │                          = 10:00
//!         └─ around: 10:00          └─ around: 10:00, 11:00
//! ```
//!
//! | function                          | too late       | trio     | asyncio                 |
//! |-----------------------------------|----------------|----------|-------------------------|
//! | [`fail_after`], [`fail_at`]       | `Err(Elapsed)` | the same | `timeout`, `timeout_at` |
//! | [`move_on_after`], [`move_on_at`] | `None`         | the same | -                       |
//!
//! Rules
//! 1. The body is polled first: if it ends at the same moment as its time, it has ended.
//! 2. A scope whose time is up steps back for one around it whose time was up before, or at the
//!    same moment: that one will drop it. So what the caller made longer than its own limit never
//!    reports a timeout, however late the loop is.
//! 3. A deadline that is moved further away is not told to the timer: that fires when it was to,
//!    and is set anew. So moving is cheap for whoever does it with each message.
//! 4. `expired` is true from before the body is dropped, so its drops can ask. It stays false when
//!    the body ended, or was dropped by anybody else.
//!
//! The scopes around a poll are those of the same task; a task that is spawned does not inherit
//! them. Hand it the deadline: `fail_at(current_deadline(), …)`.
//!
//! Real world: trio's cancel scopes, whose functions these are, and asyncio's `timeout`, which has
//! them since 3.11; Go's `context.WithDeadline` takes the smaller of its own and its parent's, too.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::clock::Instant;
use super::sleep::{Sleep, sleep_until};
use super::timeout::Elapsed;
use crate::budget;
use crate::shim::{Mutex, lock};
use crate::task::{Id, try_id};

type Scope = (Option<Id>, Deadline);

thread_local! {
    /// The scopes that are polling on this thread, from the outermost to the innermost, and of
    /// which task each is: one task may poll others, those of a `LocalSet`.
    static AROUND: RefCell<Vec<Scope>> = const { RefCell::new(Vec::new()) };
}

/// The time left to whoever asks: the smallest deadline of the scopes around the current poll.
///
/// `None` if there is no scope, or none with a deadline. Of [`timeout`](super::timeout) it knows
/// nothing. The twin of `trio.current_effective_deadline`.
///
/// **Cost:** a short lock for each scope.
///
/// ```
/// use rondel::time::{Duration, current_deadline, move_on_after};
///
/// rondel::run(async {
///     assert_eq!(current_deadline(), None);
///     move_on_after(Duration::from_secs(1), async |outer| {
///         move_on_after(Duration::from_secs(60), async |_| {
///             assert_eq!(current_deadline(), outer.when()); // the minute does not matter
///         })
///         .await
///     })
///     .await;
/// });
/// ```
pub fn current_deadline() -> Option<Instant> {
    // An error means that the thread is ending: then nothing is polled any more.
    AROUND.try_with(|around| smallest_of(try_id(), &around.borrow())).ok().flatten()
}

fn smallest_of(task: Option<Id>, around: &[Scope]) -> Option<Instant> {
    around.iter().filter(|(of, _)| *of == task).filter_map(|(_, deadline)| deadline.when()).min()
}

/// Runs `body` until it ends or `limit` has passed.
///
/// - `limit`: time from the first poll. Zero polls the body once and then gives up. What cannot be
///   represented counts as 30 years.
/// - `body`: gets the [`Deadline`], and returns a future.
///
/// The twin of `trio.fail_after` and of `asyncio.timeout`. See [`timeout`](super::timeout) for a
/// limit that nobody moves.
///
/// # Errors
///
/// When the time has passed; the body has been dropped by then.
///
/// # Panics
///
/// If it has to wait outside a runtime.
///
/// **Cancel-safe:** dropping it drops the body where it is.
/// **Cost:** one small allocation, a clock read, and a wheel entry if the body has to wait; a short
/// lock each poll.
///
/// ```
/// use rondel::time::{Duration, Instant, fail_after, sleep};
///
/// rondel::run(async {
///     let patient = fail_after(Duration::from_millis(1), async |deadline| {
///         deadline.reschedule(Instant::now() + Duration::from_secs(60)); // it may take longer
///         sleep(Duration::from_millis(2)).await;
///         "done"
///     });
///     assert_eq!(patient.await, Ok("done"));
///
///     let late = fail_after(Duration::from_millis(1), |_| std::future::pending::<()>());
///     assert!(late.await.is_err());
/// });
/// ```
pub async fn fail_after<F, Fut>(limit: Duration, body: F) -> Result<Fut::Output, Elapsed>
where
    F: FnOnce(Deadline) -> Fut,
    Fut: Future,
{
    fail_at(Instant::now().add_or_far(limit), body).await
}

/// Runs `body` until it ends or the moment `when` has come; `None` is never.
///
/// As [`fail_after`]. A moment that is past polls the body once and then gives up. The twin of
/// `trio.fail_at` and of `asyncio.timeout_at`.
///
/// # Errors
///
/// When the moment has come; the body has been dropped by then.
///
/// # Panics
///
/// If it has to wait outside a runtime.
///
/// **Cancel-safe:** dropping it drops the body where it is. **Cost:** as [`fail_after`].
///
/// ```
/// use rondel::time::{Instant, fail_at};
///
/// rondel::run(async {
///     let past = Instant::now();
///     assert_eq!(fail_at(past, async |_| "needs no waiting").await, Ok("needs no waiting"));
///     assert!(fail_at(past, async |_| rondel::task::yield_now().await).await.is_err());
///     assert_eq!(fail_at(None, async |deadline| deadline.when()).await, Ok(None));
/// });
/// ```
pub async fn fail_at<F, Fut>(
    when: impl Into<Option<Instant>>,
    body: F,
) -> Result<Fut::Output, Elapsed>
where
    F: FnOnce(Deadline) -> Fut,
    Fut: Future,
{
    Limited::new(when.into(), body).await.ok_or(Elapsed(()))
}

/// Runs `body` until it ends (`Some`) or `limit` has passed (`None`).
///
/// As [`fail_after`], for what is no error. The twin of `trio.move_on_after`.
///
/// # Panics
///
/// If it has to wait outside a runtime.
///
/// **Cancel-safe:** dropping it drops the body where it is. **Cost:** as [`fail_after`].
///
/// ```
/// use rondel::time::{Duration, move_on_after};
///
/// rondel::run(async {
///     let answer = move_on_after(Duration::from_millis(1), |_| std::future::pending::<u8>());
///     assert_eq!(answer.await, None);
/// });
/// ```
pub async fn move_on_after<F, Fut>(limit: Duration, body: F) -> Option<Fut::Output>
where
    F: FnOnce(Deadline) -> Fut,
    Fut: Future,
{
    move_on_at(Instant::now().add_or_far(limit), body).await
}

/// Runs `body` until it ends (`Some`) or the moment `when` has come (`None`).
///
/// As [`fail_at`], for what is no error. The twin of `trio.move_on_at`.
///
/// # Panics
///
/// If it has to wait outside a runtime.
///
/// **Cancel-safe:** dropping it drops the body where it is. **Cost:** as [`fail_after`].
///
/// ```
/// use rondel::time::{Instant, move_on_at};
///
/// rondel::run(async {
///     let found = move_on_at(Instant::now(), async |_| 7).await;
///     assert_eq!(found, Some(7)); // it did not have to wait
/// });
/// ```
pub async fn move_on_at<F, Fut>(when: impl Into<Option<Instant>>, body: F) -> Option<Fut::Output>
where
    F: FnOnce(Deadline) -> Fut,
    Fut: Future,
{
    Limited::new(when.into(), body).await
}

/// The deadline of a scope, for its body and whoever the body gives it to. Clones are the same.
///
/// The twin of the object that `asyncio.timeout` and trio's scopes give to their block.
///
/// ```
/// use rondel::time::{Duration, Instant, move_on_after, sleep};
///
/// rondel::run(async {
///     let ended = move_on_after(Duration::from_secs(60), async |deadline| {
///         assert!(!deadline.expired());
///         deadline.reschedule(Instant::now()); // now
///         sleep(Duration::from_secs(60)).await;
///     });
///     assert_eq!(ended.await, None);
/// });
/// ```
#[derive(Clone)]
pub struct Deadline {
    shared: Arc<Mutex<State>>,
}

struct State {
    when: Option<Instant>,
    stage: Stage,
    /// What the timer is set for, and whom to wake if the deadline comes nearer than that.
    set: Option<(Option<Instant>, Waker)>,
}

/// Whether `when` comes before `other`, where `None` is never.
fn is_nearer(when: Option<Instant>, other: Option<Instant>) -> bool {
    when.is_some_and(|when| other.is_none_or(|other| when < other))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Active,
    Expired,
    Finished,
}

impl Deadline {
    fn new(when: Option<Instant>) -> Self {
        let state = State { when, stage: Stage::Active, set: None };
        Self { shared: Arc::new(Mutex::new(state)) }
    }

    /// The moment at which the scope gives up; `None` is never.
    pub fn when(&self) -> Option<Instant> {
        lock(&self.shared).when
    }

    /// Moves the deadline, further away or nearer; to a moment that is past (then the scope gives
    /// up at the next await that has to wait), or to `None`, which is never.
    ///
    /// May be called from anywhere, on any thread. False: the scope is over, and nothing changes.
    ///
    /// **Cost:** a short lock; a wake only if the deadline comes nearer than the timer knows.
    pub fn reschedule(&self, when: impl Into<Option<Instant>>) -> bool {
        let when = when.into();
        let mut state = lock(&self.shared);
        if state.stage != Stage::Active {
            return false;
        }
        state.when = when;
        let nearer = state.set.as_ref().is_some_and(|(set, _)| is_nearer(when, *set));
        let set = if nearer { state.set.take() } else { None };
        drop(state);
        if let Some((_, waker)) = set {
            waker.wake();
        }
        true
    }

    /// Whether the scope gave up because its time was up. False while it runs, when the body ended,
    /// and when somebody else dropped it, be it the timeout of a scope around.
    ///
    /// The twin of `asyncio.Timeout.expired` and of trio's `cancelled_caught`.
    pub fn expired(&self) -> bool {
        lock(&self.shared).stage == Stage::Expired
    }

    /// Ends the scope, if it has not ended.
    fn end(&self, stage: Stage) {
        let mut state = lock(&self.shared);
        if state.stage == Stage::Active {
            state.stage = stage;
        }
        let set = state.set.take();
        drop(state);
        drop(set); // after the lock: it holds somebody's waker
    }

    /// Notes what the timer is set for, and whom to wake if the deadline comes nearer. False: it
    /// has come nearer already.
    fn note(&self, set: Option<Instant>, waker: &Waker) -> bool {
        let mut fresh = None;
        loop {
            let mut state = lock(&self.shared);
            if is_nearer(state.when, set) {
                return false;
            }
            match &mut state.set {
                Some((known, old)) if old.will_wake(waker) => {
                    *known = set;
                    return true;
                }
                slot => {
                    if let Some(fresh) = fresh.take() {
                        let old = slot.replace((set, fresh));
                        drop(state);
                        drop(old); // after the lock, as above
                        return true;
                    }
                }
            }
            drop(state);
            fresh = Some(waker.clone()); // outside the lock, as above
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (when, stage) = {
            let state = lock(&self.shared);
            (state.when, state.stage)
        };
        f.debug_struct("Deadline").field("when", &when).field("stage", &stage).finish()
    }
}

pin_project! {
    /// The one thing that all four functions are made of. `None`: the time was up.
    struct Limited<F> {
        // None: it has ended.
        #[pin]
        body: Option<F>,
        deadline: Deadline,
        timer: Option<Sleep>,
    }

    impl<F> PinnedDrop for Limited<F> {
        fn drop(this: Pin<&mut Self>) {
            this.project().deadline.end(Stage::Finished); // before the body goes (rule 4)
        }
    }
}

impl<F: Future> Limited<F> {
    fn new(when: Option<Instant>, body: impl FnOnce(Deadline) -> F) -> Self {
        let deadline = Deadline::new(when);
        Self { body: Some(body(deadline.clone())), deadline, timer: None }
    }
}

/// Stands around whatever is polled while it lives.
struct Around;

impl Around {
    fn enter(deadline: &Deadline) -> Self {
        let _ = AROUND.try_with(|around| around.borrow_mut().push((try_id(), deadline.clone())));
        Self
    }
}

impl Drop for Around {
    fn drop(&mut self) {
        let left = AROUND.try_with(|around| around.borrow_mut().pop());
        drop(left); // after the borrow
    }
}

impl<F: Future> Future for Limited<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let body = this.body.as_mut().as_pin_mut().expect("polled again after it ended");
        let had_budget = budget::remains();
        let polled = {
            let _around = Around::enter(this.deadline);
            body.poll(cx) // rule 1
        };
        let output = match polled {
            Poll::Ready(output) => Some(output),
            Poll::Pending => {
                // A body that spends the whole budget of each poll does not outlive its limit: as
                // in `timeout.rs`.
                let _free = (had_budget && !budget::remains()).then(budget::unlimited);
                if !is_time_up(this.deadline, this.timer, cx) {
                    return Poll::Pending;
                }
                None
            }
        };
        let stage = if output.is_some() { Stage::Finished } else { Stage::Expired };
        this.deadline.end(stage); // before the body goes (rule 4)
        this.body.set(None);
        Poll::Ready(output)
    }
}

/// Whether the scope gives up now; else its task is woken when that has to be asked again.
fn is_time_up(deadline: &Deadline, timer: &mut Option<Sleep>, cx: &mut Context<'_>) -> bool {
    loop {
        let when = deadline.when();
        match (when, &mut *timer) {
            (Some(when), None) => *timer = Some(sleep_until(when)),
            (Some(when), Some(timer)) if when < timer.deadline() => Pin::new(timer).reset(when),
            _ => {} // the timer may fire too early (rule 3)
        }
        let Some(sleep) = timer else {
            if deadline.note(None, cx.waker()) {
                return false;
            }
            continue;
        };
        if Pin::new(&mut *sleep).poll(cx).is_pending() {
            if deadline.note(Some(sleep.deadline()), cx.waker()) {
                return false;
            }
            continue;
        }
        let Some(when) = when.filter(|when| *when <= sleep.deadline()) else {
            *timer = None; // it was too early: set it anew
            continue;
        };
        if current_deadline().is_some_and(|around| around <= when) {
            // Rule 2. Should the scope around be moved before it comes to look, we ask again.
            cx.waker().wake_by_ref();
            return false;
        }
        return true;
    }
}
