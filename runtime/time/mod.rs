//! Floor 5. Waiting for moments: sleep, timeout, interval.
//!
//! ```
//! use rondel::time::{Duration, Instant, sleep, timeout};
//!
//! rondel::run(async {
//!     let start = Instant::now();
//!     sleep(Duration::from_millis(2)).await;
//!     assert!(start.elapsed() >= Duration::from_millis(2)); // never early
//!
//!     let never = std::future::pending::<()>();
//!     assert!(timeout(Duration::from_millis(2), never).await.is_err());
//! });
//! ```

pub(crate) mod clock;
mod deadline;
pub mod delay_queue;
pub mod error;
mod interval;
mod pause;
mod sleep;
mod timeout;
pub(crate) mod timers;
#[allow(dead_code)] // pure data, tested by tests/wheel_model.rs; the loop uses most of it
pub(crate) mod wheel;

pub use std::time::Duration;

pub use clock::Instant;
pub use deadline::{Deadline, current_deadline, fail_after, fail_at, move_on_after, move_on_at};
pub use delay_queue::DelayQueue;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use pause::{advance, pause, resume};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Timeout, timeout, timeout_at};
