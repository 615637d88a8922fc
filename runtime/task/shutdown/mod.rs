//! Floor 5. Graceful shutdown: ask, wait, throw out, and tell.
//!
//! ```text
//!   begin(reason) ──▶ token ──▶ tasks clean up, with `.await`        ─┐ all ended: report
//!        │ grace is over, or hurry()                                  │
//!        ▼                                                            │
//!   abort all: futures are dropped, queued closures too              ─┤ all ended: report
//!        │ a moment for that                                          │
//!        ▼                                                            │
//!   who is left has leaked: a closure that blocks, a foreign future  ─┘ report
//! ```
//!
//! A [`CancellationToken`] and a [`TaskTracker`](super::TaskTracker) are enough for the first line.
//! What they cannot do is the rest: end those who do not listen, and say who that was.
//!
//! Rules
//! 1. A service may run for a year: of a task that has ended nothing is kept but a count, and a few
//!    lines about the last ones.
//! 2. Tasks may be spawned until the last one has ended or the grace is over. Those that come after
//!    the beginning find their token cancelled.
//! 3. What a task returns or panics with goes to its handle, as always; the shutdown only looks on.
//!
//! Real world: Kubernetes sends SIGTERM, waits for `terminationGracePeriodSeconds`, sends SIGKILL;
//! systemd the same. `asyncio.run` cancels all tasks and waits for them without a limit; tokio
//! drops what is left when the runtime ends, and tells nobody.

mod report;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use self::report::Counts;
pub use self::report::{ShutdownOutcome, ShutdownReport, ShutdownTask};
use super::group::roster::{Occupant, Roster, Ticket};
use super::group::watched::{End, Payload, Watched, WatchedCall, Watcher};
use super::{Builder, JoinHandle, PanicPayload, TaskInfo};
use crate::shim::{Mutex, lock};
use crate::signal::CtrlC;
use crate::sync::CancellationToken;
use crate::time::{Instant, timeout};

/// So many tasks that ended before the shutdown are remembered one by one: enough to see what went
/// on last, and no leak.
const KEPT: usize = 64;

/// How long is waited for the drops after the grace. For futures a turn of the loop is enough; a
/// closure that looks at its token now and then shall have its chance.
const FOR_DROPS: Duration = Duration::from_millis(200);

/// Runs tasks, and ends them in good order. Clones are the same shutdown.
///
/// Dropping it aborts nobody.
///
/// **Cost:** that of a [`TaskTracker`](super::TaskTracker) and a child token for each task, an
/// entry in a table while it lives, and two clock reads.
///
/// ```
/// use rondel::task::{Shutdown, ShutdownOutcome};
/// use rondel::time::Duration;
///
/// rondel::run(async {
///     let shutdown = Shutdown::new();
///     shutdown.spawn_named("worker", |token| async move {
///         token.cancelled().await; // and now it would clean up
///     });
///     shutdown.spawn_named("stubborn", |_| std::future::pending::<()>());
///
///     let report = shutdown.run("end of the example", Duration::from_millis(5)).await;
///     assert_eq!(report.count(ShutdownOutcome::Ended), 1);
///     let dropped = report.of(ShutdownOutcome::Dropped).next().unwrap();
///     assert_eq!(dropped.info().name(), Some("stubborn"));
///     assert!(report.to_string().contains("1 ended when asked, 1 dropped"));
/// });
/// ```
#[derive(Clone)]
pub struct Shutdown {
    shared: Arc<Shared>,
}

struct Shared {
    token: CancellationToken,
    /// Cancelled: the grace is over.
    hurry: CancellationToken,
    roster: Roster<Ended>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    begun: Option<Instant>,
    /// Who is dropped from now on was thrown out.
    aborting: bool,
    counts: Counts,
    /// The last of those that ended before (rule 1).
    earlier: VecDeque<ShutdownTask>,
    tasks: Vec<ShutdownTask>,
}

/// How a task ended, told by the task itself.
struct Ended {
    outcome: ShutdownOutcome,
    spawned: Instant,
    ended: Instant,
    message: Option<String>,
}

