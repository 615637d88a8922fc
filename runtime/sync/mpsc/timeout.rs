//! Floor 5. Sending, but not waiting for ever.

use super::Sender;
use super::error::SendTimeoutError;
use crate::time::{self, Duration};

impl<T> Sender<T> {
    /// Sends `value`, and waits for a place for at most `limit`.
    ///
    /// - `limit`: time from the first poll, rounded up to the wheel's tick of 1 ms.
    /// - Errors with [`Timeout`](SendTimeoutError::Timeout) or, if the receiver is gone or has
    ///   closed the channel, [`Closed`](SendTimeoutError::Closed); the value is in the error.
    /// - Panics outside a running loop, if it has to wait.
    ///
    /// **Cancel-safe: no. If the future is dropped while it waits, `value` is dropped with it.**
    ///
    /// ```
    /// use rondel::sync::mpsc::{self, error::SendTimeoutError};
    /// use std::time::Duration;
    ///
    /// rondel::run(async {
    ///     let (tx, _rx) = mpsc::channel(1);
    ///     let limit = Duration::from_millis(5);
    ///     assert_eq!(tx.send_timeout("fits", limit).await, Ok(()));
    ///     let error = tx.send_timeout("full", limit).await.unwrap_err();
    ///     assert_eq!(error, SendTimeoutError::Timeout("full"));
    /// });
    /// ```
    pub async fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        match time::timeout(limit, self.reserve()).await {
            Ok(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Ok(Err(_)) => Err(SendTimeoutError::Closed(value)),
            Err(_) => Err(SendTimeoutError::Timeout(value)),
        }
    }
}
