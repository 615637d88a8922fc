//! The reactor by itself: no task, no loop, only descriptors, wakers and the kernel.
//!
//! Each test body runs on mio, on polling, and on polling's one-shot fall-back.

#![allow(dead_code, unreachable_pub, unused_imports)] // the engine's own files, compiled a second time

#[path = "support/alone.rs"]
mod alone;
#[path = "../runtime/reactor/mod.rs"]
mod reactor;
#[path = "../runtime/shim.rs"]
mod shim;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use alone::Alone;
use reactor::Direction::{Read as R, Write as W};
use reactor::{Kernel, Kind, Seat, Token};

/// Runs the body `fn(&mut Alone)` on each back end, as a test of its own.
macro_rules! on_each_backend {
    ($(#[doc = $doc:literal])* fn $name:ident($reactor:ident) $body:block) => {
        $(#[doc = $doc])*
        mod $name {
            use super::*;

            fn body($reactor: &mut Alone) $body

            #[test]
            fn on_mio() {
                body(&mut Alone::new(Kernel::new(Kind::Mio)));
            }

            #[test]
            fn on_polling() {
                body(&mut Alone::new(Kernel::new(Kind::Polling)));
            }

            #[test]
            fn on_polling_one_shot() {
                body(&mut Alone::new(Kernel::one_shot()));
            }
        }
    };
}

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn counted() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), Waker::from(count))
}

/// Long enough for a slow machine, and never waited out by a test that passes.
const LONG: Duration = Duration::from_secs(20);

/// Takes in everything that is true now, and wakes nobody.
fn settle(reactor: &mut Alone) {
    let mut woken = Vec::new();
    reactor.wait(Some(Duration::ZERO), &mut woken).unwrap();
}

/// Waits until somebody is woken, wakes them all and says how many they were.
fn wait_for_wakes(reactor: &mut Alone) -> usize {
    let mut woken = Vec::new();
    let start = Instant::now();
    while woken.is_empty() {
        assert!(start.elapsed() < LONG, "nobody was woken");
        reactor.wait(Some(LONG), &mut woken).unwrap();
    }
    let wakes = woken.len();
    woken.into_iter().for_each(Waker::wake);
    wakes
}

/// Makes sure that nobody is woken by what is true now.
fn assert_silent(reactor: &mut Alone) {
    let mut woken = Vec::new();
    for _ in 0..3 {
        reactor.wait(Some(Duration::from_millis(1)), &mut woken).unwrap();
    }
    assert!(woken.is_empty(), "{} wakers for nothing", woken.len());
}

fn pair() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    b.set_nonblocking(true).unwrap();
    (a, b)
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (b, _) = listener.accept().unwrap();
    a.set_nonblocking(true).unwrap();
    b.set_nonblocking(true).unwrap();
    (a, b)
}

/// Notes that a call said `WouldBlock`.
fn dry(reactor: &mut Alone, token: Token, direction: reactor::Direction) {
    if let Some(known) = reactor.ready(token, direction) {
        reactor.clear_ready(token, direction, known);
    }
}

on_each_backend! {
    /// Goal: show the way of one wake: wait for data, data comes, the waker comes out.
    /// Method: a socket pair; the direction is cleared as after `WouldBlock`.
    fn data_wakes_who_waits_to_read(reactor) {
        let (mut near, mut far) = pair();
        let token = reactor.register(near.as_raw_fd()).unwrap();
        settle(reactor);
        dry(reactor, token, R);
        let (count, waker) = counted();
        assert!(reactor.set_waker(token, R, Seat::Slot, waker).is_none());
        assert_silent(reactor);

        far.write_all(b"x").unwrap();
        assert_eq!(wait_for_wakes(reactor), 1);
        assert_eq!(count.get(), 1);
        assert!(reactor.ready(token, R).is_some());
        assert_eq!(near.read(&mut [0; 8]).unwrap(), 1);
        drop(reactor.deregister(token));
    }
}

