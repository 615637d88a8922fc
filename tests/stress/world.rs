//! What the tasks of a program share, and who they are.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Waker;

use rondel::task::{AbortHandle, consume_budget};
use rondel::testing::Diary;
use rondel::time::{Duration, Instant, sleep, timeout};

use super::channels::Channels;
use super::locks::Locks;
use super::luck::Luck;
use super::program::text_of;
use super::queues::Queues;
use super::signals::Signals;
use super::steps;
use super::watched::{Watched, touch};

/// How many of something there are at the moment.
#[derive(Clone, Default)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    pub fn one(&self) -> One {
        self.0.fetch_add(1, SeqCst);
        One(self.clone())
    }

    pub fn now(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// One of those that are counted; a clone is another one.
pub struct One(Count);

impl Clone for One {
    fn clone(&self) -> Self {
        self.0.one()
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, SeqCst);
    }
}

/// Who was woken before whom.
pub struct Line(Option<Mutex<Tasks>>);

/// The last number, and who has which.
type Tasks = (u64, BTreeMap<u64, Arc<str>>);

impl Line {
    /// Whether the loop serves first who comes first, so that it can be known.
    pub fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    pub fn join(&self, name: &Arc<str>) -> u64 {
        let Some(line) = &self.0 else { return 0 };
        let mut line = line.lock().unwrap();
        line.0 += 1;
        let number = line.0;
        line.1.insert(number, name.clone());
        number
    }

    /// Goes. Somebody who came before and is still there is named.
    pub fn leave(&self, number: u64) -> Option<Arc<str>> {
        let mut line = self.0.as_ref()?.lock().unwrap();
        line.1.remove(&number);
        let (first, name) = line.1.first_key_value()?;
        (*first < number).then(|| name.clone())
    }
}

pub struct World {
    /// One thread and virtual time: what happens is known to the step and to the millisecond.
    pub exact: bool,
    pub line: Line,
    pub diary: Diary,
    pub locks: Locks,
    pub signals: Signals,
    pub channels: Channels,
    pub queues: Queues,
    /// Tasks whose futures are not dropped yet.
    pub tasks: Count,
    pub relays: Count,
    pub parcels: Count,
    /// The last tasks are to end: nobody begins anything new.
    pub is_evening: AtomicBool,
    /// The loop may be gone: timers then panic.
    pub may_lose_the_loop: AtomicBool,
    steps: AtomicUsize,
    numbers: AtomicU64,
    now: Mutex<Option<Instant>>,
    waiting: Mutex<BTreeMap<u64, Waker>>,
    aborts: Mutex<VecDeque<AbortHandle>>,
    /// Who was aborted at this moment of virtual time: none of them may see the next one.
    doomed: Mutex<Vec<AbortHandle>>,
    failures: Mutex<Vec<String>>,
}

impl World {
    /// - `in_line`: it is exact, and the ready queue is in order.
    pub fn new(exact: bool, in_line: bool, luck: &mut Luck) -> Arc<Self> {
        Arc::new(Self {
            exact,
            line: Line(in_line.then(Mutex::default)),
            diary: Diary::new(),
            locks: Locks::new(exact, luck),
            signals: Signals::new(exact, luck),
            channels: Channels::new(exact, luck),
            queues: Queues::new(exact, luck),
            tasks: Count::default(),
            relays: Count::default(),
            parcels: Count::default(),
            is_evening: AtomicBool::new(false),
            may_lose_the_loop: AtomicBool::new(false),
            steps: AtomicUsize::new(0),
            numbers: AtomicU64::new(0),
            now: Mutex::new(None),
            waiting: Mutex::default(),
            aborts: Mutex::default(),
            doomed: Mutex::default(),
            failures: Mutex::default(),
        })
    }

