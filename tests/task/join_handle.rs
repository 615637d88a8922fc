//! The handle of a task: what it keeps, and what it lets go.

use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};

use rondel::sync::oneshot;
use rondel::task::{self, AbortHandle, Id, JoinHandle, LocalSet};

struct Bell;

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        panic!("nobody waits any more");
    }
}

/// Polls the handle once, with a waker of which `Arc` tells how often it is kept.
fn poll_with<T>(handle: &mut JoinHandle<T>, bell: &Arc<Bell>) {
    let waker = Waker::from(bell.clone());
    let polled = Pin::new(handle).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
}

/// Goal: who gives up waiting is not kept, and not woken. Method: poll the handle of each kind of
/// work, drop it, count the waker's owners; then let the work end.
#[test]
fn a_dropped_handle_takes_its_waker_along() {
    let bell = Arc::new(Bell);
    rondel::run(async {
        let (tx, rx) = oneshot::channel::<()>();
        let mut handle = rondel::spawn(rx);
        poll_with(&mut handle, &bell);
        drop(handle);
        assert_eq!(Arc::strong_count(&bell), 1, "of a task");
        tx.send(()).unwrap();
        task::yield_now().await;

        let (tx, rx) = oneshot::channel::<()>();
        let mut handle = rondel::spawn(rx);
        let theirs = bell.clone();
        std::thread::spawn(move || poll_with(&mut handle, &theirs)).join().unwrap();
        task::yield_now().await;
        rondel::time::sleep(rondel::time::Duration::from_millis(1)).await; // the notes are read
        assert_eq!(Arc::strong_count(&bell), 1, "of a task, on another thread");
        tx.send(()).unwrap();
        task::yield_now().await;

        let (tx, rx) = mpsc::channel::<()>();
        let mut handle = rondel::spawn_blocking(move || rx.recv());
        poll_with(&mut handle, &bell);
        drop(handle);
        assert_eq!(Arc::strong_count(&bell), 1, "of a closure");
        tx.send(()).unwrap();

        let set = LocalSet::new();
        let mut handle = set.spawn_local(async {});
        poll_with(&mut handle, &bell);
        drop(handle);
        assert_eq!(Arc::strong_count(&bell), 1, "of a task of a set");
        set.await;
    });
}

/// An output that says whose task drops it.
struct Says(mpsc::Sender<Option<Id>>);

impl Drop for Says {
    fn drop(&mut self) {
        self.0.send(task::try_id()).unwrap();
    }
}

/// Goal: also the drop of an output that nobody takes is part of its task, as with tokio.
/// Method: drop the handle before the end and after it, at home and on another thread.
#[test]
fn an_output_that_nobody_takes_is_dropped_under_the_id_of_its_task() {
    let (tx, heard) = mpsc::channel();
    let says = || Says(tx.clone());
    rondel::run(async {
        let output = says();
        let early = rondel::spawn(async move { output });
        let id = early.id();
        drop(early);
        task::yield_now().await;
        assert_eq!(heard.recv().unwrap(), Some(id));
        for abroad in [false, true] {
            let output = says();
            let late = rondel::spawn(async move { output });
            let id = late.id();
            task::yield_now().await;
            if abroad {
                std::thread::spawn(move || drop(late)).join().unwrap();
            } else {
                drop(late);
            }
            assert_eq!(heard.recv().unwrap(), Some(id));
        }
        let set = LocalSet::new();
        for late in [false, true] {
            let output = says();
            let handle = set.spawn_local(async move { output });
            let id = handle.id();
            if late {
                set.run_until(task::yield_now()).await;
            }
            drop(handle);
            set.run_until(task::yield_now()).await;
            assert_eq!(heard.recv().unwrap(), Some(id));
        }
    });
}

#[test]
fn a_future_that_comes_too_late_is_dropped_under_the_id_of_its_task() {
    let (tx, heard) = mpsc::channel();
    let says = Says(tx);
    let runtime = rondel::Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let late = handle.spawn(async move { drop(says) });
    assert_eq!(heard.recv().unwrap(), Some(late.id()));
    assert!(rondel::block_on(late).unwrap_err().is_cancelled());
}

/// What a program may write that knows nothing of the output. It need not even be `'static`.
fn stop<T>(handle: &JoinHandle<T>) -> AbortHandle {
    handle.abort_handle()
}

#[test]
fn an_abort_handle_is_made_of_any_handle() {
    rondel::run(async {
        let closure = rondel::spawn_blocking(|| ());
        let task = rondel::spawn(std::future::pending::<()>());
        let handles = [stop(&closure), stop(&task)];
        closure.await.unwrap();
        assert!(handles[0].is_finished());
        handles[1].abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

/// Goal: who waits for a task with a waker that panics hurts neither the task nor the loop. Method:
/// poll a handle with such a waker, let the task end, and take its output.
#[test]
fn a_joiner_whose_waker_panics_hurts_nobody_else() {
    rondel::run(async {
        let (go, gone) = rondel::sync::oneshot::channel();
        let mut handle = rondel::spawn(async { gone.await.unwrap() });
        poll_with(&mut handle, &Arc::new(Bell));
        go.send(7).unwrap();
        while !handle.is_finished() {
            task::yield_now().await;
        }
        assert_eq!(handle.await.unwrap(), 7);
    });
}