on_each_backend! {
    /// Goal: show that all waiters of a direction are woken, in their order, slot first, and the
    /// other direction's are left alone.
    /// Method: one in the slot, three in the crowd, one who waits to write into a full socket.
    fn a_crowd_is_woken_together(reactor) {
        let (mut near, mut far) = pair();
        let token = reactor.register(near.as_raw_fd()).unwrap();
        while near.write(&[0; 65536]).is_ok() {}
        settle(reactor);
        dry(reactor, token, R);
        dry(reactor, token, W);
        let (readers, reader) = counted();
        let (writers, writer) = counted();
        assert!(reactor.set_waker(token, W, Seat::Slot, writer).is_none());
        assert!(reactor.set_waker(token, R, Seat::Slot, reader.clone()).is_none());
        for _ in 0..3 {
            let ticket = reactor.ticket();
            assert!(reactor.set_waker(token, R, Seat::Crowd(ticket), reader.clone()).is_none());
        }
        far.write_all(b"x").unwrap();
        assert_eq!(wait_for_wakes(reactor), 4);
        assert_eq!((readers.get(), writers.get()), (4, 0));

        while far.read(&mut [0; 65536]).is_ok() {}
        assert_eq!(wait_for_wakes(reactor), 1);
        assert_eq!((readers.get(), writers.get()), (4, 1));
        drop(reactor.deregister(token));
    }
}

on_each_backend! {
    /// Goal: show that a ticket is one seat: it can be taken again and given back.
    /// Method: seat twice, take once, then nobody is left to wake.
    fn a_seat_holds_one_waker(reactor) {
        let (near, mut far) = pair();
        let token = reactor.register(near.as_raw_fd()).unwrap();
        let (first, first_waker) = counted();
        let (_, second_waker) = counted();
        let seat = Seat::Crowd(reactor.ticket());
        assert!(reactor.set_waker(token, R, seat, first_waker.clone()).is_none());
        assert!(reactor.is_seated(token, R, seat, &first_waker));
        assert!(!reactor.is_seated(token, R, seat, &second_waker));
        assert!(!reactor.is_seated(token, R, Seat::Slot, &first_waker));
        let displaced = reactor.set_waker(token, R, seat, second_waker).unwrap();
        assert!(displaced.will_wake(&first_waker));
        assert!(reactor.take_waker(token, R, seat).is_some());
        assert!(reactor.take_waker(token, R, seat).is_none());
        far.write_all(b"x").unwrap();
        assert_silent(reactor);
        assert_eq!(first.get(), 0);
        drop(reactor.deregister(token));
    }
}

on_each_backend! {
    /// Goal: show that an event of a socket that is gone does not reach the next one in its place.
    /// Method: the event is already with the kernel when the socket is deregistered and another
    /// takes its slot.
    fn a_stale_event_wakes_nobody(reactor) {
        let (near, mut far) = pair();
        let (other, _other_far) = pair();
        let old = reactor.register(near.as_raw_fd()).unwrap();
        far.write_all(b"x").unwrap();
        drop(reactor.deregister(old));
        let new = reactor.register(other.as_raw_fd()).unwrap();
        settle(reactor);
        dry(reactor, new, R);
        let (count, waker) = counted();
        assert!(reactor.set_waker(new, R, Seat::Slot, waker.clone()).is_none());
        assert!(reactor.set_waker(old, R, Seat::Slot, waker).is_some(), "a stale token seats nobody");
        reactor.rearm(old).unwrap();
        assert!(reactor.ready(old, R).is_none());
        assert_silent(reactor);
        assert_eq!(count.get(), 0);
        assert!(reactor.deregister(old).is_none());
        drop(reactor.deregister(new));
        assert_eq!(reactor.sources_len(), 0);
    }
}

on_each_backend! {
    /// Goal: show that re-arming repeats an edge that was spent.
    /// Method: take the edge in, forget it, re-arm with data still unread.
    fn rearming_repeats_the_edge(reactor) {
        let (near, mut far) = pair();
        let token = reactor.register(near.as_raw_fd()).unwrap();
        far.write_all(b"x").unwrap();
        settle(reactor);
        dry(reactor, token, R);
        let (_, waker) = counted();
        assert!(reactor.set_waker(token, R, Seat::Slot, waker).is_none());
        reactor.rearm(token).unwrap();
        assert_eq!(wait_for_wakes(reactor), 1);
        drop(reactor.deregister(token));
    }
}

