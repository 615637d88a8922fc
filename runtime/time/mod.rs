//! Floor 5. Waiting for moments: sleep, timeout, interval.
pub(crate) mod clock;
mod interval;
mod sleep;
mod timeout;
#[allow(dead_code)] // the loop uses it as soon as it turns
pub(crate) mod wheel;

pub use std::time::Duration;

pub use clock::Instant;
