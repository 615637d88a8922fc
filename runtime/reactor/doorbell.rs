//! Floor 1. The doorbell: how another thread ends the loop's sleep in the kernel.
//!
//! A ring before the `wait` ends that `wait` at once, so no ring is ever lost; many rings may count
//! as one. It is an eventfd on Linux and costs a write (0.1 µs) plus a wake-up of the sleeper, so
//! the loop's own thread never rings, and strangers ring only a loop that said it is going to
//! sleep.
//!
//! It is an old trick: a loop that waits for descriptors can be woken through a descriptor. A pipe
//! to oneself does it everywhere ("self-pipe"); an eventfd is a counter in its place.
//!
//! Real world: asyncio writes a byte to a socket pair at each `call_soon_threadsafe`; libuv has an
//! eventfd behind `uv_async_send`; tokio uses the same mio waker.
//! Source: D. J. Bernstein, "The self-pipe trick".

use std::io;

use crate::shim::Arc;

/// Ends a `wait` of its reactor, now or next time. Cheap to clone; works from any thread.
#[derive(Debug, Clone)]
pub(crate) enum Doorbell {
    Mio(Arc<mio::Waker>),
    Polling(Arc<polling::Poller>),
}

impl Doorbell {
    /// Rings. Errors: the kernel's, and none that is known to happen.
    pub(crate) fn ring(&self) -> io::Result<()> {
        match self {
            Self::Mio(waker) => waker.wake(),
            Self::Polling(poller) => poller.notify(),
        }
    }
}