on_each_backend! {
    /// Goal: an edge that is told between a call that says `WouldBlock` and the note of it counts.
    /// Method: look, then have another waiter wait for the edge, as a neighbour does, then note.
    fn an_edge_told_before_the_note_of_would_block_counts(reactor) {
        let (mut near, mut far) = pair();
        let token = reactor.register(near.as_raw_fd()).unwrap();
        settle(reactor);
        for drained in [false, true] {
            let known = reactor.ready(token, R).unwrap();
            let (_, waker) = counted();
            let seat = Seat::Crowd(reactor.ticket());
            assert!(reactor.set_waker(token, R, seat, waker).is_none());
            far.write_all(b"x").unwrap();
            assert_eq!(wait_for_wakes(reactor), 1);
            if drained {
                reactor.drained(token, R, known);
            } else {
                reactor.clear_ready(token, R, known);
            }
            assert!(reactor.ready(token, R).is_some(), "the newer edge");
            assert_eq!(near.read(&mut [0; 8]).unwrap(), 1);
        }
        dry(reactor, token, R);
        assert!(reactor.ready(token, R).is_none());
        drop(reactor.deregister(token));
    }
}

on_each_backend! {
    /// Goal: show that a FIN which arrives together with the last data is not lost after a short
    /// read. Method: data and FIN first, then one event, one short read, the hint "drained".
    fn a_fin_with_the_last_data_stays_readable(reactor) {
        let (mut near, mut far) = tcp_pair();
        let token = reactor.register(near.as_raw_fd()).unwrap();
        settle(reactor);
        dry(reactor, token, R);
        let (_, waker) = counted();
        assert!(reactor.set_waker(token, R, Seat::Slot, waker).is_none());
        far.write_all(b"last words").unwrap();
        far.shutdown(Shutdown::Write).unwrap();
        assert_eq!(wait_for_wakes(reactor), 1);
        assert_eq!(near.read(&mut [0; 64]).unwrap(), 10);
        let known = reactor.ready(token, R).unwrap();
        reactor.drained(token, R, known);
        // Not ready now is allowed only if the FIN's own event is still to come.
        if reactor.ready(token, R).is_none() {
            let (_, waker) = counted();
            assert!(reactor.set_waker(token, R, Seat::Slot, waker).is_none());
            assert_eq!(wait_for_wakes(reactor), 1);
        }
        assert_eq!(near.read(&mut [0; 64]).unwrap(), 0);
        drop(reactor.deregister(token));
    }
}

on_each_backend! {
    /// Goal: show that a ring from another thread ends a wait without a limit, and that a ring
    /// before the wait is not lost.
    /// Method: ring from a thread while the reactor waits; then ring first and wait after.
    fn a_ring_ends_the_wait(reactor) {
        let bell = reactor.doorbell();
        let mut woken = Vec::new();
        let ringer = std::thread::spawn({
            let bell = bell.clone();
            move || bell.ring().unwrap()
        });
        reactor.wait(None, &mut woken).unwrap();
        ringer.join().unwrap();
        bell.ring().unwrap();
        bell.ring().unwrap();
        reactor.wait(None, &mut woken).unwrap();
        assert!(woken.is_empty());
    }
}

on_each_backend! {
    /// Goal: show that a wait with a limit ends, and not early.
    /// Method: no source, no ring.
    fn a_wait_ends_at_its_limit(reactor) {
        let start = Instant::now();
        reactor.wait(Some(Duration::from_millis(5)), &mut Vec::new()).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(5));
    }
}

on_each_backend! {
    /// Goal: show that the loop's end leaves nobody asleep.
    /// Method: drain a table with waiters in both directions.
    fn draining_hands_out_every_waker(reactor) {
        let (near, _far) = pair();
        let token = reactor.register(near.as_raw_fd()).unwrap();
        let (_, waker) = counted();
        let seat = Seat::Crowd(reactor.ticket());
        assert!(reactor.set_waker(token, R, Seat::Slot, waker.clone()).is_none());
        assert!(reactor.set_waker(token, W, seat, waker).is_none());
        let mut woken = Vec::new();
        reactor.end(&mut woken);
        assert_eq!(woken.len(), 2);
        drop(reactor.deregister(token));
    }
}

on_each_backend! {
    /// Goal: show that what the kernel refuses is an error, and leaves no entry behind.
    /// Method: epoll does not take regular files.
    fn a_refused_descriptor_is_not_in_the_table(reactor) {
        let file = std::fs::File::open("Cargo.toml").unwrap();
        assert!(reactor.register(file.as_raw_fd()).is_err());
        assert_eq!(reactor.sources_len(), 0);
    }
}
