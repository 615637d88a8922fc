//! Floor 5. Channels from many senders to one receiver, with a bound or without.
//!
//! The bound is what makes a pipeline stand still instead of swelling: a sender that finds the
//! channel full waits, in a fair queue, until the receiver has taken an item.
//!
//! | file         | what is in it                                             |
//! |--------------|-----------------------------------------------------------|
//! | `chan`       | the shared block, and the rules by which a channel ends   |
//! | `bounded`    | [`channel`], [`Sender`], [`Receiver`]                     |
//! | `permit`     | [`Permit`] and its kin: a place reserved before the item  |
//! | `timeout`    | [`Sender::send_timeout`]                                   |
//! | `unbounded`  | [`unbounded_channel`] and its two ends                    |
//! | `twins`      | what the ends of both do alike                            |
//! | `error`      | the errors, with the unsent values inside                 |

mod bounded;
mod chan;
pub mod error;
mod permit;
#[cfg(not(loom))] // loom's build has no clock
mod timeout;
mod twins;
mod unbounded;

pub use bounded::{Receiver, Sender, WeakSender, channel};
pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};
