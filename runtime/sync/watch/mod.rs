//! Floor 5. The channel of the latest value: whoever looks sees what is true now.
//!
//! Configuration, progress, "are we shutting down": who reads such a thing wants the value of now,
//! not all that it has been. So there is one value and a version, and a send overwrites.
//!
//! | file       | what is in it                                                 |
//! |------------|---------------------------------------------------------------|
//! | `shared`   | the value, its version, and the rules by which a wait ends    |
//! | `sender`   | [`channel`], [`Sender`]                                       |
//! | `receiver` | [`Receiver`]                                                  |
//! | `guard`    | [`Ref`]: the value while somebody looks at it                 |
//! | `error`    | the errors                                                    |
//!
//! Real world: asyncio has a `Condition` and a variable beside it; Kotlin's `StateFlow` is this
//! with a comparison, so that an equal value is no news; a condition variable with a generation
//! count is the ancestor of both.

pub mod error;
mod guard;
mod receiver;
mod sender;
mod shared;

pub use guard::Ref;
pub use receiver::Receiver;
pub use sender::{Sender, channel};
