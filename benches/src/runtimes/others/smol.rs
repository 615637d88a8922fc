//! smol, one thread: a `LocalExecutor`, with the crates that smol's own documents name.
//!
//! It lacks a watch, a notify, a set of tasks, and a handle to a local executor for other threads.

#[path = "../../bodies/broadcast.rs"]
mod broadcast;
#[path = "../../bodies/cancel.rs"]
mod cancel;
#[path = "../../bodies/channels.rs"]
mod channels;
#[path = "../../bodies/combine.rs"]
mod combine;
#[path = "../../bodies/memory.rs"]
mod memory;
#[path = "../../bodies/mutex.rs"]
mod mutex;
#[path = "../../bodies/select.rs"]
mod select;
#[path = "../../bodies/semaphore.rs"]
mod semaphore;
#[path = "smol_serve.rs"]
pub mod serve;
#[path = "../../bodies/tasks.rs"]
mod tasks;
#[path = "../../bodies/threads.rs"]
mod threads;
#[path = "../../bodies/time.rs"]
mod time;

use crate::Meter;

/// Runs the row's body on this runtime; says whether there is one.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    let questions = [
        broadcast::run,
        cancel::run,
        channels::run,
        combine::run,
        memory::run,
        mutex::run,
        select::run,
        semaphore::run,
        tasks::run,
        threads::run,
        time::run,
    ];
    questions.iter().any(|run| run(row, meter))
}

pub(super) mod rt {
    use std::cell::RefCell;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::rc::Rc;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use ::smol::LocalExecutor;
    use ::smol::stream::StreamExt;

    pub(in crate::runtimes) use ::smol::Timer as Sleep;
    pub(in crate::runtimes) use ::smol::future::yield_now;
    pub(in crate::runtimes) use ::smol::lock::Mutex;
    pub(in crate::runtimes) use futures_channel::oneshot;
    pub(in crate::runtimes) use futures_util::future::join_all as gather;
    pub(in crate::runtimes) use std::time::Instant;

    thread_local! {
        static EXECUTOR: RefCell<Option<Rc<LocalExecutor<'static>>>> = const { RefCell::new(None) };
    }

    pub(in crate::runtimes) fn run<F: Future>(future: F) -> F::Output {
        let executor = Rc::new(LocalExecutor::new());
        EXECUTOR.set(Some(executor.clone()));
        let output = ::smol::block_on(executor.run(future));
        EXECUTOR.take();
        output
    }

    pub(in crate::runtimes) fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output>
    where
        F::Output: 'static,
    {
        EXECUTOR.with_borrow(|executor| {
            JoinHandle(executor.as_ref().expect("inside `run`").spawn(future))
        })
    }

    /// A task of smol's that yields a result, as the bodies expect.
    pub(in crate::runtimes) struct JoinHandle<T>(pub(in crate::runtimes) ::smol::Task<T>);

