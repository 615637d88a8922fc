//! Floor 5. The channel on which everybody hears everything, or learns how much was missed.
//!
//! A slow receiver must not stop the sender, and the values it has not heard must not pile up. So
//! the channel keeps a fixed number of values; the oldest makes room for the newest, and whoever
//! had not heard it is told how many are lost.
//!
//! | file       | what is in it                                                       |
//! |------------|---------------------------------------------------------------------|
//! | `ring`     | the values on their way, and the rules of lagging, lending, waiting |
//! | `sender`   | [`channel`], [`Sender`], [`WeakSender`]                             |
//! | `receiver` | [`Receiver`]                                                        |
//! | `error`    | the errors                                                          |
//!
//! Real world: asyncio has no such thing; one writes a list of `Queue`s, and a slow reader's grows.
//! Redis' publish/subscribe drops the slow subscriber, Kafka lets him read what is still kept.

pub mod error;
mod receiver;
mod ring;
mod sender;

pub use receiver::Receiver;
pub use sender::{Sender, WeakSender, channel};
