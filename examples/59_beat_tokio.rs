//! Lesson 59. "Ours is 3 % faster": when may you say that?
//!
//! Run it: `cargo run --example 59_beat_tokio`
//! Covers: 23, 24.
//!
//! Python: `timeit` takes the least of five runs; `pyperf` runs many processes and tells how they
//! spread. Rust: criterion does that within one process. Neither compares two things on a machine
//! that others use as well. Here is a method for that in one file. To see whether a method lies, it
//! is first tried on a machine drawn by lot, on which we know the truth; and then on yours.
//!
//! Predict. A is run ten times, then B ten times. B takes 3 % less, in nearly every run. Then:
//!
//! a) B is 3 % faster.
//! b) It may be luck; a hundred runs of A and then a hundred of B will tell.
//! c) It may be the machine; and a hundred and a hundred would be worse than ten and ten.

use rondel::Builder;
use rondel::task::{JoinSet, yield_now};
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

const EXPERIMENTS: u64 = 1_000;
const ROUNDS: usize = 10;
const TASKS: usize = 100;
const YIELDS: usize = 100;

fn main() {
    the_clock();
    machines_drawn_by_lot();
    a_race_on_this_machine();
    the_unfair_one();
    the_report();
}

/// What this thread has computed for. A thread that waits, or stands in line for a CPU, pays
/// nothing.
fn cpu_time() -> Duration {
    let spec = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spec.tv_sec as u64, spec.tv_nsec as u32)
}

fn the_clock() {
    let (wall, cpu) = (Instant::now(), cpu_time());
    thread::sleep(Duration::from_millis(20)); // a neighbour has the CPU
    let (cpu, wall) = (cpu_time() - cpu, wall.elapsed());
    println!("1. held up for 20 ms: wall ~{} us, CPU ~{} us", wall.as_micros(), cpu.as_micros());
    assert!(wall >= Duration::from_millis(20) && cpu < wall);
}

// --- the method ----------------------------------------------------------------------------------

/// What may be said of two contestants: the median of the ratios, and where the true one lies.
struct Ratio {
    low: f64,
    median: f64,
    high: f64,
}

impl Ratio {
    /// Each ratio lies below the true median with a chance of one half: so n of them are n coins,
    /// whatever the noise is.
    fn of(pairs: &[(f64, f64)]) -> Self {
        let mut ratios: Vec<f64> = pairs.iter().map(|(ours, theirs)| ours / theirs).collect();
        ratios.sort_by(f64::total_cmp);
        let (n, cut) = (ratios.len(), left_out(ratios.len()));
        let median = f64::midpoint(ratios[(n - 1) / 2], ratios[n / 2]);
        Self { low: ratios[cut], median, high: ratios[n - 1 - cut] }
    }

    fn verdict(&self) -> &'static str {
        match self {
            Self { high, .. } if *high < 1.0 => "faster",
            Self { low, .. } if *low > 1.0 => "SLOWER",
            _ => "same",
        }
    }
}

/// How many of n sorted ratios may be left out at each end, so that the rest holds the median with
/// a chance of 95 %.
fn left_out(n: usize) -> usize {
    let (mut ways, mut chance) = (1.0, 0.0);
    for k in 0..n / 2 {
        chance += ways / 2_f64.powi(n as i32);
        if chance > 0.025 {
            return k.saturating_sub(1);
        }
        ways *= (n - k) as f64 / (k + 1) as f64;
    }
    0
}

/// Who is run when.
#[derive(Clone, Copy, Debug)]
enum Plan {
    /// A A A .. B B B.
    Blocks,
    /// A B, A B, ..
    SameFirst,
    /// A B, B A, ..
    Alternating,
}

/// Runs both in `rounds` rounds; `run(false)` is ours, `run(true)` theirs.
fn compare(plan: Plan, rounds: usize, mut run: impl FnMut(bool) -> f64) -> Ratio {
    let pairs = match plan {
        Plan::Blocks => {
            let ours: Vec<f64> = (0..rounds).map(|_| run(false)).collect();
            ours.into_iter().map(|ours| (ours, run(true))).collect::<Vec<_>>()
        }
        Plan::SameFirst => (0..rounds).map(|_| (run(false), run(true))).collect(),
        Plan::Alternating => {
            let mut turned = |round: usize| {
                let first = run(!round.is_multiple_of(2));
                let second = run(round.is_multiple_of(2));
                if round.is_multiple_of(2) { (first, second) } else { (second, first) }
            };
            (0..rounds).map(&mut turned).collect()
        }
    };
    Ratio::of(&pairs)
}

// --- machines of which we know the truth ---------------------------------------------------------

struct Lots(u64);

impl Lots {
    /// Between 0 and 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as f64 / (1_u64 << 31) as f64
    }
}

