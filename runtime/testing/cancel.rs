//! Floor 5. Is it safe to drop this future while it waits? The harness tries every place.
//!
//! Dropping a future is how it is cancelled: `select!`, `timeout` and `abort` do nothing else. So a
//! future may end at any of its awaits, and what it had taken by then must not be lost with it.
//! For every await there are two moments, and the second is the one that is forgotten:
//!
//! ```text
//!   poll ─▶ pending        somebody wakes it: perhaps       poll ─▶ goes on
//!          │               it has been given something     │
//!          └─ drop here: before the wake      drop here: ──┘ after the wake, before it could look
//! ```
//!
//! The harness runs the future in a fresh world to its 1st await, drops it there, and lets the test
//! look; then in another world to the same await and over the wake; then to the 2nd; and so on. The
//! test brings four closures:
//!
//! | closure     | gives                                                                        |
//! |-------------|------------------------------------------------------------------------------|
//! | `world`     | two parts: what the future works on (*its own*), and what *the others* hold  |
//! | `future`    | what is tested; it borrows its own part, and may do so mutably               |
//! | `go_on`     | makes the others do what the future waits for, unless it has woken itself    |
//! | `invariant` | looks at both parts after the drop, and asserts that nothing is lost         |
//!
//! Rules
//! 1. An await is counted each time the future returns `Pending`, also if it woke itself.
//! 2. All runs draw the same lots: `select!` takes the same branches in each.
//! 3. A future that was not woken is not polled. What only goes on because somebody polls it for no
//!    reason is a lost wake-up, and it is what this harness must not hide.
//!
//! Real world: tokio and trio test cancellation case by case, by hand. SQLite's tests do to memory
//! and disk what this does to awaits: they fail the 1st allocation, then the 2nd, and so on.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::task::{self, Spawn};
use crate::time::{Duration, timeout};
use crate::{budget, random};

/// A future that waits more often than that is taken for one that never ends. A thousand awaits cut
/// one by one are a million polls: a blink. Ten thousand are seconds.
const AWAITS_MAX: usize = 10_000;

/// In real time a wake that has not come by then never comes. Far more than a busy machine needs,
/// and waited out only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(10);
/// In virtual time nothing takes time: whatever may still come has come within a year.
const PATIENCE_VIRTUAL: Duration = Duration::from_secs(86_400 * 365);

/// Where a future was dropped.
///
/// Its text is "dropped at its 2nd await, after the wake".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cut {
    /// At which await: 1 is the first.
    pub nth: usize,
    /// Whether it had been woken there, and so may have been given what it waited for.
    pub woken: bool,
    /// How often `go_on` was called until then.
    pub given: usize,
    /// How many clones of its waker are still around after the drop. Not 0: somebody keeps a place
    /// for a future that is gone.
    pub wakers_kept: usize,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = match (self.nth % 10, self.nth % 100) {
            (1, teen) if teen != 11 => "st",
            (2, teen) if teen != 12 => "nd",
            (3, teen) if teen != 13 => "rd",
            _ => "th",
        };
        let moment = if self.woken { "after" } else { "before" };
        write!(f, "dropped at its {}{ending} await, {moment} the wake", self.nth)
    }
}

/// Drops a future at each of its awaits, before and after the wake, and lets `invariant` look at
/// what is left. Returns how many awaits there were.
///
/// The closures are explained [above](self). Needs no loop; inside one it works as long as `go_on`
/// is enough to wake the future. For one that waits for time, tasks or sockets there is
/// [`in_loop::at_every_await`].
///
/// # Panics
///
/// Panics, and names the cut,
/// - with `invariant`, and if the future or its drop panics;
/// - if the future never waits: there is nothing to cut;
/// - if it is not woken after `go_on`: a lost wake-up;
/// - if it waits more than 10,000 times, or not as often in one run as in another.
///
/// ```
/// use rondel::sync::Semaphore;
/// use rondel::testing::cancel;
/// use std::sync::Arc;
///
/// let awaits = cancel::at_every_await(
///     || {
///         let seats = Arc::new(Semaphore::new(0));
///         (seats.clone(), seats)
///     },
///     async |seats| drop(seats.acquire_many(2).await.unwrap()),
///     |seats, _nth| seats.add_permits(2),
///     // Dropped before the wake it has nothing; after it, the two permits are back.
///     |_, seats, cut| assert_eq!(seats.available_permits(), 2 * cut.given),
/// );
/// assert_eq!(awaits, 1);
/// ```
#[track_caller]
pub fn at_every_await<M, O, T>(
    world: impl FnMut() -> (M, O),
    future: impl AsyncFnMut(&mut M) -> T,
    go_on: impl FnMut(&mut O, usize),
    invariant: impl FnMut(&mut M, &mut O, &Cut),
) -> usize {
    without_a_loop(cut_everywhere(plainly(world, future, go_on, invariant)))
}

