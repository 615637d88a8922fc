//! A server that can be stopped.

use rondel::sync::{CancellationToken, mpsc::Receiver};
use rondel::task::spawn_local;

/// Serves each request in a task of its own, until `stop` is cancelled.
pub async fn serve<F>(
    mut requests: Receiver<u32>,
    stop: CancellationToken,
    handle: impl Fn(u32) -> F,
) where
    F: Future<Output = ()> + 'static,
{
    loop {
        rondel::select! {
            () = stop.cancelled() => return,
            request = requests.recv() => match request {
                Some(request) => drop(spawn_local(handle(request))),
                None => return,
            },
        }
    }
}
