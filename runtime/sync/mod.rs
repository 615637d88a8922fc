//! Floor 5. Waiting for each other: locks, permits, channels.
mod cancellation_token;
pub mod mpsc;
mod mutex;
mod notify;
pub mod oneshot;
mod semaphore;