/// A machine that gets slower or faster by up to 4 % while it is used, whose runs differ by 2 %, on
/// which the second run of two finds the caches 1 % warmer, and one run of 20 takes three times as
/// long.
fn drawn(seed: u64, rounds: usize, truth: f64) -> impl FnMut(bool) -> f64 {
    let mut lots = Lots(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let drift = (lots.next() - 0.5) * 0.08 / (2 * rounds) as f64;
    let mut runs = 0;
    move |theirs| {
        let wild = if lots.next() < 0.05 { 3.0 } else { 1.0 };
        let noise = 1.0 + (lots.next() - 0.5) * 0.04;
        let warm = if runs % 2 == 1 { 0.99 } else { 1.0 };
        let slow = 1.0 + drift * f64::from(runs);
        runs += 1;
        wild * noise * warm * slow * if theirs { 1.0 } else { truth }
    }
}

/// How often a plan says "not the same".
fn differs(plan: Plan, rounds: usize, truth: f64) -> usize {
    let said = |seed: &u64| compare(plan, rounds, drawn(*seed, rounds, truth)).verdict() != "same";
    (0..EXPERIMENTS).filter(said).count()
}

fn machines_drawn_by_lot() {
    println!("2. of {EXPERIMENTS} machines drawn by lot, so many say that the two differ:");
    println!("   plan         rounds   A against A   3 % less");
    let mut lies = Vec::new();
    for plan in [Plan::Blocks, Plan::SameFirst, Plan::Alternating] {
        for rounds in [10, 40] {
            let (same, less) = (differs(plan, rounds, 1.0), differs(plan, rounds, 0.97));
            println!("   {:<12} {rounds:>6}   {same:>11}   {less:>8}", format!("{plan:?}"));
            lies.push(same);
        }
    }
    assert!(lies[1] > lies[0] && lies[3] > lies[2], "more of the wrong runs are worse");
    assert!(lies[4] <= 50 && lies[5] <= 50, "at most the 5 % that were promised");
}

// --- and on yours --------------------------------------------------------------------------------

/// What a contestant does, counted: how often another task than the last ran.
#[derive(Clone, Default)]
struct Switches {
    count: Rc<Cell<usize>>,
    last: Rc<Cell<Option<usize>>>,
}

impl Switches {
    fn note(&self, task: usize) {
        let another = self.last.replace(Some(task)) != Some(task);
        self.count.set(self.count.get() + usize::from(another));
    }
}

/// The body: one for all contestants. Only how they give way is their own.
async fn body<F: Future<Output = ()>>(task: usize, switches: Switches, give_way: fn() -> F) {
    for _ in 0..YIELDS {
        switches.note(task);
        give_way().await;
    }
    switches.note(task);
}

fn rondel(switches: &Switches) {
    Builder::new().build().unwrap().block_on(async {
        let mut set = JoinSet::new();
        for task in 0..TASKS {
            set.spawn_local(body(task, switches.clone(), yield_now));
        }
        set.join_all().await
    });
}

/// The rival: the numbers of the ready tasks, behind a lock.
#[derive(Default)]
struct Line(Mutex<VecDeque<usize>>);

struct Number(usize, Arc<Line>);

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        self.1.0.lock().unwrap().push_back(self.0);
    }
}

fn rival<F: Future<Output = ()> + 'static>(switches: &Switches, give_way: fn() -> F) {
    let line = Arc::new(Line(Mutex::new((0..TASKS).collect())));
    let number = |task| Waker::from(Arc::new(Number(task, line.clone())));
    let wakers: Vec<Waker> = (0..TASKS).map(number).collect();
    let new = |task| Box::pin(body(task, switches.clone(), give_way));
    let mut tasks: Vec<Pin<Box<dyn Future<Output = ()>>>> =
        (0..TASKS).map(|task| new(task) as _).collect();
    let next = || line.0.lock().unwrap().pop_front();
    while let Some(task) = next() {
        let _ = tasks[task].as_mut().poll(&mut Context::from_waker(&wakers[task]));
    }
}

