//! Rondel, local flavour: one thread.

#[path = "../../bodies/mod.rs"]
pub mod bodies;
#[path = "../../serve.rs"]
pub mod serve;

pub(in crate::runtimes) mod rt {
    use std::sync::Arc;

    pub(in crate::runtimes) use ::rondel::combine::gather;
    pub(in crate::runtimes) use ::rondel::io::{AsyncReadExt, AsyncWriteExt};
    pub(in crate::runtimes) use ::rondel::net::{TcpListener, TcpStream, UdpSocket};
    use ::rondel::sync::Queue;
    pub(in crate::runtimes) use ::rondel::sync::{
        Mutex, Notify, Semaphore, broadcast, mpsc, oneshot, watch,
    };
    use ::rondel::task::JoinHandle;
    pub(in crate::runtimes) use ::rondel::task::coop::unconstrained;
    pub(in crate::runtimes) use ::rondel::task::{JoinSet, spawn_blocking, yield_now};
    pub(in crate::runtimes) use ::rondel::time::{
        Instant, Sleep, interval, sleep, sleep_until, timeout,
    };
    pub(in crate::runtimes) use ::rondel::{run, select, spawn};

    pub(in crate::runtimes) fn handle() -> ::rondel::Handle {
        ::rondel::Handle::current()
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

    /// Both ends of a queue as asyncio has it.
    pub(in crate::runtimes) fn queue<T>(places: usize) -> (Arc<Queue<T>>, Arc<Queue<T>>) {
        let queue = Arc::new(Queue::new(places));
        (queue.clone(), queue)
    }

    pub(in crate::runtimes) async fn put<T>(queue: &Queue<T>, item: T) {
        assert!(queue.put(item).await.is_ok(), "nobody shuts it down");
    }

    pub(in crate::runtimes) async fn get<T>(queue: &mut Arc<Queue<T>>) -> T {
        queue.get().await.expect("nobody shuts it down")
    }

    /// A stream as hyper wants it: it is one already.
    pub(in crate::runtimes) fn hyper_io(
        stream: TcpStream,
    ) -> impl hyper::rt::Read + hyper::rt::Write + Unpin {
        stream
    }
}
