//! Floor 5. Signals: waiting for Ctrl-C.
//!
//! A signal handler may do next to nothing, and certainly not wake a task. So it writes one byte
//! into a pipe (`signal-hook` does that), and the pipe's other end is a source of the reactor like
//! any socket: the self-pipe trick.
//!
//! Real world: asyncio's `set_wakeup_fd`, libuv and tokio do the same.
//! Source: D. J. Bernstein, "The self-pipe trick".

use std::io::{self, Read};
use std::os::unix::net::UnixStream;

use signal_hook::SigId;
use signal_hook::consts::SIGINT;
use signal_hook::low_level;

use crate::net::registered::Registered;
use crate::reactor::Direction;

/// Waits for the next Ctrl-C (`SIGINT`).
///
/// Every waiter is told. From the first poll of the first such future on, Ctrl-C does not end the
/// process any more, not even when nobody waits: a program that has begun to listen must keep
/// listening. A Ctrl-C before the first poll, or while no future waits, is not remembered.
///
/// - Errors: the process is out of descriptors (each waiter needs two).
/// - Panics if polled outside a running loop.
///
/// **Cancel-safe:** yes. Dropping it takes its handler out.
/// **Cost:** a socket pair and a registration while it waits; nothing after.
///
/// Twin of `loop.add_signal_handler(SIGINT, …)` and of `tokio::signal::ctrl_c`.
///
/// ```no_run
/// rondel::run(async {
///     rondel::signal::ctrl_c().await.expect("descriptors for the signal");
///     println!("bye");
/// });
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    CtrlC::listen()?.next().await
}

/// Hears of each Ctrl-C, from its making on; none falls between two calls of `next`.
pub(crate) struct CtrlC {
    // Before the bell: fields are dropped in this order, and nobody shall ring a bell that is gone.
    _handler: Handler,
    bell: Registered<UnixStream>,
}

impl CtrlC {
    pub(crate) fn listen() -> io::Result<Self> {
        let (bell, button) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        let bell = Registered::new(bell)?;
        Ok(Self { _handler: Handler(low_level::pipe::register(SIGINT, button)?), bell })
    }

    pub(crate) async fn next(&self) -> io::Result<()> {
        self.bell.io(Direction::Read, |mut bell| Ok((bell.read(&mut [0])?, false))).await?;
        Ok(())
    }
}

/// Takes its action out of the signal handler when dropped.
struct Handler(SigId);

impl Drop for Handler {
    fn drop(&mut self) {
        low_level::unregister(self.0);
    }
}
