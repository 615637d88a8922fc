//! What these tests poll with: one future per thread, and the test kit's task with short names.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

pub use rondel::block_on;
use rondel::testing::task::{Spawn, spawn};

/// A future that the test polls itself. Boxed, so that probes of one output are of one type.
pub struct Probe<'a, T>(Spawn<Pin<Box<dyn Future<Output = T> + 'a>>>);

impl<'a, T> Probe<'a, T> {
    pub fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self(spawn(Box::pin(future)))
    }

    /// A probe that was polled once and has to wait.
    #[track_caller]
    pub fn waiting(future: impl Future<Output = T> + 'a) -> Self {
        let mut probe = Self::new(future);
        assert!(probe.poll().is_pending(), "this future was expected to wait");
        probe
    }

    pub fn poll(&mut self) -> Poll<T> {
        self.0.poll()
    }

    /// The output of a future that must be ready now.
    #[track_caller]
    pub fn ready(&mut self) -> T {
        rondel::assert_ready!(self.poll(), "this future was expected to be ready")
    }

    /// How often it was woken so far.
    pub fn wakes(&self) -> usize {
        self.0.wakes()
    }

    /// How many clones of its waker are still around.
    pub fn wakers_kept(&self) -> usize {
        self.0.waker_ref_count() - 1
    }
}
