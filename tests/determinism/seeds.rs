//! Schedules by seed: the ready queue and `select!` draw lots, and a seed brings them back.

use rondel::Builder;
use rondel::sync::{Mutex, mpsc};
use rondel::task::{spawn_local, yield_now};
use rondel::testing::Diary;
use rondel::testing::support::seeds;
use rondel::time::{Duration, sleep};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::rc::Rc;

/// A program with much to interleave: tasks, a channel, a lock, timers that are due together,
/// `select!`; and what happened in it, as text.
async fn program() -> String {
    let diary = Diary::default();
    let (tx, mut rx) = mpsc::channel(2);
    let lock = Rc::new(Mutex::new(0));
    for name in 'a'..='e' {
        let (diary, tx, lock) = (diary.clone(), tx.clone(), lock.clone());
        spawn_local(async move {
            yield_now().await;
            diary.note(format!("{name} yielded"));
            let mut count = lock.lock().await;
            *count += 1;
            diary.note(format!("{name} has the lock, as number {count}"));
            drop(count);
            sleep(Duration::from_millis(5)).await;
            diary.note(format!("{name} slept"));
            tx.send(name).await.unwrap();
        });
    }
    drop(tx);
    loop {
        rondel::select! {
            item = rx.recv() => match item {
                Some(name) => diary.note(format!("{name} came")),
                None => break,
            },
            () = sleep(Duration::from_millis(1)) => diary.note("nothing yet"),
        }
    }
    diary.pages().join("\n")
}

fn run(seed: u64) -> String {
    let builder = Builder::new().start_paused(true).seed(seed).shuffle(true);
    builder.build().unwrap().block_on(program())
}

/// Goal: the same seed gives the same order of events, to the byte. Method: three runs each.
#[test]
fn a_seed_replays_the_same_order_of_events() {
    for seed in 0..20 {
        let first = run(seed);
        assert_eq!(run(seed), first, "seed {seed}");
        assert_eq!(run(seed), first, "seed {seed}");
    }
}

#[test]
fn other_seeds_give_other_orders() {
    let orders: BTreeSet<String> = (0..50).map(run).collect();
    assert!(orders.len() > 45, "50 seeds gave {} orders", orders.len());
}

#[test]
fn without_shuffle_the_queue_is_first_come_first_served_whatever_the_seed() {
    let order = |seed| {
        let runtime = Builder::new().seed(seed).build().unwrap();
        runtime.block_on(async {
            let diary = Diary::default();
            for name in ["a", "b", "c"] {
                let diary = diary.clone();
                spawn_local(async move { diary.note(name) });
            }
            yield_now().await;
            diary.pages()
        })
    };
    (0..20).for_each(|seed| assert_eq!(order(seed), ["a", "b", "c"]));
}

/// Goal: each of the tasks that are ready comes first now and then. Method: count over 600 seeds.
#[test]
fn every_task_that_is_ready_has_the_same_chance() {
    let first = |seed| {
        let runtime = Builder::new().seed(seed).shuffle(true).build().unwrap();
        runtime.block_on(async {
            let diary = Diary::default();
            for name in ["0", "1", "2", "3"] {
                let diary = diary.clone();
                spawn_local(async move { diary.note(name) });
            }
            while diary.pages().is_empty() {
                yield_now().await;
            }
            diary.pages()[0].parse::<usize>().unwrap()
        })
    };
    let mut counts = [0; 4];
    (0..600).for_each(|seed| counts[first(seed)] += 1);
    // 150 expected each; five standard deviations are about 53.
    assert!(counts.iter().all(|count| (97..203).contains(count)), "{counts:?}");
}

/// The lost update of two tasks that read, give way, and write.
async fn lost_update() {
    let count = Rc::new(std::cell::Cell::new(0));
    let tasks = [0; 2].map(|_| {
        let count = count.clone();
        spawn_local(async move {
            let read = count.get();
            if rondel::select! { () = async {} => true, () = async {} => false } {
                yield_now().await;
            }
            count.set(read + 1);
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(count.get(), 2, "an update was lost");
}

/// Goal: a race that most orders hide is found, and found again by its seed. Method: run through
/// seeds until it fails, then that seed alone, three times.
#[test]
fn a_race_is_found_by_some_seed_and_again_by_that_seed() {
    let fails = |seed| {
        let test =
            || seeds("race", [seed], Builder::new, |runtime| runtime.block_on(lost_update()));
        catch_unwind(AssertUnwindSafe(test)).is_err()
    };
    let seed = (0..200).find(|seed| fails(*seed)).expect("some order loses an update");
    assert!((0..200).any(|seed| !fails(seed)), "some order does not");
    assert!((0..3).all(|_| fails(seed)));
}

#[test]
fn an_error_ends_the_run_and_is_returned() {
    let third = |calls: &std::cell::Cell<u32>| {
        calls.set(calls.get() + 1);
        if calls.get() == 3 { Err("the third") } else { Ok(()) }
    };
    let calls = std::cell::Cell::new(0);
    let outcome = seeds("errors", 0..10, Builder::new, |_| third(&calls));
    assert_eq!((outcome, calls.get()), (Err("the third"), 3));
}

#[test]
#[should_panic(expected = "`seeds` is an empty range")]
fn no_seed_is_no_test() {
    seeds("none", 0..0, Builder::new, |_| ());
}

#[rondel::test(start_paused, seeds = 0..50)]
async fn the_attribute_runs_the_body_for_each_seed() {
    let text = program().await;
    assert_eq!(text.matches("came").count(), 5);
}

/// Fails by a seed, on purpose, but only when the test below asks for it in a process of its own.
#[rondel::test(start_paused, seeds = 0..200)]
async fn loses_an_update_if_asked_to() -> Result<(), String> {
    if std::env::var_os("LOSE_AN_UPDATE").is_some() {
        lost_update().await;
    }
    Ok(())
}

/// Goal: a failure names its seed, and the seed in the environment replays it. Method: run the test
/// above in a process of its own, read the seed, run it again with the seed.
#[test]
fn a_failure_prints_its_seed_and_the_environment_replays_it() {
    let run = |seed: Option<&str>| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "seeds::loses_an_update_if_asked_to", "--nocapture"]);
        command.env("LOSE_AN_UPDATE", "1").envs(seed.map(|seed| ("RONDEL_SEED", seed)));
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let (passed, text) = run(None);
    assert!(!passed, "{text}");
    let named = text.split("RONDEL_SEED=").nth(1).expect(&text);
    let seed = named.split(' ').next().unwrap();
    assert!(text.contains(&format!("failed with seed {seed};")), "{text}");
    assert!(text.contains("cargo test loses_an_update_if_asked_to"), "{text}");
    let (passed, text) = run(Some(seed));
    assert!(!passed && text.contains("an update was lost"), "{text}");
    let (passed, text) = run(Some("seven"));
    assert!(!passed && text.contains("RONDEL_SEED is `seven`; it takes one number"), "{text}");
}
