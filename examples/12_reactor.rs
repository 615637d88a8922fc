//! Lesson 12. Who wakes a task when its socket has something, and for how long may a loop sleep?
//!
//! Run it: `cargo run --example 12_reactor`
//! Covers: 1, 15.
//!
//! Python: `loop.add_reader(socket, callback)` puts a callback into the selector's table, and
//! `_run_once` calls `select` with the time to the next timer. One object is all in one. Rust: a
//! *reactor* has the table, an *executor* has the tasks, and the `Waker` joins them: the reactor
//! keeps it and does not know what it wakes.
//!
//! Predict. Three loops watch a socket. The first has a task that is ready; the second has none,
//! and an alarm in 20 ms; the third has neither. For how long do they tell the kernel to sleep?
//!
//! a) 0; 20 ms; for ever.
//! b) The first does not ask while it has work; 20 ms; for ever.
//! c) 100 ms each: long enough to save power, short enough for alarms and for other threads.

use mio::event::Event;
use mio::net::UnixStream;
use mio::{Events, Interest};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

// --- the reactor: which socket, which direction, whose waker -------------------------------------

/// The name of one registration. A slot is used again, a generation is not.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Token {
    slot: usize,
    generation: usize,
}

#[derive(Default)]
struct Side {
    /// The kernel has told of it, and no call has said `WouldBlock` since.
    ready: bool,
    waker: Option<Waker>,
}

struct Source {
    generation: usize,
    read: Side,
    write: Side,
}

struct Reactor {
    poll: mio::Poll,
    events: Events,
    sources: Slab<Source>,
    registrations: usize,
}

const SLOT_BITS: u32 = 24;
const BELL: mio::Token = mio::Token(usize::MAX);

impl Reactor {
    fn new() -> io::Result<Self> {
        let (poll, events) = (mio::Poll::new()?, Events::with_capacity(64));
        Ok(Self { poll, events, sources: Slab::new(), registrations: 0 })
    }

    /// Once for the life of a socket, for edges in both directions.
    fn register(&mut self, stream: &mut UnixStream) -> io::Result<Token> {
        self.registrations += 1;
        let generation = self.registrations;
        // Thought ready until a call says no: to try is how one finds out.
        let side = || Side { ready: true, waker: None };
        let slot = self.sources.insert(Source { generation, read: side(), write: side() });
        let key = mio::Token(generation << SLOT_BITS | slot);
        self.poll.registry().register(stream, key, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Token { slot, generation })
    }

    fn deregister(&mut self, token: Token, stream: &mut UnixStream) -> io::Result<()> {
        self.sources.remove(token.slot);
        self.poll.registry().deregister(stream)
    }

    /// Ready, or a seat at the table.
    fn poll_readable(&mut self, token: Token, cx: &Context<'_>) -> Poll<()> {
        let side = &mut self.sources[token.slot].read;
        if side.ready {
            return Poll::Ready(());
        }
        side.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// A call said `WouldBlock`.
    fn not_readable(&mut self, token: Token) {
        self.sources[token.slot].read.ready = false;
    }

    fn ask(&mut self, limit: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, limit) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()), // a signal: turn anyway
            asked => asked,
        }
    }

    /// Notes what the kernel told. The wakers are called by who asked, when nothing is borrowed.
    fn hand_out(&mut self) -> (Vec<Waker>, News) {
        let (mut woken, mut news) = (Vec::new(), News::default());
        for event in &self.events {
            let key = event.token().0;
            let (slot, generation) = (key & ((1 << SLOT_BITS) - 1), key >> SLOT_BITS);
            match self.sources.get_mut(slot) {
                _ if event.token() == BELL => news.bell = true,
                Some(source) if source.generation == generation => {
                    news.sources += 1;
                    source.note(event, &mut woken);
                }
                _ => news.late += 1, // of one that is gone
            }
        }
        self.events.clear();
        (woken, news)
    }
}

impl Source {
    fn note(&mut self, event: &Event, woken: &mut Vec<Waker>) {
        for (told, side) in
            [(event.is_readable(), &mut self.read), (event.is_writable(), &mut self.write)]
        {
            if told {
                side.ready = true; // also if nobody waits: an edge is told once
                woken.extend(side.waker.take());
            }
        }
    }
}

