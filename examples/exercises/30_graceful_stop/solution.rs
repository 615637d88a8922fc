//! A server that can be stopped.

use rondel::sync::{CancellationToken, mpsc::Receiver};
use rondel::task::JoinSet;

/// Serves each request in a task of its own, until `stop` is cancelled.
pub async fn serve<F>(
    mut requests: Receiver<u32>,
    stop: CancellationToken,
    handle: impl Fn(u32) -> F,
) where
    F: Future<Output = ()> + 'static,
{
    let mut open = JoinSet::new();
    loop {
        rondel::select! {
            () = stop.cancelled() => break,
            request = requests.recv() => match request {
                Some(request) => drop(open.spawn_local(handle(request))),
                None => break,
            },
            // Those that have ended need not be kept.
            Some(_) = open.join_next() => {}
        }
    }
    // Nothing new, and what was begun is finished.
    while open.join_next().await.is_some() {}
}
