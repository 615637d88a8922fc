//! Asks a primary and, if it is slow, the secondaries.

use rondel::time::{Duration, timeout};

/// The primary's answer if it comes within 2 s, else the first one of a secondary.
pub async fn ask(
    primary: impl Future<Output = Result<String, String>>,
    secondaries: Vec<impl Future<Output = Result<String, String>>>,
) -> Result<String, String> {
    if let Ok(Ok(answer)) = timeout(Duration::from_secs(2), primary).await {
        return Ok(answer);
    }
    for secondary in secondaries {
        if let Ok(answer) = secondary.await {
            return Ok(answer);
        }
    }
    Err("nobody answered".to_owned())
}
