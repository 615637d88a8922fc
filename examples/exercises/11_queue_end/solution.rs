//! Producers and consumers around one queue.

use rondel::sync::Queue;
use rondel::task::spawn_local;
use std::rc::Rc;

/// Puts the jobs through the queue, until there is no next one; `workers` tasks `work` on them.
pub async fn run(
    next_job: impl AsyncFn() -> Option<u32>,
    workers: usize,
    work: impl AsyncFn(u32) + 'static,
) {
    let queue = Rc::new(Queue::new(5));
    let work = Rc::new(work);
    let mut tasks = Vec::new();
    for _ in 0..workers {
        let (queue, work) = (queue.clone(), work.clone());
        tasks.push(spawn_local(async move {
            // An error means: it was shut down, and is empty.
            while let Ok(job) = queue.get().await {
                work(job).await;
            }
        }));
    }
    while let Some(job) = next_job().await {
        queue.put(job).await.unwrap();
    }
    // Not "empty", which it is now and then, but "nothing will come any more".
    queue.shutdown(false);
    for task in tasks {
        task.await.unwrap();
    }
}
