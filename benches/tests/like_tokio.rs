//! The primitives of `sync`, step by step like tokio's.
//!
//! Goal: show that whatever a program does to a primitive, and in whatever order, Rondel's answers
//! as tokio's does. Method: each scene is written once and compiled twice, for the one and for the
//! other; it takes random steps (polls and drops of waits among them, so that there is cancelling
//! before the wake and after it) and notes all that can be seen. The notes must be the same.
//!
//! What is meant to differ is left out of a scene, and says so there. A step is a number that was
//! thrown; those that are to come often have several.

#![allow(clippy::duplicate_mod)] // that is the method

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use rondel::testing::task::{Spawn, spawn};

/// Scenes of each kind.
const SEEDS: u64 = 2_000;
/// Steps of a scene.
const STEPS: usize = 40;

/// A wait that a scene polls by hand.
type Wait<T> = Spawn<Pin<Box<dyn Future<Output = T>>>>;

fn wait<T>(future: impl Future<Output = T> + 'static) -> Wait<T> {
    spawn(Box::pin(future))
}

/// Random numbers that are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }

    /// Takes one out, if there is any.
    fn take<T>(&mut self, of: &mut Vec<T>) -> Option<T> {
        (!of.is_empty()).then(|| of.remove(self.below(of.len())))
    }

    /// Polls one of the waits; takes it out when it is ready.
    fn poll<T>(&mut self, waits: &mut Vec<Wait<T>>) -> Option<T> {
        let nth = (!waits.is_empty()).then(|| self.below(waits.len()))?;
        let Poll::Ready(output) = waits[nth].poll() else { return None };
        drop(waits.remove(nth));
        Some(output)
    }
}

/// A wait that is only a method to poll.
struct ByHand {
    task: Spawn<()>,
    waits: bool,
}

impl ByHand {
    fn new() -> Self {
        Self { task: spawn(()), waits: false }
    }

    fn poll<T>(&mut self, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let polled = self.task.enter(|cx, _| poll(cx));
        self.waits = polled.is_pending();
        polled
    }

    /// A wake after the end is left out: tokio's channels wake once more who was ready.
    fn is_woken(&self) -> bool {
        self.waits && self.task.is_woken()
    }
}

fn woken<T>(waits: &[Wait<T>]) -> String {
    waits.iter().map(|wait| if wait.is_woken() { '!' } else { '.' }).collect()
}

/// The scenes, with whatever `sync` means in the module around.
#[path = "like_tokio"]
mod ours {
    use rondel::sync;

    pub mod channels;
    pub mod locks;
}

#[path = "like_tokio"]
mod theirs {
    use tokio::sync;

    pub mod channels;
    pub mod locks;
}

fn same(scene: &str, ours: fn(u64) -> Vec<String>, theirs: fn(u64) -> Vec<String>) {
    for seed in 1..=SEEDS {
        let seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let (ours, theirs) = (ours(seed), theirs(seed));
        if let Some(nth) = (0..ours.len()).find(|&nth| ours[nth] != theirs[nth]) {
            let before = ours[..nth].join("\n  ");
            let (ours, theirs) = (&ours[nth], &theirs[nth]);
            panic!("{scene}, seed {seed}\n  {before}\nRondel: {ours}\ntokio:  {theirs}");
        }
    }
}

macro_rules! scenes {
    ($($kind:ident::$scene:ident)*) => {$(
        #[test]
        fn $scene() {
            same(stringify!($scene), ours::$kind::$scene, theirs::$kind::$scene);
        }
    )*};
}

scenes! {
    locks::semaphore locks::rwlock locks::notify locks::once
    channels::mpsc_bounded channels::mpsc_unbounded channels::oneshot
    channels::broadcast channels::watch
}
