//! What the tests share: a diary, wakers that count, a gate that the test opens, and the least
//! executor.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use rondel::time::{Duration, Instant};

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Diary(Rc<RefCell<Vec<&'static str>>>);

impl Diary {
    pub fn note(&self, page: &'static str) {
        self.0.borrow_mut().push(page);
    }

    pub fn pages(&self) -> Vec<&'static str> {
        self.0.borrow().clone()
    }

    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// Notes `page` when it is dropped.
    pub fn on_drop(&self, page: &'static str) -> OnDrop {
        OnDrop(self.clone(), page)
    }
}

#[derive(Debug)]
pub struct OnDrop(Diary, &'static str);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

/// Counts the wakes of one task.
#[derive(Default)]
pub struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Wakes {
    pub fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// Polls once, with a waker that counts.
pub fn poll_once<F: Future>(future: Pin<&mut F>, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(wakes.clone())))
}

/// Polls whenever it was woken; parks the thread meanwhile.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A child that waits until the test opens it; keeps its last waker and counts its polls.
#[derive(Clone, Default)]
pub struct Gate(Arc<GateState>);

#[derive(Default)]
pub struct GateState {
    waker: Mutex<Option<Waker>>,
    open: Mutex<Option<u32>>,
    polls: AtomicUsize,
}

impl Gate {
    pub async fn pass(self) -> u32 {
        poll_fn(|cx| {
            *self.0.waker.lock().unwrap() = Some(cx.waker().clone());
            self.0.polls.fetch_add(1, SeqCst); // now it can be opened
            self.0.open.lock().unwrap().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    pub fn open(&self, value: u32) {
        self.open_early(value);
        self.wake();
    }

    /// Opens it before anybody has polled.
    pub fn open_early(&self, value: u32) {
        *self.0.open.lock().unwrap() = Some(value);
    }

    pub fn wake(&self) {
        let waker = self.waker();
        waker.wake();
    }

    pub fn waker(&self) -> Waker {
        self.0.waker.lock().unwrap().clone().expect("not polled yet")
    }

    pub fn polls(&self) -> usize {
        self.0.polls.load(SeqCst)
    }
}

/// Opens the gates from two threads, each as soon as it was polled, with its number.
pub fn open_from_two_threads(gates: &[Gate]) -> [thread::JoinHandle<()>; 2] {
    [0, 1].map(|half| {
        let gates = gates.to_vec();
        thread::spawn(move || {
            for (index, gate) in gates.iter().enumerate().skip(half).step_by(2) {
                while gate.polls() == 0 {
                    thread::yield_now();
                }
                gate.open(index as u32);
            }
        })
    })
}

/// Ready at the second poll; wakes itself at the first.
pub async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

pub fn panic_text(caught: Box<dyn std::any::Any + Send>) -> String {
    let text = caught.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| caught.downcast_ref::<String>().cloned()).expect("a panic with a text")
}

// ---- Virtual time ------------------------------------------------------------------------------

/// Runs `future` in virtual time.
pub fn virtually<F: Future>(future: F) -> F::Output {
    rondel::Builder::new().start_paused(true).build().unwrap().block_on(future)
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Sleeps, then returns `output`.
pub async fn after<T>(delay: u64, output: T) -> T {
    rondel::time::sleep(millis(delay)).await;
    output
}

/// A child that spends the whole budget at each poll, and never ends. `at_poll` is called with the
/// number of the poll, from 1.
pub async fn greedy<T>(mut at_poll: impl FnMut(u64)) -> T {
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        assert!(polls < 1_000, "nobody stops it");
        while let Poll::Ready(step) = rondel::task::coop::poll_proceed(cx) {
            step.made_progress();
        }
        at_poll(polls);
        Poll::Pending // and woken, for want of budget
    })
    .await
}

/// Lets time pass, though somebody can run.
pub fn pass(delay: u64) {
    let step = pin!(rondel::time::advance(millis(delay)));
    assert!(step.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// What happened when, in milliseconds from its making.
#[derive(Clone)]
pub struct Log {
    start: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Log {
    pub fn new() -> Self {
        Self { start: Instant::now(), lines: Arc::default() }
    }

    pub fn note(&self, what: impl std::fmt::Display) {
        self.lines.lock().unwrap().push(format!("{} {what}", self.now()));
    }

    /// Milliseconds since the log was made.
    pub fn now(&self) -> u128 {
        self.start.elapsed().as_millis()
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Notes its start; after `delay` its end, and returns `output`; or that it was dropped before.
    pub async fn work<T>(&self, name: &'static str, delay: u64, output: T) -> T {
        self.note(format_args!("{name} starts"));
        let mut end = End { log: self, name, how: "is dropped" };
        rondel::time::sleep(millis(delay)).await;
        end.how = "ends";
        drop(end);
        output
    }
}

/// Notes how a piece of work ended.
struct End<'a> {
    log: &'a Log,
    name: &'static str,
    how: &'static str,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.log.note(format_args!("{} {}", self.name, self.how));
    }
}
