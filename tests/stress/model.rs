//! What fair waits must do, in the plainest way: the primitives are held against it at every poll.
//!
//! On one thread nothing runs between a step of a primitive and the same step of its model. So at
//! each poll one can tell whether the primitive has to be ready, and who must go first:
//!
//! | model  | of what                                             | who goes on                  |
//! |--------|-----------------------------------------------------|------------------------------|
//! | `Line` | semaphore, locks, limiter, places of a channel      | the front, if there is enough |
//! | `Bell` | `Notify`                                            | one end, or all              |
//! | `Gate` | `Event`, `SetOnce`, tokens, a barrier's round       | all                          |
//!
//! With several threads the models are off: there is no moment at which the two can be compared.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use rondel::task::coop;

/// One who comes to a [`Known`] and may have to wait there.
pub trait Model {
    type State: HasQueue;

    fn known(&self) -> &Known<Self::State>;

    /// Queues up. `None`: it need not wait.
    fn join(&self, state: &mut Self::State) -> Option<u64>;

    /// Who was served goes away without having looked.
    fn give_back(state: &mut Self::State, served: Served<Self>);

    /// Who waited goes away, and may have been in the way of others.
    fn make_way(_: &mut Self::State) {}
}

type Served<M> = <<M as Model>::State as HasQueue>::Served;

/// Who waits with what in mind, in order, and who was served and has not looked.
pub struct Queue<W, S> {
    next: u64,
    waiting: VecDeque<(u64, W)>,
    served: BTreeMap<u64, S>,
}

impl<W, S> Default for Queue<W, S> {
    fn default() -> Self {
        Self { next: 0, waiting: VecDeque::new(), served: BTreeMap::new() }
    }
}

impl<W, S: Copy> Queue<W, S> {
    fn join(&mut self, wants: W) -> Option<u64> {
        self.next += 1;
        self.waiting.push_back((self.next, wants));
        Some(self.next)
    }

    fn serve_all(&mut self, with: S) {
        self.served.extend(self.waiting.drain(..).map(|(ticket, _)| (ticket, with)));
    }
}

/// The state of a model: a queue, and what its members wait for.
pub trait HasQueue {
    type Wants;
    type Served;

    fn queue(&mut self) -> &mut Queue<Self::Wants, Self::Served>;
}

/// A state, if it can be known.
pub struct Known<S>(Option<Arc<Mutex<S>>>);

impl<S> Clone for Known<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Known<S> {
    fn with<R: Default>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        self.0.as_ref().map_or_else(R::default, |state| change(&mut state.lock().unwrap()))
    }
}

pin_project! {
    /// A wait and its model, side by side.
    pub struct Modelled<F, M: Model> {
        model: Option<M>,
        name: &'static str,
        ticket: Option<u64>,
        #[pin]
        future: F,
    }

    impl<F, M: Model> PinnedDrop for Modelled<F, M> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // The future itself is dropped next, and nobody runs in between.
            if let (Some(model), Some(ticket)) = (&*this.model, this.ticket.take()) {
                model.known().with(|state| {
                    let queue = state.queue();
                    queue.waiting.retain(|(other, _)| *other != ticket);
                    match queue.served.remove(&ticket) {
                        Some(served) => M::give_back(state, served),
                        None => M::make_way(state),
                    }
                });
            }
        }
    }
}

impl<F: Future, M: Model> Modelled<F, M> {
    fn new(name: &'static str, model: M, future: F) -> Self {
        let is_known = model.known().0.is_some();
        Self { model: is_known.then_some(model), name, ticket: None, future }
    }
}

