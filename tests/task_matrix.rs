//! The matrix of the task: {pending, ready, panics} × {wake, wake_by_ref, clone, drop waker, abort,
//! detach, join} × {before, during, after a poll}, done at home and by a stranger; and the same for
//! a task that any thread may run, done by the thread that runs it and by another one.
//!
//! Goal: show that each row of the table in `task/mod.rs` holds from outside, with exact counts.
//! Method: the very files of the engine's task floor, with a loop of a few lines around them that
//! counts how often a task is put into the queue. Each task is polled once beforehand, so that
//! there is a waker; the poll in question is the second one.

#![allow(dead_code)] // the files are the engine's; this loop needs only a part of them

#[path = "../runtime/budget.rs"]
mod budget;
#[path = "../runtime/roll_call.rs"]
mod roll_call;
#[path = "../runtime/shim.rs"]
mod shim;

#[path = "../runtime/task"]
mod task {
    pub(crate) mod bells;
    pub(crate) mod cell;
    pub(crate) mod elsewhere;
    pub(crate) mod home;
    pub(crate) mod id;
    pub(crate) mod inbox;
    pub(crate) mod info;
    pub(crate) mod join;
    pub(crate) mod local_work;
    pub(crate) mod output;
    pub(crate) mod payload;
    pub(crate) mod purse;
    mod spare;
    mod stage;
    mod state;
    mod waker;
}

