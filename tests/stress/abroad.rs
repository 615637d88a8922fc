//! The same steps by threads: some inside the loop, some beside it, some without any.
//!
//! | who                                   | has a loop | waits by                |
//! |---------------------------------------|------------|-------------------------|
//! | tasks of the loop                     | its own    | giving way              |
//! | threads inside `Handle::block_on`     | abroad     | parking                 |
//! | threads inside `rondel::block_on`     | none       | parking                 |
//! | threads that call `blocking_…`        | none       | parking                 |
//! | closures of `spawn_blocking`          | none       | parking                 |
//!
//! Time is real, and nothing is said about it: only a watchdog looks at the clock.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rondel::{Builder, Handle, Reactor, Runtime};

use super::luck::Luck;
use super::program::{end, life, program, start_services, start_tasks};
use super::tasks::End;
use super::watchdog::{Watchdog, now_running};
use super::world::{Me, World};
use super::{PATIENCE, again, alone, blocking};

fn runtime(seed: u64) -> Runtime {
    let reactor = if seed.is_multiple_of(2) { Reactor::default() } else { Reactor::Polling };
    let builder = Builder::new().reactor(reactor).seed(seed).shuffle(seed.is_multiple_of(3));
    builder.build().expect("the runtime could not be built")
}

/// Starts threads of every kind.
fn start_strangers(world: &Arc<World>, luck: &mut Luck, handle: &Handle) -> Vec<JoinHandle<()>> {
    let mut threads = Vec::new();
    for number in 0..6 {
        let (world, mut luck, handle) = (world.clone(), luck.split(), handle.clone());
        let one = world.tasks.one();
        threads.push(thread::spawn(move || {
            let me = Me::new(&world, format!("thread {number}"), number < 2);
            let hers = luck.split();
            let mut body = || me.body(&mut luck, &End::default(), life(me.clone(), hers.clone()));
            let steps = || match number {
                0 | 1 => handle.block_on(body()),
                2 | 3 => rondel::block_on(body()),
                _ => blocking::life(&me, hers.clone()),
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(steps)) {
                world.report(&me.name, &*panic);
            }
            drop(me);
            drop(world);
            drop(one); // last: whoever waits for it counts what is left
        }));
    }
    threads
}

/// Closures on the pool, which do what threads without a loop do.
fn start_closures(world: &Arc<World>, luck: &mut Luck, handle: &Handle) {
    for number in 0..2 {
        let (world, luck, one) = (world.clone(), luck.split(), world.tasks.one());
        drop(handle.spawn_blocking(move || {
            let me = Me::new(&world, format!("closure {number}"), false);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| blocking::life(&me, luck))) {
                world.report(&me.name, &*panic);
            }
            drop(me);
            drop(world);
            drop(one);
        }));
    }
}

/// Runs a program in a loop, and strangers beside it, to the end of all of them.
///
/// - `live`: what the loop does; the luck is its own.
/// - `after`: what is left to do when the loop is gone and the strangers are not.
fn share_everything(
    name: &'static str,
    seeds: Range<u64>,
    live: impl Fn(&Runtime, &Arc<World>, Luck),
    after: impl Fn(Arc<World>, Luck) + Copy + Send + 'static,
) {
    let _alone = alone();
    let watchdog = Watchdog::new(name, PATIENCE);
    for seed in super::seeds(seeds) {
        let mut luck = Luck::new(seed);
        let world = World::new(false, false, &mut luck);
        now_running(seed, &world);
        let runtime = runtime(seed);
        start_closures(&world, &mut luck, runtime.handle());
        let threads = start_strangers(&world, &mut luck, runtime.handle());
        live(&runtime, &world, luck.split());
        let theirs = world.clone();
        let janitor = thread::spawn(move || after(theirs, luck));
        drop(runtime);
        for thread in threads {
            thread.join().expect("it catches its panics");
        }
        janitor.join().expect("it has no reason to panic");
        world.forget_handles();
        assert_eq!(world.failures(), [""; 0], "{}", again(seed, name));
        end(world);
        watchdog.feed();
    }
}

/// Goal: tasks and threads of every kind share everything, and nothing is lost, nothing hangs.
/// Method: the programs of some seeds on a real loop, with strangers beside it; all counts must be
/// as they were at the end.
#[test]
fn strangers_and_a_loop_share_everything() {
    let live = |runtime: &Runtime, world: &Arc<World>, luck| {
        runtime.block_on(program(world.clone(), luck));
    };
    share_everything("strangers_and_a_loop_share_everything", 0..12, live, |_, _| ());
}

/// Goal: a runtime ends in the middle of everything, and every stranger is let go: who waits for
/// its timers or tasks learns of the end, and what its tasks held is free for the others.
/// Method: as above, but the root future returns after a moment; the threads go on without a loop,
/// and a plain thread rings for them.
#[test]
fn a_runtime_that_ends_lets_every_stranger_go() {
    let live = |runtime: &Runtime, world: &Arc<World>, mut luck: Luck| {
        world.may_lose_the_loop.store(true, SeqCst);
        runtime.block_on(async {
            drop(start_services(world, &mut luck));
            drop(start_tasks(world, &mut luck));
            rondel::time::sleep(Duration::from_micros(luck.below(5_000) as u64)).await;
        });
    };
    let ring = |world: Arc<World>, mut luck: Luck| {
        world.abandon();
        while world.tasks.now() > 0 {
            world.ring(&mut luck);
            world.tickle(&mut luck);
            thread::sleep(Duration::from_micros(200));
        }
    };
    share_everything("a_runtime_that_ends_lets_every_stranger_go", 0..20, live, ring);
}
