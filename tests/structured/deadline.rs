//! Deadline scopes: the situations of CPython's tests of `asyncio.timeout`, and of trio's of its
//! cancel scopes.

use std::future::{pending, ready};
use std::sync::{Arc, Mutex};
use std::thread;

use rondel::Handle;
use rondel::sync::oneshot;
use rondel::task::{LocalSet, coop, yield_now};
use rondel::testing::wait_until_idle;
use rondel::time::{
    Deadline, Duration, Instant, advance, current_deadline, fail_after, fail_at, move_on_after,
    move_on_at, sleep, sleep_until, timeout,
};

use super::{Diary, HOUR, forever_with, ms, paused};

/// Where a body leaves its deadline for those outside.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<Deadline>>>);

impl Slot {
    fn put(&self, deadline: &Deadline) {
        *self.0.lock().unwrap() = Some(deadline.clone());
    }

    fn get(&self) -> Deadline {
        self.0.lock().unwrap().clone().expect("the body has begun")
    }
}

// ---- one scope ----------------------------------------------------------------------------------

#[test]
fn a_body_that_takes_too_long_is_dropped_at_its_deadline() {
    let diary = Diary::default();
    paused().block_on(async {
        let (start, slot) = (Instant::now(), Slot::default());
        let failed = fail_after(ms(10), async |deadline| {
            slot.put(&deadline);
            assert_eq!(deadline.when(), Some(start + ms(10)));
            assert!(!deadline.expired());
            forever_with::<_, ()>(diary.at_drop("the body is dropped")).await
        })
        .await;
        diary.note("it returns");
        assert_eq!(failed.unwrap_err().to_string(), "deadline has elapsed");
        assert_eq!(start.elapsed(), ms(10));
        assert!(slot.get().expired());
        assert_eq!(slot.get().when(), Some(start + ms(10)));
    });
    assert_eq!(diary.pages(), ["the body is dropped", "it returns"]);
}

#[test]
fn a_body_that_ends_in_time_gives_its_output() {
    paused().block_on(async {
        let (start, slot) = (Instant::now(), Slot::default());
        let body = async |deadline: Deadline| {
            slot.put(&deadline);
            sleep(ms(10)).await;
            "output"
        };
        assert_eq!(fail_after(ms(50), body).await, Ok("output"));
        assert_eq!(fail_at(Instant::now() + ms(50), body).await, Ok("output"));
        assert_eq!(move_on_after(ms(50), body).await, Some("output"));
        assert_eq!(move_on_at(Instant::now() + ms(50), body).await, Some("output"));
        assert_eq!(start.elapsed(), ms(40));
        assert!(!slot.get().expired());
        assert!(slot.get().when().unwrap() > Instant::now());
    });
}

#[test]
fn what_takes_too_long_is_an_error_or_nothing() {
    paused().block_on(async {
        let when = || Instant::now() + ms(5);
        assert!(fail_after(ms(5), |_| pending::<()>()).await.is_err());
        assert!(fail_at(when(), |_| pending::<()>()).await.is_err());
        assert!(move_on_after(ms(5), |_| pending::<()>()).await.is_none());
        assert!(move_on_at(when(), |_| pending::<()>()).await.is_none());
    });
}

#[test]
fn without_a_deadline_a_scope_waits_for_ever() {
    paused().block_on(async {
        let start = Instant::now();
        let body = async |deadline: Deadline| {
            assert_eq!((deadline.when(), current_deadline()), (None, None));
            sleep(10 * HOUR).await;
            deadline.expired()
        };
        assert_eq!(fail_at(None, body).await, Ok(false));
        assert_eq!(move_on_at(None, body).await, Some(false));
        assert_eq!(start.elapsed(), 20 * HOUR);
        let far = fail_after(Duration::MAX, async |_| sleep(HOUR).await);
        assert_eq!(far.await, Ok(()), "what cannot be represented is far away");
    });
}

