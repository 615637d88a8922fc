//! Bodies: what does it cost to tell many?

use std::hint::black_box;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "broadcast_1x4" => rt::run(broadcast(meter, 4)),
        _ => return false,
    }
    true
}

async fn broadcast(meter: &mut Meter, receivers: usize) {
    let (bursts, burst) = (1_000, 16);
    while meter.more() {
        meter.start();
        let sender = rt::broadcast::Sender::new(burst);
        let listen = |mut receiver: rt::broadcast::Receiver<usize>| async move {
            let mut received = 0;
            while let Ok(item) = receiver.recv().await {
                black_box(item);
                received += 1;
            }
            received
        };
        let sinks: Vec<_> = (0..receivers).map(|_| rt::spawn(listen(sender.subscribe()))).collect();
        let source = rt::spawn(async move {
            for _ in 0..bursts {
                for item in 0..burst {
                    sender.send(item).unwrap();
                }
                rt::yield_now().await; // one thread: all receivers take the burst now
            }
        });
        source.await.unwrap();
        for sink in sinks {
            assert_eq!(sink.await.unwrap(), bursts * burst, "nobody lags");
        }
        meter.stop(bursts * burst);
    }
}
