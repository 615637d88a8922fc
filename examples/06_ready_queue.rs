//! Lesson 06. In which order does a loop do what is ready?
//!
//! Run it: `cargo run --example 06_ready_queue`
//! Covers: 1, 5-8, 17, X1, X2.
//!
//! Python: the loop has a queue of callbacks, `_ready`; a step of a task is one of them. Rust: a
//! queue of tasks. Both are first in, first out. What differs is when the loop looks at timers and
//! sockets, and how far it works off the queue before it does.
//!
//! Predict. `main` has a socket registered, schedules the callback `first`, creates a task, writes
//! "main goes on", and yields. `first` makes the socket readable, sets a timer of 0 ms, and
//! schedules `nested`. The task has a done-callback. In which order do the eight things happen?
//!
//! a) task, main goes on, first, ...: `create_task` starts it.
//! b) main goes on, first, task, main is back, socket, timer, nested, done-callback.
//! c) main goes on, first, task, main is back, nested, done-callback, and last the other two.

mod diary;

use diary::Diary;
use rondel::callbacks::{call_at, call_later, call_soon, create_task, time};
use rondel::io::AsyncReadExt;
use rondel::net::UnixStream;
use rondel::task::{spawn_local, yield_now};
use rondel::time::{Duration, sleep};
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

// --- two loops as models: what one tick is -------------------------------------------------------

#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Ready callbacks, then the poll and its callbacks, then timers.
    TheGuide,
    /// Poll first; its callbacks go to the back of the queue, due timers behind them. Then the
    /// callbacks run that are there by now, and no others.
    CPython,
}

#[derive(Default)]
struct Model {
    ready: VecDeque<&'static str>,
    readable: VecDeque<&'static str>,
    due: VecDeque<&'static str>,
    log: Vec<&'static str>,
}

impl Model {
    fn call(&mut self, name: &'static str) {
        self.log.push(name);
        match name {
            "main goes on" => self.ready.extend(["first", "task", "main is back"]),
            "first" => {
                self.readable.push_back("socket");
                self.due.push_back("timer");
                self.ready.push_back("nested");
            }
            "task" => self.ready.push_back("done-callback"),
            _ => {}
        }
    }

    fn run_those_present(&mut self) {
        for _ in 0..self.ready.len() {
            let name = self.ready.pop_front();
            name.into_iter().for_each(|name| self.call(name));
        }
    }

    fn tick(&mut self, rule: Rule) {
        match rule {
            Rule::TheGuide => {
                self.run_those_present();
                let now: Vec<_> = self.readable.drain(..).chain(self.due.drain(..)).collect();
                now.into_iter().for_each(|name| self.call(name));
            }
            Rule::CPython => {
                self.ready.extend(self.readable.drain(..).chain(self.due.drain(..)));
                self.run_those_present();
            }
        }
    }

    fn order(rule: Rule) -> Vec<&'static str> {
        let mut model = Self::default();
        model.ready.push_back("main goes on");
        while model.log.len() < 8 {
            model.tick(rule);
        }
        model.log
    }
}

// --- the real one --------------------------------------------------------------------------------

/// The puzzle on Rondel's loop.
async fn puzzle(diary: &Diary) {
    let (mut reader, writer) = UnixStream::pair().unwrap();
    let theirs = diary.clone();
    let listener = spawn_local(async move {
        assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 1);
        theirs.note("socket");
    });
    sleep(Duration::from_millis(1)).await; // it has looked, and waits

    let theirs = diary.clone();
    call_soon(move || {
        theirs.note("first");
        assert_eq!(writer.try_write(b"x").unwrap(), 1);
        let (timer, nested) = (theirs.clone(), theirs);
        call_later(Duration::ZERO, move || timer.note("timer"));
        call_soon(move || nested.note("nested"));
    });
    let theirs = diary.clone();
    let task = create_task(async move { theirs.note("task") });
    let theirs = diary.clone();
    task.add_done_callback(move |_| theirs.note("done-callback"));
    diary.note("main goes on");
    yield_now().await;
    diary.note("main is back");
    listener.await.unwrap();
    sleep(Duration::from_millis(1)).await;
}

/// Each callback schedules the next one, for ever. How many run before a timer that is due?
async fn links_before_the_timer() -> u32 {
    fn link(count: Rc<Cell<u32>>, stop: Rc<Cell<bool>>) {
        if !stop.get() {
            count.set(count.get() + 1);
            call_soon(move || link(count, stop));
        }
    }
    let (count, stop) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let theirs = stop.clone();
    call_later(Duration::ZERO, move || theirs.set(true));
    link(count.clone(), stop.clone());
    while !stop.get() {
        yield_now().await;
    }
    count.get()
}