impl Shutdown {
    /// No tasks, and not begun.
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                token: CancellationToken::new(),
                hurry: CancellationToken::new(),
                // Not below a task group that we may be made in: our tasks are not its children.
                roster: Roster::new(None),
                log: Mutex::default(),
            }),
        }
    }

    /// A token that is cancelled when the shutdown begins, with its reason. Cancelling it begins
    /// nothing.
    pub fn token(&self) -> CancellationToken {
        self.shared.token.child_token()
    }

    /// Whether the shutdown has begun.
    pub fn has_begun(&self) -> bool {
        self.shared.token.is_cancelled()
    }

    // --- tasks ----------------------------------------------------------------------------------

    /// Starts a task, which gets the token that asks it to end.
    ///
    /// When the shutdown is over the future is dropped, and the handle says that the task was
    /// cancelled.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn spawn<F, Fut>(&self, task: F) -> JoinHandle<Fut::Output>
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future + Send + 'static,
        Fut::Output: Send + 'static,
    {
        self.spawn_as(Builder::new(), task(self.token()))
    }

    /// [`spawn`](Self::spawn) for a task that has a name, by which the report calls it.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn spawn_named<F, Fut>(&self, name: &str, task: F) -> JoinHandle<Fut::Output>
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future + Send + 'static,
        Fut::Output: Send + 'static,
    {
        self.spawn_as(Builder::new().name(name), task(self.token()))
    }

    /// [`spawn`](Self::spawn) for a task that must stay on this thread.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn spawn_local<F, Fut>(&self, task: F) -> JoinHandle<Fut::Output>
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future + 'static,
        Fut::Output: 'static,
    {
        let future = task(self.token());
        let Some((ticket, seat)) = self.shared.roster.admit(|| false) else {
            let refused = Builder::new().spawn_local(future).expect(NO_ERRORS);
            refused.abort();
            return refused;
        };
        let watched = self.watch(future, ticket);
        let handle = Builder::new().spawn_local(watched).expect(NO_ERRORS);
        seat.take(Occupant::Task(handle.abort_handle()), |who, end| self.shared.note(who, end));
        handle
    }

    /// Runs a closure that blocks on the blocking pool. It gets the token, and should look at it
    /// now and then: once it runs, nobody can stop it.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread, or if no thread can be started.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce(CancellationToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        let token = self.token();
        let Some((ticket, seat)) = self.shared.roster.admit(|| false) else {
            // Not on the pool, where it could start before it is aborted.
            let refused = super::spawn(async move {
                drop(work);
                pending().await
            });
            refused.abort();
            return refused;
        };
        let call = WatchedCall::new(move || work(token), ticket, self.witness());
        let handle = super::spawn_blocking(move || call.call().expect(HAS_OUTPUT));
        seat.take(Occupant::Task(handle.abort_handle()), |who, end| self.shared.note(who, end));
        handle
    }

    /// Makes `future` count as a task, whoever polls it: a connection in a
    /// [`JoinSet`](super::JoinSet), a child of a [`TaskGroup`](super::TaskGroup).
    ///
    /// It belongs to whoever has it, so it cannot be dropped from here: if it does not end when it
    /// is asked, the report says that it leaked.
    #[track_caller]
    pub fn track<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let info = TaskInfo::here(None);
        let tracked = match self.shared.roster.admit(|| false) {
            Some((ticket, seat)) => {
                seat.take(Occupant::Future(info), |who, end| self.shared.note(who, end));
                Ok(self.watch(future, ticket.of_guest()))
            }
            None => Err(future), // the shutdown is over: nobody looks any more
        };
        async move {
            match tracked {
                Ok(watched) => watched.await,
                Err(future) => future.await,
            }
        }
    }

    #[track_caller]
    fn spawn_as<F>(&self, builder: Builder<'_>, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let Some((ticket, seat)) = self.shared.roster.admit(|| false) else {
            let refused = builder.spawn(future).expect(NO_ERRORS);
            refused.abort(); // before its first poll
            return refused;
        };
        let handle = builder.spawn(self.watch(future, ticket)).expect(NO_ERRORS);
        seat.take(Occupant::Task(handle.abort_handle()), |who, end| self.shared.note(who, end));
        handle
    }

    fn watch<F: Future>(
        &self,
        future: F,
        ticket: Ticket,
    ) -> impl Future<Output = F::Output> + use<F> {
        let watched = Watched::new(future, ticket, self.witness());
        async move { watched.await.expect(HAS_OUTPUT) }
    }

    fn witness(&self) -> Witness {
        Witness { shared: self.shared.clone(), spawned: Instant::now() }
    }

    // --- the end --------------------------------------------------------------------------------

    /// Begins the shutdown: cancels the token with `reason`, and waits for nobody. Once it has
    /// begun this does nothing.
    pub fn begin(&self, reason: impl Into<Cow<'static, str>>) {
        self.shared.begin();
        self.shared.token.cancel_with(reason);
    }

    /// Ends the grace at once.
    pub fn hurry(&self) {
        self.shared.hurry.cancel();
    }

    /// Begins the shutdown, waits at most `grace` for the tasks, aborts those that are left, and
    /// reports.
    ///
    /// Not to be called in a task of this shutdown: it would wait for itself, and then abort
    /// itself. While time is virtual it stands still as long as a closure runs on the blocking
    /// pool; so does the grace.
    ///
    /// **Cancel-safe:** the shutdown has begun, and goes on when this is called again; **who waits
    /// in it is not reported to.** **Cost:** one timer.
    pub async fn run(
        &self,
        reason: impl Into<Cow<'static, str>>,
        grace: Duration,
    ) -> ShutdownReport {
        self.begin(reason);
        self.finish(grace).await
    }

    /// From now on the first Ctrl-C begins the shutdown, and the second one ends its grace at once.
    ///
    /// Ctrl-C does not end the process any more, as with [`signal::ctrl_c`](crate::signal::ctrl_c);
    /// so whoever calls this must run the shutdown once it has [begun](Self::token), as
    /// [`run_until_ctrl_c`](Self::run_until_ctrl_c) does. The twin of what `asyncio.Runner` does:
    /// once cancels, twice raises at once.
    ///
    /// # Errors
    ///
    /// When the process is out of descriptors.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    ///
    /// **Cost:** a task, a socket pair and a registration, until the runtime ends.
    #[track_caller]
    pub fn on_ctrl_c(&self) -> io::Result<()> {
        let (presses, shutdown) = (CtrlC::listen()?, self.clone());
        let listener = async move {
            // An error means that the loop is ending.
            if presses.next().await.is_ok() {
                shutdown.begin("Ctrl-C");
            }
            if presses.next().await.is_ok() {
                shutdown.hurry();
            }
        };
        drop(Builder::new().name("Shutdown::on_ctrl_c").spawn(listener)?); // it runs by itself
        Ok(())
    }

    /// Waits until the shutdown begins, by a Ctrl-C or otherwise; then does what [`run`](Self::run)
    /// does. A second Ctrl-C ends the grace at once.
    ///
    /// # Errors
    ///
    /// When the process is out of descriptors.
    ///
    /// # Panics
    ///
    /// If polled outside a loop.
    ///
    /// **Cancel-safe:** as [`run`](Self::run); the first Ctrl-C still begins the shutdown.
    ///
    /// ```no_run
    /// use rondel::task::Shutdown;
    /// use rondel::time::Duration;
    ///
    /// rondel::run(async {
    ///     let shutdown = Shutdown::new();
    ///     shutdown.spawn_named("server", |token| async move { token.cancelled().await });
    ///     let report = shutdown.run_until_ctrl_c(Duration::from_secs(10)).await.unwrap();
    ///     eprintln!("{report}");
    /// });
    /// ```
    pub async fn run_until_ctrl_c(&self, grace: Duration) -> io::Result<ShutdownReport> {
        self.on_ctrl_c()?;
        self.shared.token.cancelled().await;
        Ok(self.finish(grace).await)
    }

    async fn finish(&self, grace: Duration) -> ShutdownReport {
        let shared = &self.shared;
        let begun = shared.begin();
        let all_ended = crate::select! {
            biased;
            ended = timeout(grace, shared.roster.wait_for_all("Shutdown::run")) => ended.is_ok(),
            () = shared.hurry.cancelled() => false,
        };
        if !all_ended {
            lock(&shared.log).aborting = true;
            shared.roster.abort_all();
            let _ = timeout(FOR_DROPS, shared.roster.wait_for_all("Shutdown::run")).await;
        }
        shared.report(begun)
    }
}