/// Goal: no time at all is enough for who needs none, and for nobody else; also long after.
#[test]
fn zero_and_past_deadlines_poll_the_body_once() {
    paused().block_on(async {
        sleep(HOUR).await;
        let now = Instant::now();
        for when in [now, now - ms(1), now - HOUR] {
            assert_eq!(fail_at(when, |_| ready(1)).await, Ok(1));
            assert_eq!(move_on_at(when, |_| ready(2)).await, Some(2));
            assert!(fail_at(when, async |_| yield_now().await).await.is_err(), "it had to wait");
            assert!(fail_at(when, async |_| sleep(HOUR).await).await.is_err());
        }
        assert_eq!(fail_after(Duration::ZERO, |_| ready(3)).await, Ok(3));
        assert!(fail_after(Duration::ZERO, |_| pending::<()>()).await.is_err());
        assert_eq!(now.elapsed(), ms(0), "and none of this took time");
    });
}

/// Goal: whoever is done at the moment of his deadline is done. Method: a body that ends at the very
/// tick, and one on a loop that comes an hour late.
#[test]
fn completion_wins_over_expiry() {
    paused().block_on(async {
        let slot = Slot::default();
        let body = async |deadline: Deadline| {
            slot.put(&deadline);
            sleep(ms(10)).await;
            "in time"
        };
        assert_eq!(fail_after(ms(10), body).await, Ok("in time"));
        assert!(!slot.get().expired());

        let task = rondel::spawn(fail_after(ms(10), async |_| sleep(ms(20)).await));
        wait_until_idle().await;
        advance(HOUR).await; // both are long due when the task is polled
        assert_eq!(task.await.unwrap(), Ok(()));
    });
}

#[test]
fn an_error_or_a_panic_of_the_body_is_no_timeout() {
    paused().block_on(async {
        let slot = Slot::default();
        let outcome = fail_after(ms(10), async |deadline| {
            slot.put(&deadline);
            Err::<(), _>("the body's own")
        });
        assert_eq!(outcome.await, Ok(Err("the body's own")));
        assert!(!slot.get().expired());

        let theirs = slot.clone();
        let task = rondel::spawn(fail_after(ms(10), async move |deadline| {
            theirs.put(&deadline);
            sleep(ms(1)).await;
            panic!("boom")
        }));
        let outcome: Result<Result<(), _>, _> = task.await;
        assert!(outcome.unwrap_err().is_panic());
        assert!(!slot.get().expired());
        assert_eq!(current_deadline(), None, "the panic has left nothing behind");
    });
}

/// Goal: a panic in the drop of a body that is too late goes on, and it is still a timeout.
#[test]
fn a_panic_in_the_drop_of_a_late_body_goes_on() {
    paused().block_on(async {
        let slot = Slot::default();
        let theirs = slot.clone();
        let task = rondel::spawn(fail_after(ms(10), async move |deadline| {
            theirs.put(&deadline);
            forever_with::<_, ()>(super::Bomb("in the drop")).await
        }));
        assert!(task.await.unwrap_err().is_panic());
        assert!(slot.get().expired());
    });
}

/// Goal: only the scope's own deadline makes it expire. Method: its task is aborted; its future is
/// dropped by a plain `timeout` and by a `select!`.
#[test]
fn a_foreign_cancel_is_no_timeout() {
    paused().block_on(async {
        let slot = Slot::default();
        let body = |slot: &Slot| {
            let slot = slot.clone();
            async move |deadline: Deadline| {
                slot.put(&deadline);
                pending::<()>().await
            }
        };
        let task = rondel::spawn(fail_after(HOUR, body(&slot)));
        wait_until_idle().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!slot.get().expired());

        assert!(timeout(ms(5), fail_after(HOUR, body(&slot))).await.is_err());
        assert!(!slot.get().expired());

        rondel::select! {
            _ = fail_after(HOUR, body(&slot)) => unreachable!("it has an hour"),
            () = sleep(ms(5)) => {}
        }
        assert!(!slot.get().expired());
        assert!(!slot.get().reschedule(None), "it is over");
    });
}

