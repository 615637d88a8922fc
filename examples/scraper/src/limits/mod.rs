//! Rate limits: pure state machines with the time handed in, and one async front.
//!
//! ```text
//!   acquire(endpoint, host) ─▶ [endpoint] and [host] and [global]   all three, or none:
//!        │                                                          no token is ever lost
//!        └─ not yet ─▶ one queue per endpoint, oldest first; one timer for all of them
//! ```

mod limiter;
mod spec;

pub use limiter::{Granted, Limiter, LimiterStats};
pub use spec::{LimitSpec, Limits};
