//! `testing::cancel`: the harness finds the bugs that were planted for it, and says where.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rondel::sync::{Notify, Semaphore};
use rondel::task::yield_now;
use rondel::testing::cancel::{self, Cut};
use rondel::time::sleep;

use crate::panic_text;

// --- planted bugs ----------------------------------------------------------------------------------

/// A lock by handing over: the one who unlocks gives the lock to the first waiter.
#[derive(Default)]
struct Lock {
    taken: Cell<bool>,
    waiters: RefCell<VecDeque<Rc<Place>>>,
}

#[derive(Default)]
struct Place {
    waker: RefCell<Option<Waker>>,
    served: Cell<bool>,
}

impl Lock {
    fn lock(&self, is_careful: bool) -> Locking<'_> {
        Locking { lock: self, place: None, is_careful }
    }

    fn unlock(&self) {
        let next = self.waiters.borrow_mut().pop_front();
        match next {
            None => self.taken.set(false),
            Some(place) => {
                place.served.set(true);
                if let Some(waker) = place.waker.take() {
                    waker.wake();
                }
            }
        }
    }
}

struct Locking<'a> {
    lock: &'a Lock,
    place: Option<Rc<Place>>,
    /// A careless one does not hand on what it was given and never looked at.
    is_careful: bool,
}

impl Future for Locking<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(place) = &self.place {
            if place.served.get() {
                self.place = None;
                return Poll::Ready(());
            }
        } else if !self.lock.taken.replace(true) {
            return Poll::Ready(());
        } else {
            let place = Rc::<Place>::default();
            self.lock.waiters.borrow_mut().push_back(place.clone());
            self.place = Some(place);
        }
        let place = self.place.as_ref().unwrap();
        *place.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Locking<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        self.lock.waiters.borrow_mut().retain(|other| !Rc::ptr_eq(other, &place));
        if place.served.get() && self.is_careful {
            self.lock.unlock();
        }
    }
}

fn check_lock(is_careful: bool) -> usize {
    cancel::at_every_await(
        || {
            let lock = Rc::new(Lock::default());
            lock.taken.set(true);
            (lock.clone(), lock)
        },
        async |lock| {
            lock.lock(is_careful).await;
            lock.unlock();
        },
        |lock, _| lock.unlock(),
        |_, lock, cut| assert_eq!(lock.taken.get(), cut.given == 0, "who has the lock?"),
    )
}

/// Goal: find a lock whose waiter, dropped after it was given the lock, takes it to its grave; and
/// let a lock pass that hands it on.
#[test]
fn a_waiter_that_keeps_the_lock_is_found_after_the_wake() {
    assert_eq!(check_lock(true), 1);
    let text = panic_text(|| check_lock(false));
    let expected =
        "dropped at its 1st await, after the wake: assertion `left == right` failed: who";
    assert!(text.starts_with(expected), "{text}");
}

/// A channel whose receiver takes an item in one poll and returns it in the next.
#[derive(Default)]
struct Eater {
    items: RefCell<VecDeque<u32>>,
    waker: RefCell<Option<Waker>>,
}