/// Goal: whoever is dropped can ask whether that was for lack of time.
#[test]
fn drops_in_the_body_can_ask_whether_it_expired() {
    struct Asks(Deadline, Diary);
    impl Drop for Asks {
        fn drop(&mut self) {
            self.1.note(format!("expired: {}", self.0.expired()));
        }
    }
    let diary = Diary::default();
    paused().block_on(async {
        let body = |deadline| forever_with::<_, ()>(Asks(deadline, diary.clone()));
        assert!(fail_after(ms(1), body).await.is_err());
        assert!(timeout(ms(1), fail_after(ms(5), body)).await.is_err());
    });
    assert_eq!(diary.pages(), ["expired: true", "expired: false"]);
}

/// Goal: nothing of a timeout sticks to the task. Method: an expired scope, then ordinary waits, in
/// a loop; and a scope in the handling of the first one's timeout.
#[test]
fn a_task_goes_on_as_usual_after_a_timeout() {
    paused().block_on(async {
        let task = rondel::spawn(async {
            for _ in 0..3 {
                assert!(fail_after(ms(1), |_| pending::<()>()).await.is_err());
                yield_now().await;
                assert!(fail_after(ms(1), |_| pending::<()>()).await.is_err());
                sleep(ms(1)).await;
            }
            "done"
        });
        assert_eq!(task.await.unwrap(), "done");
    });
}

// ---- moving it ----------------------------------------------------------------------------------

#[test]
fn a_deadline_is_moved_further_away_nearer_and_to_never() {
    paused().block_on(async {
        let start = Instant::now();
        let outcome = fail_after(ms(10), async |deadline| {
            assert!(deadline.reschedule(start + ms(100)));
            assert_eq!(deadline.when(), Some(start + ms(100)));
            sleep(ms(50)).await;
            deadline.reschedule(None);
            assert_eq!((deadline.when(), current_deadline()), (None, None));
            sleep(HOUR).await;
            deadline.reschedule(Instant::now() + ms(7));
            assert_eq!(current_deadline(), deadline.when());
            sleep(HOUR).await;
        });
        assert!(outcome.await.is_err());
        assert_eq!(start.elapsed(), ms(50) + HOUR + ms(7));
    });
}

#[test]
fn a_deadline_that_is_moved_to_the_past_ends_the_body_at_its_next_wait() {
    paused().block_on(async {
        let start = Instant::now();
        let diary = Diary::default();
        let outcome = move_on_after(HOUR, async |deadline| {
            deadline.reschedule(start);
            diary.note("still here");
            ready(()).await;
            diary.note("and here");
            yield_now().await;
            diary.note("not here");
        });
        assert_eq!(outcome.await, None);
        assert_eq!(start.elapsed(), ms(0));
        assert_eq!(diary.pages(), ["still here", "and here"]);
    });
}

/// Goal: the deadline of a scope that waits is moved from outside, in each direction, and works.
/// Method: a waiting task; another one moves; look when it ends.
#[test]
fn a_waiting_scope_can_be_rescheduled_from_another_task() {
    paused().block_on(async {
        let start = Instant::now();
        let wait = |first: Option<Instant>| {
            let slot = Slot::default();
            let theirs = slot.clone();
            let task = rondel::spawn(fail_at(first, async move |deadline| {
                theirs.put(&deadline);
                sleep(50 * HOUR).await;
            }));
            (slot, task)
        };
        for first in [Some(start + HOUR), None] {
            let now = Instant::now();
            let (slot, task) = wait(first.map(|_| now + HOUR));
            wait_until_idle().await;
            slot.get().reschedule(now + ms(30)); // nearer
            sleep(ms(10)).await;
            slot.get().reschedule(now + ms(60)); // further away
            sleep(ms(30)).await;
            slot.get().reschedule(now + ms(50)); // nearer than it is, further than it was
            assert!(task.await.unwrap().is_err());
            assert_eq!(now.elapsed(), ms(50));
        }
        let (slot, task) = wait(Some(Instant::now() + ms(10)));
        wait_until_idle().await;
        slot.get().reschedule(None);
        assert_eq!(task.await.unwrap(), Ok(()));
    });
}

