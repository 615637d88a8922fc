//! Floor 5. Signals: Ctrl-C here, all others in [`unix`].
//!
//! A signal handler may do next to nothing, and certainly not wake a task. So it writes one byte
//! into a pipe (`signal-hook` does that), and the pipe's other end is a source of the reactor like
//! any socket: the self-pipe trick.
//!
//! Real world: asyncio's `set_wakeup_fd`, libuv and tokio do the same.
//! Source: D. J. Bernstein, "The self-pipe trick".

use std::io;

pub mod unix;

use unix::{Signal, SignalKind, signal};

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
pub(crate) struct CtrlC(Signal);

impl CtrlC {
    #[track_caller]
    pub(crate) fn listen() -> io::Result<Self> {
        signal(SignalKind::interrupt()).map(Self)
    }

    pub(crate) async fn next(&self) -> io::Result<()> {
        self.0.heard().await
    }
}