impl<F: Future, M: Model> Future for Modelled<F, M> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let had_budget = coop::has_budget_remaining();
        let polled = this.future.poll(cx);
        let Some(model) = &*this.model else { return polled };
        if polled.is_pending() && !had_budget {
            return polled; // it only pretends to wait, and has not queued up
        }
        // Who was served looks now, and is out of it.
        let ready = model.known().with(|state| match *this.ticket {
            None => {
                *this.ticket = model.join(state);
                this.ticket.is_none()
            }
            Some(ticket) => state.queue().served.remove(&ticket).is_some(),
        });
        let name = this.name;
        assert_eq!(polled.is_ready(), ready, "{name}: ready (left) against its model (right)");
        if ready {
            (*this.ticket, *this.model) = (None, None);
        }
        polled
    }
}

/// Permits, and a fair queue of those who want some.
pub type Line = Known<LineState>;

#[derive(Default)]
pub struct LineState {
    free: usize,
    /// So many permits that come back are not given out again.
    debt: usize,
    /// Nobody has to wait any more, nor gets anything.
    over: bool,
    /// How many they want, and have.
    queue: Queue<usize, usize>,
}

impl LineState {
    fn serve(&mut self) {
        while let Some(&(ticket, n)) = self.queue.waiting.front()
            && n <= self.free
        {
            self.free -= n;
            self.queue.waiting.pop_front();
            self.queue.served.insert(ticket, n);
        }
    }

    fn give(&mut self, n: usize) {
        let paid = n.min(self.debt);
        self.debt -= paid;
        self.free += n - paid;
        self.serve();
    }

    fn take(&mut self, n: usize) -> bool {
        if self.over {
            return true;
        }
        let ok = self.queue.waiting.is_empty() && self.free >= n;
        self.free -= if ok { n } else { 0 };
        ok
    }
}

impl Line {
    pub fn new(exact: bool, free: usize) -> Self {
        Self(exact.then(|| Arc::new(Mutex::new(LineState { free, ..Default::default() }))))
    }

    /// Permits came back.
    pub fn give(&self, n: usize) {
        self.with(|state| state.give(n));
    }

    /// What they wait for will not come any more: all go on without it.
    pub fn end(&self) {
        self.with(|state| {
            state.over = true;
            state.queue.serve_all(0);
        });
    }

    /// An attempt without waiting had this outcome.
    pub fn tried(&self, name: &str, n: usize, ok: bool) {
        let wanted = self.with(|state| Some(state.take(n)));
        assert!(wanted.is_none_or(|wanted| wanted == ok), "{name}: {ok} is not what its line says");
    }

    /// The number of permits was changed.
    pub fn resize(&self, before: usize, after: usize) {
        self.with(|state| {
            let fewer = before.saturating_sub(after);
            state.give(after.saturating_sub(before));
            let taken = if state.queue.waiting.is_empty() { fewer.min(state.free) } else { 0 };
            state.free -= taken;
            state.debt += fewer - taken;
        });
    }

    /// How many are free to a newcomer; `None` without a model.
    pub fn free(&self) -> Option<usize> {
        self.with(|state| Some(if state.queue.waiting.is_empty() { state.free } else { 0 }))
    }

    /// Puts a wait for `n` permits beside its model.
    pub fn wait<F: Future>(&self, name: &'static str, n: usize, future: F) -> Modelled<F, InLine> {
        Modelled::new(name, InLine { line: self.clone(), n }, future)
    }
}

/// One who wants `n` permits.
pub struct InLine {
    line: Line,
    n: usize,
}

impl HasQueue for LineState {
    type Wants = usize;
    type Served = usize;

    fn queue(&mut self) -> &mut Queue<usize, usize> {
        &mut self.queue
    }
}

impl Model for InLine {
    type State = LineState;

    fn known(&self) -> &Line {
        &self.line
    }

    fn join(&self, state: &mut LineState) -> Option<u64> {
        if state.take(self.n) { None } else { state.queue.join(self.n) }
    }

    fn give_back(state: &mut LineState, unused: usize) {
        state.give(unused);
    }

    fn make_way(state: &mut LineState) {
        state.serve();
    }
}

