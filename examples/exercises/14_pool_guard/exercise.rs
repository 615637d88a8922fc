//! A pool of connections.

use rondel::sync::Semaphore;
use std::cell::RefCell;

/// Connections are numbers here.
pub struct Pool {
    free: RefCell<Vec<u32>>,
    places: Semaphore,
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
        self.places.acquire().await.unwrap().forget();
        let connection = self.free.borrow_mut().pop().unwrap();
        let output = work(connection).await;
        self.free.borrow_mut().push(connection);
        self.places.add_permits(1);
        output
    }
}
