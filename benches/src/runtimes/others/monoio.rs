//! monoio on epoll, one thread, with local-sync, the primitives its documents name.
//!
//! These are not thread-safe, and a task that panics takes the thread along: less than the others
//! promise. It lacks a mutex, a way to abort a task, and a handle for other threads.

#[path = "../../bodies/channels.rs"]
mod channels;
#[path = "../../bodies/combine.rs"]
mod combine;
#[path = "../../bodies/memory.rs"]
mod memory;
// Here the bodies stay on one thread; elsewhere they do not.
#[allow(clippy::arc_with_non_send_sync)]
#[path = "../../bodies/semaphore.rs"]
mod semaphore;
#[path = "../../bodies/tasks.rs"]
mod tasks;
#[path = "../../bodies/time.rs"]
mod time;

use crate::Meter;

const IN_FRONT: &str = "in monoio who wakes itself goes to the front, so nobody takes turns";

/// Rows that would measure something else here, and why.
pub(super) const LEFT_OUT: &[(&str, &str)] = &[
    ("yield_1k", IN_FRONT),
    ("await_chain", IN_FRONT),
    ("mpsc_unbounded", IN_FRONT),
    ("semaphore_1000x5", IN_FRONT),
    ("timeout_yield", IN_FRONT),
];

/// Runs the row's body on this runtime; says whether there is one.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    let questions =
        [channels::run, combine::run, memory::run, semaphore::run, tasks::run, time::run];
    questions.iter().any(|run| run(row, meter))
}

pub(super) mod rt {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use ::monoio::{LegacyDriver, RuntimeBuilder};

    pub(in crate::runtimes) use ::monoio::time::{
        Instant, Sleep, interval, sleep, sleep_until, timeout,
    };
    pub(in crate::runtimes) use ::smol::future::yield_now;
    pub(in crate::runtimes) use futures_util::future::join_all as gather;
    pub(in crate::runtimes) use local_sync::oneshot;
    pub(in crate::runtimes) use local_sync::semaphore::Semaphore;

    pub(in crate::runtimes) fn run<F: Future>(future: F) -> F::Output {
        let builder = RuntimeBuilder::<LegacyDriver>::new().enable_timer();
        builder.build().expect("a monoio runtime").block_on(future)
    }

    pub(in crate::runtimes) fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output>
    where
        F::Output: 'static,
    {
        JoinHandle(::monoio::spawn(future))
    }

    /// A task of monoio's that yields a result, as the bodies expect.
    pub(in crate::runtimes) struct JoinHandle<T>(::monoio::task::JoinHandle<T>);

    impl<T> Future for JoinHandle<T> {
        type Output = Result<T, Infallible>;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            Pin::new(&mut self.0).poll(cx).map(Ok)
        }
    }

    /// Lets a task go on without anybody who waits for it.
    pub(in crate::runtimes) fn detach<T>(task: JoinHandle<T>) {
        drop(task);
    }

    /// monoio has no budget to be freed of.
    pub(in crate::runtimes) fn unconstrained<F: Future>(future: F) -> F {
        future
    }

    pub(in crate::runtimes) mod mpsc {
        pub(in crate::runtimes) use local_sync::mpsc::bounded::channel;
        pub(in crate::runtimes) use local_sync::mpsc::unbounded::channel as unbounded_channel;
    }
}
