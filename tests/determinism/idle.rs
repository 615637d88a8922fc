//! `wait_until_idle`: the others have come as far as they can.

use super::{ms, paused};
use rondel::sync::mpsc;
use rondel::task::{spawn_local, yield_now};
use rondel::testing::{Diary, wait_until_idle};
use rondel::time::{Instant, sleep};
use std::future::pending;

#[test]
fn it_returns_when_nobody_else_can_run() {
    paused().block_on(async {
        let diary = Diary::default();
        let theirs = diary.clone();
        spawn_local(async move {
            for step in 0..200 {
                yield_now().await;
                theirs.note(step.to_string());
            }
            pending::<()>().await;
        });
        wait_until_idle().await;
        assert_eq!(diary.pages().len(), 200);
    });
}

#[test]
fn no_time_passes_meanwhile() {
    paused().block_on(async {
        let start = Instant::now();
        let sleeper = rondel::spawn(sleep(ms(10)));
        wait_until_idle().await;
        assert_eq!(start.elapsed(), ms(0));
        assert!(!sleeper.is_finished());
        sleeper.await.unwrap();
    });
}

#[test]
fn it_works_in_real_time_too() {
    rondel::run(async {
        let (tx, mut rx) = mpsc::channel(3);
        rondel::spawn(async move {
            for number in 0..10 {
                tx.send(number).await.unwrap();
            }
        });
        wait_until_idle().await;
        assert_eq!(rx.len(), 3);
        rx.recv().await.unwrap();
        wait_until_idle().await;
        assert_eq!(rx.len(), 3);
    });
}

/// Goal: in virtual time a closure on the pool is somebody who can run. Method: one that is slow to
/// begin with its task's word.
#[test]
fn in_virtual_time_it_waits_for_closures_too() {
    paused().block_on(async {
        let (tx, mut rx) = mpsc::channel(1);
        let task = rondel::spawn(async move { rx.recv().await });
        rondel::spawn_blocking(move || {
            std::thread::yield_now();
            tx.blocking_send("from the pool").unwrap();
        });
        wait_until_idle().await;
        assert!(task.is_finished());
    });
}

#[test]
fn several_that_wait_go_on_together() {
    paused().block_on(async {
        let diary = Diary::default();
        let tasks = ["a", "b"].map(|name| {
            let diary = diary.clone();
            spawn_local(async move {
                wait_until_idle().await;
                diary.note(name);
            })
        });
        wait_until_idle().await;
        diary.note("root");
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(diary.pages(), ["root", "a", "b"]); // in the order in which they asked
    });
}

/// Goal: idle is told before time moves, however often it is asked. Method: ask three times, with a
/// timer set.
#[test]
fn it_comes_before_the_next_deadline() {
    paused().block_on(async {
        let sleeper = rondel::spawn(sleep(ms(1)));
        for _ in 0..3 {
            wait_until_idle().await;
            assert!(!sleeper.is_finished());
        }
        sleep(ms(1)).await;
        wait_until_idle().await;
        assert!(sleeper.is_finished());
    });
}

#[test]
fn a_wait_that_is_dropped_does_no_harm() {
    paused().block_on(async {
        rondel::select! {
            biased;
            () = wait_until_idle() => unreachable!("the other is ready first"),
            () = yield_now() => {}
        }
        wait_until_idle().await;
        sleep(ms(1)).await;
    });
}

/// Goal: another thread can wait for the loop to come to rest. Method: it asks while the loop sleeps.
#[test]
fn a_stranger_can_wait_too() {
    rondel::run(async {
        let handle = rondel::Handle::current();
        let (tx, rx) = rondel::sync::oneshot::channel();
        std::thread::spawn(move || {
            handle.block_on(wait_until_idle());
            tx.send("idle").unwrap();
        });
        assert_eq!(rx.await, Ok("idle"));
    });
}

#[test]
#[should_panic(expected = "no Rondel loop runs on this thread")]
fn outside_a_loop_it_panics() {
    rondel::block_on(wait_until_idle());
}
