//! Floor 1. The doorbell: how another thread ends the loop's sleep.
//!
//! A ring before the sleep ends that sleep at once, so no ring is ever lost; many rings may count
//! as one. It costs a system call and a wake-up of the sleeper, so the loop's own thread never
//! rings, and strangers ring only a loop that said it is going to sleep.
//!
//! | the loop sleeps | because | it is woken by |
//! |---|---|---|
//! | on a condition variable | there are no sockets, or a neighbour listens | that variable |
//! | in the kernel's event queue | it waits for sockets too | an eventfd in that queue |
//!
//! The second one is an old trick: a loop that waits for descriptors can be woken through a
//! descriptor. A pipe to oneself does it everywhere ("self-pipe"); an eventfd is a counter in its
//! place. The first one is there because a program without sockets should not pay for them: it
//! opens no descriptors, and a round trip between two threads takes a tenth less.
//!
//! ```text
//!   awake ──sleep_at──▶ in_kernel: its bell ──ring: write──▶ awake
//!     └─────doze──────▶ in_kernel: none ─────ring: notify──▶ awake
//!   rung is set by each ring and cleared by who gets up: a ring between the announcement
//!   and the sleep makes it a short one
//! ```
//!
//! Rules
//! 1. Where the loop sleeps is written down before, and read by who rings, under one lock: no ring
//!    goes to the other bed. One that comes late, when the loop is up again, may end the sleep of
//!    the neighbour that listens by then, for nothing.
//!
//! Real world: asyncio writes a byte to a socket pair at each `call_soon_threadsafe`; libuv has an
//! eventfd behind `uv_async_send`; tokio uses the same mio waker.
//! Source: D. J. Bernstein, "The self-pipe trick".

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::shim::lock;

/// Ends the sleep of its loop, now or next time. Cheap to clone; works from any thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doorbell(Arc<Bells>);

#[derive(Debug, Default)]
struct Bells {
    state: Mutex<State>,
    heard: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rung: bool,
    /// The loop sleeps in the event queue that this belongs to.
    in_kernel: Option<Arc<KernelBell>>,
}

/// What ends a sleep in the event queue.
#[derive(Debug)]
pub(crate) enum KernelBell {
    Mio(mio::Waker),
    Polling(Arc<polling::Poller>),
}

impl KernelBell {
    fn ring(&self) -> io::Result<()> {
        match self {
            Self::Mio(waker) => waker.wake(),
            Self::Polling(poller) => poller.notify(),
        }
    }
}

impl Doorbell {
    /// Rings. Errors: the kernel's, and none that is known to happen.
    pub(crate) fn ring(&self) -> io::Result<()> {
        let mut state = lock(&self.0.state);
        state.rung = true;
        let in_kernel = state.in_kernel.clone();
        drop(state); // before the call: who is woken wants the lock
        match in_kernel {
            Some(bell) => bell.ring(),
            None => {
                self.0.heard.notify_one();
                Ok(())
            }
        }
    }

    /// Sleeps until it rings or `timeout` has passed.
    pub(crate) fn doze(&self, timeout: Option<Duration>) {
        if timeout == Some(Duration::ZERO) {
            return;
        }
        let state = lock(&self.0.state);
        let silent = |state: &mut State| !state.rung;
        let heard = &self.0.heard;
        // Poisoned or not: nobody panics under this lock.
        let mut state = match timeout {
            None => heard.wait_while(state, silent).unwrap_or_else(|poison| poison.into_inner()),
            Some(limit) => match heard.wait_timeout_while(state, limit, silent) {
                Ok((state, _)) => state,
                Err(poison) => poison.into_inner().0,
            },
        };
        state.rung = false;
    }

    /// Runs `sleep`, which is ended by `bell`. It is told whether there was a ring before.
    pub(super) fn sleep_at<R>(&self, bell: &Arc<KernelBell>, sleep: impl FnOnce(bool) -> R) -> R {
        let mut state = lock(&self.0.state);
        state.in_kernel = Some(bell.clone());
        let rung = state.rung;
        drop(state);
        let slept = sleep(rung);
        *lock(&self.0.state) = State::default();
        slept
    }
}
