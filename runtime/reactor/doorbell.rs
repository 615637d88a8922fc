//! Floor 1. The doorbell: how another thread ends the loop's sleep.
//!
//! A ring before the `wait` ends that `wait` at once, so no ring is ever lost; many rings may count
//! as one. It costs a system call and a wake-up of the sleeper, so the loop's own thread never
//! rings, and strangers ring only a loop that said it is going to sleep.
//!
//! | the loop sleeps | because | it is woken by |
//! |---|---|---|
//! | on a condition variable | it has never had a socket | that variable |
//! | in the kernel's event queue | it waits for sockets too | an eventfd in that queue |
//!
//! The second one is an old trick: a loop that waits for descriptors can be woken through a
//! descriptor. A pipe to oneself does it everywhere ("self-pipe"); an eventfd is a counter in its
//! place. The first one is there because a program without sockets should not pay for them: it
//! opens no descriptors, and a round trip between two threads takes a tenth less.
//!
//! Rules
//! 1. The event queue is opened by the loop's thread while it is awake, and then stays. Which bell
//!    to ring is asked under the lock under which it changes: no ring gets into the old one.
//!
//! Real world: asyncio writes a byte to a socket pair at each `call_soon_threadsafe`; libuv has an
//! eventfd behind `uv_async_send`; tokio uses the same mio waker.
//! Source: D. J. Bernstein, "The self-pipe trick".

use std::io;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use crate::shim::lock;

/// Ends a `wait` of its reactor, now or next time. Cheap to clone; works from any thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doorbell(Arc<Bells>);

#[derive(Debug, Default)]
struct Bells {
    rung: Mutex<bool>,
    heard: Condvar,
    in_kernel: OnceLock<KernelBell>,
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
        let mut rung = lock(&self.0.rung);
        if let Some(bell) = self.0.in_kernel.get() {
            drop(rung);
            return bell.ring();
        }
        *rung = true;
        drop(rung); // before the call: who is woken wants the lock
        self.0.heard.notify_one();
        Ok(())
    }

    /// Sleeps until it rings or `timeout` has passed. Only while there is no bell in the kernel.
    pub(super) fn doze(&self, timeout: Option<Duration>) {
        let rung = lock(&self.0.rung);
        let silent = |rung: &mut bool| !*rung;
        let heard = &self.0.heard;
        // Poisoned or not: nobody panics under this lock.
        let mut rung = match timeout {
            None => heard.wait_while(rung, silent).unwrap_or_else(|poisoned| poisoned.into_inner()),
            Some(Duration::ZERO) => rung,
            Some(limit) => match heard.wait_timeout_while(rung, limit, silent) {
                Ok((rung, _)) => rung,
                Err(poisoned) => poisoned.into_inner().0,
            },
        };
        *rung = false;
    }

    /// From now on the loop sleeps in the kernel, and is woken by this.
    pub(super) fn move_to_kernel(&self, bell: KernelBell) -> io::Result<()> {
        let rung = lock(&self.0.rung);
        let missed = *rung;
        let bell = self.0.in_kernel.get_or_init(|| bell);
        drop(rung);
        if missed { bell.ring() } else { Ok(()) }
    }
}