/// Goal: to move it further away with each message costs no wake. Method: count the polls of a body
/// whose deadline is moved 1,000 times.
#[test]
fn moving_a_deadline_further_away_wakes_nobody() {
    paused().block_on(async {
        let (start, slot) = (Instant::now(), Slot::default());
        let polls = Arc::new(Mutex::new(0));
        let (theirs, counted) = (slot.clone(), polls.clone());
        let task = rondel::spawn(fail_after(ms(10), move |deadline| {
            theirs.put(&deadline);
            std::future::poll_fn(move |_| {
                *counted.lock().unwrap() += 1;
                std::task::Poll::<()>::Pending
            })
        }));
        wait_until_idle().await;
        for number in 0..1_000 {
            slot.get().reschedule(start + ms(20 + number));
            yield_now().await;
        }
        assert_eq!(*polls.lock().unwrap(), 1);
        assert!(task.await.unwrap().is_err());
        assert_eq!(start.elapsed(), ms(1_019));
        assert_eq!(*polls.lock().unwrap(), 3, "at the first deadline in vain, and at the last");
    });
}

#[test]
fn a_deadline_is_moved_from_another_thread() {
    rondel::run(async {
        for _ in 0..20 {
            let (send, sent) = oneshot::channel::<Deadline>();
            let thread = thread::spawn(move || {
                let deadline = sent.blocking_recv().unwrap();
                assert!(deadline.reschedule(deadline.when().unwrap() - HOUR));
            });
            let outcome = move_on_after(HOUR, async move |deadline| {
                send.send(deadline).unwrap();
                pending::<()>().await
            });
            assert_eq!(outcome.await, None);
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_scope_that_is_over_cannot_be_rescheduled() {
    paused().block_on(async {
        let deadline = fail_after(ms(5), async |deadline| deadline).await.unwrap();
        let when = deadline.when();
        assert!(!deadline.reschedule(Instant::now() + HOUR));
        assert_eq!(deadline.when(), when);
        assert!(format!("{deadline:?}").ends_with("stage: Finished }"));

        let slot = Slot::default();
        let late = fail_after(ms(5), async |deadline| {
            slot.put(&deadline);
            assert!(format!("{deadline:?}").ends_with("stage: Active }"));
            pending::<()>().await
        });
        assert!(late.await.is_err());
        assert!(!slot.get().reschedule(None));
        assert!(slot.get().expired());
        assert!(format!("{:?}", slot.get()).ends_with("stage: Expired }"));
    });
}

// ---- scopes in scopes ---------------------------------------------------------------------------

#[test]
fn an_inner_scope_that_is_longer_does_not_matter() {
    paused().block_on(async {
        let (start, slot) = (Instant::now(), Slot::default());
        let outcome = fail_after(ms(10), async |_| {
            let inner = fail_after(HOUR, async |deadline| {
                slot.put(&deadline);
                sleep(2 * HOUR).await
            });
            unreachable!("it is dropped, and returns nothing: {:?}", inner.await);
        });
        let outcome: Result<(), _> = outcome.await;
        assert!(outcome.is_err());
        assert_eq!(start.elapsed(), ms(10));
        assert!(!slot.get().expired());
    });
}

/// Goal: with the same deadline inside and outside it is the outer one that fails.
#[test]
fn the_outer_of_two_scopes_with_one_deadline_expires() {
    paused().block_on(async {
        let when = Instant::now() + ms(10);
        let (outer, inner) = (Slot::default(), Slot::default());
        let outcome: Result<(), _> = fail_at(when, async |deadline| {
            outer.put(&deadline);
            let within = fail_at(when, async |deadline| {
                inner.put(&deadline);
                sleep(HOUR).await
            });
            unreachable!("the inner one does not return: {:?}", within.await);
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!((outer.get().expired(), inner.get().expired()), (true, false));
    });
}

/// Goal: however late the loop is, the longer inner scope reports nothing. Method: time jumps past
/// both deadlines before the task is polled.
#[test]
fn an_outer_expiry_is_not_the_inners_error_even_when_both_are_long_due() {
    paused().block_on(async {
        let task = rondel::spawn(fail_after(ms(10), async |_| {
            let inner = fail_after(ms(100), async |_| pending::<()>().await).await;
            unreachable!("the inner one does not return: {inner:?}");
        }));
        wait_until_idle().await;
        advance(HOUR).await;
        let outcome: Result<(), _> = task.await.unwrap();
        assert!(outcome.is_err());
    });
}

/// Goal: a shorter inner scope fails by itself, though the loop comes so late that both are due; and
/// what the body does then is cut by the outer one.
#[test]
fn a_shorter_inner_scope_expires_first_even_when_both_are_due() {
    paused().block_on(async {
        let diary = Diary::default();
        let theirs = diary.clone();
        let task = rondel::spawn(fail_after(ms(100), async move |_| {
            let inner = fail_after(ms(10), async |_| pending::<()>().await).await;
            theirs.note(format!("inner failed: {}", inner.is_err()));
            sleep(10 * HOUR).await;
            theirs.note("not reached");
        }));
        wait_until_idle().await;
        advance(HOUR).await;
        assert!(task.await.unwrap().is_err());
        assert_eq!(diary.pages(), ["inner failed: true"]);
    });
}

/// Goal: an inner scope that stepped back for the outer one is not forgotten when the outer one gets
/// more time at the last moment. Method: both are due; first the inner one is polled, then whoever
/// moves the outer one.
#[test]
fn an_inner_scope_expires_when_the_outer_one_is_moved_away_at_the_last_moment() {
    paused().block_on(async {
        let when = Instant::now() + ms(10);
        let outcome = fail_at(when, async |outer| {
            let inner = move_on_at(when, |_| pending::<()>());
            let mover = async {
                sleep_until(when).await;
                assert!(outer.reschedule(when + HOUR));
            };
            rondel::join!(biased; inner, mover).0
        });
        assert_eq!(outcome.await, Ok(None));
        assert_eq!(Instant::now(), when);
    });
}

#[test]
fn three_levels_expire_from_the_outside() {
    paused().block_on(async {
        let start = Instant::now();
        let task = rondel::spawn(async move {
            move_on_after(ms(20), async |_| {
                let middle = move_on_after(ms(10), async |_| {
                    let inner = move_on_after(ms(30), |_| pending::<()>()).await;
                    unreachable!("longer than what is around it: {inner:?}");
                });
                let middle: Option<()> = middle.await;
                assert_eq!((middle, start.elapsed()), (None, HOUR));
                pending::<()>().await
            })
            .await
        });
        wait_until_idle().await;
        advance(HOUR).await;
        assert_eq!(task.await.unwrap(), None);
    });
}

#[test]
fn a_scope_may_be_used_to_clean_up_after_another() {
    paused().block_on(async {
        let start = Instant::now();
        if fail_after(ms(10), |_| pending::<()>()).await.is_err() {
            assert!(fail_after(ms(5), |_| pending::<()>()).await.is_err());
        }
        assert_eq!(start.elapsed(), ms(15));
    });
}

// ---- the current deadline -----------------------------------------------------------------------

#[test]
fn the_current_deadline_is_the_smallest_around() {
    paused().block_on(async {
        let now = Instant::now();
        assert_eq!(current_deadline(), None);
        fail_at(now + ms(50), async |outer| {
            assert_eq!(current_deadline(), Some(now + ms(50)));
            fail_at(now + ms(20), async |_| {
                assert_eq!(current_deadline(), Some(now + ms(20)));
                yield_now().await;
                assert_eq!(current_deadline(), Some(now + ms(20)), "in each poll");
                fail_at(None, async |_| assert_eq!(current_deadline(), Some(now + ms(20))))
                    .await
                    .unwrap();
            })
            .await
            .unwrap();
            assert_eq!(current_deadline(), outer.when());
            outer.reschedule(now + ms(5));
            assert_eq!(current_deadline(), Some(now + ms(5)), "at once");
        })
        .await
        .unwrap();
        assert_eq!(current_deadline(), None);
    });
}

/// Goal: a deadline belongs to what is polled within it, and to nobody beside it. Method: the same
/// task outside the scope, a spawned task, and one that was handed the deadline.
#[test]
fn the_current_deadline_is_not_inherited_but_can_be_passed_on() {
    paused().block_on(async {
        let now = Instant::now();
        let handed = move_on_after(ms(10), async |_| {
            let inherits = rondel::spawn(async { current_deadline() });
            assert_eq!(inherits.await.unwrap(), None);
            let limit = current_deadline();
            rondel::spawn(fail_at(limit, async |_| current_deadline())).await.unwrap()
        });
        let beside = async { current_deadline() };
        let (handed, beside) = rondel::join!(handed, beside);
        assert_eq!((handed, beside), (Some(Ok(Some(now + ms(10)))), None));
    });
}

// ---- more ---------------------------------------------------------------------------------------

/// Goal: a body that never waits for anything but its budget does not outlive its deadline.
/// Goal: a task of a local set is not below the scope in which the set happens to be polled.
#[test]
fn a_local_task_is_not_below_the_scope_that_polls_its_set() {
    paused().block_on(async {
        let set = LocalSet::new();
        let seen = fail_after(HOUR, async |deadline| {
            let inside = set.run_until(async {
                let task = rondel::task::spawn_local(async {
                    let own = move_on_after(2 * HOUR, async |own| (current_deadline(), own.when()));
                    (current_deadline(), own.await.unwrap())
                });
                assert_eq!(current_deadline(), deadline.when(), "the future itself is");
                task.await.unwrap()
            });
            inside.await
        });
        let (outside, (inside, own)) = seen.await.unwrap();
        assert_eq!((outside, inside), (None, own));
    });
}

#[test]
fn a_body_that_spends_every_budget_expires() {
    paused().block_on(async {
        let clock = rondel::spawn(async {
            for _ in 0..10 {
                yield_now().await;
                advance(ms(1)).await;
            }
        });
        let busy = move_on_after(ms(5), async |_| {
            loop {
                coop::consume_budget().await;
            }
        });
        let busy: Option<()> = busy.await;
        assert_eq!(busy, None);
        clock.await.unwrap();
    });
}

#[test]
fn scopes_work_on_a_thread_that_waits_for_the_loop() {
    rondel::run(async {
        let handle = Handle::current();
        let thread = rondel::spawn_blocking(move || {
            handle.block_on(async {
                assert_eq!(move_on_after(HOUR, |_| ready(1)).await, Some(1));
                move_on_after(ms(2), async |_| pending::<()>().await).await
            })
        });
        assert_eq!(thread.await.unwrap(), None);
    });
}

#[test]
fn a_scope_is_send_and_does_nothing_until_it_is_polled() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    paused().block_on(async {
        let scope = is_send(fail_after(ms(10), async |deadline| deadline.when()));
        sleep(HOUR).await;
        let now = Instant::now();
        assert_eq!(scope.await, Ok(Some(now + ms(10))), "the time begins with the first poll");
        drop(fail_after(ms(1), |_| -> std::future::Ready<()> { panic!("called") }));
    });
}
