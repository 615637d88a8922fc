//! A whole program out of a seed, and what must be true of it.

use std::any::Any;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use rondel::testing::Diary;
use rondel::time::{Duration, sleep};
use rondel::{Builder, Runtime};

use super::luck::Luck;
use super::tasks::Child;
use super::world::{Me, World};
use super::{channels, queues};

/// How often the janitor rings, if nobody is ready before.
const ROUND: Duration = Duration::from_millis(40);
/// The same in real time.
const REAL_ROUND: Duration = Duration::from_millis(1);
/// After so many rounds in which nobody did a step it gives up: then the loop says who waits.
const IDLE_ROUNDS_MAX: usize = 50;

/// What became of a program.
pub struct Outcome {
    pub diary: Diary,
    pub steps: usize,
    pub failures: Vec<String>,
}

/// Runs the program of a seed, and holds it against everything that is known of it.
pub fn run(seed: u64) -> Outcome {
    let mut luck = Luck::new(seed);
    // One in four first come, first served, as programs run outside of tests.
    let in_line = seed.is_multiple_of(4);
    let world = World::new(true, in_line, &mut luck);
    let diary = world.diary.clone();
    super::watchdog::now_running(seed, &world);
    let builder = Builder::new().start_paused(true).seed(seed).shuffle(!in_line);
    let runtime = builder.build().expect("the runtime could not be built");
    let mut failures = Vec::new();
    match catch_unwind(AssertUnwindSafe(|| live(&runtime, &world, luck))) {
        Ok(Ok(())) => {}
        Ok(Err(deadlock)) => failures.push(deadlock),
        Err(panic) => failures.push(text_of(&*panic)),
    }
    failures.extend(world.failures());
    let steps = world.steps();
    if failures.is_empty() {
        let ended = catch_unwind(AssertUnwindSafe(|| {
            drop(runtime);
            end(world);
        }));
        failures.extend(ended.err().map(|panic| text_of(&*panic)));
    }
    Outcome { diary, steps, failures }
}

/// The life of a program, and the silence after it. An error says who waits for ever.
fn live(runtime: &Runtime, world: &Arc<World>, luck: Luck) -> Result<(), String> {
    let lived = runtime.try_block_on(program(world.clone(), luck));
    lived.map_err(|deadlock| deadlock.to_string())?;
    if !world.failures().is_empty() {
        return Ok(());
    }
    // Nobody is left: a loop that has nobody to wait for says so at once. A timer that was kept
    // would move the clock before that.
    let mut before = None;
    let nothing_left = runtime.try_block_on(async {
        before = Some(rondel::time::Instant::now());
        pending::<()>().await;
    });
    let deadlock = nothing_left.expect_err("nobody is left who could end this");
    assert_eq!(deadlock.tasks().count(), 0, "tasks are left: {deadlock}");
    let passed = runtime.block_on(async { before.expect("it was polled").elapsed() });
    assert!(passed.is_zero(), "a timer was left: it fired {passed:?} after the end");
    Ok(())
}

/// What must be true when all is over.
pub fn end(world: Arc<World>) {
    world.check_at_the_end();
    let (relays, parcels) = (world.relays.clone(), world.parcels.clone());
    assert_eq!(relays.now(), 0, "wakers were kept by somebody");
    assert!(Arc::into_inner(world).is_some(), "a future was kept by somebody");
    assert_eq!(parcels.now(), 0, "parcels were kept by somebody");
}

/// What a panic says.
pub fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "a panic without a text".to_owned())
}

/// The root future: starts everybody, rings for them until they have ended, closes the shop.
pub async fn program(world: Arc<World>, mut luck: Luck) {
    let services = start_services(&world, &mut luck);
    let tasks = start_tasks(&world, &mut luck);
    ring_until(&world, &mut luck, services.len()).await;
    // Services do steps, too, which may have begun others; each is over after some milliseconds.
    world.is_evening.store(true, SeqCst);
    sleep(if world.exact { ROUND } else { REAL_ROUND * 10 }).await;
    ring_until(&world, &mut luck, services.len()).await;
    world.forget_handles();
    if !world.failures().is_empty() {
        return; // the rest would only be confusion
    }
    for Child { handle, end } in tasks {
        assert!(handle.is_finished(), "its future is gone, but the task has not ended");
        end.check(&handle.await);
    }
    world.channels.close();
    world.queues.close();
    for Child { handle, end } in services {
        let said = handle.await;
        end.check(&said);
        assert!(said.is_ok() || !world.failures().is_empty(), "nobody ends a service");
    }
}

/// Starts those who take what is sent and put. Nobody aborts them.
pub fn start_services(world: &Arc<World>, luck: &mut Luck) -> Vec<Child<()>> {
    let mut services = Vec::new();
    macro_rules! start {
        ($name:literal, $serve:path) => {{
            let me = Me::new(world, $name, true);
            let service = $serve(me.clone(), luck.split());
            services.push(me.start_safely(luck, service));
        }};
    }
    start!("bounded", channels::serve_bounded);
    start!("unbounded", channels::serve_unbounded);
    start!("fifo", queues::serve_fifo);
    start!("lifo", queues::serve_lifo);
    start!("smallest", queues::serve_smallest);
    services
}

/// Starts the tasks of a program; some come later than others.
pub fn start_tasks(world: &Arc<World>, luck: &mut Luck) -> Vec<Child<()>> {
    let mut tasks = Vec::new();
    for number in 0..luck.between(5, 30) {
        let me = Me::new(world, number.to_string(), true);
        let life = life(me.clone(), luck.split());
        tasks.push(me.start(luck, life));
    }
    tasks
}

/// Step after step.
pub async fn life(me: Me, mut luck: Luck) {
    if luck.one_in(3) && me.has_loop {
        me.nap(luck.below(30)).await;
    }
    for _ in 0..luck.between(1, 8) {
        me.step(&mut luck).await;
    }
    me.note("has done its steps");
}

/// Rings and tickles until only so many tasks are left.
pub async fn ring_until(world: &Arc<World>, luck: &mut Luck, left: usize) {
    let (mut steps, mut idle_rounds) = (0, 0);
    while world.tasks.now() > left {
        if !world.failures().is_empty() {
            return;
        }
        if idle_rounds == IDLE_ROUNDS_MAX && world.exact {
            pending::<()>().await; // somebody waits for ever: let the loop say who
        }
        sleep(if world.exact { ROUND } else { REAL_ROUND }).await;
        let now = (world.steps(), world.tasks.now());
        idle_rounds = if now.0 == steps { idle_rounds + 1 } else { 0 };
        steps = now.0;
        world.ring(luck);
        world.tickle(luck);
    }
}

/// The last pages of a diary.
pub fn last_pages(diary: &Diary, count: usize) -> String {
    let text = diary.to_string();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
