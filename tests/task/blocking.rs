//! Closures on the blocking pool: what their handles promise is what those of tasks promise.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rondel::task::{self, Id};
use rondel::{Builder, Handle, Runtime};

/// A runtime whose pool has one thread, and what lets that thread go on.
fn one_thread() -> (Runtime, Sender<()>) {
    let runtime = Builder::new().max_blocking_threads(1).build().unwrap();
    let (tx, rx) = mpsc::channel::<()>();
    runtime.spawn_blocking(move || rx.recv());
    (runtime, tx)
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("boom");
    }
}

/// Goal: whoever waits for a closure hears of its end, also if what it holds panics when it is
/// dropped. Method: abort one that has not started and holds such a thing.
#[test]
fn a_panic_in_the_drop_of_an_aborted_closure_reaches_its_handle() {
    let (runtime, _tx) = one_thread();
    let bomb = Bomb;
    let handle = runtime.spawn_blocking(move || drop(bomb));
    let error = runtime.block_on(async {
        let abort = handle.abort_handle();
        let waiter = rondel::spawn(handle);
        task::yield_now().await; // it waits
        abort.abort();
        waiter.await.unwrap().unwrap_err()
    });
    assert!(error.is_panic());
    assert_eq!(super::text_of(error.into_panic()), "boom");
}

/// Goal: who sees the end of a closure may rely on its drops.
/// Method: ask from within the drop.
#[test]
fn an_aborted_closure_has_ended_when_what_it_held_is_dropped() {
    struct Asks(Arc<Mutex<Vec<bool>>>, Arc<Mutex<Option<task::AbortHandle>>>);
    impl Drop for Asks {
        fn drop(&mut self) {
            let handle = self.1.lock().unwrap().clone();
            self.0.lock().unwrap().push(handle.unwrap().is_finished());
        }
    }
    let (runtime, _tx) = one_thread();
    let (seen, mine) = (Arc::default(), Arc::default());
    let asks = Asks(Arc::clone(&seen), Arc::clone(&mine));
    let handle = runtime.spawn_blocking(move || drop(asks));
    *mine.lock().unwrap() = Some(handle.abort_handle());
    handle.abort();
    assert!(handle.is_finished());
    assert_eq!(*seen.lock().unwrap(), [false]);
    handle.abort(); // too late
    assert!(runtime.block_on(handle).unwrap_err().is_cancelled());
}

/// An output that says where it is dropped.
struct Says(Sender<(Option<Id>, bool)>);

impl Drop for Says {
    fn drop(&mut self) {
        let _ = self.0.send((task::try_id(), Handle::try_current().is_ok()));
    }
}

fn drop_of(heard: &Receiver<(Option<Id>, bool)>) -> (Option<Id>, bool) {
    heard.recv_timeout(Duration::from_secs(10)).expect("it is dropped")
}

/// Goal: an output goes with the right to it, whoever can still abort the closure.
/// Method: drop the handle before and after the end, and keep an `AbortHandle`.
#[test]
fn an_output_that_nobody_can_have_is_dropped() {
    let (runtime, go) = one_thread();
    let (tx, heard) = mpsc::channel();
    let (first, second) = (Says(tx.clone()), Says(tx));
    let early = runtime.spawn_blocking(move || first);
    let abort_early = early.abort_handle();
    let early_id = early.id();
    drop(early);
    go.send(()).unwrap();
    assert_eq!(drop_of(&heard), (Some(early_id), true), "on the pool, as part of the closure");
    let late = runtime.spawn_blocking(move || second);
    let abort_late = late.abort_handle();
    runtime.block_on(async {
        while !late.is_finished() {
            task::yield_now().await;
        }
        let late_id = late.id();
        drop(late);
        assert_eq!(drop_of(&heard), (Some(late_id), true));
    });
    assert!(abort_early.is_finished() && abort_late.is_finished());
}

#[test]
fn a_panic_in_the_drop_of_an_output_that_nobody_wants_is_swallowed() {
    let (runtime, go) = one_thread();
    go.send(()).unwrap();
    let handle = runtime.spawn_blocking(|| Bomb);
    runtime.block_on(async {
        while !handle.is_finished() {
            task::yield_now().await;
        }
    });
    drop(handle);
}

#[test]
fn a_closure_knows_its_id() {
    rondel::run(async {
        let handle = rondel::spawn_blocking(task::id);
        let id = handle.id();
        assert_eq!(handle.await.unwrap(), id);
        let outside = rondel::spawn_blocking(|| ());
        assert_ne!(outside.id(), id);
    });
}

/// Goal: a panic that no handle is left to tell of stands on stderr, once.
/// Method: run this test in a process of its own and read what it writes.
#[test]
fn a_panic_of_a_detached_closure_is_reported_once() {
    const INSIDE: &str = "RONDEL_TEST_BLOCKING_PANIC";
    if std::env::var_os(INSIDE).is_some() {
        std::panic::set_hook(Box::new(|_| {}));
        let (runtime, go) = one_thread();
        drop(runtime.spawn_blocking(|| panic!("nobody hears")));
        let kept = runtime.spawn_blocking(|| panic!("somebody hears"));
        go.send(()).unwrap();
        assert!(runtime.block_on(kept).is_err());
        return;
    }
    let name = concat!(module_path!(), "::a_panic_of_a_detached_closure_is_reported_once");
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name.split_once("::").unwrap().1, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    assert!(child.status.success());
    let stderr = String::from_utf8(child.stderr).unwrap();
    let reports = stderr.matches("panicked, and no JoinHandle is left to tell").count();
    assert_eq!(reports, 1, "{stderr}");
    assert!(stderr.contains(concat!(file!(), ":")), "{stderr}");
}