/// One notification that lies about, and a queue of those who wait for one.
pub type Bell = Known<BellState>;

#[derive(Default)]
pub struct BellState {
    left: bool,
    /// How often all were notified.
    calls: u64,
    /// Who was served, with the end from which it was chosen; `None` if all were.
    queue: Queue<(), Option<End>>,
}

#[derive(Debug, Clone, Copy)]
pub enum End {
    Front,
    Back,
}

impl BellState {
    fn ring(&mut self, end: End) {
        let chosen = match end {
            End::Front => self.queue.waiting.pop_front(),
            End::Back => self.queue.waiting.pop_back(),
        };
        match chosen {
            Some((ticket, ())) => drop(self.queue.served.insert(ticket, Some(end))),
            None => self.left = true,
        }
    }
}

impl Bell {
    pub fn new(exact: bool) -> Self {
        Self(exact.then(Arc::default))
    }

    pub fn ring(&self, end: End) {
        self.with(|state| state.ring(end));
    }

    pub fn ring_all(&self) {
        self.with(|state| {
            state.calls += 1;
            state.queue.serve_all(None);
        });
    }

    /// One who is about to wait, from now on.
    pub fn hearer(&self) -> Hearer {
        Hearer { bell: self.clone(), calls: self.with(|state| state.calls) }
    }
}

/// One who waits for a bell, and how often all had been notified when it began.
pub struct Hearer {
    bell: Bell,
    calls: u64,
}

impl Hearer {
    pub fn wait<F: Future>(self, future: F) -> Modelled<F, Self> {
        Modelled::new("Notify::notified", self, future)
    }
}

impl HasQueue for BellState {
    type Wants = ();
    type Served = Option<End>;

    fn queue(&mut self) -> &mut Queue<(), Option<End>> {
        &mut self.queue
    }
}

impl Model for Hearer {
    type State = BellState;

    fn known(&self) -> &Bell {
        &self.bell
    }

    fn join(&self, state: &mut BellState) -> Option<u64> {
        // After a call for all, what lies about stays there for another one.
        let goes_on = state.calls != self.calls || std::mem::take(&mut state.left);
        if goes_on { None } else { state.queue.join(()) }
    }

    fn give_back(state: &mut BellState, end: Option<End>) {
        end.into_iter().for_each(|end| state.ring(end));
    }
}

/// All who wait go on together.
pub type Gate = Known<GateState>;

#[derive(Default)]
pub struct GateState {
    open: bool,
    /// It opens, for those who are there, when so many are.
    parties: Option<usize>,
    queue: Queue<(), ()>,
}

impl Gate {
    pub fn new(exact: bool, parties: Option<usize>) -> Self {
        Self(exact.then(|| Arc::new(Mutex::new(GateState { parties, ..Default::default() }))))
    }

    /// Lets through who waits, and who comes.
    pub fn open(&self) {
        self.with(|state| state.open = true);
        self.let_through();
    }

    /// Lets through who waits.
    pub fn let_through(&self) {
        self.with(|state| state.queue.serve_all(()));
    }

    pub fn shut(&self) {
        self.with(|state| state.open = false);
    }

    pub fn wait<F: Future>(&self, name: &'static str, future: F) -> Modelled<F, Self> {
        Modelled::new(name, self.clone(), future)
    }
}

impl HasQueue for GateState {
    type Wants = ();
    type Served = ();

    fn queue(&mut self) -> &mut Queue<(), ()> {
        &mut self.queue
    }
}

impl Model for Gate {
    type State = GateState;

    fn known(&self) -> &Self {
        self
    }

    fn join(&self, state: &mut GateState) -> Option<u64> {
        let all_came = state.parties == Some(state.queue.waiting.len() + 1);
        if all_came {
            state.queue.serve_all(());
        }
        if state.open || all_came { None } else { state.queue.join(()) }
    }

    fn give_back(_: &mut GateState, (): ()) {}
}