const NO_ERRORS: &str = "`Builder::spawn` has no errors today";
/// A panic is resumed before anybody could ask for the output.
const HAS_OUTPUT: &str = "what ended without a panic has its output";

impl Shared {
    /// Notes when it began, the first time.
    fn begin(&self) -> Instant {
        let now = Instant::now();
        *lock(&self.log).begun.get_or_insert(now)
    }

    /// Takes the end of a task into the log.
    fn note(&self, who: Occupant, end: Ended) {
        let info = who.info();
        let mut log = lock(&self.log);
        let Ended { outcome, spawned, ended, message } = end;
        let from = log.begun.map_or(spawned, |begun| begun.max(spawned));
        let before = log.begun.is_none_or(|begun| ended < begun);
        let took = ended.saturating_duration_since(if before { spawned } else { from });
        let task = ShutdownTask { info, outcome, took, message };
        log.counts.add(outcome);
        let mut forgotten = None;
        if log.begun.is_some() {
            log.tasks.push(task);
        } else {
            if log.earlier.len() == KEPT {
                forgotten = log.earlier.pop_front();
            }
            log.earlier.push_back(task);
        }
        drop(log);
        drop(forgotten);
    }

    fn report(&self, begun: Instant) -> ShutdownReport {
        let left = self.roster.occupants();
        let took = Instant::now().saturating_duration_since(begun);
        let log = lock(&self.log);
        let mut counts = log.counts.clone();
        let mut tasks: Vec<_> = log.earlier.iter().chain(&log.tasks).cloned().collect();
        drop(log);
        let ended = tasks.len();
        for info in left.iter().map(Occupant::info) {
            if tasks[..ended].iter().any(|task| task.info.id() == info.id()) {
                continue; // it has ended on its thread since we looked who is left
            }
            counts.add(ShutdownOutcome::Leaked);
            let outcome = ShutdownOutcome::Leaked;
            tasks.push(ShutdownTask { info, outcome, took, message: None });
        }
        let reason = self.token.reason().map(str::to_owned);
        ShutdownReport { reason, took, tasks, counts }
    }
}

