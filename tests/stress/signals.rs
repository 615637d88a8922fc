//! Notifications, events, conditions, barriers, cells and tokens that everybody shares.
//!
//! Whoever waits here without a limit waits for somebody to ring; if nobody else does, the janitor
//! will (`Signals::ring`).

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use rondel::sync::{Barrier, CancellationToken, Event, Notify, OnceCell, SetOnce};

use super::luck::Luck;
use super::model::{Bell, End, Gate};
use super::stage::Stage;
use super::watched::{panic_as_planned, touch};
use super::world::Me;

pub struct Signals {
    notifies: Vec<(Arc<Notify>, Bell)>,
    events: Vec<(Arc<Event>, Gate)>,
    pub stage: Arc<Stage>,
    barrier: Arc<Meeting>,
    cell: Current<Cell>,
    once: Current<Once>,
    token: Current<Family>,
}

struct Meeting {
    real: Barrier,
    gate: Gate,
    /// How many resets have begun, how many have ended, and how often all have come. On workers a
    /// reset takes its time: who comes in its midst may still be sent away by it.
    resets: AtomicUsize,
    resets_ended: AtomicUsize,
    rounds: AtomicUsize,
}

#[derive(Default)]
struct Cell {
    real: OnceCell<u64>,
    filling: AtomicBool,
    value: AtomicU64,
}

struct Once {
    real: SetOnce<u64>,
    gate: Gate,
    number: u64,
}

struct Family {
    root: CancellationToken,
    gate: Gate,
    children: Mutex<BTreeMap<u64, CancellationToken>>,
}

/// Something that is good once, and what replaces it.
struct Current<T> {
    now: Mutex<Arc<T>>,
    next: Box<dyn Fn() -> T + Send + Sync>,
}

impl<T> Current<T> {
    fn new(next: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self { now: Mutex::new(Arc::new(next())), next: Box::new(next) }
    }

    fn get(&self) -> Arc<T> {
        self.now.lock().unwrap().clone()
    }

    /// Takes this one away, unless somebody has done so.
    fn replace(&self, this: &Arc<T>) {
        let next = Arc::new((self.next)());
        let mut now = self.now.lock().unwrap();
        let old = Arc::ptr_eq(&now, this).then(|| std::mem::replace(&mut *now, next));
        drop(now);
        drop(old);
    }
}

impl Signals {
    pub fn new(exact: bool, luck: &mut Luck) -> Self {
        let notifies =
            (0..luck.between(1, 2)).map(|_| (Arc::new(Notify::new()), Bell::new(exact))).collect();
        let events = (0..luck.between(1, 2))
            .map(|_| (Arc::new(Event::new()), Gate::new(exact, None)))
            .collect();
        let stage = Arc::new(Stage::new());
        let parties = luck.between(2, 4);
        let gate = Gate::new(exact, Some(parties));
        let real = Barrier::new(parties);
        let count = || AtomicUsize::new(0);
        let (resets, resets_ended, rounds) = (count(), count(), count());
        let numbers = AtomicU64::new(0);
        let once = move || Once {
            real: SetOnce::new(),
            gate: Gate::new(exact, None),
            number: numbers.fetch_add(1, SeqCst),
        };
        let family = move || Family {
            root: CancellationToken::new(),
            gate: Gate::new(exact, None),
            children: Mutex::default(),
        };
        Self {
            notifies,
            events,
            stage,
            barrier: Arc::new(Meeting { real, gate, resets, resets_ended, rounds }),
            cell: Current::new(Cell::default),
            once: Current::new(once),
            token: Current::new(family),
        }
    }

    pub fn look(&self) {
        for (real, _) in &self.notifies {
            touch(async {
                real.notified().await;
                real.notify_one(); // what lay about still does
            });
        }
        self.events.iter().for_each(|(real, _)| touch(real.wait()));
        self.stage.changed.notify(0);
        _ = self.barrier.real.n_waiting();
        // Not the three that are replaced: their lock is the test's own.
    }