async fn to_the_back() {
    let mut is_back = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_back, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// CPU nanoseconds for each time that a task gave way, and the switches that were seen.
fn run(contestant: impl Fn(&Switches)) -> (f64, usize) {
    let (switches, start) = (Switches::default(), cpu_time());
    contestant(&switches);
    let spent = (cpu_time() - start).max(Duration::from_nanos(1));
    (spent.as_nanos() as f64 / (TASKS * YIELDS) as f64, switches.count.get())
}

fn a_race_on_this_machine() {
    println!("3. {TASKS} tasks give way {YIELDS} times, Rondel against a rival of 20 lines");
    show("A against A", &compare(Plan::Alternating, ROUNDS, |_| run(rondel).0));
    let both = |theirs| {
        let (figure, switches) =
            if theirs { run(|seen| rival(seen, to_the_back)) } else { run(rondel) };
        assert_eq!(switches, TASKS * (YIELDS + 1), "both do the work, all of it");
        figure
    };
    show("A against B", &compare(Plan::Alternating, ROUNDS, both));
}

fn show(name: &str, Ratio { low, median, high }: &Ratio) {
    println!("   {name}: ratio ~{median:.3}, interval ~{low:.3} to ~{high:.3}");
    assert!(0.0 < *low && low <= median && median <= high);
}

/// The same body and the same line; but to give way is `async {}` here, which gives no way.
fn the_unfair_one() {
    let (fair, switches) = run(|seen| rival(seen, to_the_back));
    let (unfair, few) = run(|seen| rival(seen, || async {}));
    println!("4. the rival's new version: ~{unfair:.1} instead of ~{fair:.1} ns");
    println!("   counted: {few} switches instead of {switches}");
    assert_eq!((switches, few), (TASKS * (YIELDS + 1), TASKS));
}

// --- how to read the report ----------------------------------------------------------------------

/// The tables of the race, as the duel wrote them: does each row say what its interval says?
fn the_report() {
    let page = include_str!("../docs/benchmarks.md");
    let (mut verdicts, mut losses) = ([0; 3], 0);
    for table in page.split("<!-- duel:").skip(1) {
        let table = table.split("<!-- /duel -->").next().unwrap_or_default();
        for row in table.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let number = |text: &str| text.parse::<f64>().unwrap();
            let [ratio, interval, verdict] = [cells[7], cells[8], cells[9]];
            let (low, high) = interval.split_once('-').unwrap();
            let [low, ratio, high] = [low, ratio, high].map(number);
            assert!(low <= ratio && ratio <= high, "{row}");
            let place = ["faster", "same", "SLOWER"].iter().position(|word| *word == verdict);
            let place = place.unwrap();
            verdicts[place] += 1;
            losses += usize::from(cells[10].ends_with('!'));
            // Rounded to three digits, an end of the interval may stand at 1 itself.
            assert!([high <= 1.0, low <= 1.0 && high >= 1.0, low >= 1.0][place], "{row}");
        }
    }
    let [faster, same, slower] = verdicts;
    println!("5. the race against tokio: ~{faster} rows faster, ~{same} same, ~{slower} SLOWER,");
    println!("   ~{losses} miss their goal; and each verdict is what its interval says");
    assert!(faster + same + slower > 0);
}

// Explain
//
// c) is right. If the machine gets slower by 2 % while you measure, all of B is later than all of
// A, and each run says so: the more runs, the surer the lie. (In the table the machines drift both
// ways, so A against A comes out "different" in both directions.) A then B in each round is no
// better when whoever comes second finds warm caches. Only when the first place alternates does
// what hits one hit the other; then, and only then, more rounds find smaller differences.
//
// 1. *CPU time.* The wall clock shows who else was there. Where waiting is the point, a sleep that
//    is late, a request that stands in line, wall time is the right one; then measure alone.
// 2. *Pairs, in turn.* A ratio is taken inside a round. In the duel a run is a process of its own.
// 3. *Median and interval.* A mean follows one wild run. The interval is the sign test's: it asks
//    nothing of the noise but that the rounds do not know of each other.
// 4. *A against A first.* Its interval is your noise. If it does not contain 1, the method is
//    broken; one time in twenty it may be luck. A difference smaller than that is not one.
// 5. *Count the work.* The "unfair" rival has the same body, a lock, a queue, and a median with a
//    narrow interval. What shows the trick is a count: 100 switches instead of 10,100. Count polls,
//    wakes, system calls, bytes: a count is the same on a noisy machine.
// 6. *The build you will ship.* Without `--release` you compare what the compiler has left
//    standing. Try both here: the ratio of 3. is another one, and perhaps the winner, too.
//
// And look for what is *not* equal. Here the rival has no handles, no timers, no cancel, and its
// tasks live in a vector; Rondel builds a runtime within the measured time. To say so belongs to
// the figure. Change one knob, and predict first: `TASKS` 1 and `YIELDS` 10,000; `ROUNDS` 5; the
// noise of the drawn machines 20 % instead of 2 %.
//
// To read a row of the race: `10.3 | tokio | 48.2 | 0.214 | 0.211-0.215 | faster` is our figure,
// the peer's, the median of the ratios (not the ratio of the medians), and its interval. "Faster"
// is said if the whole interval lies below 1, "same" if 1 lies within. A `!` is a goal that was set
// before and missed. Read the losses first, and the line "noisy machine" before all. Your own race:
// `cargo run --release -p benches --bin duel -- yield --quick`.
//
// What real runtimes do
//
// tokio has criterion benches, of itself against itself over time. TechEmpower's rounds compared
// whole servers, of which a runtime is a small share. CPython has `pyperf`, which runs processes of
// their own and warns when they spread too far.
//
// Where to read next
//
// The method of the race, `docs/benchmarks.md`, and its kernel, with the same `left_out`:
//
// ```rust,cite=benches/src/pair.rs
// let ratios = self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs);
// …
// median: median(&sorted),
// low: sorted.get(cut).copied().unwrap_or(f64::NAN),
// high: sorted.iter().rev().nth(cut).copied().unwrap_or(f64::NAN),
// ```