use std::collections::VecDeque;
use std::future::Future;
use std::panic;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use task::cell::{Ran, TaskRef};
use task::home::{Common, HomeRef};
use task::id::Origin;
use task::inbox::Note;
use task::join::JoinHandle;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Behaviour {
    Pending,
    Ready,
    Panics,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Deed {
    Wake,
    WakeByRef,
    Clone,
    DropWaker,
    Abort,
    Detach,
    Join,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Before,
    During,
    After,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// The task has a home.
    Homely,
    /// Any thread may run it.
    Shared,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Home,
    Stranger,
}

use Behaviour::{Panics, Pending, Ready};
use Deed::{Abort, Clone as CloneWaker, Detach, DropWaker, Join, Wake as WakeIt, WakeByRef};
use Kind::{Homely, Shared};
use When::{After, Before, During};
use Who::{Home, Stranger};

/// polls, times queued, drops of the future, drops of the output, wakes of the joiner, verdict of
/// the handle. One line a cell of the matrix, in the order pending, ready, panics.
#[rustfmt::skip]
const TABLE: &[(When, Deed, [&str; 3])] = &[
    (Before, WakeIt,     ["p2 q1 f0 o0 j0 waiting",   "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (Before, WakeByRef,  ["p2 q1 f0 o0 j0 waiting",   "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (Before, CloneWaker, ["p2 q1 f0 o0 j0 waiting",   "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (Before, DropWaker,  ["p2 q1 f0 o0 j0 waiting",   "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (Before, Abort,      ["p1 q1 f1 o0 j0 cancelled", "p1 q1 f1 o0 j0 cancelled", "p1 q1 f1 o0 j0 cancelled"]),
    (Before, Detach,     ["p2 q1 f0 o0 j0 detached",  "p2 q1 f1 o1 j0 detached",  "p2 q1 f1 o0 j0 detached"]),
    (Before, Join,       ["p2 q1 f0 o0 j0 waiting",   "p2 q1 f1 o1 j1 output",    "p2 q1 f1 o0 j1 panicked"]),
    (During, WakeIt,     ["p3 q2 f1 o1 j0 output",    "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (During, WakeByRef,  ["p3 q2 f1 o1 j0 output",    "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (During, CloneWaker, ["p2 q1 f0 o0 j0 waiting",   "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (During, DropWaker,  ["p2 q1 f0 o0 j0 waiting",   "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (During, Abort,      ["p2 q1 f1 o0 j0 cancelled", "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (During, Detach,     ["p2 q1 f0 o0 j0 detached",  "p2 q1 f1 o1 j0 detached",  "p2 q1 f1 o0 j0 detached"]),
    (During, Join,       ["p2 q1 f0 o0 j0 waiting",   "p2 q1 f1 o1 j1 output",    "p2 q1 f1 o0 j1 panicked"]),
    (After,  WakeIt,     ["p3 q2 f1 o1 j0 output",    "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (After,  WakeByRef,  ["p3 q2 f1 o1 j0 output",    "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (After,  CloneWaker, ["p2 q1 f0 o0 j0 waiting",   "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (After,  DropWaker,  ["p2 q1 f0 o0 j0 waiting",   "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (After,  Abort,      ["p2 q2 f1 o0 j0 cancelled", "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
    (After,  Detach,     ["p2 q1 f0 o0 j0 detached",  "p2 q1 f1 o1 j0 detached",  "p2 q1 f1 o0 j0 detached"]),
    (After,  Join,       ["p2 q1 f0 o0 j0 waiting",   "p2 q1 f1 o1 j0 output",    "p2 q1 f1 o0 j0 panicked"]),
];

#[test]
fn every_cell_at_home() {
    check_table(Homely, Home);
}

/// A stranger's deed is a note that home reads after the poll, so one cell differs: an abort
/// during a poll that stays pending finds the task idle and queues it once more.
#[test]
fn every_cell_by_a_stranger() {
    check_table(Homely, Stranger);
}

#[test]
fn every_cell_of_a_shared_task_by_the_thread_that_runs_it() {
    check_table(Shared, Home);
}

/// To a shared task a stranger does everything at once and by itself, so here no cell differs.
#[test]
fn every_cell_of_a_shared_task_by_another_thread() {
    check_table(Shared, Stranger);
}

fn check_table(kind: Kind, who: Who) {
    silence_panics();
    for &(when, deed, expected) in TABLE {
        for (behaviour, mut expected) in [Pending, Ready, Panics].into_iter().zip(expected) {
            if (kind, who, when, deed, behaviour) == (Homely, Stranger, During, Abort, Pending) {
                expected = "p2 q2 f1 o0 j0 cancelled";
            }
            let seen = run_cell(kind, behaviour, deed, when, who);
            let cell = format!("{kind:?}, {who:?}: {deed:?} {when:?} a poll that is {behaviour:?}");
            assert_eq!(seen, expected, "{cell}");
        }
    }
}

/// What a cell counts. One `Arc` of it goes into the future, one into the output.
#[derive(Default)]
struct Counts {
    polls: AtomicUsize,
    future_drops: AtomicUsize,
    output_drops: AtomicUsize,
    joiner_wakes: AtomicUsize,
}

struct Output(Arc<Counts>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.output_drops.fetch_add(1, SeqCst);
    }
}

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.joiner_wakes.fetch_add(1, SeqCst);
    }
}

/// What the test and the future share.
struct Props {
    counts: Arc<Counts>,
    handle: Mutex<Option<JoinHandle<Output>>>,
    waker: Mutex<Option<Waker>>,
    verdict: Mutex<Option<&'static str>>,
}

struct Subject {
    props: Arc<Props>,
    behaviour: Behaviour,
    during: Option<(Deed, Who)>,
}

impl Future for Subject {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let number = self.props.counts.polls.fetch_add(1, SeqCst) + 1;
        if number == 1 {
            *self.props.waker.lock().unwrap() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if number == 3 {
            return Poll::Ready(Output(self.props.counts.clone()));
        }
        if let Some((deed, who)) = self.during {
            act(deed, who, &self.props);
        }
        match self.behaviour {
            Pending => Poll::Pending,
            Ready => Poll::Ready(Output(self.props.counts.clone())),
            Panics => panic!("as planned"),
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.props.counts.future_drops.fetch_add(1, SeqCst);
    }
}

thread_local! {
    static READY: Arc<Queue> = Arc::default();
}

/// The ready queue: of the thread that is home, or the common one of shared tasks.
#[derive(Default)]
struct Queue {
    tasks: Mutex<VecDeque<TaskRef>>,
    times_queued: AtomicUsize,
}

impl Common for Queue {
    fn queue(&self, task: TaskRef) {
        self.times_queued.fetch_add(1, SeqCst);
        self.tasks.lock().unwrap().push_back(task);
    }
}

fn queue(task: TaskRef) {
    READY.with(|ready| ready.queue(task));
}

/// Reads the notes and runs the tasks until there is nothing left to do.
fn turn_until_idle(home: &HomeRef, ready: &Queue) {
    loop {
        let mut notes = VecDeque::new();
        home.inbox().take(&mut notes);
        let had_notes = !notes.is_empty();
        for note in notes {
            match note {
                Note::Wake(task) => task.deliver_wake(),
                Note::Abort(task) => task.abort(),
                Note::Join(task, waker) => task.join(&waker),
                Note::Detach(task) => task.deliver_detach(),
                Note::Release(reference) => reference.deliver(),
                Note::Spawn(_) | Note::Root | Note::Errand(_) => unreachable!("nobody sends it"),
            }
        }
        let task = ready.tasks.lock().unwrap().pop_front();
        match task.map(TaskRef::run) {
            Some(Ran::Again(task)) => ready.queue(task),
            Some(Ran::Waiting | Ran::Done(_) | Ran::Retired(..)) => {}
            None if had_notes => {}
            None => return,
        }
    }
}

fn run_cell(kind: Kind, behaviour: Behaviour, deed: Deed, when: When, who: Who) -> String {
    let ready = READY.with(Clone::clone);
    let home = match kind {
        Homely => HomeRef::new(queue, || {}, Box::new(|| {})),
        Shared => HomeRef::shared(ready.clone()),
    };
    let at_home = (kind == Homely).then(|| home.enter());
    let props = Arc::new(Props {
        counts: Arc::default(),
        handle: Mutex::default(),
        waker: Mutex::default(),
        verdict: Mutex::default(),
    });
    let during = (when == During).then_some((deed, who));
    let subject = Subject { props: props.clone(), behaviour, during };
    let (task, handle) = JoinHandle::new_pair(subject, home.clone(), Origin::here(None));
    let [kept, queued] = task;
    *props.handle.lock().unwrap() = Some(handle);
    assert!(matches!(queued.run(), Ran::Waiting), "the first poll hands the waker out");
    ready.times_queued.store(0, SeqCst);

    props.waker.lock().unwrap().as_ref().unwrap().wake_by_ref();
    if when == Before {
        act(deed, who, &props);
    }
    turn_until_idle(&home, &ready);
    if when == After {
        act(deed, who, &props);
        turn_until_idle(&home, &ready);
    }

    let verdict = verdict(&props);
    let counts = &props.counts;
    let seen = format!(
        "p{} q{} f{} o{} j{} {verdict}",
        counts.polls.load(SeqCst),
        ready.times_queued.load(SeqCst),
        counts.future_drops.load(SeqCst),
        counts.output_drops.load(SeqCst),
        counts.joiner_wakes.load(SeqCst),
    );

    // Leave, with a waker and perhaps the handle still around, then see that everything is gone.
    kept.cancel_at_shutdown();
    drop(kept);
    turn_until_idle(&home, &ready);
    assert!(home.inbox().close(), "no notes are left");
    drop(at_home);
    match kind {
        Homely => home.settle(),
        Shared => drop(home),
    }
    props.waker.lock().unwrap().take();
    props.handle.lock().unwrap().take();
    assert_eq!(props.counts.future_drops.load(SeqCst), 1, "the future is dropped exactly once");
    assert!(props.counts.output_drops.load(SeqCst) <= 1, "the output is dropped at most once");
    assert_eq!(Arc::strong_count(&props), 1, "the task is gone");
    seen
}

/// Does the deed, at home or on a thread of its own.
fn act(deed: Deed, who: Who, props: &Arc<Props>) {
    match who {
        Home => act_here(deed, props),
        Stranger => {
            let props = props.clone();
            std::thread::spawn(move || act_here(deed, &props)).join().unwrap();
        }
    }
}

fn act_here(deed: Deed, props: &Props) {
    let waker = props.waker.lock().unwrap().clone();
    match deed {
        WakeIt => waker.unwrap().wake(),
        WakeByRef => waker.unwrap().wake_by_ref(),
        CloneWaker => drop(waker.clone()),
        DropWaker => drop(props.waker.lock().unwrap().take()),
        Abort => props.handle.lock().unwrap().as_ref().unwrap().abort(),
        Detach => drop(props.handle.lock().unwrap().take()),
        Join => {
            let joiner = Waker::from(props.counts.clone());
            poll_handle(props, &joiner);
        }
    }
}

/// Polls the handle and notes what it gave.
fn poll_handle(props: &Props, waker: &Waker) {
    let mut handle = props.handle.lock().unwrap();
    let Some(joined) = handle.as_mut() else { return };
    let polled = Pin::new(joined).poll(&mut Context::from_waker(waker));
    *props.verdict.lock().unwrap() = match polled {
        Poll::Pending => return,
        Poll::Ready(Ok(output)) => {
            drop(output);
            Some("output")
        }
        Poll::Ready(Err(error)) if error.is_panic() => Some("panicked"),
        Poll::Ready(Err(_)) => Some("cancelled"),
    };
}

/// What the handle says in the end.
fn verdict(props: &Props) -> &'static str {
    if props.handle.lock().unwrap().is_none() {
        return "detached";
    }
    if props.verdict.lock().unwrap().is_none() {
        poll_handle(props, Waker::noop());
    }
    props.verdict.lock().unwrap().unwrap_or("waiting")
}

/// Keeps the planned panics out of the test's output; all others are still shown.
fn silence_panics() {
    let shown = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"as planned") {
            shown(info);
        }
    }));
}