    /// Does what those who wait without a limit wait for.
    pub fn ring(&self, luck: &mut Luck, exact: bool) {
        for (real, bell) in &self.notifies {
            if luck.one_in(2) {
                real.notify_waiters();
                bell.ring_all();
            } else {
                real.notify_one();
                bell.ring(End::Front);
            }
        }
        for (real, gate) in &self.events {
            set(real, gate);
        }
        self.stage.ring(exact);
        self.barrier.reset();
        let once = self.once.get();
        once.set();
        self.once.replace(&once);
        let family = self.token.get();
        family.cancel();
        self.token.replace(&family);
    }

    pub fn check_at_the_end(&self) {
        assert_eq!(self.barrier.real.n_waiting(), 0, "somebody still waits at the barrier");
        assert!(self.stage.number.try_lock().is_ok(), "somebody has the lock of the condition");
    }
}

pub async fn notify(me: Me, mut luck: Luck) {
    let at = luck.below(me.world.signals.notifies.len());
    let (real, bell) = me.world.signals.notifies[at].clone();
    match luck.below(6) {
        0 => {
            me.note(format_args!("notifies one of {at}"));
            real.notify_one();
            bell.ring(End::Front);
        }
        1 => {
            me.note(format_args!("notifies the last of {at}"));
            real.notify_last();
            bell.ring(End::Back);
        }
        2 => {
            me.note(format_args!("notifies all of {at}"));
            real.notify_waiters();
            bell.ring_all();
        }
        _ => {
            let (hearer, notified) = (bell.hearer(), real.clone().notified_owned());
            if luck.one_in(3) {
                me.hold(&mut luck).await; // it exists, and is not polled
            }
            me.note(format_args!("waits for a notification of {at}"));
            let wait = hearer.wait(notified);
            if me.perhaps(&mut luck, "Notify::notified", wait).await.is_some() {
                me.note(format_args!("was notified by {at}"));
            }
        }
    }
}

fn set(real: &Event, gate: &Gate) {
    real.set();
    gate.open();
}

pub async fn event(me: Me, mut luck: Luck) {
    let at = luck.below(me.world.signals.events.len());
    let (real, gate) = me.world.signals.events[at].clone();
    match luck.below(5) {
        0 => {
            me.note(format_args!("sets event {at}"));
            set(&real, &gate);
        }
        1 | 2 => {
            me.note(format_args!("clears event {at}"));
            real.clear();
            gate.shut();
        }
        _ => {
            me.note(format_args!("waits for event {at}"));
            let wait = gate.wait("Event::wait", real.wait());
            if me.perhaps(&mut luck, "Event::wait", wait).await.is_some() {
                me.note(format_args!("has event {at}"));
            }
        }
    }
}

impl Meeting {
    fn reset(&self) {
        self.resets.fetch_add(1, SeqCst);
        self.real.reset();
        self.resets_ended.fetch_add(1, SeqCst);
        self.gate.let_through();
    }
}

pub async fn barrier(me: Me, mut luck: Luck) {
    let meeting = me.world.signals.barrier.clone();
    if luck.one_in(12) {
        me.note("resets the barrier");
        meeting.reset();
        return;
    }
    me.note("comes to the barrier");
    let (ended, rounds) = (meeting.resets_ended.load(SeqCst), meeting.rounds.load(SeqCst));
    let wait = meeting.gate.wait("Barrier::checked_wait", meeting.real.checked_wait());
    let Some(result) = me.perhaps(&mut luck, "Barrier::wait", wait).await else { return };
    match result {
        Ok(party) => {
            let now = meeting.rounds.fetch_add(usize::from(party.is_leader()), SeqCst);
            let all_came = party.is_leader() || now > rounds || !me.world.exact;
            assert!(all_came, "{}: passes, but not all have come", me.name);
            me.note(format_args!("passes the barrier, leads: {}", party.is_leader()));
        }
        Err(_) => {
            assert!(meeting.resets.load(SeqCst) > ended, "nobody has broken the barrier");
            me.note("finds the barrier broken");
        }
    }
}

/// The right to fill a cell in somebody's hands.
struct Filling<'a>(&'a Cell);

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        self.0.filling.store(false, SeqCst);
    }
}

