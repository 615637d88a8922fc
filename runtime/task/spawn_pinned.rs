//! Floor 5. Starting tasks on a loop of another thread, though their futures are not `Send`.
//!
//! The future cannot be sent there, so its recipe is: a closure that is `Send` travels, and makes
//! the future at its destination.
//!
//! ```text
//!   this thread              the loop
//!   task { create } ──────▶ outer: create() ─▶ inner task, local
//!   JoinHandle ◀── output ─── outer ◀── output ──┘        abort of the outer one ends both
//! ```
//!
//! Real world: `tokio_util::task::LocalPoolHandle`, of which these are the names; glommio's
//! `LocalExecutorPoolBuilder::on_all_shards`; actix's `Arbiter::spawn_fn`.

use super::{AbortOnDropHandle, JoinHandle};
use crate::birth;
use crate::combine::try_gather;
use crate::current::{self, Handle};
use crate::loops::Team;
use crate::runtime::Runtime;
use crate::shim::Arc;
use crate::task::home::HomeRef;
use std::future::{Future, pending};
use std::panic::resume_unwind;

const NOT_PINNED: &str = "tasks of the stealing flavour move between threads, and none can be \
                          pinned: build the runtime with `pinned`";

impl Handle {
    /// How many threads run tasks: 1 of the local flavour, else as many as it was built with.
    pub fn num_threads(&self) -> usize {
        match self.team() {
            None => 1,
            Some(Team::Crew(workers)) => workers.crew.members().len(),
            Some(Team::Loops(loops)) => loops.homes().len(),
        }
    }

    /// The loops that keep their tasks.
    ///
    /// # Panics
    ///
    /// Panics on the stealing flavour.
    #[track_caller]
    pub(crate) fn homes(&self) -> &[HomeRef] {
        match self.team() {
            None => std::slice::from_ref(self.home()),
            Some(Team::Loops(loops)) => loops.homes(),
            Some(Team::Crew(..)) => panic!("{NOT_PINNED}"),
        }
    }

    /// The one of them whose turn it is to get a task.
    ///
    /// # Panics
    ///
    /// Panics on the stealing flavour.
    #[track_caller]
    pub(crate) fn next_home(&self) -> &HomeRef {
        match self.team() {
            Some(Team::Loops(loops)) => loops.next(),
            _ => &self.homes()[0],
        }
    }

    /// Starts a task on one of the loops of a pinned runtime, which take turns; on the loop of a
    /// local one.
    ///
    /// `create` is called there and makes the future, which need not be `Send` and never leaves
    /// that loop. What it spawns in turn stays there, too. Inside a loop of a pinned runtime
    /// `spawn_pinned` goes to the others as well; [`spawn`](crate::spawn) and
    /// [`spawn_local`](super::spawn_local) stay.
    ///
    /// The twin of `tokio_util::task::LocalPoolHandle::spawn_pinned`.
    ///
    /// - Aborting the handle ends the task. A panic, also one of `create`, goes to the handle.
    ///
    /// # Panics
    ///
    /// Panics on the stealing flavour, whose tasks move.
    ///
    /// **Cost:** two tasks, and a note to the loop.
    ///
    /// ```
    /// use std::rc::Rc;
    ///
    /// let runtime = rondel::Builder::new().pinned(2).build().unwrap();
    /// let task = runtime.handle().spawn_pinned(|| async {
    ///     let not_send = Rc::new(42);
    ///     rondel::task::yield_now().await;
    ///     *not_send
    /// });
    /// assert_eq!(runtime.block_on(task).unwrap(), 42);
    /// ```
    #[track_caller]
    pub fn spawn_pinned<C, F>(&self, create: C) -> JoinHandle<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        start(self, self.next_home(), create)
    }

    /// Starts a task on a certain loop of a pinned runtime.
    ///
    /// As [`spawn_pinned`](Self::spawn_pinned). The twin of
    /// `tokio_util::task::LocalPoolHandle::spawn_pinned_by_idx`.
    ///
    /// # Panics
    ///
    /// Panics on the stealing flavour, and if there is no such loop: `index` must be less than
    /// [`num_threads`](Self::num_threads).
    ///
    /// **Cost:** as [`spawn_pinned`](Self::spawn_pinned).
    ///
    /// ```
    /// let runtime = rondel::Builder::new().pinned(2).build().unwrap();
    /// let name = || async { std::thread::current().name().map(str::to_owned) };
    /// let task = runtime.handle().spawn_pinned_by_idx(name, 1);
    /// assert_eq!(runtime.block_on(task).unwrap().unwrap(), "rondel-loop-1");
    /// ```
    #[track_caller]
    pub fn spawn_pinned_by_idx<C, F>(&self, create: C, index: usize) -> JoinHandle<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let homes = self.homes();
        let total = homes.len();
        assert!(index < total, "there is no loop {index}: this runtime has {total}, from 0 on");
        start(self, &homes[index], create)
    }
}

