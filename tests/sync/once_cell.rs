//! `OnceCell`: one value, made by one of many, whatever happens to the others.

use std::cell::RefCell;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use rondel::sync::{Notify, OnceCell, SetError};

use super::executor::{Probe, block_on};

/// Goal: show that the value is made once, by the first who asks, and given to all.
/// Method: three ask; the first one's future waits for a notification.
#[test]
fn the_first_who_asks_makes_the_value_for_all() {
    let (cell, go) = (OnceCell::new(), Notify::new());
    let mut first = Probe::waiting(cell.get_or_init(async || {
        go.notified().await;
        1
    }));
    let mut others = [2, 3].map(|value| Probe::waiting(cell.get_or_init(move || ready(value))));
    assert_eq!((cell.get(), cell.initialized()), (None, false));
    go.notify_one();
    assert_eq!(first.ready(), &1);
    assert!(others.iter().all(|other| other.wakes() == 1), "all at once");
    assert!(others.iter_mut().all(|other| *other.ready() == 1));
    assert_eq!((cell.get(), cell.initialized()), (Some(&1), true));
    assert_eq!(block_on(cell.get_or_init(async || unreachable!("there is a value"))), &1);
    assert_eq!(block_on(cell.get_or_try_init(async || Err(()))), Ok(&1));
}

/// Goal: show that the right goes to the next in line when its holder is dropped half way, and
/// only after everything the holder had begun is dropped.
/// Method: three ask, each with a future that never ends and notes its drop; drop the first.
#[test]
fn a_cancelled_initialiser_hands_the_right_to_the_next_in_line() {
    struct Note<'a>(&'a RefCell<Vec<String>>, &'a str);
    impl Drop for Note<'_> {
        fn drop(&mut self) {
            self.0.borrow_mut().push(format!("{} dropped", self.1));
        }
    }
    let (cell, diary) = (OnceCell::<u8>::new(), RefCell::<Vec<String>>::default());
    let begin = |name: &'static str| {
        let diary = &diary;
        cell.get_or_init(async move || {
            diary.borrow_mut().push(format!("{name} begun"));
            let _note = Note(diary, name);
            pending().await
        })
    };
    let first = Probe::waiting(begin("first"));
    let mut second = Probe::waiting(begin("second"));
    let third = Probe::waiting(begin("third"));
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    assert!(second.poll().is_pending());
    assert_eq!(*diary.borrow(), ["first begun", "first dropped", "second begun"]);
    drop(second);
    assert_eq!(third.wakes(), 1);
}

/// Goal: show that one who waits, is handed the right and is dropped before it looked passes it on.
/// Method: drop the first, then the second unpolled; the third makes the value.
#[test]
fn a_waiter_that_was_handed_the_right_and_is_dropped_passes_it_on() {
    let cell = OnceCell::new();
    let first = Probe::waiting(cell.get_or_init(pending));
    let second = Probe::waiting(cell.get_or_init(|| ready(2)));
    let mut third = Probe::waiting(cell.get_or_init(|| ready(3)));
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    drop(second);
    assert_eq!(third.wakes(), 1);
    assert_eq!(third.ready(), &3);
}

/// Goal: show that an initialiser that panics leaves the cell as it was, and lets the next one try.
/// Method: the first waits, then panics; the second waits behind it.
#[test]
fn an_initialiser_that_panics_hands_the_right_on() {
    let (cell, go) = (OnceCell::new(), Notify::new());
    let mut first = Probe::waiting(cell.get_or_init(async || {
        go.notified().await;
        panic!("on purpose")
    }));
    let mut second = Probe::waiting(cell.get_or_init(|| ready(2)));
    go.notify_one();
    assert!(catch_unwind(AssertUnwindSafe(|| first.poll().is_ready())).is_err());
    assert!(!cell.initialized());
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.ready(), &2);
}

/// Goal: show that a panic in the closure itself, before there is a future, loses nothing either.
/// Method: panic there; then ask again.
#[test]
fn a_closure_that_panics_hands_the_right_on() {
    fn fails() -> std::future::Ready<u8> {
        panic!("on purpose")
    }
    let cell = OnceCell::new();
    let asked = catch_unwind(AssertUnwindSafe(|| block_on(cell.get_or_init(fails)).to_owned()));
    assert!(asked.is_err());
    assert_eq!(cell.set(1), Ok(()));
}

/// Goal: show that an error goes to the one whose future failed, and the next one tries.
/// Method: the first fails, the second succeeds, a third gets the second's value.
#[test]
fn an_initialiser_that_fails_hands_the_right_on() {
    let (cell, go) = (OnceCell::new(), Notify::new());
    let mut first = Probe::waiting(cell.get_or_try_init(async || {
        go.notified().await;
        Err("no luck")
    }));
    let mut second = Probe::waiting(cell.get_or_try_init(async || Ok::<_, &str>(2)));
    let mut third = Probe::waiting(cell.get_or_try_init(async || Err("not asked")));
    go.notify_one();
    assert_eq!(first.ready(), Err("no luck"));
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    assert_eq!(second.ready(), Ok(&2));
    assert_eq!(third.ready(), Ok(&2));
}

