//! Calls a service that allows a few calls at a time.

use rondel::combine::gather;
use rondel::sync::Semaphore;

/// Calls the service for each number, `limit` calls at a time; results in the order of `numbers`.
pub async fn call_all(
    numbers: &[u32],
    limit: usize,
    call: impl AsyncFn(u32) -> Result<u32, String>,
) -> Vec<Result<u32, String>> {
    let semaphore = Semaphore::new(limit);
    let one = async |number: u32| {
        let _ = semaphore.acquire().await.unwrap();
        call(number).await
    };
    gather(numbers.iter().map(|number| one(*number))).await
}