    /// A number that nobody else has.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, SeqCst)
    }

    pub fn steps(&self) -> usize {
        self.steps.load(SeqCst)
    }

    pub fn note(&self, who: &str, what: impl fmt::Display) {
        if self.exact {
            let now = Instant::now();
            let before = self.now.lock().unwrap().replace(now);
            assert!(before.is_none_or(|before| before <= now), "the clock went back");
            if before != Some(now) {
                let doomed = std::mem::take(&mut *self.doomed.lock().unwrap());
                assert!(doomed.iter().all(AbortHandle::is_finished), "one outlived its abort");
            }
        }
        self.diary.note(format!("{who} {what}"));
    }

    /// Something is wrong, but this is no place to panic.
    pub fn fail(&self, what: impl fmt::Display) {
        self.failures.lock().unwrap().push(what.to_string());
    }

    /// Somebody panicked who was not meant to.
    pub fn report(&self, who: &str, panic: &(dyn Any + Send)) {
        let text = text_of(panic);
        let loop_gone = self.may_lose_the_loop.load(SeqCst) && text.contains("has ended: keep the");
        if !loop_gone {
            self.fail(format_args!("{who} panicked: {text}"));
        }
    }

    pub fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }

    /// Notes whom to nudge now and then, as long as it waits.
    pub fn wait(&self, place: Option<u64>, nudge: Waker) -> u64 {
        let place = place.unwrap_or_else(|| self.number());
        let old = self.waiting.lock().unwrap().insert(place, nudge);
        drop(old);
        place
    }

    pub fn stop_waiting(&self, place: u64) {
        let waker = self.waiting.lock().unwrap().remove(&place);
        drop(waker);
    }

    /// Has some of those who wait polled without a reason.
    pub fn tickle(&self, luck: &mut Luck) {
        let waiting: Vec<Waker> = self.waiting.lock().unwrap().values().cloned().collect();
        waiting.into_iter().filter(|_| luck.one_in(3)).for_each(Waker::wake);
    }

    /// Looks at everything that can be looked at: whoever has a lock must not call this.
    pub fn look_around(&self) {
        self.locks.look();
        self.signals.look();
        self.channels.look();
        self.queues.look();
        if self.exact && rondel::Handle::try_current().is_ok() {
            touch(sleep(Duration::from_millis(3)));
        }
    }

    pub fn can_be_aborted(&self, handle: AbortHandle) {
        let mut aborts = self.aborts.lock().unwrap();
        aborts.push_back(handle);
        let forgotten = if aborts.len() > 32 { aborts.pop_front() } else { None };
        drop(aborts);
        drop(forgotten);
    }

    /// Aborts a task, perhaps the caller's own, perhaps one that has ended long ago.
    pub fn abort_somebody(&self, luck: &mut Luck) {
        let aborts = self.aborts.lock().unwrap();
        let handle = (!aborts.is_empty()).then(|| aborts[luck.below(aborts.len())].clone());
        drop(aborts);
        handle.into_iter().for_each(|handle| self.abort(handle));
    }

    /// Aborts a task, which must end before time passes.
    pub fn abort(&self, handle: AbortHandle) {
        handle.abort();
        self.note("somebody", "is aborted");
        if self.exact {
            self.doomed.lock().unwrap().push(handle);
        }
    }

    /// What must be true when nobody does anything any more.
    pub fn check_at_the_end(&self) {
        self.locks.check_at_the_end();
        self.signals.check_at_the_end();
        self.channels.check_at_the_end();
        self.queues.check_at_the_end(self.may_lose_the_loop.load(SeqCst));
    }

    /// The loop is gone, and with it those who served.
    pub fn abandon(&self) {
        self.channels.abandon();
        self.queues.abandon();
    }

    pub fn forget_handles(&self) {
        let handles = std::mem::take(&mut *self.aborts.lock().unwrap());
        let doomed = std::mem::take(&mut *self.doomed.lock().unwrap());
        drop((handles, doomed));
    }

    /// Does for everybody who waits for news what nobody else may come to do.
    pub fn ring(self: &Arc<Self>, luck: &mut Luck) {
        self.signals.ring(luck, self.exact);
        self.channels.ring(self);
        self.queues.ring(self, luck);
    }
}

/// How deep steps may lie in steps.
const DEPTH_MAX: usize = 3;

/// Who does a step, and what it may do.
#[derive(Clone)]
pub struct Me {
    pub world: Arc<World>,
    pub name: Arc<str>,
    depth: usize,
    /// There is a loop to set timers and to start tasks at.
    pub has_loop: bool,
    /// Is polled as soon as it is woken, so that it knows when it will go on.
    prompt: bool,
}

