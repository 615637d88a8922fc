//! Every combinator over children that do by lot what children can do to each other: nobody is
//! forgotten.
//!
//! A wake that is lost ends in a deadlock, which virtual time reports; so the test only has to let
//! them run to the end, and to count.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use rondel::combine::{
    ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, as_completed, buffer_unordered, buffered,
    gather, race, race_ok, staggered, try_gather, wait,
};
use rondel::sync::oneshot;
use rondel::task::{consume_budget, spawn_local, yield_now};
use rondel::time::sleep;
use rondel::{Builder, spawn_blocking};

use super::tools::*;

/// Numbers of one seed: not those of the runtime, which it uses up itself.
#[derive(Clone)]
struct Lots(Rc<Cell<u64>>);

impl Lots {
    fn new(seed: u64) -> Self {
        Self(Rc::new(Cell::new(seed)))
    }

    fn draw(&self, limit: u64) -> u64 {
        let next = self.0.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0.set(next);
        (next >> 33) % limit
    }
}

/// What the children of one combinator share.
struct Family {
    lots: Lots,
    /// Wakers of all of them, also of those that have ended.
    wakers: RefCell<Vec<Waker>>,
    /// For each child: who waits for its end, or that it has come.
    ends: RefCell<Vec<Option<Vec<Waker>>>>,
}

impl Family {
    fn new(lots: &Lots, count: usize) -> Rc<Self> {
        let ends = RefCell::new(vec![Some(Vec::new()); count]);
        Rc::new(Self { lots: lots.clone(), wakers: RefCell::default(), ends })
    }

    /// Wakes some child, or the room where it was.
    async fn wake_anybody(&self) {
        poll_fn(|cx| {
            self.wakers.borrow_mut().push(cx.waker().clone());
            Poll::Ready(())
        })
        .await;
        let count = self.wakers.borrow().len() as u64;
        let waker = self.wakers.borrow()[self.lots.draw(count) as usize].clone();
        waker.wake();
    }

    async fn end_of(&self, child: usize) {
        poll_fn(|cx| match &mut self.ends.borrow_mut()[child] {
            Some(waiting) => {
                waiting.push(cx.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        })
        .await;
    }

    /// A child: some steps by lot, and its number, mostly as `Ok`.
    async fn child(self: Rc<Self>, number: usize) -> Result<usize, usize> {
        for _ in 0..self.lots.draw(6) {
            match self.lots.draw(7) {
                0 => {
                    for _ in 0..self.lots.draw(200) {
                        consume_budget().await;
                    }
                }
                1 => yield_now().await,
                2 => self.wake_anybody().await,
                3 => sleep(millis(self.lots.draw(4))).await,
                4 => {
                    let (tx, rx) = oneshot::channel();
                    spawn_local(async move { tx.send(()) });
                    rx.await.unwrap();
                }
                5 if self.lots.draw(20) == 0 => spawn_blocking(|| ()).await.unwrap(),
                _ if number > 0 => self.end_of(self.lots.draw(number as u64) as usize).await,
                _ => {}
            }
        }
        let waiting = self.ends.borrow_mut()[number].take();
        waiting.into_iter().flatten().for_each(Waker::wake);
        if self.lots.draw(8) == 0 { Err(number) } else { Ok(number) }
    }
}

fn number(output: Result<usize, usize>) -> usize {
    output.unwrap_or_else(|number| number)
}

/// One combinator over `count` children, to its end.
async fn combine(lots: &Lots, count: usize) {
    let family = Family::new(lots, count);
    let children = || (0..count).map(|number| family.clone().child(number));
    let at_a_time = 1 + lots.draw(10) as usize;
    let mut numbers = Vec::new();
    match lots.draw(9) {
        0 => numbers.extend(gather(children()).await.into_iter().map(number)),
        1 => drop(try_gather(children()).await),
        2 => drop(race(children()).await),
        3 => drop(race_ok(children()).await),
        4 => drop(staggered(millis(lots.draw(3)), children()).await),
        5 => {
            let mut ended = as_completed(children());
            while let Some((index, output)) = ended.next_with_index().await {
                assert_eq!(number(output), index);
                numbers.push(index);
            }
            numbers.sort_unstable();
        }
        6 => {
            let mut flow = buffered(children(), at_a_time);
            while let Some(output) = flow.next().await {
                numbers.push(number(output));
                consume_budget().await;
            }
        }
        7 => {
            let mut flow = buffer_unordered(children(), at_a_time);
            while let Some(output) = flow.next().await {
                numbers.push(number(output));
            }
            numbers.sort_unstable();
        }
        _ => {
            let mut pending: Vec<_> = children().map(Box::pin).collect();
            while !pending.is_empty() {
                let modes = [ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION];
                let waiting = wait(pending, modes[lots.draw(3) as usize]);
                let waited = waiting.timeout(millis(lots.draw(3))).await;
                numbers.extend(waited.done.into_iter().map(|(_, output)| number(output)));
                pending = waited.pending;
            }
            numbers.sort_unstable();
        }
    }
    assert!(numbers.is_empty() || numbers.into_iter().eq(0..count));
}

/// Goal: show that no combinator loses a wake, whatever its children do. Method: up to 300 children
/// that by lot spend budgets, yield, wake each other and those that are gone, sleep, wait for tasks,
/// threads and each other; first come, first served, and in random order.
#[test]
fn children_that_act_by_lot_all_come_to_their_end() {
    for seed in 0..400 {
        let lots = Lots::new(seed);
        let builder = Builder::new().start_paused(true).seed(seed).shuffle(seed % 2 == 1);
        let outcome = builder.build().unwrap().try_block_on(async {
            for _ in 0..lots.draw(130) {
                consume_budget().await;
            }
            combine(&lots, 1 + lots.draw(300) as usize).await;
        });
        if let Err(deadlock) = outcome {
            panic!("seed {seed}: {deadlock}");
        }
    }
}
