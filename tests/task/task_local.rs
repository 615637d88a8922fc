//! `task_local!`: values that belong to a future.

use super::panic_text;
use rondel::task::futures::TaskLocalFuture;
use rondel::task::{self, AccessError, LocalKey, LocalSet, yield_now};
use rondel::testing::{Diary, OnDrop};
use std::cell::RefCell;
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

rondel::task_local! {
    static NUMBER: u32;
    /// Visibility and attributes are passed on.
    pub static NAME: String;
    static LOG: RefCell<Vec<&'static str>>
}

rondel::task_local! {}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn each_task_sees_its_own_value_across_awaits() {
    rondel::run(async {
        let tasks = [1, 2, 3].map(|number| {
            rondel::spawn(NUMBER.scope(number, async move {
                for _ in 0..3 {
                    assert_eq!(NUMBER.get(), number);
                    yield_now().await;
                }
                NUMBER.with(|seen| assert_eq!(*seen, number));
            }))
        });
        for task in tasks {
            assert!(NUMBER.try_get().is_err(), "outside there is none");
            task.await.unwrap();
        }
    });
}

#[test]
fn scopes_nest_and_keys_do_not_mix() {
    rondel::run(NUMBER.scope(1, async {
        let named = NAME.scope("ada".into(), async {
            assert_eq!((NUMBER.get(), &*NAME.get()), (1, "ada"));
            yield_now().await;
            let inner = NUMBER.scope(2, async {
                yield_now().await;
                assert_eq!((NUMBER.get(), &*NAME.get()), (2, "ada"));
            });
            inner.await;
            assert_eq!(NUMBER.get(), 1);
        });
        named.await;
        assert!(NAME.try_with(|_| ()).is_err());
        assert_eq!(NUMBER.get(), 1);
    }));
}

#[test]
fn two_scopes_in_one_task_take_turns() {
    rondel::run(async {
        let count = |number| {
            NUMBER.scope(number, async move {
                for _ in 0..3 {
                    assert_eq!(NUMBER.get(), number);
                    yield_now().await;
                }
            })
        };
        rondel::join!(count(1), count(2));
        assert!(NUMBER.try_get().is_err());
    });
}

#[test]
fn a_spawned_task_does_not_inherit() {
    rondel::run(NUMBER.scope(1, async {
        rondel::spawn(async { assert!(NUMBER.try_get().is_err()) }).await.unwrap();
        let here = LocalSet::new();
        // Polled inside the scope: what runs there sees it, as on tokio.
        let seen = here.run_until(async { task::spawn_local(async { NUMBER.get() }).await });
        assert_eq!(seen.await.unwrap(), 1);
    }));
}

#[test]
fn a_sync_scope_holds_for_the_closure_and_gives_back_what_was_there() {
    let sum = NUMBER.sync_scope(1, || {
        let inner = NUMBER.sync_scope(2, || NUMBER.get());
        inner + NUMBER.get()
    });
    assert_eq!(sum, 3);
    assert!(NUMBER.try_get().is_err());
    let panic = catch_unwind(|| NUMBER.sync_scope(1, || panic!("inside")));
    assert!(panic.is_err() && NUMBER.try_get().is_err());
}

#[test]
fn without_a_value_there_is_an_error_or_a_panic() {
    let error = NUMBER.try_with(|_| unreachable!("there is no value")).unwrap_err();
    assert_eq!(error.to_string(), "task-local value not set");
    let same: AccessError = NUMBER.try_get().unwrap_err();
    assert_eq!(error, same);
    let texts = [panic_text(|| _ = NUMBER.get()), panic_text(|| NUMBER.with(|_| ()))];
    assert_eq!(texts, ["cannot access a task-local storage value without setting it first"; 2]);
    assert_eq!(format!("{NUMBER:?}"), "LocalKey { .. }");
}

