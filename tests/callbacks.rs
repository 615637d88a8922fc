//! asyncio's loop API: callbacks, timers, promises, tasks with done-callbacks.
//!
//! The situations are those of CPython's test_base_events.py, test_events.py and test_futures.py
//! that make sense here.

use rondel::callbacks::{
    CallbackId, CancelledError, Handle, InvalidStateError, Promise, PromiseError, Task,
    TimerHandle, call_at, call_later, call_soon, call_soon_threadsafe, clear_exception_handler,
    create_named_task, create_task, default_exception_handler, set_exception_handler, time,
};
use rondel::task::{JoinError, yield_now};
use rondel::testing::task::spawn;
use rondel::testing::{Diary, wait_until_idle};
use rondel::time::{Duration, sleep};
use rondel::{Builder, Runtime};
use std::cell::RefCell;
use std::error::Error;
use std::future::{Future, IntoFuture, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Runs `future` where time stands still until nothing else can run.
fn run<F: Future>(future: F) -> F::Output {
    Builder::new().start_paused(true).build().unwrap().block_on(future)
}

/// A callback that notes `what`.
fn noting(diary: &Diary, what: &'static str) -> impl FnOnce() + Send + 'static {
    let diary = diary.clone();
    move || diary.note(what)
}

/// A done-callback that notes `what`.
fn noting_done<T>(diary: &Diary, what: &'static str) -> impl FnOnce(&Promise<T>) + Send + 'static {
    let diary = diary.clone();
    move |_| diary.note(what)
}

/// Has everything that goes wrong noted from now on.
fn note_exceptions(diary: &Diary) {
    let diary = diary.clone();
    set_exception_handler(move |context| {
        diary.note(format!("{}: {}", context.message(), context.error()));
    });
}

fn panic_text(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it must panic");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

// --- call_soon ------------------------------------------------------------------------------------

#[test]
fn call_soon_returns_first_and_the_loop_calls_in_order() {
    let diary = Diary::new();
    run(async {
        for name in ["a", "b", "c"] {
            let diary = diary.clone();
            let not_send = Rc::new(name);
            call_soon(move || diary.note(*not_send));
        }
        diary.note("scheduled");
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["scheduled", "a", "b", "c"]);
}

#[test]
fn callbacks_and_tasks_stand_in_one_line() {
    let diary = Diary::new();
    let (task, first, last) = (diary.clone(), diary.clone(), diary.clone());
    run(async {
        call_soon(move || first.note("a callback"));
        rondel::spawn(async move {
            task.note("a task's first step");
            yield_now().await;
            task.note("its second step");
        });
        call_soon(move || last.note("another callback"));
        wait_until_idle().await;
    });
    assert_eq!(
        diary.pages(),
        ["a callback", "a task's first step", "another callback", "its second step"]
    );
}

#[test]
fn a_callback_that_schedules_another_one_goes_first() {
    let diary = Diary::new();
    let (outer, inner) = (diary.clone(), diary.clone());
    run(async {
        call_soon(move || {
            outer.note("outer");
            call_soon(move || inner.note("inner"));
        });
        call_soon(noting(&diary, "next"));
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["outer", "next", "inner"]);
}

#[test]
fn a_cancelled_callback_is_dropped_and_never_called() {
    let diary = Diary::new();
    struct Tells(Diary);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.note("dropped");
        }
    }
    let tells = Tells(diary.clone());
    run(async {
        let handle: Handle = call_soon(move || {
            let _tells = tells;
            unreachable!("it was cancelled")
        });
        assert!(!handle.cancelled());
        let same = handle.clone();
        same.cancel();
        same.cancel(); // twice is once
        assert!(handle.cancelled());
        assert_eq!(format!("{handle:?}"), "Handle { cancelled: true, .. }");
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["dropped"]);
}

#[test]
fn a_callback_may_cancel_the_next_one_of_the_same_turn() {
    let diary = Diary::new();
    run(async {
        let second = Rc::new(RefCell::new(None::<Handle>));
        let to_cancel = second.clone();
        let first = noting(&diary, "first");
        call_soon(move || {
            first();
            to_cancel.borrow().as_ref().unwrap().cancel();
        });
        *second.borrow_mut() = Some(call_soon(noting(&diary, "second")));
        call_soon(noting(&diary, "third"));
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["first", "third"]);
}

#[test]
fn cancelling_a_callback_that_was_called_only_leaves_a_mark() {
    let diary = Diary::new();
    run(async {
        let handle = call_soon(noting(&diary, "called"));
        wait_until_idle().await;
        handle.cancel();
        assert!(handle.cancelled());
    });
    assert_eq!(diary.pages(), ["called"]);
}

#[test]
fn dropping_the_handle_changes_nothing() {
    let diary = Diary::new();
    run(async {
        drop(call_soon(noting(&diary, "soon")));
        drop(call_later(ms(1), noting(&diary, "later")));
        sleep(ms(2)).await;
    });
    assert_eq!(diary.pages(), ["soon", "later"]);
}

#[test]
fn outside_a_loop_there_is_nobody_to_call() {
    let texts = [
        panic_text(|| drop(call_soon(|| ()))),
        panic_text(|| drop(call_soon_threadsafe(|| ()))),
        panic_text(|| drop(call_later(ms(1), || ()))),
        panic_text(|| drop(create_task(async {}))),
        panic_text(|| _ = Promise::<()>::new().add_done_callback(|_| ())),
    ];
    for text in texts {
        assert!(text.starts_with("no Rondel loop runs on this thread"), "{text}");
    }
    let text = panic_text(|| set_exception_handler(|_| ()));
    assert!(text.contains("a thread that is inside no loop"), "{text}");
}

#[test]
fn callbacks_can_be_scheduled_before_the_loop_runs() {
    let diary = Diary::new();
    let runtime = Runtime::new().unwrap();
    {
        let _entered = runtime.enter();
        call_soon(noting(&diary, "soon"));
    }
    assert!(diary.pages().is_empty());
    runtime.block_on(yield_now());
    assert_eq!(diary.pages(), ["soon"]);
}

// --- call_soon_threadsafe -------------------------------------------------------------------------

/// Goal: a loop that sleeps is woken. Method: the loop waits for a promise and for nothing else;
/// another thread keeps it by a callback.
#[test]
fn a_thread_wakes_the_sleeping_loop() {
    rondel::run(async {
        let handle = rondel::Handle::current();
        let (home, promise) = (thread::current().id(), Promise::new());
        let theirs = promise.clone();
        let stranger = thread::spawn(move || {
            let _entered = handle.enter();
            call_soon_threadsafe(move || theirs.set_result(thread::current().id()).unwrap());
        });
        assert_eq!(promise.await.unwrap(), home, "called by the loop, not by the thread");
        stranger.join().unwrap();
    });
}

#[test]
fn at_home_call_soon_threadsafe_stands_in_the_same_line() {
    let diary = Diary::new();
    run(async {
        call_soon(noting(&diary, "a"));
        let cancelled = call_soon_threadsafe(|| unreachable!("it was cancelled"));
        call_soon_threadsafe(noting(&diary, "b"));
        call_soon(noting(&diary, "c"));
        cancelled.cancel();
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["a", "b", "c"]);
}

// --- timers ---------------------------------------------------------------------------------------

#[test]
fn call_later_calls_after_the_delay() {
    let diary = Diary::new();
    run(async {
        let start = time();
        let note = diary.clone();
        let timer: TimerHandle = call_later(ms(100), move || {
            assert_eq!(time() - start, ms(100));
            note.note("called");
        });
        assert_eq!(timer.when(), start + ms(100));
        sleep(ms(99)).await;
        assert!(diary.pages().is_empty());
        sleep(ms(2)).await;
    });
    assert_eq!(diary.pages(), ["called"]);
}

#[test]
fn timers_run_by_their_moments_and_those_of_one_moment_in_order() {
    let diary = Diary::new();
    run(async {
        let start = time();
        call_at(start + ms(20), noting(&diary, "20, first"));
        call_later(ms(10), noting(&diary, "10"));
        call_later(ms(20), noting(&diary, "20, second"));
        call_later(ms(5_000), noting(&diary, "5000, first"));
        call_at(start + ms(20), noting(&diary, "20, third"));
        sleep(ms(1_000)).await;
        call_at(start + ms(5_000), noting(&diary, "5000, second"));
        sleep(ms(5_000)).await;
    });
    assert_eq!(
        diary.pages(),
        ["10", "20, first", "20, second", "20, third", "5000, first", "5000, second"]
    );
}

/// Goal: a timer whose moment has come stands behind what is ready already, as in asyncio.
/// Method: schedule it before a callback, with no delay and in the past.
#[test]
fn a_timer_without_delay_runs_behind_what_is_ready() {
    let diary = Diary::new();
    run(async {
        sleep(ms(10)).await;
        call_later(Duration::ZERO, noting(&diary, "no delay"));
        call_at(time() - ms(5), noting(&diary, "past"));
        call_soon(noting(&diary, "soon"));
        wait_until_idle().await;
        diary.note("idle");
    });
    assert_eq!(diary.pages(), ["soon", "no delay", "past", "idle"]);
}

/// Goal: in real time, too, nobody waits a tick for a moment that has come. Method: a loop that is
/// busy all the time must call it within some turns.
#[test]
fn a_timer_without_delay_does_not_wait_for_the_next_tick() {
    rondel::run(async {
        for _ in 0..20 {
            let promise = Promise::new();
            let set = promise.clone();
            call_later(Duration::ZERO, move || set.set_result(()).unwrap());
            let mut yields = 0;
            while !promise.done() {
                yield_now().await;
                yields += 1;
            }
            assert!(yields <= 200, "{yields} yields"); // some turns of 61 polls
        }
    });
}

#[test]
fn a_cancelled_timer_is_disarmed() {
    run(async {
        let start = time();
        let never_polled = call_later(ms(10), || unreachable!("it was cancelled"));
        never_polled.cancel();
        let armed = call_later(ms(10), || unreachable!("it was cancelled"));
        sleep(ms(5)).await;
        armed.cancel();
        assert!(armed.cancelled() && never_polled.cancelled());
        sleep(ms(10)).await;
        assert_eq!(time() - start, ms(15));
    });
}

/// Goal: cancelled timers are gone at once, however many. (asyncio has a test that its heap is
/// cleaned.) Method: what a thousand closures captured is dropped in the next turn.
#[test]
fn a_thousand_cancelled_timers_leave_nothing() {
    run(async {
        let captured = Rc::new(());
        let timers: Vec<_> = (0..1_000)
            .map(|number| {
                let kept = captured.clone();
                call_later(ms(1_000 + number), move || drop(kept))
            })
            .collect();
        sleep(ms(1)).await;
        timers.iter().for_each(TimerHandle::cancel);
        wait_until_idle().await;
        assert_eq!(Rc::strong_count(&captured), 1);
    });
}

#[test]
fn a_timer_may_schedule_the_next_one() {
    let diary = Diary::new();
    fn tick(diary: Diary, left: u32) {
        if left > 0 {
            call_later(ms(10), move || {
                diary.note(format!("{left} left"));
                tick(diary, left - 1);
            });
        }
    }
    run(async {
        let start = time();
        tick(diary.clone(), 3);
        sleep(ms(31)).await;
        assert_eq!(time() - start, ms(31));
    });
    assert_eq!(diary.pages(), ["3 left", "2 left", "1 left"]);
}

// --- what goes wrong ------------------------------------------------------------------------------

#[test]
fn a_panic_in_a_callback_is_handed_to_the_handler_and_the_loop_goes_on() {
    let diary = Diary::new();
    let location = Rc::new(RefCell::new(String::new()));
    let seen = location.clone();
    run(async {
        let note = diary.clone();
        set_exception_handler(move |context| {
            assert!(context.error().downcast_ref::<JoinError>().unwrap().is_panic());
            *seen.borrow_mut() = context.location().to_string();
            assert!(context.to_string().contains(context.message()));
            note.note(context.error().to_string());
        });
        call_soon(|| panic!("oh no"));
        call_later(ms(1), || panic!("oh no again"));
        call_soon(noting(&diary, "the next one"));
        sleep(ms(2)).await;
    });
    let [first, next, later] = diary.pages().try_into().unwrap();
    assert!(first.ends_with("panicked with message \"oh no\""), "{first}");
    assert_eq!(next, "the next one");
    assert!(later.ends_with("panicked with message \"oh no again\""), "{later}");
    assert!(location.borrow().starts_with("tests/callbacks.rs:"));
}

/// Goal: without a handler, with one that panics, and with one that hands on, stderr hears of each
/// thing once. Method: run this test in a process of its own and read what it writes.
#[test]
fn what_no_handler_takes_stands_on_stderr_once() {
    const INSIDE: &str = "RONDEL_TEST_CALLBACK_PANICS";
    if std::env::var_os(INSIDE).is_some() {
        std::panic::set_hook(Box::new(|_| {}));
        run(async {
            call_soon(|| panic!("without a handler"));
            wait_until_idle().await;
            set_exception_handler(|_| panic!("in the handler"));
            call_soon(|| panic!("with a bad handler"));
            wait_until_idle().await;
            set_exception_handler(default_exception_handler);
            call_soon(|| panic!("handed on"));
            wait_until_idle().await;
            clear_exception_handler();
            drop(create_task(async { panic!("in a task") }));
            wait_until_idle().await;
        });
        // The handler of a loop that is gone is nobody's.
        run(async { set_exception_handler(|_| unreachable!("of another loop")) });
        run(async {
            call_soon(|| panic!("in another loop"));
            wait_until_idle().await;
        });
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_no_handler_takes_stands_on_stderr_once", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let stderr = String::from_utf8(child.stderr).unwrap();
    assert!(child.status.success(), "{stderr}");
    let texts =
        ["without a handler", "with a bad handler", "handed on", "in a task", "in another loop"];
    for text in texts {
        let lines = stderr.lines().filter(|line| line.contains(text));
        assert_eq!(lines.count(), 1, "{text} in {stderr}");
    }
    assert_eq!(stderr.lines().filter(|line| line.starts_with("rondel: ")).count(), texts.len());
}

// --- Promise --------------------------------------------------------------------------------------

#[test]
fn a_new_promise_is_pending() {
    let promise = Promise::<u8>::new();
    assert!(!promise.done() && !promise.cancelled());
    let not_done = InvalidStateError::NotDone;
    assert!(
        matches!(promise.result(), Err(PromiseError::InvalidState(state)) if state == not_done)
    );
    assert!(matches!(promise.error(), Err(PromiseError::InvalidState(_))));
    assert_eq!(format!("{promise:?}"), "Promise { state: \"pending\", .. }");
    assert!(promise.result().unwrap_err().to_string().starts_with("result is not ready"));
}

#[test]
fn a_promise_is_settled_once() {
    for settle in 0..3 {
        let promise = Promise::new();
        match settle {
            0 => promise.set_result(1).unwrap(),
            1 => promise.set_error("broken").unwrap(),
            _ => assert!(promise.cancel()),
        }
        let state = format!("{promise:?}");
        assert!(promise.done());
        assert_eq!(promise.set_result(2), Err(InvalidStateError::Done));
        assert_eq!(promise.set_error("broken twice"), Err(InvalidStateError::Done));
        assert!(!promise.cancel() && !promise.cancel_with("reason"));
        assert_eq!(format!("{promise:?}"), state, "it stays as it was");
        let _ = promise.error(); // looked at
    }
}

#[test]
fn a_kept_promise_has_a_result_and_no_error() {
    let promise = Promise::new();
    promise.set_result("value").unwrap();
    assert_eq!(promise.result().unwrap(), "value");
    assert!(promise.error().unwrap().is_none());
    assert_eq!(rondel::block_on(promise.into_future()).unwrap(), "value");
}

#[test]
fn a_broken_promise_has_an_error_for_everybody() {
    let promise = Promise::<u8>::new();
    let error = "x".parse::<u8>().unwrap_err();
    promise.set_error(error.clone()).unwrap();
    let seen = promise.error().unwrap().unwrap();
    assert_eq!(seen.downcast_ref(), Some(&error));
    let awaited = rondel::block_on((&promise).into_future()).unwrap_err();
    assert!(matches!(&awaited, PromiseError::Failed(same) if Arc::ptr_eq(same, &seen)));
    assert_eq!(awaited.to_string(), error.to_string());
    assert!(awaited.source().is_none(), "its text is that of the error itself");
    assert!(!promise.cancelled());
}

#[test]
fn a_cancelled_promise_gives_its_reason() {
    let promise = Promise::<u8>::new();
    assert!(promise.cancel_with("too slow"));
    assert!(promise.done() && promise.cancelled());
    let Err(PromiseError::Cancelled(error)) = promise.result() else { panic!("{promise:?}") };
    assert_eq!(
        (error.reason(), error.to_string()),
        (Some("too slow"), "cancelled: too slow".into())
    );
    assert!(matches!(promise.error(), Err(PromiseError::Cancelled(_))));
    let plain = Promise::<u8>::new();
    plain.cancel();
    let Err(PromiseError::Cancelled(error)) = plain.result() else { panic!("{plain:?}") };
    assert_eq!((error.reason(), error.to_string()), (None, "cancelled".into()));
    fn is_error<E: Error + Send + Sync + 'static>(_: E) {}
    is_error::<CancelledError>(error);
}

#[test]
fn many_tasks_await_one_promise_and_go_on_in_their_order() {
    let diary = Diary::new();
    run(async {
        let promise = Promise::new();
        for name in ["a", "b", "c"] {
            let (diary, promise) = (diary.clone(), promise.clone());
            rondel::spawn(async move { diary.note(format!("{name}{}", promise.await.unwrap())) });
        }
        wait_until_idle().await;
        promise.set_result(1).unwrap();
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["a1", "b1", "c1"]);
}

#[test]
fn giving_up_an_await_leaves_the_promise_alone() {
    let promise = Promise::new();
    let mut stays = spawn(promise.clone().into_future());
    let mut gone = spawn((&promise).into_future());
    assert!(gone.poll().is_pending() && stays.poll().is_pending());
    drop(gone);
    promise.set_result(3).unwrap();
    assert_eq!((stays.wakes(), rondel::assert_ready!(stays.poll()).unwrap()), (1, 3));
}

#[test]
fn a_promise_is_settled_by_any_thread() {
    rondel::run(async {
        let promise = Promise::new();
        let (diary, theirs, home) = (Diary::new(), promise.clone(), thread::current().id());
        let note = diary.clone();
        promise.add_done_callback(move |promise| {
            assert_eq!(thread::current().id(), home, "where it was added");
            note.note(promise.result().unwrap());
        });
        let stranger = thread::spawn(move || theirs.set_result("from afar").unwrap());
        assert_eq!((&promise).await.unwrap(), "from afar");
        stranger.join().unwrap();
        while diary.pages().is_empty() {
            yield_now().await;
        }
        assert_eq!(diary.pages(), ["from afar"]);
    });
}

// --- done-callbacks -------------------------------------------------------------------------------

#[test]
fn done_callbacks_are_called_by_the_loop_in_their_order() {
    let diary = Diary::new();
    run(async {
        let promise = Promise::new();
        promise.add_done_callback(noting_done(&diary, "first"));
        let value = diary.clone();
        promise.add_done_callback(move |promise| value.note(promise.result().unwrap()));
        call_soon(noting(&diary, "scheduled before"));
        promise.set_result("second").unwrap();
        call_soon(noting(&diary, "scheduled after"));
        assert!(diary.pages().is_empty(), "not by whoever settles it");
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["scheduled before", "first", "second", "scheduled after"]);
}

#[test]
fn a_done_callback_of_a_settled_promise_is_called_soon() {
    let diary = Diary::new();
    run(async {
        let promise = Promise::new();
        promise.set_result(()).unwrap();
        promise.add_done_callback(noting_done(&diary, "late"));
        assert!(diary.pages().is_empty());
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["late"]);
}

#[test]
fn done_callbacks_hear_of_errors_and_of_cancelling() {
    let diary = Diary::new();
    run(async {
        let [broken, cancelled] = [(); 2].map(|()| Promise::<u8>::new());
        for promise in [&broken, &cancelled] {
            let diary = diary.clone();
            promise.add_done_callback(move |promise| {
                diary.note(promise.result().unwrap_err().to_string());
            });
        }
        broken.set_error("broken").unwrap();
        cancelled.cancel_with("no need");
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["broken", "cancelled: no need"]);
}

#[test]
fn a_removed_done_callback_is_not_called() {
    let diary = Diary::new();
    run(async {
        let promise = Promise::new();
        promise.add_done_callback(noting_done(&diary, "first"));
        let id: CallbackId = promise.add_done_callback(noting_done(&diary, "second"));
        promise.add_done_callback(noting_done(&diary, "third"));
        assert!(promise.remove_done_callback(id));
        assert!(!promise.remove_done_callback(id), "it is gone");
        promise.set_result(()).unwrap();
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["first", "third"]);
}

/// Goal: who cancels whom in one turn is decided by who comes first. Method: two callbacks that
/// cancel each other, and one that cancels itself.
#[test]
fn callbacks_may_cancel_each_other_and_themselves() {
    let diary = Diary::new();
    run(async {
        let handles = Rc::new(RefCell::new(Vec::<Handle>::new()));
        let made: Vec<_> = [("first", 1), ("second", 0), ("third", 2)]
            .map(|(name, whom)| {
                let (handles, note) = (handles.clone(), diary.clone());
                call_soon(move || {
                    note.note(name);
                    let handle = handles.borrow()[whom].clone();
                    handle.cancel();
                })
            })
            .into();
        handles.borrow_mut().extend(made);
        wait_until_idle().await;
        let cancelled: Vec<_> = handles.borrow().iter().map(Handle::cancelled).collect();
        assert_eq!(cancelled, [false, true, true]);
        handles.borrow_mut().clear();
    });
    assert_eq!(diary.pages(), ["first", "third"]);
}

/// Goal: "never" is no overflow, and can be taken back. Method: the longest delay there is.
#[test]
fn a_callback_of_any_delay_is_accepted() {
    let diary = Diary::new();
    run(async {
        let never = call_later(Duration::MAX, noting(&diary, "never"));
        call_later(Duration::from_secs(86_400), noting(&diary, "tomorrow"));
        sleep(Duration::from_secs(86_401)).await;
        never.cancel();
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["tomorrow"]);
}

/// Goal: a callback that is scheduled cannot be removed any more. Method: remove the second from
/// within the first.
#[test]
fn removing_a_done_callback_after_the_promise_is_settled_comes_too_late() {
    let diary = Diary::new();
    run(async {
        let promise = Promise::new();
        let second = Arc::new(Mutex::new(None));
        let (note, to_remove) = (diary.clone(), second.clone());
        promise.add_done_callback(move |promise: &Promise<()>| {
            let id = to_remove.lock().unwrap().unwrap();
            note.note(format!("removed: {}", promise.remove_done_callback(id)));
        });
        *second.lock().unwrap() = Some(promise.add_done_callback(noting_done(&diary, "second")));
        promise.set_result(()).unwrap();
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["removed: false", "second"]);
}

#[test]
fn a_done_callback_may_add_another_one() {
    let diary = Diary::new();
    run(async {
        let promise = Promise::new();
        let (outer, inner) = (diary.clone(), diary.clone());
        promise.add_done_callback(move |promise: &Promise<()>| {
            outer.note("outer");
            promise.add_done_callback(noting_done(&inner, "inner"));
        });
        promise.add_done_callback(noting_done(&diary, "next"));
        promise.set_result(()).unwrap();
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["outer", "next", "inner"]);
}

#[test]
fn a_done_callback_that_panics_is_reported_and_the_others_are_called() {
    let diary = Diary::new();
    run(async {
        note_exceptions(&diary);
        let promise = Promise::new();
        promise.add_done_callback(|_| panic!("oh no"));
        promise.add_done_callback(noting_done(&diary, "the next one"));
        promise.set_result(()).unwrap();
        wait_until_idle().await;
    });
    let [report, next] = diary.pages().try_into().unwrap();
    assert!(report.starts_with("a callback panicked: ") && report.contains("oh no"), "{report}");
    assert_eq!(next, "the next one");
}

#[test]
fn done_callbacks_are_called_before_those_who_await_go_on() {
    let diary = Diary::new();
    run(async {
        let promise = Promise::new();
        let (note, theirs) = (diary.clone(), promise.clone());
        rondel::spawn(async move {
            theirs.await.unwrap();
            note.note("awaited");
        });
        wait_until_idle().await;
        promise.add_done_callback(noting_done(&diary, "done-callback"));
        promise.set_result(()).unwrap();
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["done-callback", "awaited"]);
}

// --- errors that nobody looked at -----------------------------------------------------------------

#[test]
fn an_error_that_nobody_looked_at_is_reported_when_the_promise_goes() {
    let diary = Diary::new();
    run(async {
        note_exceptions(&diary);
        let promise = Promise::<u8>::new();
        assert!(promise.error().is_err()); // too early to count as a look
        promise.set_error("lost").unwrap();
        let same = promise.clone();
        drop(promise);
        assert!(diary.pages().is_empty());
        drop(same);
        assert_eq!(diary.pages(), ["the error of a promise was never looked at: lost"]);
    });
}

#[test]
fn an_error_that_was_looked_at_is_not_reported() {
    let diary = Diary::new();
    run(async {
        note_exceptions(&diary);
        let looks: [fn(&Promise<u8>); 3] = [
            |promise| _ = promise.error(),
            |promise| _ = promise.result(),
            |promise| assert!(spawn(promise.clone().into_future()).poll().is_ready()),
        ];
        for look in looks {
            let promise = Promise::new();
            promise.set_error("seen").unwrap();
            look(&promise);
        }
        Promise::<u8>::new().cancel();
        Promise::new().set_result(1).unwrap();
        drop(Promise::<u8>::new());
        assert!(diary.pages().is_empty());
    });
}

#[test]
fn a_task_that_panics_unseen_is_reported_when_its_last_handle_goes() {
    let diary = Diary::new();
    run(async {
        note_exceptions(&diary);
        let task = create_task(async { panic!("oh no") });
        wait_until_idle().await;
        assert!(task.done() && diary.pages().is_empty());
        drop(task);
        let [report] = diary.pages().try_into().unwrap();
        assert!(report.starts_with("the error of a task was never looked at"), "{report}");
        assert!(report.contains("oh no"), "{report}");
    });
}

// --- Task -----------------------------------------------------------------------------------------

#[test]
fn a_task_is_awaited_by_many_and_its_result_stays() {
    run(async {
        let not_send = Rc::new(20);
        let task: Task<i32> = create_task(async move {
            sleep(ms(5)).await;
            *not_send + 1
        });
        assert!(!task.done());
        assert!(matches!(task.result(), Err(PromiseError::InvalidState(_))));
        let (first, second) = rondel::join!(&task, task.clone());
        assert_eq!(first.unwrap() + second.unwrap(), 42);
        assert_eq!(task.result().unwrap(), 21);
        assert!(task.error().unwrap().is_none());
        assert!(!task.cancel(), "it has ended");
    });
}

#[test]
fn a_task_runs_on_when_its_handles_are_dropped() {
    let diary = Diary::new();
    let note = diary.clone();
    run(async {
        drop(create_task(async move {
            sleep(ms(5)).await;
            note.note("done");
        }));
        sleep(ms(6)).await;
    });
    assert_eq!(diary.pages(), ["done"]);
}

#[test]
fn a_tasks_done_callbacks_come_after_the_drop_of_its_future() {
    let diary = Diary::new();
    struct Tells(Diary);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.note("future dropped");
        }
    }
    run(async {
        let tells = Tells(diary.clone());
        let task = create_task(async move {
            let _tells = tells;
            pending::<()>().await;
        });
        task.add_done_callback(noting_done(&diary, "done-callback"));
        let removed = task.add_done_callback(|_| unreachable!("it was removed"));
        assert!(task.remove_done_callback(removed));
        wait_until_idle().await;
        assert!(task.cancel_with("first reason") && task.cancel_with("second reason"));
        assert!(!task.done() && !task.cancelled(), "the loop ends it, not the caller");
        let error = (&task).await.unwrap_err();
        assert_eq!(error.to_string(), "cancelled: first reason");
        assert!(task.done() && task.cancelled() && !task.cancel());
    });
    assert_eq!(diary.pages(), ["future dropped", "done-callback"]);
}

#[test]
fn a_task_that_is_cancelled_before_it_starts_or_left_at_the_end_is_settled() {
    let diary = Diary::new();
    let left = run(async {
        let unstarted = create_task(async { unreachable!("it was cancelled") });
        unstarted.cancel();
        assert!((&unstarted).await.is_err() && unstarted.cancelled());
        let left = create_task(pending::<()>());
        left.add_done_callback(noting_done(&diary, "too late: its loop is gone"));
        left
    });
    assert!(left.cancelled());
    assert!(diary.pages().is_empty());
}

#[test]
fn a_panic_of_a_task_is_its_error() {
    run(async {
        let task = create_task(async { panic!("oh no") });
        let PromiseError::Failed(error) = (&task).await.unwrap_err() else { panic!("{task:?}") };
        let error = error.downcast_ref::<JoinError>().unwrap();
        assert_eq!((error.id(), error.is_panic()), (task.id(), true));
        assert!(!task.cancelled());
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        let bomb = Bomb;
        let task = create_task(async move {
            let _bomb = bomb;
        });
        assert!((&task).await.unwrap_err().to_string().contains("in drop"));
    });
}

#[test]
fn tasks_have_names() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let deadlock = runtime.try_block_on(async {
        let plain = create_task(async {});
        assert_eq!(plain.name(), format!("Task-{}", plain.id()));
        let named = create_named_task("stuck", pending::<()>());
        assert_eq!(named.name(), "stuck");
        assert!(format!("{named:?}").contains("\"stuck\""));
        plain.await.unwrap();
        named.await.unwrap();
    });
    let deadlock = deadlock.unwrap_err();
    let (task, waits_for) = deadlock.tasks().next().unwrap();
    assert!(task.contains("`stuck`") && task.contains("tests/callbacks.rs:"), "{task}");
    assert!(waits_for.is_empty());
    assert_eq!(deadlock.root(), ["Promise"]);
}
