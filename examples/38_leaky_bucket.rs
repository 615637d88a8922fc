//! Lesson 38. A leaky bucket at 50 a second: why do only 25 leave it?
//!
//! Run it: `cargo run --example 38_leaky_bucket`
//! Covers: 113, X8.
//!
//! Python: a bounded queue, and one task that takes a job, runs it and sleeps for a fiftieth of a
//! second. Rust: the same can be written; an `Interval` instead of the sleep keeps the beat,
//! whatever the work takes, and `MissedTickBehavior` says what to do about beats that were missed.
//!
//! Predict. The rate is 50 a second, and a job takes 20 ms. 60 jobs lie in the bucket. How many
//! start within one second: of the loop that sleeps, and of the loop with an `Interval`?
//!
//! a) 50 and 50.
//! b) 25 and 50: the one that sleeps adds the work to the beat.
//! c) 25 and 25: the work takes its time in both.
//!
//! And when nothing came for a second, and then everything at once: how many start at once?

use rondel::sync::mpsc;
use rondel::sync::mpsc::error::TrySendError;
use rondel::task::JoinSet;
use rondel::time::{Duration, Instant, MissedTickBehavior, interval, sleep};
use std::sync::{Arc, Mutex};

/// A beat each 20 ms is 50 a second.
const BEAT: Duration = Duration::from_millis(20);
const CAPACITY: usize = 60;

/// What a job is here: it takes its time, and notes when it started.
#[derive(Clone)]
struct Job {
    takes: Duration,
    panics: bool,
    starts: Arc<Mutex<Vec<Instant>>>,
}

impl Job {
    fn new(takes: Duration) -> Self {
        Self { takes, panics: false, starts: Arc::default() }
    }

    async fn run(self) {
        self.starts.lock().unwrap().push(Instant::now());
        sleep(self.takes).await;
        assert!(!self.panics, "a job that fails");
    }

    /// How many started within `length` of `from`.
    fn started(&self, from: Instant, length: Duration) -> usize {
        let within = |at: &&Instant| **at >= from && **at - from < length;
        self.starts.lock().unwrap().iter().filter(within).count()
    }

    /// The shortest time between two starts.
    fn closest(&self) -> Duration {
        let starts = self.starts.lock().unwrap();
        starts.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap()
    }
}

/// The guide's bucket: one job after the other, and it sleeps after the work.
async fn sleeps(mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        job.run().await;
        sleep(BEAT).await;
    }
}

/// The mend: the beat comes first, and each job is a task of its own, which neither delays the next
/// one nor takes the bucket with it when it fails. Returns how many failed.
async fn beats(mut jobs: mpsc::Receiver<Job>, missed: MissedTickBehavior) -> usize {
    let (mut beat, mut running, mut failed) = (interval(BEAT), JoinSet::new(), 0);
    beat.set_missed_tick_behavior(missed);
    while let Some(job) = jobs.recv().await {
        beat.tick().await;
        running.spawn(job.run());
        while let Some(ended) = running.try_join_next() {
            failed += usize::from(ended.is_err());
        }
    }
    while let Some(ended) = running.join_next().await {
        failed += usize::from(ended.is_err());
    }
    failed
}

/// Submits `count` jobs without waiting. How many the bucket refused, as it was full.
fn submit(bucket: &mpsc::Sender<Job>, job: &Job, count: usize) -> usize {
    let refused = |sent| matches!(sent, Err(TrySendError::Full(_)));
    (0..count).filter(|_| refused(bucket.try_send(job.clone()))).count()
}

/// A full bucket, and nobody who adds to it.
fn full_of(job: &Job) -> mpsc::Receiver<Job> {
    let (bucket, jobs) = mpsc::channel(CAPACITY);
    assert_eq!(submit(&bucket, job, CAPACITY + 7), 7, "what does not fit is refused at once");
    jobs
}

/// One job, an idle second, then all at once. How many start in the 20 ms after that, and the
/// shortest time between two starts.
async fn after_a_rest(missed: MissedTickBehavior) -> (usize, Duration) {
    let (bucket, jobs) = mpsc::channel(CAPACITY);
    let (job, leak) = (Job::new(Duration::ZERO), rondel::spawn(beats(jobs, missed)));
    assert_eq!(submit(&bucket, &job, 1), 0);
    sleep(Duration::from_millis(1015)).await;
    let start = Instant::now();
    assert_eq!(submit(&bucket, &job, CAPACITY), 0);
    drop(bucket);
    assert_eq!(leak.await.unwrap(), 0);
    (job.started(start, BEAT), job.closest())
}