/// Goal: the drop of the future sees the value, however it ends. Method: a future that notes in its
/// drop what it sees; completed, aborted in the middle, never polled.
#[test]
fn the_drop_of_the_future_sees_the_value() {
    struct Looks(Arc<Mutex<Vec<Option<u32>>>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(NUMBER.try_get().ok());
        }
    }
    struct Ready(#[allow(dead_code)] Looks);
    impl Future for Ready {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    rondel::run(async {
        rondel::spawn(NUMBER.scope(1, Ready(Looks(seen.clone())))).await.unwrap();
        let looks = Looks(seen.clone());
        let aborted = rondel::spawn(NUMBER.scope(2, async move {
            let _looks = looks;
            pending::<()>().await;
        }));
        yield_now().await;
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        drop(NUMBER.scope(3, Ready(Looks(seen.clone()))));
    });
    assert_eq!(*seen.lock().unwrap(), [Some(1), Some(2), Some(3)]);
}

/// Goal: what was there before is back after a panic, and the value with the future.
/// Method: a future that panics in its second poll, inside another scope.
#[test]
fn a_panic_in_a_poll_puts_everything_back() {
    NUMBER.sync_scope(7, || {
        let mut polls = 0;
        let mut future = Box::pin(NUMBER.scope(
            1,
            poll_fn(move |_| {
                polls += 1;
                assert!(polls < 2, "as planned");
                Poll::<()>::Pending
            }),
        ));
        assert!(poll_once(future.as_mut()).is_pending());
        let panic = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut())));
        assert!(panic.is_err());
        assert_eq!(NUMBER.get(), 7);
        assert_eq!(future.as_mut().take_value(), Some(1));
    });
}

#[test]
fn the_value_can_be_taken_before_and_after_the_end() {
    rondel::run(async {
        let mut work = pin!(LOG.scope(RefCell::default(), async {
            LOG.with(|log| log.borrow_mut().push("one"));
            yield_now().await;
            LOG.with(|log| log.borrow_mut().push("two"));
        }));
        work.as_mut().await;
        assert_eq!(work.as_mut().take_value().unwrap().into_inner(), ["one", "two"]);
        assert!(work.take_value().is_none());

        let mut robbed = pin!(NUMBER.scope(1, async { NUMBER.try_get().is_err() }));
        assert_eq!(robbed.as_mut().take_value(), Some(1));
        assert!(robbed.await, "it runs without the value");
    });
}

#[test]
fn a_value_is_dropped_with_its_future() {
    rondel::task_local! {
        static KEPT: OnDrop;
    }
    let diary = Diary::new();
    rondel::run(async {
        let mut scoped = Box::pin(KEPT.scope(diary.on_drop("the value is dropped"), ready(())));
        scoped.as_mut().await;
        diary.note("it has ended");
        drop(scoped);
    });
    assert_eq!(diary.pages(), ["it has ended", "the value is dropped"]);
}

#[test]
fn a_scope_cannot_begin_while_its_key_is_read() {
    let text = "cannot enter a task-local scope while the task-local storage is borrowed";
    NUMBER.sync_scope(1, || {
        NUMBER.with(|_| {
            assert!(panic_text(|| NUMBER.sync_scope(2, || ())).starts_with(text));
            let polled = || _ = poll_once(pin!(NUMBER.scope(2, ready(()))));
            assert!(panic_text(polled).starts_with(text));
            assert_eq!(NUMBER.get(), 1, "reading again is fine");
        });
        assert_eq!(NUMBER.get(), 1);
    });
}

#[test]
fn a_future_that_has_ended_refuses_to_be_polled() {
    let mut future = Box::pin(NUMBER.scope(1, ready(())));
    assert!(poll_once(future.as_mut()).is_ready());
    let text = panic_text(|| _ = poll_once(future.as_mut()));
    assert_eq!(text, "`TaskLocalFuture` polled after completion");
    assert_eq!(format!("{future:?}"), "TaskLocalFuture { value: 1 }");
    future.as_mut().take_value();
    assert_eq!(format!("{future:?}"), "TaskLocalFuture { value: <missing> }");
}

/// Goal: a scope works on any executor, and a value need not be `Send`. Method: the compiler, and a
/// thread without a loop.
#[test]
fn a_scope_needs_no_loop() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&NUMBER.scope(1, ready(())));
    let key: &'static LocalKey<u32> = &NUMBER;
    let future: TaskLocalFuture<u32, _> = key.scope(1, async { NUMBER.get() });
    assert_eq!(rondel::block_on(future), 1);
}