/// Drops a future at awaits, and before or after the wake, that `seed` chooses: `cuts` times, each
/// time in a fresh world. For futures with so many awaits that all of them take too long. Returns
/// how many awaits there were.
///
/// # Panics
///
/// As [`at_every_await`]; the text begins with the seed, which gives the same cuts again.
///
/// ```
/// use rondel::sync::mpsc;
/// use rondel::testing::cancel;
///
/// let awaits = cancel::at_random_awaits(
///     7,
///     20,
///     || {
///         let (tx, rx) = mpsc::channel(1);
///         ((rx, Vec::new()), tx)
///     },
///     async |(rx, got)| {
///         while got.len() < 100 {
///             got.extend(rx.recv().await);
///         }
///     },
///     |tx, nth| tx.try_send(nth).unwrap(),
///     |(rx, got), _, cut| {
///         got.extend(rx.try_recv());
///         assert!((1..=cut.given).eq(got.iter().copied()), "nothing is lost");
///     },
/// );
/// assert_eq!(awaits, 100);
/// ```
#[track_caller]
pub fn at_random_awaits<M, O, T>(
    seed: u64,
    cuts: usize,
    world: impl FnMut() -> (M, O),
    future: impl AsyncFnMut(&mut M) -> T,
    go_on: impl FnMut(&mut O, usize),
    invariant: impl FnMut(&mut M, &mut O, &Cut),
) -> usize {
    let run = plainly(world, future, go_on, invariant);
    without_a_loop(cut_at_random(seed, cuts, run))
}

/// The same inside a loop: for futures that wait for time, for tasks or for sockets.
///
/// All four closures are `async`, and after `go_on` the harness waits until the future is woken
/// while the loop turns. In virtual time it lets pass as much as that needs. A future that waits
/// for sockets needs real time: virtual time does not wait for the kernel.
///
/// ```
/// use rondel::testing::cancel;
/// use rondel::time::{Duration, interval};
///
/// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
/// runtime.block_on(async {
///     let awaits = cancel::in_loop::at_every_await(
///         async || {
///             let mut hourly = interval(Duration::from_secs(3_600));
///             let first = hourly.tick().await;
///             ((hourly, first), ())
///         },
///         async |(hourly, _)| hourly.tick().await,
///         async |(), _nth| {}, // time goes on by itself
///         // A tick that was not taken is still there.
///         async |(hourly, first), (), _cut| {
///             assert_eq!(hourly.tick().await - *first, Duration::from_secs(3_600));
///         },
///     )
///     .await;
///     assert_eq!(awaits, 1);
/// });
/// ```
pub mod in_loop {
    use super::{Cut, cut_at_random, cut_everywhere, once};

    /// Drops a future at each of its awaits, before and after the wake, and lets `invariant` look
    /// at what is left. Returns how many awaits there were.
    ///
    /// # Panics
    ///
    /// As [`at_every_await`](super::at_every_await). A wake is lost if it has not come after some
    /// 10 s, or within a year of virtual time.
    pub async fn at_every_await<M, O, T>(
        mut world: impl AsyncFnMut() -> (M, O),
        mut future: impl AsyncFnMut(&mut M) -> T,
        mut go_on: impl AsyncFnMut(&mut O, usize),
        mut invariant: impl AsyncFnMut(&mut M, &mut O, &Cut),
    ) -> usize {
        let run = async |stop| {
            once(stop, true, &mut world, &mut future, &mut go_on, &mut invariant).await
        };
        cut_everywhere(run).await.unwrap_or_else(|what| panic!("{what}"))
    }

