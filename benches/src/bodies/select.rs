//! Bodies: what does it cost to wait for whichever is first?

use std::hint::black_box;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "select_2" => rt::run(select_2(meter)),
        "select_8" => rt::run(select_8(meter)),
        _ => return false,
    }
    true
}

async fn select_2(meter: &mut Meter) {
    let items = 10_000;
    while meter.more() {
        meter.start();
        let (left, mut from_left) = rt::mpsc::channel(100);
        let (right, mut from_right) = rt::mpsc::channel(100);
        for item in 0..items {
            let side = if item % 2 == 0 { &left } else { &right };
            side.try_send(item).unwrap();
            let item = rt::select! {
                item = from_left.recv() => item,
                item = from_right.recv() => item,
            };
            black_box(item.unwrap());
        }
        meter.stop(items);
    }
}

async fn select_8(meter: &mut Meter) {
    let items = 10_000;
    while meter.more() {
        meter.start();
        let (senders, mut receivers): (Vec<_>, Vec<_>) =
            (0..8).map(|_| rt::mpsc::channel(100)).unzip();
        let [a, b, c, d, e, f, g, h] = &mut receivers[..] else { unreachable!("eight were made") };
        for item in 0..items {
            senders[item % 8].try_send(item).unwrap();
            let item = rt::select! {
                item = a.recv() => item,
                item = b.recv() => item,
                item = c.recv() => item,
                item = d.recv() => item,
                item = e.recv() => item,
                item = f.recv() => item,
                item = g.recv() => item,
                item = h.recv() => item,
            };
            black_box(item.unwrap());
        }
        meter.stop(items);
    }
}