/// Hears of the end of one task.
struct Witness {
    shared: Arc<Shared>,
    spawned: Instant,
}

impl<T> Watcher<T> for Witness {
    type Answer = Option<T>;

    fn ended(self, ticket: &mut Ticket, end: End<T>, also: Option<Payload>) -> Option<T> {
        let (value, payload) = match end {
            End::Ready(value) => (Some(value), also),
            End::Panicked(payload) => (None, Some(payload)),
            End::Dropped => (None, also),
        };
        let payload = payload.map(PanicPayload::new);
        let outcome = match &value {
            _ if payload.is_some() => ShutdownOutcome::Panicked,
            Some(_) if self.shared.token.is_cancelled() => ShutdownOutcome::Ended,
            Some(_) => ShutdownOutcome::Finished,
            None if lock(&self.shared.log).aborting => ShutdownOutcome::Dropped,
            None => ShutdownOutcome::Aborted,
        };
        let message = payload.as_ref().and_then(PanicPayload::message);
        let end = Ended { outcome, spawned: self.spawned, ended: Instant::now(), message };
        self.shared.roster.leave(ticket, end, |who, end| self.shared.note(who, end));
        if let Some(payload) = payload
            && !thread::panicking()
        {
            resume_unwind(payload.into_inner()); // to the handle (rule 3)
        }
        value
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Shutdown");
        debug.field("has_begun", &self.has_begun()).field("tasks", &self.shared.roster.len());
        debug.finish_non_exhaustive()
    }
}