/// Goal: show when a value can be set, and that a refused one comes back.
/// Method: set while somebody makes one, after he gave up, and again.
#[test]
fn a_value_can_be_set_if_nobody_is_about_to_make_one() {
    let cell = OnceCell::new();
    let maker = Probe::waiting(cell.get_or_init(pending));
    let waiter = Probe::waiting(cell.get_or_init(pending));
    let error = cell.set(1).unwrap_err();
    assert_eq!(
        (&error, error.to_string()),
        (&SetError::InitializingError(1), "InitializingError".into())
    );
    assert!(error.is_initializing_err() && !error.is_already_init_err());
    drop(maker);
    assert!(cell.set(2).unwrap_err().is_initializing_err(), "the right is the waiter's");
    drop(waiter);
    assert_eq!(cell.set(3), Ok(()));
    let error = cell.set(4).unwrap_err();
    assert_eq!(error, SetError::AlreadyInitializedError(4));
    assert_eq!(error.to_string(), "AlreadyInitializedError");
    assert!(error.is_already_init_err() && !error.is_initializing_err());
    assert_eq!(cell.get(), Some(&3));
}

/// Goal: show that a cell which asks itself waits for itself, as documented, and can be cancelled.
/// Method: ask within the future; drop it; ask anew.
#[test]
fn an_initialiser_that_asks_its_own_cell_waits() {
    let cell = OnceCell::new();
    let circle = Probe::waiting(cell.get_or_init(async || *cell.get_or_init(|| ready(1)).await));
    drop(circle);
    assert_eq!(block_on(cell.get_or_init(|| ready(2))), &2);
}

/// Goal: show the ways in and out of a cell, and that a value is dropped once.
/// Method: each constructor, `get_mut`, `take`, `into_inner`, `Clone`, `Eq`, `Debug`.
#[test]
fn the_owner_reaches_the_value_without_waiting() {
    static GIVEN: OnceCell<u8> = OnceCell::const_new_with(7);
    static EMPTY: OnceCell<u8> = OnceCell::const_new();
    assert_eq!((GIVEN.get(), EMPTY.get()), (Some(&7), None));
    assert!(GIVEN.set(8).unwrap_err().is_already_init_err());
    assert_eq!(EMPTY.set(8), Ok(()));
    assert_eq!(block_on(GIVEN.get_or_init(pending)), &7);

    for mut cell in [OnceCell::new_with(None), OnceCell::new_with(Some(1)), OnceCell::from(1)] {
        let _ = cell.set(1);
        *cell.get_mut().unwrap() += 1;
        assert_eq!(cell, cell.clone());
        assert_eq!(format!("{cell:?}"), "OnceCell { value: Some(2) }");
        assert_eq!(cell.take(), Some(2));
        assert_eq!((cell.take(), cell.get_mut()), (None, None));
        assert_eq!(cell, OnceCell::default());
        assert_eq!(block_on(cell.get_or_init(|| ready(3))), &3, "the cell is as new");
        assert_eq!(cell.into_inner(), Some(3));
    }
    assert_eq!(format!("{:?}", OnceCell::<u8>::new()), "OnceCell { value: None }");

    let value = Rc::new(());
    let cell = OnceCell::new();
    assert!(cell.set(value.clone()).is_ok());
    assert!(cell.set(value.clone()).is_err());
    assert_eq!(Rc::strong_count(&value), 2);
    drop(cell);
    drop(OnceCell::from(value.clone()));
    assert_eq!(Rc::strong_count(&value), 1);
}

/// Goal: show that threads which ask at once agree on one value, with waits that are cancelled in
/// between.
/// Method: 200 cells x 4 threads; each would bring its own number.
#[test]
fn threads_agree_on_one_value() {
    for _ in 0..200 {
        let (cell, made) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let (cell, made) = (cell.clone(), made.clone());
                thread::spawn(move || {
                    let _ = Probe::new(cell.get_or_init(pending)).poll();
                    *block_on(cell.get_or_init(async || {
                        made.fetch_add(1, SeqCst);
                        number
                    }))
                })
            })
            .collect();
        let seen: Vec<i32> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(seen.iter().all(|value| Some(value) == cell.get()));
        assert_eq!(made.load(SeqCst), 1);
    }
}

/// Goal: show it between tasks: an aborted task does not keep the others from the value.
/// Method: the first task sleeps on the right for an hour and is aborted; time is virtual.
#[test]
fn an_aborted_task_hands_the_right_on() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let cell = Arc::new(OnceCell::new());
        let ask = |value: u8, seconds: u64| {
            let cell = cell.clone();
            rondel::spawn(async move {
                let slowly = async || {
                    rondel::time::sleep(std::time::Duration::from_secs(seconds)).await;
                    value
                };
                *cell.get_or_init(slowly).await
            })
        };
        let (slow, quick) = (ask(1, 3_600), ask(2, 1));
        rondel::task::yield_now().await;
        slow.abort();
        assert!(slow.await.unwrap_err().is_cancelled());
        assert_eq!(quick.await.unwrap(), 2);
    });
}
