//! Floor 5. Starting a child and waiting until it is ready: trio's `nursery.start`.
//!
//! A server is of use once it listens; before, its failure is not that of the whole, but of the one
//! who tried to start it. What passes between the two is in `handshake.rs`.
//!
//! Real world: trio runs the child in a nursery of its own and moves it over; with anyio it is the
//! same. asyncio has nothing of the kind: one waits for an event and for the task at once.

use std::future::Future;

use super::TaskGroup;
use super::handshake::{Start, Started, handshake};

impl<E: 'static> TaskGroup<E> {
    /// Starts a child and waits until it says that it is ready.
    ///
    /// - `child`: gets the [`Started`] to say so with. The task is spawned here and now; the
    ///   returned future waits.
    /// - Returns what was [sent](Started::send); from then on the child is one of the group.
    ///
    /// The twin of trio's `nursery.start`.
    ///
    /// # Errors
    ///
    /// When the child ends before it has started, by an error, a panic, an abort, or just so; or
    /// when the group takes no more tasks. That is no failure of the group: whoever awaits this may
    /// try again.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    ///
    /// **Cancel-safe:** dropping it aborts a child that has not started; **an answer that had come
    /// is lost with it.** **Cost:** that of [`spawn`](Self::spawn), and three allocations.
    ///
    /// ```
    /// use rondel::task::TaskGroup;
    ///
    /// rondel::run(async {
    ///     let group = TaskGroup::<std::io::Error>::run(async |group| {
    ///         let port = group.start(|started| async move {
    ///             let listener = rondel::net::TcpListener::bind("127.0.0.1:0").await?;
    ///             started.send(listener.local_addr()?.port());
    ///             Ok(()) // a real one would serve now
    ///         });
    ///         Ok(port.await.unwrap())
    ///     });
    ///     assert_ne!(group.await.unwrap(), 0);
    /// });
    /// ```
    #[track_caller]
    pub fn start<V, F, Fut>(&self, child: F) -> Start<V, E>
    where
        F: FnOnce(Started<V>) -> Fut,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        V: Send + 'static,
        E: Send,
    {
        let (starting, mut start) = handshake(child);
        start.seat(self.try_spawn(starting).map(|child| child.abort_on_drop()));
        start
    }

    /// [`start`](Self::start) for a child that must stay on this thread.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    ///
    /// **Cancel-safe:** as [`start`](Self::start).
    #[track_caller]
    pub fn start_local<V, F, Fut>(&self, child: F) -> Start<V, E>
    where
        F: FnOnce(Started<V>) -> Fut,
        Fut: Future<Output = Result<(), E>> + 'static,
        V: 'static,
    {
        let (starting, mut start) = handshake(child);
        start.seat(self.try_spawn_local(starting).map(|child| child.abort_on_drop()));
        start
    }
}
