//! Floor 5. Waiting for something that may have come before there was a place to wait at.
//!
//! Whoever changes the state dismisses all who wait, *after* the change. Whoever waits takes a
//! place, and asks for the state *after* that. So one of the two always sees the other:
//!
//! ```text
//!   waits:    take a place ──────▶ ask                 changes:   change ──▶ dismiss all
//!             └─ before the dismissal: dismissed
//!             └─ after it: asks after the change, and sees it
//! ```
//!
//! Real world: it is the handshake of every sleep: the kernel's wait loops set their task's state,
//! then look at the condition, then schedule.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use crate::wait_list::{Dismissed, WaitList};

/// Waits for a permit, or to be dismissed; it does not go on to wait once `stale` says that there
/// is nothing to wait for, which counts as being dismissed.
pub(super) async fn acquire_unless(
    list: &WaitList,
    stale: impl Fn() -> bool,
) -> Result<(), Dismissed> {
    let mut acquire = list.acquire(1);
    poll_fn(|cx| {
        let polled = Pin::new(&mut acquire).poll(cx);
        if polled.is_pending() && stale() { Poll::Ready(Err(Dismissed)) } else { polled }
    })
    .await
}