impl Eater {
    fn send(&self, item: u32) {
        self.items.borrow_mut().push_back(item);
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    async fn recv(&self) -> u32 {
        let item = poll_fn(|cx| match self.items.borrow_mut().pop_front() {
            Some(item) => Poll::Ready(item),
            None => {
                *self.waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        });
        let item = item.await;
        yield_now().await; // the bug: the item is in the future while it waits
        item
    }
}

/// Goal: find a receiver that eats an item, at the await where it does, and only there.
#[test]
fn a_receiver_that_eats_an_item_is_found() {
    let check = || {
        cancel::at_every_await(
            || {
                let channel = Rc::new(Eater::default());
                ((channel.clone(), Vec::new()), channel)
            },
            async |(channel, got)| {
                for _ in 0..2 {
                    let item = channel.recv().await;
                    got.push(item);
                }
            },
            |channel, nth| channel.send(nth as u32),
            |(channel, got), _, cut| {
                let there = got.len() + channel.items.borrow().len();
                assert_eq!(there, cut.given, "items are lost");
            },
        )
    };
    let text = panic_text(check);
    assert!(text.starts_with("dropped at its 2nd await, after the wake: "), "{text}");
    assert!(text.contains("items are lost"), "{text}");
}

/// Goal: find a future that does not keep the waker of its last poll, and tell it from a `go_on`
/// that does not help.
#[test]
fn a_forgotten_waker_is_a_lost_wake_up() {
    let check = |helps: bool| {
        cancel::at_every_await(
            || {
                let open = Rc::new(Cell::new(false));
                (open.clone(), open)
            },
            async |open| {
                poll_fn(|_cx| if open.get() { Poll::Ready(()) } else { Poll::Pending }).await;
            },
            |open, _| open.set(helps),
            |_, _, _| {},
        )
    };
    let text = panic_text(|| check(true));
    assert_eq!(
        text,
        "lost wake-up at await number 1: nobody woke the future. Polled all the same, it is ready: \
         somebody has forgotten its waker"
    );
    let text = panic_text(|| check(false));
    assert!(text.ends_with("`go_on` does not give what it waits for, or that was lost"), "{text}");
}

/// Goal: find a primitive that keeps a place for a waiter that is gone.
#[test]
fn a_waker_that_is_kept_is_counted() {
    let cuts = RefCell::new(Vec::new());
    let awaits = cancel::at_every_await(
        || {
            let channel = Rc::new(Eater::default());
            (channel.clone(), channel)
        },
        async |channel| {
            poll_fn(|cx| {
                *channel.waker.borrow_mut() = Some(cx.waker().clone());
                if channel.items.borrow().is_empty() { Poll::Pending } else { Poll::Ready(()) }
            })
            .await
        },
        |channel, _| channel.send(1),
        |_, _, cut| cuts.borrow_mut().push((cut.woken, cut.wakers_kept)),
    );
    assert_eq!((awaits, cuts.into_inner()), (1, vec![(false, 1), (true, 0)]));
}

// --- what is cut -----------------------------------------------------------------------------------

/// Goal: show which cuts are made: two for each await, and one for an await at which the future
/// wakes itself; each in a fresh world, and the future dropped before the test looks.
#[test]
fn each_await_is_cut_before_and_after_the_wake() {
    let (cuts, worlds) = (RefCell::new(Vec::new()), Cell::new(0));
    let awaits = cancel::at_every_await(
        || {
            worlds.set(worlds.get() + 1);
            let seats = Rc::new(Semaphore::new(0));
            ((seats.clone(), Rc::new(())), seats)
        },
        async |(seats, alive)| {
            let _alive = alive.clone();
            seats.acquire().await.unwrap().forget();
            yield_now().await;
            seats.acquire_many(2).await.unwrap().forget();
        },
        |seats, nth| seats.add_permits(if nth == 1 { 1 } else { 2 }),
        |(_, alive), _, cut| {
            assert_eq!(Rc::strong_count(alive), 1, "the future is gone");
            cuts.borrow_mut().push((cut.nth, cut.woken, cut.given, cut.wakers_kept));
        },
    );
    assert_eq!(awaits, 3);
    let expected =
        [(1, false, 0, 0), (1, true, 1, 0), (2, true, 1, 0), (3, false, 1, 0), (3, true, 2, 0)];
    assert_eq!(*cuts.borrow(), expected);
    assert_eq!(worlds.get(), 1 + expected.len(), "one more, to count the awaits");
}

/// Goal: show that all runs take the same branches of a `select!`, so that the awaits can be
/// numbered.
/// Method: a loop of fair `select!`s over two ready channels; how often it waits depends on luck.
#[test]
fn all_runs_draw_the_same_lots() {
    for _ in 0..20 {
        let awaits = cancel::at_every_await(
            || ((), ()),
            async |()| {
                let mut heads = 0;
                while heads < 3 {
                    rondel::select! {
                        () = std::future::ready(()) => heads += 1,
                        () = std::future::ready(()) => {}
                    }
                    yield_now().await;
                }
            },
            |(), _| unreachable!("it wakes itself"),
            |(), (), _| {},
        );
        assert!(awaits >= 3);
    }
}

/// Goal: show how a cut is named.
#[test]
fn a_cut_says_where_it_was() {
    let mut names = Vec::new();
    cancel::at_every_await(
        || {
            let notify = Rc::new(Notify::new());
            (notify.clone(), notify)
        },
        async |notify| {
            for _ in 0..23 {
                notify.notified().await;
            }
        },
        |notify, _| notify.notify_one(),
        |_, _, cut: &Cut| names.push(cut.to_string()),
    );
    assert_eq!(names[0], "dropped at its 1st await, before the wake");
    assert_eq!(names[1], "dropped at its 1st await, after the wake");
    let ordinals = [4, 6, 20, 22, 24, 40, 42, 44].map(|at: usize| {
        names[at].split(' ').nth(3).unwrap() // dropped at its …
    });
    assert_eq!(ordinals, ["3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd"]);
}

/// Goal: show that a future with very many awaits is cut where the seed says, and that the same
/// seed says the same.
#[test]
fn random_cuts_follow_the_seed() {
    let check = |seed| {
        let mut cuts = Vec::new();
        let awaits = cancel::at_random_awaits(
            seed,
            50,
            || {
                let notify = Rc::new(Notify::new());
                (notify.clone(), notify)
            },
            async |notify| {
                for _ in 0..5_000 {
                    notify.notified().await;
                }
            },
            |notify, _| notify.notify_one(),
            |_, _, cut| cuts.push((cut.nth, cut.woken)),
        );
        assert_eq!((awaits, cuts.len()), (5_000, 50));
        assert!(cuts.iter().any(|cut| cut.1) && cuts.iter().any(|cut| !cut.1));
        assert!(cuts.iter().any(|cut| cut.0 < 2_500) && cuts.iter().any(|cut| cut.0 > 2_500));
        cuts
    };
    assert_eq!(check(7), check(7));
    assert_ne!(check(7), check(8));
}

// --- tests that are wrong themselves ---------------------------------------------------------------

/// Goal: show that a harness which has nothing to do, or no end, says so.
#[test]
fn a_future_that_never_waits_or_never_ends_is_refused() {
    let check = |future: &mut dyn FnMut() -> Pin<Box<dyn Future<Output = ()>>>| {
        panic_text(|| {
            cancel::at_every_await(
                || ((), ()),
                async |()| future().await,
                |(), _| {},
                |(), (), _| {},
            );
        })
    };
    let text = check(&mut || Box::pin(async {}));
    assert_eq!(text, "the future never waits: there is no await to drop it at");
    let text = check(&mut || {
        Box::pin(async {
            loop {
                yield_now().await;
            }
        })
    });
    assert_eq!(text, "the future has not ended after 10000 awaits");
    let mut yields = 3;
    let text = check(&mut || {
        yields -= 1;
        Box::pin(async move {
            for _ in 0..yields {
                yield_now().await;
            }
        })
    });
    assert_eq!(
        text,
        "the future ended after 0 awaits, before it could be dropped at number 2: it does not do \
         the same in each run"
    );
}

/// Goal: show that a panic says how far the future had come, whoever panicked.
/// Method: a drop that panics, a poll that panics, and an invariant whose panic has no text.
#[test]
fn a_panic_says_how_far_the_future_had_come() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    let check = |future: &mut dyn FnMut() -> Pin<Box<dyn Future<Output = ()>>>| {
        panic_text(|| {
            cancel::at_random_awaits(
                7,
                1,
                || ((), ()),
                async |()| future().await,
                |(), _| {},
                |(), (), _| std::panic::panic_any(42),
            );
        })
    };
    let text = check(&mut || {
        Box::pin(async {
            let bomb = Bomb;
            yield_now().await;
            std::mem::forget(bomb);
        })
    });
    assert_eq!(text, "seed 7: dropped at its 1st await, after the wake: boom");
    let text = check(&mut || {
        Box::pin(async {
            yield_now().await;
            panic!("on the way");
        })
    });
    assert_eq!(text, "seed 7: not dropped yet, after 1 awaits: on the way");
    let text = check(&mut || Box::pin(yield_now()));
    assert_eq!(text, "seed 7: dropped at its 1st await, after the wake: a panic without a text");
}

// --- inside a loop ---------------------------------------------------------------------------------

/// Goal: show that inside a loop the harness waits for what the loop does: timers and tasks.
/// Method: a future that sleeps for a day and then joins a task, in virtual time.
#[rondel::test(start_paused = true)]
async fn in_a_loop_time_and_tasks_wake_the_future() {
    let mut cuts = Vec::new();
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let notify = std::sync::Arc::new(Notify::new());
            let task = rondel::spawn(notify.clone().notified_owned());
            (task, notify)
        },
        async |task| {
            sleep(Duration::from_secs(86_400)).await;
            task.await.unwrap();
        },
        async |notify, nth| {
            if nth == 2 {
                notify.notify_one();
            }
        },
        async |task, _, cut| {
            cuts.push((cut.nth, cut.woken, task.is_finished()));
        },
    )
    .await;
    assert_eq!(awaits, 2);
    assert_eq!(cuts, [(1, false, false), (1, true, false), (2, false, false), (2, true, true)]);
}