#[rondel::main(start_paused = true)]
async fn main() {
    // A panic below is meant: its message need not be seen.
    std::panic::set_hook(Box::new(|_| {}));
    let second = Duration::from_secs(1);
    println!("a job takes     sleeps after it     an interval");
    for (ms, expected) in [(0, (50, 50)), (5, (40, 50)), (20, (25, 50)), (60, (13, 50))] {
        let [old, new] = [(); 2].map(|()| Job::new(Duration::from_millis(ms)));
        let start = Instant::now();
        sleeps(full_of(&old)).await;
        let old = old.started(start, second);
        let start = Instant::now();
        beats(full_of(&new), MissedTickBehavior::Delay).await;
        assert_eq!(new.closest(), BEAT);
        let new = new.started(start, second);
        println!("{ms:>8} ms {old:>15} /s {new:>15} /s");
        assert_eq!((old, new), expected);
    }

    println!("an idle second, then {CAPACITY} jobs at once:");
    let mut seen = Vec::new();
    for missed in [MissedTickBehavior::Burst, MissedTickBehavior::Skip, MissedTickBehavior::Delay] {
        let (at_once, closest) = after_a_rest(missed).await;
        let name = format!("{missed:?}:");
        println!("  {name:<6} {at_once:>2} start within one beat, the closest {closest:?} apart");
        seen.push((at_once, closest.as_millis()));
    }
    assert_eq!(seen, [(51, 0), (2, 5), (1, 20)]);

    // One of the jobs fails.
    let [mut bad, good] = [(); 2].map(|()| Job::new(Duration::ZERO));
    bad.panics = true;
    let (bucket, jobs) = mpsc::channel(CAPACITY);
    let refused = submit(&bucket, &bad, 1) + submit(&bucket, &good, 9);
    let guide = rondel::spawn(sleeps(jobs));
    drop(bucket);
    assert!(guide.await.unwrap_err().is_panic());
    let done = good.starts.lock().unwrap().len();
    let (bucket, jobs) = mpsc::channel(CAPACITY);
    let refused = refused + submit(&bucket, &bad, 1) + submit(&bucket, &good, 9);
    drop(bucket);
    let failed = beats(jobs, MissedTickBehavior::Delay).await;
    let rest = good.starts.lock().unwrap().len() - done;
    println!(
        "a job fails: {done} of 9 others run; as tasks of their own: {rest} of 9, {failed} failed"
    );
    assert_eq!((refused, done, rest, failed), (0, 0, 9, 1));
}

// Explain
//
// b) is right. Whoever sleeps after the work has a period of work plus sleep: 20 + 20 ms are 25 a
// second, and a job of 60 ms makes it 13. The guide promises a fixed rate, and keeps it only for
// jobs that take no time. An interval aims at moments, not at pauses: the next beat is one period
// after the last *beat*. And as soon as a job takes longer than a period, it may not stand in the
// loop at all, or no clock can help; as a task it does not. (Then more and more may be in flight: a
// semaphore bounds that, lesson 22.)
//
// The rest is a trap of its own. While the bucket is empty nobody takes the beats, and an interval
// remembers: `Burst`, the default here and in tokio, gives all missed beats at once, and the leaky
// bucket has become a token bucket. `Skip` goes back to the old beat, so that the next one may come
// right behind the late one. `Delay` counts from the late one: it alone keeps any two starts a
// period apart. (A beat up to 5 ms late counts as in time, and then the next is that much closer.)
//
// Last, the guide's bucket awaits the job inside its only task. A job that raises ends that task,
// nobody hears of it, and the queue fills up.
//
// What real runtimes do
//
// tokio has the same `interval` with the same three words. In asyncio one computes the next moment
// by hand, `loop.time()` plus a period, and sleeps until then. Go's `Ticker` drops the ticks that
// nobody took. nginx's `limit_req` is a leaky bucket of one number, without a task.
//
// Where to read next
//
// The three ways in three lines:
//
// ```rust,cite=runtime/time/interval.rs
// Self::Burst => missed.add_or_far(period),
// Self::Delay => now.add_or_far(period),
// Self::Skip => {
//     let late = now.duration_since(missed).as_nanos() % period.as_nanos();
// ```
