// A job runner: workers take jobs from a queue, at most so many at a time, with a deadline each;
// their settings come over a watch channel and change while they run, results are cached once, and
// statistics are read by a reporter that ticks. Written for tokio; it uses one of nearly everything
// in `sync`, `task` and `time`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, TryAcquireError, mpsc, oneshot, watch,
};
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at};

tokio::task_local! {
    /// The number of the worker that this code runs for.
    static WORKER: usize;
}

#[derive(Clone, Debug)]
struct Settings {
    limit: Duration,
    paused: bool,
}

struct Job {
    number: u64,
    reply: oneshot::Sender<Result<u64, JobError>>,
}

#[derive(Debug, PartialEq)]
enum JobError {
    TooSlow,
    Odd(u64),
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow => write!(f, "the job took too long"),
            Self::Odd(number) => write!(f, "{number} is odd"),
        }
    }
}

impl std::error::Error for JobError {}

#[derive(Default)]
struct Stats {
    by_worker: RwLock<BTreeMap<usize, usize>>,
    failures: Mutex<Vec<String>>,
    running: AtomicUsize,
    running_max: AtomicUsize,
}

impl Stats {
    async fn done(&self, result: &Result<u64, JobError>) {
        *self.by_worker.write().await.entry(WORKER.get()).or_default() += 1;
        if let Err(error) = result {
            self.failures.lock().await.push(error.to_string());
        }
    }
}

/// Half of an even number, in its own time; the blocking pool does the sum.
async fn work(number: u64, stats: &Stats) -> Result<u64, JobError> {
    let running = stats.running.fetch_add(1, Ordering::SeqCst) + 1;
    stats.running_max.fetch_max(running, Ordering::SeqCst);
    sleep(Duration::from_millis(number % 7)).await;
    let half = task::spawn_blocking(move || number.is_multiple_of(2).then_some(number / 2));
    let half = half.await.expect("the closure does not panic");
    stats.running.fetch_sub(1, Ordering::SeqCst);
    half.ok_or(JobError::Odd(number))
}

struct Worker {
    jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
    settings: watch::Receiver<Settings>,
    seats: Arc<Semaphore>,
    stats: Arc<Stats>,
    start: Arc<Barrier>,
}

impl Worker {
    async fn run(mut self) -> usize {
        self.start.wait().await;
        let mut count = 0;
        loop {
            // Not while the settings say pause.
            let limit = match self.settings.wait_for(|settings| !settings.paused).await {
                Ok(settings) => settings.limit,
                Err(_) => return count,
            };
            let job = self.jobs.lock().await.recv().await;
            let Some(job) = job else { return count };
            let _seat = self.seats.acquire().await.expect("the semaphore stays open");
            let result = match timeout(limit, work(job.number, &self.stats)).await {
                Ok(result) => result,
                Err(_) => Err(JobError::TooSlow),
            };
            self.stats.done(&result).await;
            let _ = job.reply.send(result); // nobody may be waiting any more
            count += 1;
        }
    }
}

async fn report(stats: Arc<Stats>, stop: Arc<Notify>) -> (usize, usize) {
    let mut ticks = interval(Duration::from_millis(5));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut reports, mut last) = (0, 0);
    loop {
        tokio::select! {
            biased;
            _ = stop.notified() => return (reports, last),
            _ = ticks.tick() => {
                let by_worker = stats.by_worker.read().await;
                let sum = by_worker.values().sum();
                assert!(sum >= last, "counts only grow");
                (reports, last) = (reports + 1, sum);
            }
        }
    }
}

async fn greeting() -> &'static String {
    static GREETING: OnceCell<String> = OnceCell::const_new();
    let make = || async {
        task::yield_now().await;
        "hello".to_owned()
    };
    GREETING.get_or_init(make).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), JoinError> {
    const WORKERS: usize = 5;
    const JOBS: u64 = 60;
    let (queue, jobs) = mpsc::channel(8);
    let settings = Settings { limit: Duration::from_secs(5), paused: true };
    let (settings, watching) = watch::channel(settings);
    let jobs = Arc::new(Mutex::new(jobs));
    let seats = Arc::new(Semaphore::new(3));
    let stats = Arc::new(Stats::default());
    let start = Arc::new(Barrier::new(WORKERS + 1));
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        let worker = Worker {
            jobs: Arc::clone(&jobs),
            settings: watching.clone(),
            seats: Arc::clone(&seats),
            stats: Arc::clone(&stats),
            start: Arc::clone(&start),
        };
        workers.spawn(WORKER.scope(number, worker.run()));
    }
    drop((jobs, watching));
    let stop = Arc::new(Notify::new());
    let reporter = tokio::spawn(report(Arc::clone(&stats), Arc::clone(&stop)));
    start.wait().await;

    // Nothing happens while the workers are paused.
    let (reply, mut first) = oneshot::channel();
    queue.send(Job { number: 0, reply }).await.expect("the workers live");
    let deadline = Instant::now() + Duration::from_millis(10);
    assert!(timeout_at(deadline, &mut first).await.is_err());
    settings.send_modify(|settings| settings.paused = false);
    assert_eq!(first.await.expect("a reply"), Ok(0));

    let mut replies = JoinSet::new();
    for number in 1..JOBS {
        let (reply, result) = oneshot::channel();
        queue.send(Job { number, reply }).await.expect("the workers live");
        replies.spawn(async move { (number, result.await.expect("a reply")) });
    }
    let mut halves = 0;
    while let Some(result) = replies.join_next().await {
        match result? {
            (number, Ok(half)) => {
                assert_eq!(half * 2, number);
                halves += 1;
            }
            (number, Err(error)) => assert_eq!(error, JobError::Odd(number)),
        }
    }
    assert_eq!(halves, JOBS / 2 - 1);

    // With a limit of zero every job is too slow.
    settings.send_replace(Settings { limit: Duration::ZERO, paused: false });
    for _ in 0..WORKERS {
        // Each worker takes one more with the old limit at most.
        let (reply, result) = oneshot::channel();
        queue.send(Job { number: 6, reply }).await.expect("the workers live");
        let _ = result.await;
    }
    let (reply, result) = oneshot::channel();
    queue.send(Job { number: 6, reply }).await.expect("the workers live");
    assert_eq!(result.await.expect("a reply"), Err(JobError::TooSlow));

    drop(queue);
    let mut total = 0;
    while let Some(count) = workers.join_next().await {
        total += count?;
    }
    let jobs = JOBS as usize + WORKERS + 1;
    assert_eq!(total, jobs);
    stop.notify_one();
    let (reports, _) = reporter.await?;
    assert!(reports > 0);
    assert_eq!(stats.by_worker.read().await.values().sum::<usize>(), jobs);
    assert!(stats.running_max.load(Ordering::SeqCst) <= 3, "three seats");
    assert!(stats.failures.lock().await.iter().any(|failure| failure == "59 is odd"));

    let seat = seats.try_acquire_many(3).expect("all are free");
    assert!(matches!(seats.try_acquire(), Err(TryAcquireError::NoPermits)));
    drop(seat);
    let (one, other) = tokio::join!(greeting(), greeting());
    assert!(std::ptr::eq(one, other));
    assert!(WORKER.try_with(|_| ()).is_err());
    Ok(())
}