#[track_caller]
fn start<C, F>(handle: &Handle, home: &HomeRef, create: C) -> JoinHandle<F::Output>
where
    C: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    handle.spawn_at(home, None, async move {
        let inner = AbortOnDropHandle::new(birth::spawn_here(create(), None));
        match inner.await.map_err(|error| error.try_into_panic()) {
            Ok(output) => output,
            Err(Ok(panic)) => resume_unwind(panic),
            // Cancelled, which only the end of the loop does; and that ends this one as well.
            Err(Err(_)) => pending().await,
        }
    })
}

impl Runtime {
    /// Runs a future on each loop of a pinned runtime, and returns their outputs in the order of
    /// the loops.
    ///
    /// `create` is called on each loop, with its index, and makes the future, which need not be
    /// `Send`. That is how a server of one process for all cores begins: each loop with a listener
    /// of its own on the same port ([`TcpSocket::set_reuseport`](crate::net::TcpSocket)).
    ///
    /// The twin of what one writes with `LocalPoolHandle::spawn_pinned_by_idx` in tokio-util; in
    /// Python, of `uvicorn --workers`.
    ///
    /// # Panics
    ///
    /// Panics with the panic of one of the futures, as soon as it comes; the others are dropped.
    /// Panics inside a loop, and on the stealing flavour.
    ///
    /// **Cost:** two tasks for each loop.
    ///
    /// ```
    /// use rondel::net::TcpSocket;
    ///
    /// let runtime = rondel::Builder::new().pinned(2).build().unwrap();
    /// let first = TcpSocket::new_v4().unwrap();
    /// first.set_reuseport(true).unwrap();
    /// first.bind("127.0.0.1:0".parse().unwrap()).unwrap(); // holds the port for the others
    /// let address = first.local_addr().unwrap();
    /// let ports = runtime.block_on_each(move |_index| async move {
    ///     let socket = TcpSocket::new_v4().unwrap();
    ///     socket.set_reuseport(true).unwrap();
    ///     socket.bind(address).unwrap();
    ///     let listener = socket.listen(1024).unwrap();
    ///     // Here it would serve: loop { let (stream, _) = listener.accept().await?; … }
    ///     listener.local_addr().unwrap().port()
    /// });
    /// assert_eq!(ports, [address.port(); 2]);
    /// ```
    #[track_caller]
    pub fn block_on_each<C, F>(&self, create: C) -> Vec<F::Output>
    where
        C: Fn(usize) -> F + Send + Sync + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        current::forbid_blocking("Runtime::block_on_each");
        let (create, handle) = (Arc::new(create), self.handle());
        let tasks = (0..handle.num_threads()).map(|index| {
            let create = create.clone();
            let task = handle.spawn_pinned_by_idx(move || create(index), index);
            AbortOnDropHandle::new(task)
        });
        match self.block_on(try_gather(tasks.collect::<Vec<_>>())) {
            Ok(outputs) => outputs,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(error) => panic!("the runtime ended meanwhile: {error}"),
            },
        }
    }
}