#[derive(Default, Debug, PartialEq)]
struct News {
    sources: usize,
    late: usize,
    bell: bool,
}

// --- the loop: tasks, alarms and the reactor -----------------------------------------------------

#[derive(Default)]
struct Queue {
    ready: VecDeque<usize>,
    /// Set and read under the queue's lock: who puts a task in after it was set has to ring.
    asleep: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    bell: mio::Waker,
}

struct Task(usize, Arc<Shared>);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut queue = self.1.queue.lock().unwrap();
        queue.ready.push_back(self.0);
        let was_asleep = mem::take(&mut queue.asleep);
        drop(queue);
        if was_asleep {
            self.1.bell.wake().expect("the kernel takes a ring");
        }
    }
}

type Work<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

struct Loop {
    reactor: RefCell<Reactor>,
    alarms: RefCell<BTreeMap<(Instant, usize), Waker>>,
    alarms_set: Cell<usize>,
    shared: Arc<Shared>,
    /// The guide's way: the same limit each time.
    fixed: Option<Duration>,
}

impl Loop {
    fn new(fixed: Option<Duration>) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        let bell = mio::Waker::new(reactor.poll.registry(), BELL)?;
        let shared = Arc::new(Shared { queue: Mutex::default(), bell });
        let (reactor, alarms) = (RefCell::new(reactor), RefCell::default());
        Ok(Self { reactor, alarms, alarms_set: Cell::new(0), shared, fixed })
    }

    /// Runs all to their end. Returns what each look outside was like.
    fn run(&self, work: Vec<Work<'_>>) -> io::Result<Vec<String>> {
        let mut log = Vec::new();
        let mut tasks: Vec<_> = work.into_iter().map(Some).collect();
        self.shared.queue.lock().unwrap().ready.extend(0..tasks.len());
        loop {
            let batch = mem::take(&mut self.shared.queue.lock().unwrap().ready);
            for task in batch {
                let waker = Waker::from(Arc::new(Task(task, self.shared.clone())));
                let poll = |work: &mut Work| work.as_mut().poll(&mut Context::from_waker(&waker));
                if tasks[task].as_mut().is_some_and(|work| poll(work).is_ready()) {
                    tasks[task] = None;
                }
            }
            if tasks.iter().all(Option::is_none) {
                return Ok(log);
            }
            log.push(self.look_outside()?);
        }
    }

    fn look_outside(&self) -> io::Result<String> {
        let next = self.alarms.borrow().first_key_value().map(|((deadline, _), _)| *deadline);
        let mut queue = self.shared.queue.lock().unwrap();
        let (limit, name) = match (queue.ready.is_empty(), next) {
            (false, _) => (Some(Duration::ZERO), "work to do, so 0"),
            (true, Some(next)) => (Some(next - Instant::now()), "to the alarm"),
            (true, None) => (None, "for ever"),
        };
        queue.asleep = queue.ready.is_empty();
        drop(queue);
        self.reactor.borrow_mut().ask(self.fixed.or(limit))?;
        self.shared.queue.lock().unwrap().asleep = false;
        let (mut woken, news) = self.reactor.borrow_mut().hand_out();
        let later = self.alarms.borrow_mut().split_off(&(Instant::now(), usize::MAX));
        let due = self.alarms.replace(later);
        let alarms = due.len();
        woken.extend(due.into_values());
        let told = (news.sources, alarms, usize::from(news.bell));
        let line = format!("{name}: {told:?}, wakes {}", woken.len());
        woken.into_iter().for_each(Waker::wake); // with nothing borrowed: it is a stranger's code
        Ok(line)
    }

    async fn read(&self, mut stream: &UnixStream, token: Token, buf: &mut [u8]) -> usize {
        loop {
            poll_fn(|cx| self.reactor.borrow_mut().poll_readable(token, cx)).await;
            match stream.read(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.reactor.borrow_mut().not_readable(token);
                }
                count => return count.expect("the other end is open"),
            }
        }
    }

    async fn sleep(&self, duration: Duration) {
        let deadline = Instant::now() + duration;
        poll_fn(|cx| {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            let number = self.alarms_set.replace(self.alarms_set.get() + 1);
            self.alarms.borrow_mut().insert((deadline, number), cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn main() -> io::Result<()> {
    the_limit_of_each_sleep()?;
    the_alarm_and_the_fixed_limit()?;
    an_edge_before_its_reader()?;
    a_late_event()?;
    the_same_on_the_engine()
}

/// The prediction, in one program: a task that is ready, an alarm, a socket, another thread.
fn the_limit_of_each_sleep() -> io::Result<()> {
    let (mut near, mut far) = UnixStream::pair()?;
    let lp = Loop::new(None)?;
    let token = lp.reactor.borrow_mut().register(&mut near)?;

    let writes = async {
        yield_now().await;
        lp.sleep(Duration::from_millis(20)).await;
        far.write_all(b"hello").expect("room for five bytes");
    };
    let reads = async {
        let mut buf = [0; 16];
        let count = lp.read(&near, token, &mut buf).await;
        assert_eq!(&buf[..count], b"hello");
        from_a_thread(&lp.shared).await;
    };
    let log = lp.run(vec![Box::pin(writes), Box::pin(reads)])?;
    println!("the limit, then (sockets, alarms, bell) that were told:");
    log.iter().for_each(|line| println!("    {line}"));
    assert_eq!(
        log,
        [
            "work to do, so 0: (1, 0, 0), wakes 0", // it can be written: nobody waits for that
            "to the alarm: (0, 1, 0), wakes 1",
            "for ever: (1, 0, 0), wakes 1",
            "for ever: (0, 0, 1), wakes 0", // the thread has put the task into the queue itself
        ]
    );
    lp.reactor.borrow_mut().deregister(token, &mut near)
}

/// Waits for another thread, which waits until the loop sleeps: so the log is the same each time.
async fn from_a_thread(shared: &Arc<Shared>) {
    let is_done = Arc::new(AtomicBool::new(false));
    let mut theirs = Some((is_done.clone(), shared.clone()));
    poll_fn(|cx| {
        if let Some((is_done, shared)) = theirs.take() {
            let waker = cx.waker().clone();
            thread::spawn(move || {
                while !shared.queue.lock().unwrap().asleep {
                    thread::yield_now();
                }
                is_done.store(true, SeqCst);
                waker.wake();
            });
        }
        if is_done.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// The guide's loop asks with `select(timeout=0.1)`, whatever is due.
fn the_alarm_and_the_fixed_limit() -> io::Result<()> {
    for fixed in [None, Some(Duration::from_millis(100))] {
        let (lp, start) = (Loop::new(fixed)?, Instant::now());
        lp.run(vec![Box::pin(lp.sleep(Duration::from_millis(20)))])?;
        let took = start.elapsed();
        let way = if fixed.is_some() { "always 100 ms: " } else { "to the alarm:  " };
        println!("an alarm for 20 ms, {way} ~{} ms", took.as_millis());
        assert!(took >= fixed.unwrap_or(Duration::from_millis(20)));
    }
    Ok(())
}

/// The kernel tells an edge once, also when nobody waits for it. So the table has to remember.
fn an_edge_before_its_reader() -> io::Result<()> {
    let (mut near, mut far) = UnixStream::pair()?;
    let mut reactor = Reactor::new()?;
    let token = reactor.register(&mut near)?;
    reactor.not_readable(token);
    far.write_all(b"!")?;
    reactor.ask(Some(Duration::from_secs(10)))?;
    let (woken, news) = reactor.hand_out();
    reactor.ask(Some(Duration::ZERO))?;
    let again = reactor.hand_out().1.sources;
    let late = reactor.poll_readable(token, &Context::from_waker(Waker::noop()));
    println!("an edge before its reader: told {}, wakes {}", news.sources, woken.len());
    println!("    told again {again}; the reader comes: {late:?}");
    assert_eq!((news.sources, woken.len(), again, late), (1, 0, 0, Poll::Ready(())));
    Ok(())
}

/// Between the answer of the kernel and its handing out, one socket goes and another comes.
fn a_late_event() -> io::Result<()> {
    let ((mut old, mut far), (mut new, _open)) = (UnixStream::pair()?, UnixStream::pair()?);
    let mut reactor = Reactor::new()?;
    let gone = reactor.register(&mut old)?;
    far.write_all(b"!")?;
    reactor.ask(Some(Duration::from_secs(10)))?;
    reactor.deregister(gone, &mut old)?;
    let came = reactor.register(&mut new)?;
    reactor.not_readable(came);
    assert!(reactor.poll_readable(came, &Context::from_waker(Waker::noop())).is_pending());
    let (woken, news) = reactor.hand_out();
    println!("a late event for {gone:?}:\n    there sits {came:?}; wakes {}", woken.len());
    assert_eq!((gone.slot, woken.len()), (came.slot, 0), "its slot, and not its event");
    assert_eq!(news, News { sources: 0, late: 1, bell: false });
    Ok(())
}

/// An alarm, a socket and a thread, as above, with the engine's two back ends.
fn the_same_on_the_engine() -> io::Result<()> {
    use rondel::io::{AsyncReadExt, AsyncWriteExt};
    for kind in [rondel::Reactor::Mio, rondel::Reactor::Polling] {
        let runtime = rondel::Builder::new().reactor(kind).build()?;
        let answer = runtime.block_on(async {
            let (mut near, mut far) = rondel::net::UnixStream::pair()?;
            let writer = rondel::spawn(async move {
                rondel::time::sleep(Duration::from_millis(20)).await;
                far.write_all(b"hello").await
            });
            let mut text = [0; 5];
            near.read_exact(&mut text).await?;
            writer.await.unwrap()?;
            let (tx, rx) = rondel::sync::oneshot::channel();
            thread::spawn(move || tx.send(text.len()));
            io::Result::Ok(rx.await.unwrap())
        })?;
        println!("the engine on {kind:?}: {answer}");
        assert_eq!(answer, 5);
    }
    Ok(())
}

// Explain
//
// a) is right. A task that is ready must not wait, but the sockets must not either: a task that
// always yields would shut them out for ever. So the loop asks, with a limit of 0. With nothing to
// do it sleeps to the next alarm; with no alarm for ever. It need not wake up "to be safe", as what
// comes from another thread rings the bell: a descriptor of the loop's own that is in the same
// call. The guide's loop does c), by `select(timeout=0.1)`. We measured: its alarm for 20 ms rings
// after 100, and it wakes ten times a second for nothing.
//
// The bell must not be lost between the look at the queue and the sleep. "I am asleep" is written
// under the queue's lock, in one step with that look. Whoever puts a task in comes before it, and
// the loop sees the task; or after it, and rings. A ring before the sleep is kept by the kernel.
//
// The way of one read, with the names of this lesson:
//
// 1. `register`: the kernel gets the token, once; both directions are thought ready.
// 2. `read` tries, and gets `WouldBlock`: `not_readable`.
// 3. `poll_readable` seats the waker, the future returns `Pending`, the task is suspended.
// 4. `look_outside` computes the limit, and `ask` sleeps in the kernel.
// 5. Bytes come: the kernel ends the sleep and gives the token back.
// 6. `hand_out` finds the source, notes "ready" and takes the waker out.
// 7. The waker puts the task into the queue; its poll tries `read` again, and now it succeeds.
//
// Two things are there because edges are told once. The table notes readiness even if nobody waits,
// and a task tries before it sits down: else it would wait for an edge that has been. The third,
// the generation, is there because numbers are used again: an answer that was on its way names a
// socket that is gone, and in its slot there sits another one. To wake that in vain would be
// harmless; to tell it "closed" would not.
//
// What real runtimes do
//
// asyncio has all of it in one class, with callbacks in place of wakers. tokio calls the reactor
// its I/O driver, and its token is an address; a worker asks it each 61 polls, with a limit of 0 if
// it has work. smol gives the reactor a thread of its own that helps out. Go calls it netpoller.
// libuv's `uv_backend_timeout` is the three-line `match` of this lesson.
//
// Where to read next
//
// The limit of the engine's sleep: to the next stop of the wheel, if there is one; it comes here
// only with an empty queue.
//
// ```rust,cite=runtime/turn.rs
// let next_ticks = self.outlook.wheel.borrow().fall_asleep(now_ticks);
// …
// let left = |ticks| self.clock.instant_of(ticks) - self.clock.now();
// let limits = [next_ticks.map(left), self.ready.watch()];
// self.ask_kernel(limits.into_iter().flatten().min())?;
// ```
//
// What an event does to a side of the table, and nobody is called meanwhile:
//
// ```rust,cite=runtime/reactor/source.rs
// self.closed |= closed;
// if ready || closed {
//     self.ready = true;
//     self.edge = self.edge.wrapping_add(1);
//     self.take_all(woken);
// ```