    /// Drops a future at awaits, and before or after the wake, that `seed` chooses.
    ///
    /// # Panics
    ///
    /// As [`at_every_await`]; the text begins with the seed, which gives the same cuts again.
    pub async fn at_random_awaits<M, O, T>(
        seed: u64,
        cuts: usize,
        mut world: impl AsyncFnMut() -> (M, O),
        mut future: impl AsyncFnMut(&mut M) -> T,
        mut go_on: impl AsyncFnMut(&mut O, usize),
        mut invariant: impl AsyncFnMut(&mut M, &mut O, &Cut),
    ) -> usize {
        let run = async |stop| {
            once(stop, true, &mut world, &mut future, &mut go_on, &mut invariant).await
        };
        cut_at_random(seed, cuts, run).await.unwrap_or_else(|what| panic!("{what}"))
    }
}

/// Where a run is to end.
#[derive(Clone, Copy)]
struct Stop {
    nth: usize,
    after_wake: bool,
}

/// How a run went: the awaits it came to, and the cut, if it did not end before.
struct Ran {
    awaits: usize,
    cut: Option<Cut>,
}

/// [`once`] for closures that are not `async`: no part of it ever waits.
fn plainly<M, O, T>(
    mut world: impl FnMut() -> (M, O),
    mut future: impl AsyncFnMut(&mut M) -> T,
    mut go_on: impl FnMut(&mut O, usize),
    mut invariant: impl FnMut(&mut M, &mut O, &Cut),
) -> impl AsyncFnMut(Option<Stop>) -> Result<Ran, String> {
    let mut world = async move || world();
    let mut go_on = async move |others: &mut O, nth| go_on(others, nth);
    let mut invariant =
        async move |own: &mut M, others: &mut O, cut: &Cut| invariant(own, others, cut);
    async move |stop| once(stop, false, &mut world, &mut future, &mut go_on, &mut invariant).await
}

#[track_caller]
fn without_a_loop(cuts: impl Future<Output = Result<usize, String>>) -> usize {
    match pin!(cuts).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(awaits)) => awaits,
        Poll::Ready(Err(what)) => panic!("{what}"),
        Poll::Pending => unreachable!("no closure is async, so there is nothing to wait for"),
    }
}

async fn cut_everywhere(
    mut run: impl AsyncFnMut(Option<Stop>) -> Result<Ran, String>,
) -> Result<usize, String> {
    let luck = random::next();
    let awaits = count(&mut run, luck).await?;
    for nth in 1..=awaits {
        let first = cut(&mut run, luck, Stop { nth, after_wake: false }).await?;
        // One that woke itself is after the wake at once: there is no other moment.
        if !first.woken {
            cut(&mut run, luck, Stop { nth, after_wake: true }).await?;
        }
    }
    Ok(awaits)
}

async fn cut_at_random(
    seed: u64,
    cuts: usize,
    mut run: impl AsyncFnMut(Option<Stop>) -> Result<Ran, String>,
) -> Result<usize, String> {
    random::seed(seed);
    let luck = random::next();
    let name_seed = |what| format!("seed {seed}: {what}");
    let awaits = count(&mut run, luck).await.map_err(name_seed)?;
    random::seed(seed); // the lots of the first run are the future's own
    let lots: Vec<_> = (0..cuts).map(|_| (random::next(), random::next())).collect();
    for (which, when) in lots {
        // Both are even enough: there are far fewer awaits than numbers.
        let stop = Stop { nth: 1 + (which % awaits as u64) as usize, after_wake: when % 2 == 1 };
        cut(&mut run, luck, stop).await.map_err(name_seed)?;
    }
    Ok(awaits)
}

/// Runs to the end and counts the awaits.
async fn count(
    run: &mut impl AsyncFnMut(Option<Stop>) -> Result<Ran, String>,
    luck: u64,
) -> Result<usize, String> {
    random::seed(luck); // rule 2
    match run(None).await?.awaits {
        0 => Err("the future never waits: there is no await to drop it at".to_owned()),
        awaits => Ok(awaits),
    }
}

