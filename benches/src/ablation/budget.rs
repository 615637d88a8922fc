//! The budget: what a step of it costs, and how long its absence makes a neighbour wait.

use std::cell::Cell;
use std::rc::Rc;

use rondel::sync::mpsc;
use rondel::task::coop::unconstrained;
use rondel::task::spawn_local;

use super::{Case, counted_case, engine, timed_case};
use crate::meter::{Meter, Size};
use crate::runtimes;

const ITEMS: usize = 100_000;

pub(super) const CASES: &[Case] = &[
    timed_case(
        "budget",
        "recv",
        "take an item that is there",
        &[
            engine("on", |size| row("recv_budget", size)),
            engine("off (unconstrained)", |size| row("recv_no_budget", size)),
        ],
    ),
    counted_case(
        "budget",
        "neighbour",
        "items",
        "that a task takes, of 100,000 that are there, before a neighbour who is ready has a turn",
        &[
            engine("on", |_| rondel::run(neighbour(false)) as f64),
            engine("off (unconstrained)", |_| rondel::run(neighbour(true)) as f64),
        ],
    ),
];

fn row(name: &str, size: Size) -> f64 {
    let mut meter = Meter::new(size);
    let rondel = runtimes::find("rondel").expect("a runtime of the duel");
    rondel.run(name, &mut meter).expect("a row of the duel");
    meter.figure()
}

async fn neighbour(free: bool) -> usize {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    for item in 0..ITEMS {
        sender.send(item).expect("the receiver is there");
    }
    drop(sender);
    let taken = Rc::new(Cell::new(0));
    let counted = taken.clone();
    let glutton = async move {
        while receiver.recv().await.is_some() {
            counted.set(counted.get() + 1);
        }
    };
    let glutton = if free { spawn_local(unconstrained(glutton)) } else { spawn_local(glutton) };
    let taken_when_it_ran = spawn_local(async move { taken.get() }).await;
    glutton.await.expect("it only counts");
    taken_when_it_ran.expect("it only looks")
}