pub async fn once_cell(me: Me, mut luck: Luck) {
    let cell = me.world.signals.cell.get();
    let (mut hers, value) = (luck.split(), me.world.number() + 1);
    let fill = async || {
        assert!(!cell.real.initialized(), "a filled cell is filled again");
        assert!(!cell.filling.swap(true, SeqCst), "two fill a cell");
        let _filling = Filling(&cell);
        me.note("begins to fill the cell");
        me.hold(&mut hers).await;
        match hers.below(6) {
            0 => Err("no luck"),
            1 if me.has_loop => panic_as_planned(),
            _ => {
                cell.value.store(value, SeqCst);
                Ok(value)
            }
        }
    };
    // A panic of its own, so it is caught here and does not end the task.
    let wait = super::watched::Caught::new(cell.real.get_or_try_init(fill));
    let found = match me.perhaps(&mut luck, "OnceCell::get_or_try_init", wait).await {
        Some(Ok(Ok(found))) => *found,
        Some(Ok(Err(_))) => return me.note("could not fill the cell"),
        Some(Err(panic)) if panic.is::<super::watched::Planned>() => {
            return me.note("panicked and did not fill the cell");
        }
        Some(Err(panic)) => std::panic::resume_unwind(panic),
        None => return,
    };
    assert_eq!(found, cell.value.load(SeqCst), "another value than the one that was put in");
    me.note("has the value of the cell");
    if luck.one_in(2) {
        me.world.signals.cell.replace(&cell);
    }
}

impl Once {
    fn set(&self) {
        if self.real.set(self.number).is_ok() {
            self.gate.open();
        }
    }
}

pub async fn set_once(me: Me, mut luck: Luck) {
    let once = me.world.signals.once.get();
    if luck.one_in(3) {
        me.note("sets the value");
        once.set();
        me.world.signals.once.replace(&once);
        return;
    }
    me.note("waits for the value");
    let wait = once.gate.wait("SetOnce::wait", once.real.wait());
    if let Some(value) = me.perhaps(&mut luck, "SetOnce::wait", wait).await {
        assert_eq!(*value, once.number, "the value of another one");
    }
}

impl Family {
    fn cancel(&self) {
        self.root.cancel_with("the family");
        self.gate.open();
        let children = std::mem::take(&mut *self.children.lock().unwrap());
        let missed = children.values().filter(|child| !child.is_cancelled()).count();
        assert_eq!(missed, 0, "children were not cancelled with their parent");
    }
}

pub async fn token(me: Me, mut luck: Luck) {
    let family = me.world.signals.token.get();
    let parent = {
        let children = family.children.lock().unwrap();
        let at = luck.below(children.len() + 1);
        children.values().nth(at).unwrap_or(&family.root).clone()
    };
    match luck.below(5) {
        0 if luck.one_in(3) => {
            me.note("cancels the family");
            family.cancel();
            me.world.signals.token.replace(&family);
        }
        0 | 1 => {
            let child = parent.child_token();
            assert!(!child.is_cancelled() || parent.is_cancelled(), "born cancelled");
            family.children.lock().unwrap().insert(me.world.number(), child);
        }
        2 => {
            let child = parent.child_token();
            let grandchild = child.child_token();
            drop(parent);
            {
                let _guard = child.clone().drop_guard();
                me.hold(&mut luck).await;
            }
            assert!(child.is_cancelled() && grandchild.is_cancelled(), "the guard did nothing");
        }
        3 if me.has_loop && !me.is_deep() => {
            let step = me.child().step(&mut luck);
            let ran = pin!(parent.run_until_cancelled(step));
            let ran = me.watch(&mut luck, "run_until_cancelled", ran).await;
            assert!(ran.is_some() || parent.is_cancelled(), "it ended for no reason");
        }
        _ => {
            me.note("waits to be cancelled");
            let wait = family.gate.wait("cancelled", family.root.child_token().cancelled_owned());
            if me.perhaps(&mut luck, "CancellationToken::cancelled", wait).await.is_some() {
                assert!(family.root.is_cancelled(), "woken, but not cancelled");
                assert_eq!(family.root.reason(), Some("the family"));
            }
        }
    }
}