async fn cut(
    run: &mut impl AsyncFnMut(Option<Stop>) -> Result<Ran, String>,
    luck: u64,
    stop: Stop,
) -> Result<Cut, String> {
    random::seed(luck); // rule 2
    let Ran { awaits, cut } = run(Some(stop)).await?;
    cut.ok_or_else(|| {
        format!(
            "the future ended after {awaits} awaits, before it could be dropped at number {}: it \
             does not do the same in each run",
            stop.nth
        )
    })
}

/// One run in a fresh world, to `stop` or to the end. The error says what went wrong, and where.
async fn once<M, O, T>(
    stop: Option<Stop>,
    in_loop: bool,
    world: &mut impl AsyncFnMut() -> (M, O),
    future: &mut impl AsyncFnMut(&mut M) -> T,
    go_on: &mut impl AsyncFnMut(&mut O, usize),
    invariant: &mut impl AsyncFnMut(&mut M, &mut O, &Cut),
) -> Result<Ran, String> {
    let (awaits, dropped) = (Cell::new(0), Cell::new(None::<Cut>));
    let run = async {
        let (mut own, mut others) = world().await;
        let mut task = task::spawn(future(&mut own));
        let mut given = 0;
        loop {
            if poll(&mut task, in_loop).is_ready() {
                return Ok(Ran { awaits: awaits.get(), cut: None });
            }
            let nth = awaits.get() + 1;
            awaits.set(nth);
            if nth > AWAITS_MAX {
                return Err(format!("the future has not ended after {AWAITS_MAX} awaits"));
            }
            let here = stop.filter(|stop| stop.nth == nth);
            if here.is_some_and(|stop| !stop.after_wake) {
                break;
            }
            if !task.is_woken() {
                go_on(&mut others, nth).await;
                given += 1;
                if !is_woken_in_time(&task, in_loop).await {
                    return Err(lost_wake(&mut task, nth, in_loop)); // rule 3
                }
            }
            if here.is_some() {
                break;
            }
        }
        let mut cut = Cut { nth: awaits.get(), woken: task.is_woken(), given, wakers_kept: 0 };
        dropped.set(Some(cut));
        let wakers = task.wakers();
        drop(task);
        cut.wakers_kept = wakers.count();
        invariant(&mut own, &mut others, &cut).await;
        Ok(Ran { awaits: cut.nth, cut: Some(cut) })
    };
    guarded(run).await.unwrap_or_else(|panic| {
        let text = text_of(&*panic);
        Err(match dropped.get() {
            Some(cut) => format!("{cut}: {text}"),
            None => format!("not dropped yet, after {} awaits: {text}", awaits.get()),
        })
    })
}

/// Polls as a loop would, or without a budget where none is meant to be.
fn poll<F: Future>(task: &mut Spawn<F>, in_loop: bool) -> Poll<F::Output> {
    let _free = (!in_loop).then(budget::unlimited);
    task.poll()
}

async fn is_woken_in_time<F>(task: &Spawn<F>, in_loop: bool) -> bool {
    let start = std::time::Instant::now();
    let mut limit = Duration::from_millis(1);
    // Doubled each time: that leads to a year of virtual time and to seconds of real time alike,
    // without asking which of the two it is.
    while in_loop && limit < PATIENCE_VIRTUAL && start.elapsed() < PATIENCE {
        if timeout(limit, poll_fn(|cx| task.poll_woken(cx))).await.is_ok() {
            return true;
        }
        limit *= 2;
    }
    task.is_woken()
}

fn lost_wake<F: Future>(task: &mut Spawn<F>, nth: usize, in_loop: bool) -> String {
    let found = match poll(task, in_loop) {
        Poll::Ready(_) => "it is ready: somebody has forgotten its waker",
        Poll::Pending => {
            "it still waits: `go_on` does not give what it waits for, or that was lost"
        }
    };
    format!(
        "lost wake-up at await number {nth}: nobody woke the future. Polled all the same, {found}"
    )
}

/// Runs to the end or to a panic, which is returned.
async fn guarded<T>(run: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut run = pin!(run);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

pub(super) fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text")
}
