//! The floor: an echo server on mio alone, without tasks, wakers or futures.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::{BUFFER_BYTES, goes_on, would_block};

const LISTENER: Token = Token(usize::MAX);

struct Connection {
    stream: TcpStream,
    buffer: [u8; BUFFER_BYTES],
}

pub(super) fn echo(listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(256);
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    listening(listener.local_addr()?);
    let mut connections: Slab<Box<Connection>> = Slab::new();
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&poll, &listener, &mut connections)?;
                continue;
            }
            let Token(key) = event.token();
            let open = event.is_readable() || event.is_read_closed();
            if let Some(connection) = connections.get_mut(key)
                && open
                && !turn_around(connection, event.is_read_closed())
            {
                drop(connections.remove(key)); // closing takes it out of the epoll set
            }
        }
    }
}

fn accept(
    poll: &Poll,
    listener: &TcpListener,
    connections: &mut Slab<Box<Connection>>,
) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if would_block(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        let entry = connections.vacant_entry();
        let both = Interest::READABLE | Interest::WRITABLE; // as the engine registers
        poll.registry().register(&mut stream, Token(entry.key()), both)?;
        entry.insert(Box::new(Connection { stream, buffer: [0; BUFFER_BYTES] }));
    }
}

/// Echoes what is there; false when the connection is over. An answer of 64 bytes always fits into
/// the kernel's buffer; a client that does not read is cut off.
fn turn_around(connection: &mut Connection, closing: bool) -> bool {
    loop {
        let read = connection.stream.read(&mut connection.buffer);
        if read.as_ref().is_err_and(would_block) {
            return true;
        }
        let Some(bytes) = goes_on(read) else { return false };
        if connection.stream.write_all(&connection.buffer[..bytes]).is_err() {
            return false;
        }
        // As the engine: after a short read nothing is left, unless the peer is closing.
        if bytes < BUFFER_BYTES && !closing {
            return true;
        }
    }
}
