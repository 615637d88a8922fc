//! The stage: who plays, how far each has come, and the gate that lets them all rest.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;

use rondel::Handle;
use rondel::sync::Event;

/// What a player does just now: the watchdog's only clue to where one is stuck.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u8)]
pub enum Step {
    Begins,
    AtTheGate,
    Sends,
    Receives,
    Sleeps,
    Connects,
    Accepts,
    Reads,
    Writes,
    Spawns,
    Joins,
}

const STEPS: [Step; 11] = [
    Step::Begins,
    Step::AtTheGate,
    Step::Sends,
    Step::Receives,
    Step::Sleeps,
    Step::Connects,
    Step::Accepts,
    Step::Reads,
    Step::Writes,
    Step::Spawns,
    Step::Joins,
];

/// A task, or a thread with a future, that must get on. On a cache line of its own: the counters
/// must not make the players wait for each other.
#[derive(Debug)]
#[repr(align(128))]
pub struct Player {
    pub name: String,
    wakes: AtomicU64,
    step: AtomicU8,
    is_over: AtomicBool,
    /// It ended before its body did: by a panic.
    broke: AtomicBool,
}

impl Player {
    pub fn at(&self, step: Step) {
        self.step.store(step as u8, Ordering::Relaxed);
    }

    pub fn step(&self) -> Step {
        STEPS[usize::from(self.step.load(Ordering::Relaxed))]
    }

    /// How often it was woken and polled for that.
    pub fn wakes(&self) -> u64 {
        self.wakes.load(Ordering::Relaxed)
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Whether it panicked.
    pub fn broke(&self) -> bool {
        self.is_over() && self.broke.load(Ordering::Relaxed)
    }
}

/// The future of a player. Each of its polls but the first follows a wake, so they are what is
/// counted. (Two wakes before one poll count once: the figure is not flattered.)
struct Counted<F> {
    player: Arc<Player>,
    future: Pin<Box<F>>,
    has_begun: bool,
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if std::mem::replace(&mut self.has_begun, true) {
            // Load and store: one thread at a time polls it.
            let wakes = self.player.wakes.load(Ordering::Relaxed) + 1;
            self.player.wakes.store(wakes, Ordering::Relaxed);
        }
        let polled = self.future.as_mut().poll(cx);
        if polled.is_ready() {
            self.player.broke.store(false, Ordering::Relaxed);
        }
        polled
    }
}

impl<F> Drop for Counted<F> {
    fn drop(&mut self) {
        // Release: who sees it also sees the last count.
        self.player.is_over.store(true, Ordering::Release);
    }
}

/// One runtime's players.
#[derive(Debug)]
pub struct Stage {
    handle: Handle,
    players: Mutex<Vec<Arc<Player>>>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
    gate: Event,
    stop: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    pub fn new(handle: Handle) -> Arc<Self> {
        let gate = Event::new();
        gate.set();
        Arc::new(Self {
            handle,
            players: Mutex::default(),
            threads: Mutex::default(),
            gate,
            stop: AtomicBool::new(false),
        })
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    pub fn players(&self) -> Vec<Arc<Player>> {
        lock(&self.players).clone()
    }

    fn enlist(&self, name: String) -> Arc<Player> {
        let player = Arc::new(Player {
            name,
            wakes: AtomicU64::new(0),
            step: AtomicU8::new(Step::Begins as u8),
            is_over: AtomicBool::new(false),
            broke: AtomicBool::new(true), // until it has ended well
        });
        lock(&self.players).push(player.clone());
        player
    }

    /// A player as a task.
    pub fn task<F>(&self, name: String, body: impl FnOnce(Arc<Player>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let player = self.enlist(name);
        let future = Box::pin(body(player.clone()));
        drop(self.handle.spawn(Counted { player, future, has_begun: false }));
    }

    /// A player as a thread that waits beside the loops.
    pub fn thread<F>(&self, name: String, body: impl FnOnce(Arc<Player>) -> F + Send + 'static)
    where
        F: Future<Output = ()>,
    {
        let player = self.enlist(name.clone());
        let handle = self.handle.clone();
        let work = move || {
            let future = Box::pin(body(player.clone()));
            handle.block_on(Counted { player, future, has_begun: false });
        };
        let thread = thread::Builder::new().name(name).spawn(work).expect("a thread more");
        lock(&self.threads).push(thread);
    }

    /// Waits at the gate if it is closed. False if the play is over.
    pub async fn goes_on(&self, player: &Player) -> bool {
        if !self.gate.is_set() {
            player.at(Step::AtTheGate);
            self.gate.wait().await;
        }
        !self.stop.load(Ordering::Relaxed)
    }

    /// Sends all to rest at their next round, so that every worker falls asleep; or wakes them all.
    pub fn set_gate(&self, open: bool) {
        if open { self.gate.set() } else { self.gate.clear() }
    }

    /// Lets each player end at its next round.
    pub fn end(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.gate.set();
    }

    /// How many players there still are.
    pub fn left(&self) -> usize {
        lock(&self.players).iter().filter(|player| !player.is_over()).count()
    }

    /// Waits for the threads of the play, when all players are over.
    pub fn join_threads(&self) {
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            let _ = thread.join(); // its panic is known: the player broke
        }
    }
}