    impl<T> Future for JoinHandle<T> {
        type Output = Result<T, Infallible>;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            Pin::new(&mut self.0).poll(cx).map(Ok)
        }
    }

    /// Lets a task go on without anybody who waits for it.
    pub(in crate::runtimes) fn detach<T>(task: JoinHandle<T>) {
        task.0.detach();
    }

    /// smol cancels a task and waits for its end in one.
    pub(in crate::runtimes) async fn abort_all(tasks: Vec<JoinHandle<()>>) {
        for task in tasks {
            assert!(task.0.cancel().await.is_none());
        }
    }

    pub(in crate::runtimes) fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        JoinHandle(::smol::unblock(work))
    }

    /// smol has no budget to be freed of.
    pub(in crate::runtimes) fn unconstrained<F: Future>(future: F) -> F {
        future
    }

    pub(in crate::runtimes) fn sleep(duration: Duration) -> Sleep {
        Sleep::after(duration)
    }

    pub(in crate::runtimes) fn sleep_until(deadline: Instant) -> Sleep {
        Sleep::at(deadline)
    }

    #[derive(Debug)]
    pub(in crate::runtimes) struct Elapsed;

    pub(in crate::runtimes) async fn timeout<F: Future>(
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        ::smol::future::or(async { Ok(future.await) }, async {
            Sleep::after(limit).await;
            Err(Elapsed)
        })
        .await
    }

    pub(in crate::runtimes) struct Interval(Sleep);

    pub(in crate::runtimes) fn interval(period: Duration) -> Interval {
        Interval(Sleep::interval_at(Instant::now(), period))
    }

    impl Interval {
        pub(in crate::runtimes) async fn tick(&mut self) {
            self.0.next().await.expect("an interval does not end");
        }
    }

    pub(in crate::runtimes) struct Semaphore(::smol::lock::Semaphore);

    impl Semaphore {
        pub(in crate::runtimes) fn new(permits: usize) -> Self {
            Self(::smol::lock::Semaphore::new(permits))
        }

        pub(in crate::runtimes) async fn acquire(
            &self,
        ) -> Result<::smol::lock::SemaphoreGuard<'_>, Infallible> {
            Ok(self.0.acquire().await)
        }
    }

    pub(in crate::runtimes) mod mpsc {
        use ::smol::channel::{self, Sender, TrySendError};

        pub(in crate::runtimes) struct Receiver<T>(channel::Receiver<T>);

        impl<T> Receiver<T> {
            pub(in crate::runtimes) async fn recv(&mut self) -> Option<T> {
                self.0.recv().await.ok()
            }
        }

        pub(in crate::runtimes) fn channel<T>(places: usize) -> (Sender<T>, Receiver<T>) {
            let (sender, receiver) = channel::bounded(places);
            (sender, Receiver(receiver))
        }

        pub(in crate::runtimes) struct UnboundedSender<T>(Sender<T>);

        impl<T> UnboundedSender<T> {
            pub(in crate::runtimes) fn send(&self, item: T) -> Result<(), TrySendError<T>> {
                self.0.try_send(item)
            }
        }

        pub(in crate::runtimes) fn unbounded_channel<T>() -> (UnboundedSender<T>, Receiver<T>) {
            let (sender, receiver) = channel::unbounded();
            (UnboundedSender(sender), Receiver(receiver))
        }
    }

    pub(in crate::runtimes) mod broadcast {
        use async_broadcast::{InactiveReceiver, RecvError, TrySendError};

        pub(in crate::runtimes) struct Sender<T>(async_broadcast::Sender<T>, InactiveReceiver<T>);

        pub(in crate::runtimes) struct Receiver<T>(async_broadcast::Receiver<T>);

        impl<T: Clone> Sender<T> {
            pub(in crate::runtimes) fn new(places: usize) -> Self {
                let (mut sender, receiver) = async_broadcast::broadcast(places);
                sender.set_overflow(true);
                Self(sender, receiver.deactivate())
            }

            pub(in crate::runtimes) fn subscribe(&self) -> Receiver<T> {
                Receiver(self.1.activate_cloned())
            }

            pub(in crate::runtimes) fn send(&self, item: T) -> Result<(), TrySendError<T>> {
                self.0.try_broadcast(item).map(drop)
            }
        }

        impl<T: Clone> Receiver<T> {
            pub(in crate::runtimes) async fn recv(&mut self) -> Result<T, RecvError> {
                self.0.recv_direct().await
            }
        }
    }

    /// `race` in `race`, since smol has no macro for it; who is polled first is left to chance.
    macro_rules! race {
        ($name:pat = $future:expr => $result:expr $(,)?) => {
            async { let $name = $future.await; $result }
        };
        ($name:pat = $future:expr => $result:expr, $($rest:tt)+) => {
            ::smol::future::race(
                async { let $name = $future.await; $result },
                $crate::runtimes::others::smol::rt::race!($($rest)+),
            )
        };
    }
    pub(in crate::runtimes) use race;

    macro_rules! select {
        ($($branches:tt)+) => { $crate::runtimes::others::smol::rt::race!($($branches)+).await };
    }
    pub(in crate::runtimes) use select;
}
