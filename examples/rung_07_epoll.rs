//! Rung 07 of the ladder: a reactor, over raw epoll.
//!
//! Run it: `cargo run --example rung_07_epoll` (on Linux)
//!
//! Rung 06 could not hear the kernel. It asked each socket each millisecond, mostly in vain, and an
//! answer lay there for up to a millisecond.
//!
//! One idea: sleep in the one call that the kernel ends when a socket has something *or* when the
//! next deadline has come. What maps its events to wakers is the reactor.
//!
//! ```text
//!   read(): "not yet" ──▶ epoll_ctl(ADD, socket 7)     waiting: 7 ──▶ waker of the task
//!   queue empty       ──▶ epoll_wait(until the next deadline) ... sleeps
//!                         event: socket 7  ──▶ waiting[7].wake() ──▶ ready queue ──▶ read()
//! ```
//!
//! Real runtimes: this is asyncio's `selectors` loop, down to the table from descriptors to
//! callbacks. nginx, libuv and tokio sleep in the same call.

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("epoll is a call of Linux; rung 08 has the same for other systems");
}

#[cfg(target_os = "linux")]
mod rungs;

#[cfg(target_os = "linux")]
fn main() {
    let mut waits = 0;
    let (_, most) = rungs::climb(|load| waits = linux::job(load));
    println!("  one thread, and it slept ~{waits} times");
    assert!(most > 1, "they wait at the same time");
    assert!(waits <= 10, "no sleep ends without an answer: {waits}");

    println!("three tasks slept, and the thread slept for them ~{} times", linux::naps());
}

#[cfg(target_os = "linux")]
mod linux {
    use crate::rungs::Load;
    use rustix::buffer::spare_capacity;
    use rustix::event::Timespec;
    use rustix::event::epoll::{self, EventFlags};
    use rustix::fd::{AsRawFd, OwnedFd};
    use std::cell::RefCell;
    use std::collections::{BTreeMap, HashMap, VecDeque};
    use std::future::{Future, poll_fn};
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::{Duration, Instant};

    type Queue = Arc<Mutex<VecDeque<Arc<Task>>>>;
    type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

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

    struct Reactor {
        epoll: OwnedFd,
        /// Who waits for the socket with this descriptor.
        waiting: HashMap<u64, Waker>,
        events: Vec<epoll::Event>,
        /// Rung 06's heap. (A sorted map is shorter to write, and does the same.)
        timers: BTreeMap<(Instant, u64), Waker>,
        set: u64,
    }

    thread_local! { static REACTOR: RefCell<Reactor> = RefCell::new(Reactor::new()); }

    impl Reactor {
        fn new() -> Self {
            let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
            let (waiting, events) = (HashMap::new(), Vec::with_capacity(64));
            Self { epoll, waiting, events, timers: BTreeMap::new(), set: 0 }
        }

        /// One event, and then the kernel forgets the socket's interest, but not the socket.
        fn watch(&mut self, line: &TcpStream, waker: Waker) {
            let key = line.as_raw_fd() as u64;
            let (data, once) =
                (epoll::EventData::new_u64(key), EventFlags::IN | EventFlags::ONESHOT);
            let added = epoll::add(&self.epoll, line, data, once);
            added.or_else(|_| epoll::modify(&self.epoll, line, data, once)).expect("an interest");
            self.waiting.insert(key, waker);
        }

        /// Sleeps until a socket has something or a deadline has come. Returns whom to wake.
        fn wait(&mut self) -> Vec<Waker> {
            let next = self.timers.first_key_value().map(|((deadline, _), _)| *deadline);
            let left = next.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.map(|left| Timespec::try_from(left).expect("a short time"));
            self.events.clear();
            epoll::wait(&self.epoll, spare_capacity(&mut self.events), left.as_ref())
                .expect("epoll waits");
            let keys = self.events.drain(..).map(|event| event.data.u64());
            let mut woken: Vec<Waker> = keys.filter_map(|key| self.waiting.remove(&key)).collect();
            let later = self.timers.split_off(&(Instant::now(), u64::MAX));
            woken.extend(std::mem::replace(&mut self.timers, later).into_values());
            woken
        }
    }

    async fn sleep(duration: Duration) {
        let deadline = Instant::now() + duration;
        poll_fn(|cx| {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            REACTOR.with_borrow_mut(|reactor| {
                reactor.set += 1;
                reactor.timers.insert((deadline, reactor.set), cx.waker().clone());
            });
            Poll::Pending
        })
        .await;
    }

    async fn readable(line: &TcpStream) {
        let mut is_watched = false;
        poll_fn(|cx| {
            if is_watched {
                return Poll::Ready(());
            }
            REACTOR.with_borrow_mut(|reactor| reactor.watch(line, cx.waker().clone()));
            is_watched = true;
            Poll::Pending
        })
        .await;
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
                REACTOR.with_borrow_mut(Reactor::wait).into_iter().for_each(Waker::wake);
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
        let mut line = load.connect().expect("a connection");
        line.set_nonblocking(true).expect("a socket can do that");
        for _ in 0..load.requests {
            line.write_all(&[load.delay_ms]).expect("room for a byte");
            let mut answer = [0];
            while let Err(error) = line.read_exact(&mut answer) {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                readable(&line).await;
            }
            assert_eq!(answer[0], load.delay_ms);
        }
    }

    pub fn job(load: &Load) -> usize {
        run((0..load.clients).map(|_| client(*load)))
    }

    /// Returns how often the thread slept for three sleeps beside each other.
    pub fn naps() -> usize {
        run([20, 20, 30].map(|ms| sleep(Duration::from_millis(ms))))
    }
}

// It cost: 19 µs of CPU and 5 system calls a request: two are `epoll_ctl`, before each wait.
// It still cannot: run elsewhere, nor spare those calls; and a late event for a closed
// socket wakes the next one that gets its number.
