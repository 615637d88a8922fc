//! smol, a worker for each CPU: threads that all run one `Executor`, as `smol::spawn` does it.

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
#[path = "../../bodies/outside.rs"]
mod outside;
#[path = "../../bodies/scaling.rs"]
mod scaling;
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
        cancel::run,
        channels::run,
        combine::run,
        memory::run,
        mutex::run,
        outside::run,
        scaling::run,
        select::run,
        semaphore::run,
        tasks::run,
        threads::run,
        time::run,
    ];
    questions.iter().any(|run| run(row, meter))
}

mod rt {
    use std::cell::RefCell;
    use std::sync::Arc;
    use std::thread;

    use ::smol::Executor;

    pub(super) use super::super::smol::rt::*;

    thread_local! {
        static EXECUTOR: RefCell<Option<Handle>> = const { RefCell::new(None) };
    }

    #[derive(Clone)]
    pub(super) struct Handle(Arc<Executor<'static>>);

    impl Handle {
        pub(super) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
        where
            F: Future + Send + 'static,
            F::Output: Send + 'static,
        {
            JoinHandle(self.0.spawn(future))
        }
    }

    pub(super) fn handle() -> Handle {
        EXECUTOR.with_borrow(|executor| executor.clone().expect("inside `run`"))
    }

    pub(super) fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        EXECUTOR.with_borrow(|executor| executor.as_ref().expect("inside `run`").spawn(future))
    }

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        run_on(thread::available_parallelism().map_or(1, usize::from), future)
    }

    pub(super) fn run_on<F: Future>(workers: usize, future: F) -> F::Output {
        let executor = Handle(Arc::new(Executor::new()));
        let (stop, stopped) = ::smol::channel::bounded::<()>(1);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    EXECUTOR.set(Some(executor.clone()));
                    // Nothing is ever sent: it ends when the other end is dropped.
                    let _ = ::smol::block_on(executor.0.run(stopped.recv()));
                });
            }
            EXECUTOR.set(Some(executor.clone()));
            let output = ::smol::block_on(future);
            EXECUTOR.take();
            drop(stop);
            output
        })
    }
}
