//! Floor 5. Waiting for moments: sleep, timeout, interval.
pub(crate) mod clock;
mod interval;
mod sleep;
mod timeout;
pub(crate) mod wheel;
