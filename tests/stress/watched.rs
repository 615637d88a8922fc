//! A future under observation: is it woken when it can go on, in time, and by its latest waker?
//!
//! ```text
//!   the task's waker ◀── Relay 3 ◀── the primitive        only the relay of the latest poll passes
//!                    ✗── Relay 2 ◀── (it must not          wakes on: whoever keeps an older one
//!                    ✗── Relay 1      need these)          has lost the task
//! ```
//!
//! - A future that is ready, though nobody has woken it since it said `Pending`, was *forgotten*.
//!   To find that, the janitor polls everybody now and then without a reason.
//! - A task that is polled later than it was woken, by the virtual clock, was *late*: time must not
//!   pass while somebody can run.
//! - Where first come is first served, tasks must be polled in the order of their wakes.
//! - Some relays are *nosy*: when they are woken or dropped they line up for every object, set
//!   a timer, and go away again. A waker that is used under a lock or a borrow then hangs or panics
//!   at once.
//! - Every relay is counted: one that is left at the end was kept by somebody.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};

use pin_project_lite::pin_project;
use rondel::task::unconstrained;
use rondel::time::Instant;

use super::luck::Luck;
use super::world::{Me, One, World};

/// A task's place in the loop's line, as far as that can be known.
struct Turn {
    world: Weak<World>,
    name: Arc<str>,
    /// Its number, while it stands in line.
    number: Mutex<Option<u64>>,
    /// A task that is woken while it runs lines up afterwards.
    running: AtomicBool,
}

impl Turn {
    fn line_up(&self) {
        let Some(world) = self.world.upgrade().filter(|_| !self.running.load(SeqCst)) else {
            return;
        };
        self.number.lock().unwrap().get_or_insert_with(|| world.line.join(&self.name));
    }

    fn leave(&self) -> Option<Arc<str>> {
        let number = self.number.lock().unwrap().take()?;
        self.world.upgrade()?.line.leave(number)
    }
}

struct Relay {
    to: Waker,
    turn: Option<Arc<Turn>>,
    /// Whether it belongs to the latest poll.
    current: AtomicBool,
    woken: Mutex<Option<Instant>>,
    world: Weak<World>,
    nosy: bool,
    _one: One,
}

impl Relay {
    /// When it was woken; from now on it passes nothing on.
    fn retire(&self) -> Option<Instant> {
        self.current.store(false, SeqCst);
        self.take_woken()
    }

    fn take_woken(&self) -> Option<Instant> {
        self.woken.lock().unwrap().take()
    }

    fn pass_on(&self) {
        self.to.wake_by_ref();
        self.turn.iter().for_each(|turn| turn.line_up());
    }

    fn look_around(&self) {
        let world = self.world.upgrade().filter(|_| self.nosy);
        if let Some(world) = world {
            world.look_around();
        }
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        if self.current.load(SeqCst) {
            self.woken.lock().unwrap().get_or_insert_with(Instant::now);
            self.pass_on();
        }
        self.look_around();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.look_around();
    }
}

/// Has somebody polled who was not woken.
struct Nudge(Arc<Relay>);

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        self.0.pass_on();
    }
}

/// Lines up for something and goes away again, as a waker of other people might.
pub fn touch(future: impl Future) {
    let mut cx = Context::from_waker(Waker::noop());
    let _ = pin!(unconstrained(future)).poll(&mut cx); // it must not spend what others have
}

pin_project! {
    /// See the head of the file.
    pub struct Watched<F> {
        me: Me,
        name: &'static str,
        luck: Luck,
        // It is the whole of a task: nobody stands between it and the loop.
        is_task: bool,
        turn: Option<Arc<Turn>>,
        relay: Option<Arc<Relay>>,
        place: Option<u64>,
        #[pin]
        future: F,
    }

    impl<F> PinnedDrop for Watched<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(turn) = this.turn {
                turn.running.store(true, SeqCst); // it never lines up again
                let _ = turn.leave();
            }
            if let Some(place) = this.place.take() {
                this.me.world.stop_waiting(place);
            }
        }
    }
}

impl<F: Future> Watched<F> {
    pub fn new(me: &Me, luck: Luck, name: &'static str, future: F) -> Self {
        let (me, turn) = (me.clone(), None);
        Self { me, name, luck, is_task: false, turn, relay: None, place: None, future }
    }

    /// A future that is given to the loop as it is, and now.
    pub fn task(me: &Me, luck: Luck, future: F) -> Self {
        let turn = me.world.line.is_kept().then(|| {
            let (world, name) = (Arc::downgrade(&me.world), me.name.clone());
            let (number, running) = (Mutex::new(None), AtomicBool::new(false));
            Arc::new(Turn { world, name, number, running })
        });
        turn.iter().for_each(|turn: &Arc<Turn>| turn.line_up());
        let mut watched = Self::new(me, luck, "a task", future);
        (watched.is_task, watched.turn) = (true, turn);
        watched
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let (me, world, name) = (&*this.me, &this.me.world, *this.name);
        if let Some(turn) = this.turn {
            let before = turn.leave();
            assert_eq!(before, None, "{}: polled before one who was woken earlier", me.name);
            turn.running.store(true, SeqCst);
        }
        let old = this.relay.take();
        let first = old.is_none();
        let mut woken = None;
        if let Some(old) = old {
            let is_same = old.to.will_wake(cx.waker()) && !this.luck.one_in(3);
            woken = if is_same { old.take_woken() } else { old.retire() };
            *this.relay = is_same.then_some(old);
        }
        let relay = this.relay.get_or_insert_with(|| {
            Arc::new(Relay {
                to: cx.waker().clone(),
                turn: this.turn.clone(),
                current: AtomicBool::new(true),
                woken: Mutex::new(None),
                world: Arc::downgrade(world),
                nosy: this.luck.one_in(8),
                _one: world.relays.one(),
            })
        });
        if let Some(woken) = woken.filter(|_| *this.is_task && world.exact) {
            let late = woken.elapsed();
            assert!(late.is_zero(), "{}: woken, but polled {late:?} later", me.name);
        }
        let waker = Waker::from(relay.clone());
        let polled = this.future.poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            let forgotten = world.exact && !first && woken.is_none();
            assert!(!forgotten, "{}: {name} was ready, but nobody had woken it", me.name);
        } else {
            let nudge = Waker::from(Arc::new(Nudge(relay.clone())));
            *this.place = Some(world.wait(this.place.take(), nudge));
        }
        if let Some(turn) = this.turn {
            turn.running.store(false, SeqCst);
            if relay.woken.lock().unwrap().is_some() {
                turn.line_up();
            }
        }
        polled
    }
}

pin_project! {
    /// A panic as an output.
    pub struct Caught<F> {
        #[pin]
        future: F,
    }
}

impl<F> Caught<F> {
    pub fn new(future: F) -> Self {
        Self { future }
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = std::thread::Result<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match catch_unwind(AssertUnwindSafe(|| this.future.poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// The payload of a panic that belongs to the program.
pub struct Planned;

/// Panics without a word on stderr.
pub fn panic_as_planned() -> ! {
    resume_unwind(Box::new(Planned))
}