/// Goal: show that a wake which never comes is found inside a loop too, in virtual time at once.
#[test]
fn in_a_loop_a_lost_wake_up_is_found() {
    let text = panic_text(|| {
        let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
        runtime.block_on(async {
            cancel::in_loop::at_every_await(
                async || ((), ()),
                async |()| pending::<()>().await,
                async |(), _| {},
                async |(), (), _| {},
            )
            .await;
        });
    });
    assert!(text.starts_with("lost wake-up at await number 1: "), "{text}");
}

/// Goal: show that each poll of the future has a full share of the budget, so that all runs wait at
/// the same places.
/// Method: a future of 100 ready steps and one wait, cut many times: with one share for all runs
/// the budget of 128 would end in the second.
#[rondel::test]
async fn in_a_loop_each_poll_has_a_share_of_the_budget() {
    let world = async || {
        let seats = std::rc::Rc::new(Semaphore::new(100));
        (seats.clone(), seats)
    };
    let future = async |seats: &mut Rc<Semaphore>| {
        for _ in 0..101 {
            seats.acquire().await.unwrap().forget();
        }
    };
    let go_on = async |seats: &mut Rc<Semaphore>, _| seats.add_permits(1);
    let awaits = cancel::in_loop::at_random_awaits(1, 20, world, future, go_on, async |_, _, _| {});
    assert_eq!(awaits.await, 1);
}
