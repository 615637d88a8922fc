//! Rung 08 of the ladder: over mio, with seats in a slab.
//!
//! Run it: `cargo run --example rung_08_mio`
//!
//! Rung 07 could not run anywhere but on Linux, and told the kernel of its interest anew before
//! each wait.
//!
//! One idea: a socket has a *seat* for as long as it lives. It is registered once, under the seat's
//! number (its token), for edges: "from now on tell me when something changes".
//!
//! ```text
//!   read(): "not yet" ──▶ seats[1] = my waker
//!   seats (a slab):   0 socket: –   1 socket: waker of task A   2 free   3 socket: –
//!                                   └──◀── event(token 1): take the waker, wake task A
//! ```
//!
//! Real runtimes: tokio stands on mio, and mio on epoll, kqueue or Windows' IOCP. A late event
//! for a closed socket must not wake the next one in its seat: Rondel's tokens have a generation,
//! tokio's are addresses that it gives up only between two waits. Here it wakes a task in vain.

pub(crate) mod rungs;

use mio::net::TcpStream;
use mio::{Events, Interest, Token};
use rungs::Load;
use slab::Slab;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Queue = Arc<Mutex<VecDeque<Arc<Task>>>>;

struct Task {
    future: Mutex<Option<Work>>,
    queued: AtomicBool,
    queue: Queue,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.queue.lock().unwrap().push_back(self.clone());
        }
    }
}

pub(crate) struct Reactor {
    poll: mio::Poll,
    events: Events,
    /// Who sits there: nobody, or the task that waits for this socket.
    seats: Slab<Option<Waker>>,
}

thread_local! { pub(crate) static REACTOR: RefCell<Reactor> = RefCell::new(Reactor::new()); }

impl Reactor {
    fn new() -> Self {
        let poll = mio::Poll::new().expect("a queue of events");
        Self { poll, events: Events::with_capacity(64), seats: Slab::new() }
    }

    /// Sleeps until there is an event, or the limit has passed. Returns whom to wake.
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> Vec<Waker> {
        self.poll.poll(&mut self.events, limit).expect("the kernel answers");
        let seats = self.events.iter().map(|event| event.token().0);
        seats.filter_map(|seat| self.seats.get_mut(seat)?.take()).collect()
    }
}

/// A connection with a seat.
pub(crate) struct Socket {
    pub(crate) line: TcpStream,
    seat: usize,
}

impl Socket {
    pub(crate) fn new(line: std::net::TcpStream) -> Self {
        line.set_nonblocking(true).expect("a socket can do that");
        let mut line = TcpStream::from_std(line);
        let seat = REACTOR.with_borrow_mut(|reactor| {
            let seat = reactor.seats.insert(None);
            let registry = reactor.poll.registry();
            registry.register(&mut line, Token(seat), Interest::READABLE).expect("a registration");
            seat
        });
        Self { line, seat }
    }

    /// Edges are told once, so the order is: try first, and sit down only after "not yet".
    pub(crate) async fn read_byte(&mut self) -> u8 {
        let mut byte = [0];
        poll_fn(|cx| match self.line.read_exact(&mut byte) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let waker = Some(cx.waker().clone());
                REACTOR.with_borrow_mut(|reactor| reactor.seats[self.seat] = waker);
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
        .await
        .expect("an answer");
        byte[0]
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        REACTOR.with_borrow_mut(|reactor| {
            reactor.poll.registry().deregister(&mut self.line).expect("it was registered");
            reactor.seats.remove(self.seat);
        });
    }
}

/// Runs futures beside each other until all are done. Returns how often the thread slept.
fn run(futures: impl IntoIterator<Item = impl Future<Output = ()> + Send + 'static>) -> usize {
    let (queue, mut alive, mut sleeps) = (Queue::default(), 0, 0);
    for future in futures {
        let future = Mutex::new(Some(Box::pin(future) as Work));
        Arc::new(Task { future, queued: AtomicBool::new(false), queue: queue.clone() }).wake();
        alive += 1;
    }
    while alive > 0 {
        // The braces let go of the lock before the poll, which may wake, and so take it.
        let Some(task) = ({ queue.lock().unwrap().pop_front() }) else {
            sleeps += 1;
            // No limit: rung 07's timers would give one, as rung 10's do.
            let woken = REACTOR.with_borrow_mut(|reactor| reactor.wait(None));
            woken.into_iter().for_each(Waker::wake);
            continue;
        };
        task.queued.store(false, Ordering::Release);
        let waker = Waker::from(task.clone());
        let mut place = task.future.lock().unwrap();
        let poll = |future: &mut Work| future.as_mut().poll(&mut Context::from_waker(&waker));
        if place.as_mut().is_some_and(|future| poll(future).is_ready()) {
            *place = None;
            alive -= 1;
        }
    }
    sleeps
}

async fn client(load: Load) {
    let mut socket = Socket::new(load.connect().expect("a connection"));
    for _ in 0..load.requests {
        socket.line.write_all(&[load.delay_ms]).expect("room for a byte");
        assert_eq!(socket.read_byte().await, load.delay_ms);
    }
}

fn main() {
    let mut sleeps = 0;
    let (_, most) = rungs::climb(|load| sleeps = run((0..load.clients).map(|_| client(*load))));
    println!("  one thread, and it slept ~{sleeps} times");
    assert!(most > 1, "they wait at the same time");
    assert!(sleeps <= 10, "no sleep ends without an answer: {sleeps}");

    let seats = REACTOR.with_borrow(|reactor| (reactor.seats.len(), reactor.seats.capacity()));
    println!("  {} seats are taken at the end", seats.0);
    assert_eq!(seats.0, 0, "who leaves gives up its seat");
    assert!(seats.1 >= 10, "and the next socket will get one of those");
}

// It cost: 17 µs of CPU and 3 system calls a request, against 5 of rung 07: write, a read in vain,
// read. The sleeps are shared by all who were answered meanwhile.
// It still cannot: give a result back, stop a task, or start one from another.
