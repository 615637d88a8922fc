//! Writes an order into two books.

use rondel::combine::shield_local;
use rondel::time::{Duration, error::Elapsed, timeout};

/// The two books; writing takes its time.
pub trait Books: 'static {
    /// Takes the goods out of the stock.
    fn take_from_stock(&self) -> impl Future<Output = ()>;
    /// Writes the bill.
    fn write_bill(&self) -> impl Future<Output = ()>;
}

/// Waits for both writes, but for 100 ms at most.
pub async fn order<B: Books>(books: B) -> Result<(), Elapsed> {
    // A task of its own: who stops waiting for it does not stop it.
    let commit = shield_local(async move {
        books.take_from_stock().await;
        books.write_bill().await;
    });
    timeout(Duration::from_millis(100), commit).await.map(|done| done.expect("nobody aborts it"))
}
