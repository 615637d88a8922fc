//! Floor 5. Unix signals: listeners that are told of each signal of a kind.
//!
//! Every listener has a pipe of its own, and the handler writes a byte into each of them:
//!
//! ```text
//!                    ┌─▶ pipe ──▶ Signal of task a ── recv ──▶ Some(())
//!   kill -HUP ──▶ handler
//!                    └─▶ pipe ──▶ Signal of task b ── recv ──▶ Some(())
//! ```
//!
//! Rules
//! 1. A listener hears from its making on; what came before is not remembered.
//! 2. `recv` empties the pipe: signals that came since the last one are told as one. A full pipe
//!    loses bytes, and so loses nothing. (The kernel merges signals of one kind as well.)
//! 3. The first listener of a kind takes the default action away for the life of the process; the
//!    last one that goes does not bring it back, as a process that died of the signal that its
//!    listener was just about to be told of would be worse. A handler that was there before is
//!    called as well. A child starts with the default actions.
//!
//! Real world: tokio keeps one pipe for the process and a `watch` channel for each kind, with the
//! same rules; asyncio's `remove_signal_handler` does bring the default action back.

use std::ffi::c_int;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::task::{Context, Poll};

use signal_hook::consts;
use signal_hook::low_level;
use signal_hook::{SigId, consts::FORBIDDEN};

use crate::net::registered::{Moved, Registered};
use crate::reactor::Direction;

/// Which signal to listen for.
///
/// Twin of `tokio::signal::unix::SignalKind` and Python's `signal.Signals`.
///
/// ```
/// use rondel::signal::unix::SignalKind;
/// assert_eq!(SignalKind::from_raw(15), SignalKind::terminate());
/// assert_eq!(SignalKind::interrupt().as_raw_value(), 2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKind(c_int);

macro_rules! kinds {
    ($($name:ident: $signal:ident, $what:literal;)*) => {$(
        #[doc = concat!("`", stringify!($signal), "`: ", $what, ".")]
        pub const fn $name() -> Self {
            Self(consts::$signal)
        }
    )*};
}

impl SignalKind {
    /// The signal with that number, real-time signals too. Whether one may listen for it is seen by
    /// [`signal`].
    pub const fn from_raw(signum: c_int) -> Self {
        Self(signum)
    }

    /// The number of the signal.
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }

    kinds! {
        alarm: SIGALRM, "a timer of `alarm(2)` is over; ends the process by default";
        child: SIGCHLD, "a child has stopped, gone on or ended; ignored by default";
        hangup: SIGHUP, "no terminal any more, or \"read your settings again\"; ends by default";
        interrupt: SIGINT, "Ctrl-C; ends the process by default";
        io: SIGIO, "a descriptor can be used; ends the process by default on Linux";
        pipe: SIGPIPE, "a write to a pipe that nobody reads; ignored in a Rust program";
        quit: SIGQUIT, "Ctrl-\\; ends the process with a core by default";
        terminate: SIGTERM, "\"please end\": what `kill`, systemd and Kubernetes send";
        user_defined1: SIGUSR1, "what you like; ends the process by default";
        user_defined2: SIGUSR2, "what you like; ends the process by default";
        window_change: SIGWINCH, "the terminal's size has changed; ignored by default";
    }
}

impl From<c_int> for SignalKind {
    fn from(signum: c_int) -> Self {
        Self::from_raw(signum)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> Self {
        kind.as_raw_value()
    }
}

/// A listener of one kind of signal; made by [`signal`].
///
/// Twin of `tokio::signal::unix::Signal`.
#[derive(Debug)]
pub struct Signal {
    // Before the bell: fields are dropped in this order, and nobody shall ring a bell that is gone.
    _handler: Handler,
    bell: Registered<UnixStream>,
}

/// Begins to listen for signals of that kind.
///
/// Every listener is told of every signal. From the first call on the signal does not do its
/// default action in this process any more, not even when all listeners are gone; a child that is
/// started has the default action again.
///
/// - Errors: a signal that no process may catch (`SIGKILL`, `SIGSTOP`) or that means a broken
///   program (`SIGSEGV`, `SIGILL`, `SIGFPE`); a number that is no signal; no descriptors left (each
///   listener needs two).
/// - Panics if no loop runs on this thread.
///
/// **Cost:** a socket pair and a registration for the life of the listener.
///
/// Twin of `loop.add_signal_handler` and of `tokio::signal::unix::signal`.
///
/// ```
/// use rondel::signal::unix::{SignalKind, signal};
/// # rondel::run(async {
/// let mut hangups = signal(SignalKind::hangup())?;
/// # signal_hook::low_level::raise(SignalKind::hangup().as_raw_value())?;
/// assert_eq!(hangups.recv().await, Some(())); // `kill -HUP` was called
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    let number = kind.as_raw_value();
    // signal-hook would panic.
    if FORBIDDEN.contains(&number) {
        let what = format!("signal {number} cannot be listened for: choose one that can be caught");
        return Err(io::Error::other(what));
    }
    let (bell, button) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    let bell = Registered::new(bell)?;
    Ok(Signal { _handler: Handler(low_level::pipe::register(number, button)?), bell })
}

impl Signal {
    /// Waits for the next signal, or for those that came since the last call: they count as one.
    ///
    /// - Returns `Some(())`; `None` is kept for tokio's signature, and comes only when the loop
    ///   that it was made on has ended, so that there will be no more.
    ///
    /// Twin of tokio's `recv`.
    ///
    /// **Cancel-safe:** yes. A signal that nobody was told of is told by the next call.
    /// **Cost:** one read of the pipe.
    pub async fn recv(&mut self) -> Option<()> {
        self.heard().await.ok()
    }

    /// [`recv`](Self::recv) by hand: `Pending` keeps the waker, that of the last caller only.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.bell.poll_io(cx, Direction::Read, empty_the_pipe).map(Result::ok)
    }

    /// As `recv`; the error is that of a loop that has ended.
    pub(crate) async fn heard(&self) -> io::Result<()> {
        self.bell.io(Direction::Read, empty_the_pipe).await
    }
}

/// Reads all that is there (rule 2). `WouldBlock` if there was nothing.
fn empty_the_pipe(mut bell: &UnixStream) -> io::Result<Moved<()>> {
    let mut bytes = [0; 128];
    let mut heard = false;
    loop {
        match bell.read(&mut bytes) {
            Ok(count) if count == bytes.len() => heard = true,
            Ok(_) => return Ok(((), true)),
            Err(error) if heard && error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(((), true));
            }
            Err(error) if heard && error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Takes its action out of the signal handler when dropped.
#[derive(Debug)]
struct Handler(SigId);

impl Drop for Handler {
    fn drop(&mut self) {
        low_level::unregister(self.0);
    }
}
