//! Tasks, closures and tasks of a set in the hands of many threads that do what they like.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread;

use rondel::sync::oneshot;
use rondel::task::{JoinHandle, LocalSet, yield_now};
use rondel::{Builder, Handle};

const STRANGERS: u64 = 4;
const DEEDS: usize = 1_500;
const ROUNDS: u64 = 12;

/// How many of a kind there are, of which each is to be dropped once.
#[derive(Clone, Default)]
struct Census(Arc<[AtomicUsize; 2]>);

struct Counted(Census);

impl Census {
    fn one(&self) -> Counted {
        self.0[0].fetch_add(1, SeqCst);
        Counted(self.clone())
    }

    fn counts(&self) -> [usize; 2] {
        [0, 1].map(|at| self.0[at].load(SeqCst))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0[1].fetch_add(1, SeqCst);
    }
}

/// xorshift: the same deeds for the same seed, in whatever order the threads come to them.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// What the threads share.
#[derive(Clone, Default)]
struct Table {
    handles: Arc<Mutex<Vec<JoinHandle<Counted>>>>,
    senders: Arc<Mutex<Vec<oneshot::Sender<()>>>>,
    futures: Census,
    outputs: Census,
}

impl Table {
    /// A future that is ready, yields, or waits to be told.
    fn future(&self, dice: &mut Dice) -> impl Future<Output = Counted> + Send + 'static {
        let (kind, counted, outputs) = (dice.below(4), self.futures.one(), self.outputs.clone());
        let (tx, rx) = oneshot::channel();
        if kind == 3 {
            self.senders.lock().unwrap().push(tx);
        }
        async move {
            let _counted = counted;
            for _ in 0..kind {
                yield_now().await;
            }
            if kind == 3 {
                let _ = rx.await;
            }
            outputs.one()
        }
    }

    fn put(&self, handle: JoinHandle<Counted>) {
        self.handles.lock().unwrap().push(handle);
    }

    fn take(&self, dice: &mut Dice) -> Option<JoinHandle<Counted>> {
        let mut handles = self.handles.lock().unwrap();
        let at = dice.below(handles.len());
        (at < handles.len()).then(|| handles.swap_remove(at))
    }

    fn deed(&self, dice: &mut Dice, loop_of: &Handle) {
        let choice = dice.below(12);
        match choice {
            0..4 => self.put(loop_of.spawn(self.future(dice))),
            4 => {
                let (counted, outputs) = (self.futures.one(), self.outputs.clone());
                self.put(loop_of.spawn_blocking(move || {
                    let _counted = counted;
                    outputs.one()
                }));
            }
            5 | 6 => {
                let mut senders = self.senders.lock().unwrap();
                let at = dice.below(senders.len());
                let sender = (at < senders.len()).then(|| senders.swap_remove(at));
                drop(senders);
                if let Some(sender) = sender {
                    let _ = sender.send(());
                }
            }
            _ => {
                let Some(mut handle) = self.take(dice) else { return };
                match choice {
                    7 => return drop(handle),
                    8 => handle.abort_handle().abort(),
                    9 => handle.abort(),
                    10 => {
                        handle.abort(); // so it ends, one way or the other
                        return drop(rondel::block_on(handle));
                    }
                    _ => {
                        let mut cx = Context::from_waker(Waker::noop());
                        if Pin::new(&mut handle).poll(&mut cx).is_ready() {
                            return;
                        }
                    }
                }
                self.put(handle);
            }
        }
    }
}

/// Goal: whatever threads do to tasks at once, each future and each output is dropped once, every
/// wait ends, and nothing is left when the loop is gone.
/// Method: strangers spawn, wake, poll, abort, join and drop by dice; at an odd moment the loop
/// ends under them. The tasks of a set, at home, are among those they have in their hands.
#[test]
fn strangers_may_do_what_they_like() {
    for round in 1..=ROUNDS {
        let table = Table::default();
        let runtime = Builder::new().max_blocking_threads(2).build().unwrap();
        let strangers: Vec<_> = (0..STRANGERS)
            .map(|number| {
                let (table, handle) = (table.clone(), runtime.handle().clone());
                thread::spawn(move || {
                    let mut dice = Dice(round * 1_000 + number + 1);
                    for _ in 0..DEEDS {
                        table.deed(&mut dice, &handle);
                    }
                })
            })
            .collect();
        let set = LocalSet::new();
        let mut dice = Dice(round);
        set.block_on(&runtime, async {
            for _ in 0..300 * round {
                if dice.below(3) == 0 {
                    table.put(set.spawn_local(table.future(&mut dice)));
                }
                yield_now().await;
            }
        });
        drop(set);
        drop(runtime);
        strangers.into_iter().for_each(|stranger| stranger.join().unwrap());
        table.handles.lock().unwrap().clear();
        for [made, dropped] in [table.futures.counts(), table.outputs.counts()] {
            assert_eq!(made, dropped, "round {round}");
        }
    }
}
