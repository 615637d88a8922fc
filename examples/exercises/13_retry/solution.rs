//! Tries again when a call fails.

use rondel::time::{Duration, sleep};

/// How a call can fail.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// It may work the next time: a connection was lost, a server is busy.
    Transient,
    /// It will never work: there is no such page, the request is wrong.
    Permanent,
}

/// Calls until it works, at most `attempts` times; waits 1 s, 2 s, 4 s … between the attempts.
pub async fn retry<T>(attempts: u32, call: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    let mut wait = Duration::from_secs(1);
    let mut attempt = 1;
    loop {
        match call().await {
            Err(Error::Transient) if attempt < attempts => {}
            // It worked, or it never will, or that was the last attempt: no need to wait.
            result => return result,
        }
        sleep(wait).await;
        wait *= 2;
        attempt += 1;
    }
}