pub type Step = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Me {
    pub fn new(world: &Arc<World>, name: impl Into<Arc<str>>, has_loop: bool) -> Self {
        let (world, name) = (world.clone(), name.into());
        Self { world, name, depth: 0, has_loop, prompt: true }
    }

    /// Somebody who works for this one.
    pub fn child(&self) -> Self {
        let name = format!("{}.{}", self.name, self.world.number()).into();
        Self { name, depth: self.depth + 1, ..self.clone() }
    }

    /// A child that whoever awaits it may leave lying for a while.
    pub fn slow_child(&self) -> Self {
        Self { prompt: false, ..self.child() }
    }

    /// Knows to the millisecond when it goes on.
    pub fn is_exact(&self) -> bool {
        self.world.exact && self.prompt
    }

    /// Its tasks may be dropped at any time.
    pub fn may_lose_the_loop(&self) -> bool {
        self.world.may_lose_the_loop.load(SeqCst)
    }

    pub fn is_deep(&self) -> bool {
        self.depth >= DEPTH_MAX
    }

    pub fn note(&self, what: impl fmt::Display) {
        self.world.note(&self.name, what);
    }

    /// One random step.
    pub fn step(&self, luck: &mut Luck) -> Step {
        self.world.steps.fetch_add(1, SeqCst);
        steps::random(self, luck)
    }

    pub fn watch<F: Future>(&self, luck: &mut Luck, name: &'static str, f: F) -> Watched<F> {
        Watched::new(self, luck.split(), name, f)
    }

    /// Awaits something, perhaps with a time limit. `None`: the time ran out.
    pub async fn perhaps<F: Future>(
        &self,
        luck: &mut Luck,
        name: &'static str,
        future: F,
    ) -> Option<F::Output> {
        let watched = self.watch(luck, name, future);
        if !self.has_loop || luck.one_in(2) {
            return Some(watched.await);
        }
        self.at_most(luck.below(25), watched).await
    }

    /// So long, and less where time is real.
    pub fn millis(&self, ms: usize) -> Duration {
        Duration::from_millis(if self.world.exact { ms } else { ms.div_ceil(16) } as u64)
    }

    /// Awaits something for so many milliseconds, and holds the limit against the clock.
    pub async fn at_most<F: Future>(&self, limit_ms: usize, future: F) -> Option<F::Output> {
        let (limit, start) = (self.millis(limit_ms), Instant::now());
        let output = timeout(limit, future).await.ok();
        let took = start.elapsed();
        if output.is_none() {
            assert!(took >= limit, "{}: {limit:?} were over after {took:?}", self.name);
        }
        assert!(
            !self.is_exact() || took <= limit,
            "{}: at most {limit:?} took {took:?}",
            self.name
        );
        output
    }

    /// Sleeps, and holds that against the clock.
    pub async fn nap(&self, ms: usize) {
        let (duration, start) = (self.millis(ms), Instant::now());
        sleep(duration).await;
        let took = start.elapsed();
        assert!(took >= duration, "{}: slept {took:?} instead of {duration:?}", self.name);
        assert!(
            !self.is_exact() || took == duration,
            "{}: overslept: {took:?}, {duration:?}",
            self.name
        );
    }

    /// What somebody does who holds something that others wait for: it ends whatever they do.
    pub async fn hold(&self, luck: &mut Luck) {
        match luck.below(8) {
            0 | 1 => {}
            2 | 3 => rondel::task::yield_now().await,
            4 => self.be_greedy(luck.below(200)).await,
            5 | 6 if self.has_loop => self.nap(luck.below(6)).await,
            _ if self.has_loop && !self.is_deep() && !self.world.is_evening.load(SeqCst) => {
                let step = self.child().step(luck);
                self.at_most(luck.below(12), step).await;
            }
            _ => rondel::task::yield_now().await,
        }
    }

    /// Takes so many steps of the budget, and must have let others run in between.
    async fn be_greedy(&self, steps: usize) {
        let mut polls = 0;
        let mut greedy = pin!(async {
            for _ in 0..steps {
                consume_budget().await;
            }
        });
        poll_fn(|cx| {
            polls += 1;
            greedy.as_mut().poll(cx)
        })
        .await;
        let is_task = self.world.exact;
        assert!(
            !is_task || polls > steps.saturating_sub(1) / 128,
            "{steps} steps in {polls} polls"
        );
    }
}
