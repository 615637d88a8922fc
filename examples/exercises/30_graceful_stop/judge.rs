//! Judges a server's end: nothing new is begun, and what was begun is finished.

use super::answer::serve;
use rondel::sync::{CancellationToken, mpsc};
use rondel::task::spawn_local;
use rondel::time::{Duration, sleep};
use rondel_exercises::{Calls, Judge, ensure};

pub fn judge(judge: &mut Judge) {
    judge
        .check("what was begun is finished before it returns")
        .stalls("the server was stopped, and does not return")
        .schedules(async |log| {
            let (tx, rx) = mpsc::channel(8);
            let (calls, stop) = (Calls::new(&log, "request"), CancellationToken::new());
            let counted = calls.clone();
            let server = spawn_local(serve(rx, stop.clone(), move |_request| {
                let calls = counted.clone();
                async move {
                    calls.call(Duration::from_millis(50)).await;
                }
            }));
            for request in 0..3 {
                tx.send(request).await.map_err(|_| "the server ended by itself")?;
            }
            sleep(Duration::from_millis(10)).await;
            log.note("stop");
            stop.cancel();
            server.await.map_err(|error| error.to_string())?;
            log.note("serve has returned");
            ensure!(
                calls.ended() == 3,
                "serve returned while {} requests were under way: when the program ends now, they \
                 are torn",
                calls.in_flight()
            );
            ensure!(
                log.now() == Duration::from_millis(50),
                "the requests ended at 50 ms, and serve returned at {}",
                log.now().as_millis()
            );
            let _ = tx.send(9).await;
            sleep(Duration::from_millis(100)).await;
            ensure!(calls.started() == 3, "a request was begun after the stop");
            Ok(())
        });

    judge
        .check("with no more clients it ends as well")
        .stalls("the senders are gone, and the server waits")
        .schedules(async |log| {
            let (tx, rx) = mpsc::channel(8);
            let (calls, stop) = (Calls::new(&log, "request"), CancellationToken::new());
            let counted = calls.clone();
            let server = spawn_local(serve(rx, stop, move |_request| {
                let calls = counted.clone();
                async move {
                    calls.call(Duration::from_millis(50)).await;
                }
            }));
            tx.send(1).await.map_err(|_| "the server ended by itself")?;
            drop(tx);
            server.await.map_err(|error| error.to_string())?;
            ensure!(calls.ended() == 1, "the last request was not finished");
            Ok(())
        });
}
