//! The engine's reactor alone: its table of sources and its wakers, but no tasks and no turn.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::task::{Wake, Waker};

use super::{BUFFER_BYTES, goes_on, would_block};
use crate::alone::Alone;
use crate::reactor::{Direction::Read as Readable, Kernel, Seat, Token};
use slab::Slab;

/// The key of the listener among the connections.
const LISTENER: usize = usize::MAX;

thread_local! {
    /// Whom the waker woken last stands for.
    static WOKEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// A waker that says its number.
struct Number(usize);

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        WOKEN.with_borrow_mut(|woken| woken.push(self.0));
    }
}

struct Connection {
    stream: TcpStream,
    token: Token,
    buffer: [u8; BUFFER_BYTES],
}

pub(super) fn echo(kernel: Arc<Kernel>, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let mut reactor = Alone::new(kernel);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let own = reactor.register(listener.as_raw_fd())?;
    seat(&mut reactor, own, Waker::from(Arc::new(Number(LISTENER))));
    listening(listener.local_addr()?);
    let mut connections: Slab<Box<Connection>> = Slab::new();
    let mut woken = Vec::new();
    loop {
        reactor.wait(None, &mut woken)?;
        for waker in woken.drain(..) {
            waker.wake_by_ref(); // one indirect call; the waker itself goes back to its seat
            let Some(key) = WOKEN.with_borrow_mut(Vec::pop) else { continue };
            if key == LISTENER {
                accept(&mut reactor, &listener, &mut connections)?;
                clear(&mut reactor, own);
                seat(&mut reactor, own, waker);
            } else if turn_around(&mut reactor, &mut connections[key]) {
                seat(&mut reactor, connections[key].token, waker);
            } else {
                let connection = connections.remove(key);
                drop(reactor.deregister(connection.token));
            }
        }
    }
}

/// Nothing can be read there until the kernel says so again.
fn clear(reactor: &mut Alone, token: Token) {
    if let Some(known) = reactor.ready(token, Readable) {
        reactor.clear_ready(token, Readable, known);
    }
}

fn seat(reactor: &mut Alone, token: Token, waker: Waker) {
    drop(reactor.set_waker(token, Readable, Seat::Slot, waker));
}

fn accept(
    reactor: &mut Alone,
    listener: &TcpListener,
    connections: &mut Slab<Box<Connection>>,
) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if would_block(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let token = reactor.register(stream.as_raw_fd())?;
        let entry = connections.vacant_entry();
        let waker = Waker::from(Arc::new(Number(entry.key())));
        entry.insert(Box::new(Connection { stream, token, buffer: [0; BUFFER_BYTES] }));
        clear(reactor, token);
        seat(reactor, token, waker);
    }
}

/// Echoes what is there; false when the connection is over.
fn turn_around(reactor: &mut Alone, connection: &mut Connection) -> bool {
    while let Some(known) = reactor.ready(connection.token, Readable) {
        let read = connection.stream.read(&mut connection.buffer);
        if read.as_ref().is_err_and(would_block) {
            reactor.clear_ready(connection.token, Readable, known);
            return true;
        }
        let Some(bytes) = goes_on(read) else { return false };
        if connection.stream.write_all(&connection.buffer[..bytes]).is_err() {
            return false;
        }
        if bytes < BUFFER_BYTES {
            reactor.drained(connection.token, Readable, known);
        }
    }
    true
}
