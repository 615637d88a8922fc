//! A pool of connections.

use rondel::sync::Semaphore;
use std::cell::RefCell;

/// Connections are numbers here.
pub struct Pool {
    free: RefCell<Vec<u32>>,
    places: Semaphore,
}

/// Gives the connection back, however the block ends that holds it.
struct Lent<'a> {
    pool: &'a Pool,
    connection: u32,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pool.free.borrow_mut().push(self.connection);
    }
}

impl Pool {
    /// A pool of `size` connections.
    pub fn new(size: u32) -> Self {
        Self { free: RefCell::new((0..size).collect()), places: Semaphore::new(size as usize) }
    }

    /// How many connections nobody uses.
    pub fn idle(&self) -> usize {
        self.free.borrow().len()
    }

    /// Does `work` with a connection, once there is a free one.
    pub async fn with<T>(&self, work: impl AsyncFnOnce(u32) -> T) -> T {
        // Dropped in the opposite order: first the connection is back, then the place is free.
        let _place = self.places.acquire().await.unwrap();
        let connection = self.free.borrow_mut().pop().unwrap();
        let _lent = Lent { pool: self, connection };
        work(connection).await
    }
}
