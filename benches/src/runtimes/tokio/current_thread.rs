//! tokio, one thread, as `#[tokio::main(flavor = "current_thread")]` builds it.

#[path = "../../bodies/mod.rs"]
pub mod bodies;
#[path = "../../serve.rs"]
pub mod serve;

pub(in crate::runtimes) mod rt {
    pub(in crate::runtimes) use ::tokio::io::{AsyncReadExt, AsyncWriteExt};
    pub(in crate::runtimes) use ::tokio::net::{TcpListener, TcpStream, UdpSocket};
    pub(in crate::runtimes) use ::tokio::sync::{
        Mutex, Notify, Semaphore, broadcast, mpsc, oneshot, watch,
    };
    use ::tokio::task::JoinHandle;
    pub(in crate::runtimes) use ::tokio::task::{
        JoinSet, spawn_blocking, unconstrained, yield_now,
    };
    pub(in crate::runtimes) use ::tokio::time::{
        Instant, Sleep, interval, sleep, sleep_until, timeout,
    };
    pub(in crate::runtimes) use ::tokio::{select, spawn};
    /// tokio has no `gather` of its own; its users take this one.
    pub(in crate::runtimes) use futures_util::future::join_all as gather;

    pub(in crate::runtimes) fn handle() -> ::tokio::runtime::Handle {
        ::tokio::runtime::Handle::current()
    }

    /// Lets a task go on without anybody who waits for it.
    pub(in crate::runtimes) fn detach<T>(task: JoinHandle<T>) {
        drop(task);
    }

    /// Aborts them all, then waits for the end of each.
    pub(in crate::runtimes) async fn abort_all(tasks: Vec<JoinHandle<()>>) {
        tasks.iter().for_each(JoinHandle::abort);
        for task in tasks {
            assert!(task.await.unwrap_err().is_cancelled());
        }
    }

    /// tokio has no queue that all share; its users take a channel.
    pub(in crate::runtimes) fn queue<T>(places: usize) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
        mpsc::channel(places)
    }

    pub(in crate::runtimes) async fn put<T>(queue: &mpsc::Sender<T>, item: T) {
        assert!(queue.send(item).await.is_ok(), "somebody gets");
    }

    pub(in crate::runtimes) async fn get<T>(queue: &mut mpsc::Receiver<T>) -> T {
        queue.recv().await.expect("somebody puts")
    }

    pub(in crate::runtimes) fn run<F: Future>(future: F) -> F::Output {
        let mut builder = ::tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a tokio runtime").block_on(future)
    }

    /// A stream as hyper wants it.
    pub(in crate::runtimes) fn hyper_io(
        stream: TcpStream,
    ) -> impl hyper::rt::Read + hyper::rt::Write + Unpin {
        hyper_util::rt::TokioIo::new(stream)
    }
}
