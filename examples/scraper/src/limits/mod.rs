//! Rate limits: pure state machines with the time handed in, and one async front.
//!
//! ```text
//!   acquire(endpoint, host) ─▶ [endpoint] and [host] and [global]   all three, or none:
//!        │                                                          no token is ever lost
//!        └─ not yet ─▶ one line per endpoint, oldest first; one timer for all of them
//!
//!   bucket, window   one limit               pure
//!   stacked          three of them           pure
//!   queue            who is next             pure
//!   limiter          wakers and the timer    async
//! ```
//!
//! The guide's version (A9) lost tokens and woke everybody for each of them; what went wrong is
//! told where it is put right, in `stacked.rs` and `limiter.rs`.

mod bucket;
mod limiter;
mod queue;
mod spec;
mod stacked;
mod window;

pub use bucket::{Token, TokenBucket};
pub use limiter::{Granted, Limiter, LimiterStats};
pub use queue::{Place, Queue};
pub use spec::{LimitSpec, Limits};
pub use stacked::{Endpoint, Reservation, Stacked};
pub use window::SlidingWindow;