#[rondel::main(start_paused = true)]
async fn main() {
    let guide = Model::order(Rule::TheGuide);
    let cpython = Model::order(Rule::CPython);
    println!("the guide's tick:  {}", guide.join(", "));
    println!("CPython's tick:    {}", cpython.join(", "));

    let diary = Diary::new();
    puzzle(&diary).await;
    let first_six = &cpython[..6];
    assert_eq!(first_six[4..], ["nested", "done-callback"]);
    assert!(diary.has_in_order(first_six), "Rondel and CPython agree so far");
    assert!(diary.has_in_order(&["done-callback", "timer", "socket"]), "the timers come first");
    assert_ne!(guide, cpython);

    // Timers run by their moment, not by the order in which they were set.
    let (late, early) = (diary.clone(), diary.clone());
    let start = time();
    call_at(start + Duration::from_millis(30), move || late.note("call_at, 30 ms"));
    let timer = call_later(Duration::from_millis(20), || unreachable!("it was cancelled"));
    call_later(Duration::from_millis(10), move || early.note("call_later, 10 ms"));
    timer.cancel();
    sleep(Duration::from_millis(40)).await;
    assert!(diary.has_in_order(&["call_later, 10 ms", "call_at, 30 ms"]));
    assert_eq!((time() - start).as_millis(), 40, "the loop's clock, which never goes back");

    let links = links_before_the_timer().await;
    diary.note(format!("a chain without end: {links} links, then a timer that is due"));
    assert!(links <= 61);
}

// Explain
//
// c) is right, and the same puzzle on CPython 3.11 gives its model's order, to the letter. Nobody
// overtakes: who is made ready stands at the back, and `create_task` only makes ready. So "main
// goes on" comes before "task". The guide says of `create_task` that the task "starts running NOW";
// we measured that the caller goes on until its next pause. (Python 3.12 has eager tasks, which do
// start at once, if one asks for them.)
//
// The guide's tick runs the ready callbacks, asks the kernel, runs what that brought, and then the
// timers. So it has socket and timer before "nested". We measured the other order. CPython asks the
// kernel *first*, with a timeout of zero if anything is ready; what is readable goes to the back
// of the queue, due timers go behind it, and then exactly those run that are there. "first" made
// the socket readable when this tick's look was over; "nested" was in the queue by the next look.
//
//     CPython                                  Rondel
//     ┌─▶ ask the kernel  ─▶ back of queue     ┌─▶ run the queue, up to 61 places, new ones too
//     │   due timers      ─▶ back of queue     │   due timers      ─▶ back of queue
//     │   run those that are there             │   ask the kernel  ─▶ back of queue
//     └── again, until main is done            └── again, until the root future is done
//
// Both never run a socket's or a timer's callback out of line: all they do is to put it in the
// queue. That is what "single-threaded dispatcher" means: one queue, and three sources that fill
// it. Rondel's loop fires timers before it asks the kernel, as the kernel is the place to sleep and
// the timers say how long. So here "timer" comes before "socket". No program should depend on that.
//
// A chain of callbacks that never ends does not stop the others. CPython takes a round of those
// present; Rondel a batch of 61, of which half were the links here and half `main`, which yields.
// Then each looks at timers and sockets.
//
// `call_later(delay, f)` is `call_at(time() + delay, f)`, and `time()` is the loop's own clock: it
// never goes back, whatever happens to the clock on the wall, and it can be virtual, as here.
//
// What real runtimes do
//
// libuv, and so Node: timers, pending callbacks, poll, `setImmediate`, closing callbacks; promises
// and `process.nextTick` run between any two of them. tokio's current-thread loop: a queue, and a
// look outside every 61 polls. Its many-worker loop has a slot for the task woken last, which
// overtakes (lesson 31). trio shuffles the queue on purpose, so that nobody relies on it.
//
// Where to read next
//
// The one loop, without its comments:
//
// ```rust,cite=runtime/turn.rs
// for _ in 0..BATCH {
//     match ready.pop() {
//         Some(Job::Task(task)) => lp.run(task, ready),
// …
// lp.fire_timers();
// …
// let more = lp.read_inbox();
// if ready.refill() || more {
//     lp.look_at_sockets()?;
// } else if ready.sleep() {
//     let slept = lp.sleep_outside();
// ```
