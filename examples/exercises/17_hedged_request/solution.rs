//! Asks a primary and, if it is slow, the secondaries.

use rondel::combine::race_ok;
use rondel::time::{Duration, timeout};

/// The primary's answer if it comes within 2 s, else the first one of a secondary.
pub async fn ask(
    primary: impl Future<Output = Result<String, String>>,
    secondaries: Vec<impl Future<Output = Result<String, String>>>,
) -> Result<String, String> {
    if let Ok(Ok(answer)) = timeout(Duration::from_secs(2), primary).await {
        return Ok(answer);
    }
    // All at once; the first that succeeds wins, and the others are dropped.
    race_ok(secondaries).await.map_err(|_| "nobody answered".to_owned())
}
