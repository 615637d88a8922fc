//! `scope` and its kin: children that borrow, polled within their parent's task.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use rondel::sync::{Mutex, mpsc, oneshot};
use rondel::task::{Scope, coop, scope, scope_local, try_scope, try_scope_local, yield_now};
use rondel::time::{Instant, current_deadline, move_on_after, sleep};

use super::{Bomb, Diary, HOUR, forever_with, ms, paused};

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Polls once with a waker that counts.
fn poll_once<F: Future>(future: Pin<&mut F>, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(wakes.clone())))
}

// ---- borrowing ----------------------------------------------------------------------------------

#[test]
fn children_borrow_from_the_parent_and_write_what_nobody_else_reads() {
    rondel::run(async {
        let text = String::from("one two three");
        let mut longest = String::new();
        let total = Cell::new(0);
        scope_local(async |s| {
            s.spawn(async {
                longest = text.split(' ').max_by_key(|word| word.len()).unwrap().to_owned();
            });
            for word in text.split(' ') {
                let total = &total;
                s.spawn(async move { total.set(total.get() + word.len()) });
            }
        })
        .await;
        assert_eq!((&*longest, total.get()), ("three", 11));
    });
}

/// Goal: one scope for both worlds. Method: a `Send` scope inside a spawned task, over what that task
/// owns; and one whose children are not `Send`.
#[test]
fn a_scope_is_send_when_its_children_are() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    rondel::run(async {
        let task = rondel::spawn(is_send(async {
            let numbers = [1, 2, 3].map(Box::new);
            let sum = scope(async |s| {
                let halves = numbers.split_at(1);
                let left = s.spawn(async move { halves.0.iter().map(|n| **n).sum::<i32>() });
                let right = s.spawn(async move { halves.1.iter().map(|n| **n).sum::<i32>() });
                yield_now().await;
                left.await + right.await
            });
            is_send(sum).await + numbers.len() as i32
        }));
        assert_eq!(task.await.unwrap(), 9);

        let shared = std::rc::Rc::new(5);
        let five = scope_local(|s| {
            let shared = &shared;
            async move { s.spawn(async move { **shared }).await }
        });
        assert_eq!(five.await, 5);
    });
}

#[test]
fn what_children_borrow_is_free_again_after_the_scope() {
    rondel::run(async {
        let mut list = vec![1];
        for number in 2..5 {
            let last = scope(async |s| s.spawn(async { *list.last().unwrap() }).await).await;
            list.push(last * number);
        }
        assert_eq!(list, [1, 2, 6, 24]);
    });
}

#[test]
fn a_scope_with_nothing_in_it_is_its_body() {
    rondel::run(async {
        assert_eq!(scope(async |_| 7).await, 7);
        assert_eq!(scope(|_| ready(8)).await, 8);
        assert_eq!(try_scope(async |_| Err::<(), _>("no")).await, Err("no"));
        assert_eq!(try_scope_local(async |_| Ok::<_, ()>(9)).await, Ok(9));
    });
}

// ---- order and time -----------------------------------------------------------------------------

/// Goal: children run beside each other and the body, and the scope is over with the last of them.
#[test]
fn a_scope_ends_when_body_and_children_have_ended() {
    let diary = Diary::default();
    paused().block_on(async {
        let start = Instant::now();
        let value = scope(async |s| {
            for (name, time) in [("slow", 30), ("fast", 10)] {
                let diary = &diary;
                s.spawn(async move {
                    sleep(ms(time)).await;
                    diary.note(name);
                });
            }
            sleep(ms(20)).await;
            diary.note("body");
            "value"
        });
        assert_eq!(value.await, "value");
        assert_eq!(start.elapsed(), ms(30));
    });
    assert_eq!(diary.pages(), ["fast", "body", "slow"]);
}

#[test]
fn children_are_polled_in_the_order_of_their_spawn_after_the_body_waits() {
    let diary = Diary::default();
    rondel::run(async {
        scope(async |s| {
            for name in ["a", "b", "c"] {
                let diary = &diary;
                s.spawn(async move {
                    diary.note(name);
                    yield_now().await;
                    diary.note(name);
                });
            }
            diary.note("body waits");
            yield_now().await;
            diary.note("body ends");
        })
        .await;
    });
    assert_eq!(diary.pages(), ["body waits", "body ends", "a", "b", "c", "a", "b", "c"]);
}

/// Goal: a child may start others, through a handle that it owns, when the body is long over.
#[test]
fn children_spawn_children() {
    fn tree<'env>(s: Scope<'env>, levels: u32, leaves: &'env AtomicUsize) {
        let next = s.clone();
        s.spawn(async move {
            yield_now().await;
            if levels == 0 {
                leaves.fetch_add(1, SeqCst);
            } else {
                tree(next.clone(), levels - 1, leaves);
                tree(next, levels - 1, leaves);
            }
        });
    }
    rondel::run(async {
        let leaves = AtomicUsize::new(0);
        scope(async |s| tree(s, 8, &leaves)).await;
        assert_eq!(leaves.into_inner(), 256);
    });
}

#[test]
fn handles_give_outputs_in_any_order_and_may_leave_the_scope() {
    paused().block_on(async {
        let (late, early) = scope(async |s| {
            let slow = s.spawn(async {
                sleep(ms(20)).await;
                "slow"
            });
            let fast = s.spawn(async { "fast" });
            assert!(!slow.is_finished());
            assert!(!s.spawn(async { "its handle is dropped" }).is_finished());
            (slow, fast.await)
        })
        .await;
        assert!(late.is_finished());
        assert_eq!((late.await, early), ("slow", "fast"));
    });
}

#[test]
fn a_handle_may_be_awaited_by_a_sibling() {
    rondel::run(async {
        let sum = scope(async |s| {
            let first = s.spawn(async {
                yield_now().await;
                40
            });
            let second = s.spawn(async { first.await + 2 });
            second.await
        });
        assert_eq!(sum.await, 42);
    });
}

/// Goal: what the children do counts as done by the parent: a deadline around the scope is theirs.
#[test]
fn children_stand_below_the_deadline_of_their_parent() {
    paused().block_on(async {
        let diary = Diary::default();
        let cut = move_on_after(ms(10), async |deadline| {
            scope(async |s| {
                s.spawn(async {
                    assert_eq!(current_deadline(), deadline.when());
                    forever_with::<_, ()>(diary.at_drop("the child is dropped")).await
                });
                sleep(HOUR).await;
            })
            .await
        });
        assert_eq!(cut.await, None);
        assert_eq!(diary.pages(), ["the child is dropped"]);
    });
}

// ---- only the woken, and only so much -----------------------------------------------------------

/// Goal: a wake polls the child that was woken and no other. Method: a thousand children that count
/// their polls; one is woken ten times.
#[test]
fn a_wake_polls_one_child_among_a_thousand() {
    let polls = AtomicUsize::new(0);
    let wakers: RefCell<Vec<Waker>> = RefCell::default();
    let mut idle = pin!(scope_local(async |s| {
        for _ in 0..1_000 {
            s.spawn(poll_fn(|cx| {
                polls.fetch_add(1, SeqCst);
                wakers.borrow_mut().push(cx.waker().clone());
                Poll::<()>::Pending
            }));
        }
    }));
    let wakes = Arc::<Wakes>::default();
    for _ in 0..2 {
        assert!(poll_once(idle.as_mut(), &wakes).is_pending());
    }
    assert_eq!(polls.load(SeqCst), 1_000, "each once: the body in the first round, they after it");
    let before = wakes.0.load(SeqCst);
    for round in 1..=10 {
        let waker = wakers.borrow_mut().pop().unwrap();
        waker.wake_by_ref();
        waker.wake(); // twice is once
        assert_eq!(wakes.0.load(SeqCst), before + round);
        assert!(poll_once(idle.as_mut(), &wakes).is_pending());
        assert_eq!(polls.load(SeqCst), 1_000 + round);
    }
    assert!(poll_once(idle.as_mut(), &wakes).is_pending());
    assert_eq!(polls.load(SeqCst), 1_010, "nobody woken, nobody polled");
}

/// Goal: children that wake themselves for ever do not keep the thread. Method: count what they do in
/// one poll of the scope.
#[test]
fn a_child_that_wakes_itself_is_polled_once_a_round() {
    let polls = Cell::new(0);
    let mut busy = pin!(scope_local(async |s| {
        for _ in 0..3 {
            s.spawn(async {
                loop {
                    polls.set(polls.get() + 1);
                    yield_now().await;
                }
            });
        }
    }));
    let wakes = Arc::<Wakes>::default();
    for round in 0..5 {
        assert!(poll_once(busy.as_mut(), &wakes).is_pending());
        assert_eq!(polls.get(), 3 * round);
    }
    assert_eq!(wakes.0.load(SeqCst), 5, "once for each round: it wants the next");
}

/// Goal: one that spawns for ever leaves room for others, too.
#[cfg(not(on_workers = "order"))]
#[test]
fn an_endless_chain_of_spawns_gives_way() {
    fn chain<'env>(s: Scope<'env>, length: &'env AtomicUsize) {
        let next = s.clone();
        s.spawn(async move {
            length.fetch_add(1, SeqCst);
            chain(next, length);
        });
    }
    rondel::run(async {
        let length = AtomicUsize::new(0);
        let other = rondel::spawn(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
        rondel::select! {
            () = scope(async |s| chain(s, &length)) => unreachable!("it has no end"),
            ended = other => ended.unwrap(),
        }
        assert!(length.load(SeqCst) <= 20, "one link a round: {length:?}");
    });
}

/// Goal: the task's budget is respected, without polling everybody in vain, and without starving
/// those who come last. Method: 300 children that find all they want ready and take a step of the
/// budget each time; count polls and steps of each.
#[test]
fn children_share_the_budget_of_the_task_in_turn() {
    rondel::run(async {
        let steps = vec![Cell::new(0); 300];
        let other = rondel::spawn(async {});
        scope_local(async |s| {
            for mine in &steps {
                s.spawn(async {
                    for _ in 0..10 {
                        coop::consume_budget().await;
                        mine.set(mine.get() + 1);
                        yield_now().await;
                    }
                });
            }
            while !other.is_finished() {
                yield_now().await;
            }
            let (least, most) = (steps.iter().min().unwrap(), steps.iter().max().unwrap());
            assert!(most.get() - least.get() <= 1, "{least:?} to {most:?}");
        })
        .await;
        assert!(steps.iter().all(|steps| steps.get() == 10));
    });
}

/// Goal: the price of many children is not quadratic when the budget runs out. Method: 3,000 children
/// whose locks are free, each polled as often as it had to be.
#[test]
fn a_spent_budget_polls_nobody_in_vain() {
    rondel::run(async {
        let polls = Cell::new(0_usize);
        let lock = Mutex::new(());
        scope_local(async |s| {
            for _ in 0..3_000 {
                let mut wait = Box::pin(async { drop(lock.lock().await) });
                let polls = &polls;
                s.spawn(poll_fn(move |cx| {
                    polls.set(polls.get() + 1);
                    wait.as_mut().poll(cx)
                }));
            }
        })
        .await;
        assert_eq!(polls.get(), 3_000);
    });
}

// ---- other threads ------------------------------------------------------------------------------

#[test]
fn children_are_woken_and_handed_in_from_other_threads() {
    rondel::run(async {
        for _ in 0..50 {
            let (send, mut receive) = mpsc::unbounded_channel();
            let count = AtomicUsize::new(0);
            scope(async |s| {
                let (tell, told) = oneshot::channel();
                s.spawn(async { told.await.unwrap() });
                let (here, count) = (s.clone(), &count);
                thread::scope(|threads| {
                    threads.spawn(move || tell.send(()).unwrap());
                    threads.spawn(move || {
                        for number in 0..20 {
                            let send = send.clone();
                            here.spawn(async move {
                                count.fetch_add(1, SeqCst);
                                send.send(number).unwrap();
                            });
                        }
                    });
                });
                let mut sum = 0;
                while let Some(number) = receive.recv().await {
                    sum += number;
                }
                assert_eq!(sum, 190);
            })
            .await;
            assert_eq!(count.into_inner(), 20);
        }
    });
}

/// Goal: a waiting scope is woken by a child that another thread hands in. Method: the scope waits
/// for nothing else.
#[test]
fn a_child_that_is_handed_in_from_outside_wakes_the_scope() {
    rondel::run(async {
        let (open, opened) = oneshot::channel::<oneshot::Sender<()>>();
        let (give, given) = std::sync::mpsc::channel::<Scope<'static>>();
        let thread = thread::spawn(move || {
            let s = given.recv().unwrap();
            let tell = opened.blocking_recv().unwrap();
            s.spawn(async move { tell.send(()).unwrap() });
        });
        scope(move |s| async move {
            let (tell, told) = oneshot::channel();
            give.send(s).unwrap();
            open.send(tell).unwrap();
            told.await.unwrap();
        })
        .await;
        thread.join().unwrap();
    });
}

// ---- ends ---------------------------------------------------------------------------------------

#[test]
fn a_panic_of_a_child_goes_on_when_all_others_are_dropped() {
    let diary = Diary::default();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        rondel::run(async {
            scope(async |s| {
                let first = s.spawn(forever_with::<_, ()>(diary.at_drop("first")));
                s.spawn(async { panic!("boom") });
                s.spawn(forever_with::<_, ()>(diary.at_drop("second")));
                let _body = diary.at_drop("body");
                first.await;
            })
            .await;
            diary.note("unreachable");
        });
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"boom"));
    let mut pages = diary.pages();
    pages.sort();
    assert_eq!(pages, ["body", "first", "second"]);
}

#[test]
fn the_first_of_several_panics_goes_on() {
    let caught = catch_unwind(|| {
        rondel::run(async {
            scope(async |s| {
                s.spawn(forever_with::<_, ()>(Bomb("in a drop")));
                yield_now().await;
                panic!("in the body")
            })
            .await
        })
    });
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"in the body"));

    let diary = Diary::default();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        rondel::run(scope(async |s| {
            struct Ends(Bomb);
            impl Future for Ends {
                type Output = ();
                fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
                    let _ = &self.0;
                    Poll::Ready(())
                }
            }
            s.spawn(forever_with::<_, ()>(diary.at_drop("sibling")));
            s.spawn(Ends(Bomb("after its end")));
        }))
    }));
    assert_eq!(*caught.unwrap_err().downcast::<String>().unwrap(), "after its end");
    assert_eq!(diary.pages(), ["sibling"]);
}

/// Goal: two drops that panic are two panics, and not the end of the process.
/// Method: the scope is ended by a child, and dropped from outside.
#[test]
fn drops_that_panic_one_after_the_other_do_not_abort_the_process() {
    let diary = Diary::default();
    let three = async |s: rondel::task::Scope<'_>| {
        s.spawn(forever_with::<_, ()>(Bomb("first")));
        s.spawn(forever_with::<_, ()>(diary.at_drop("between")));
        s.spawn(forever_with::<_, ()>(Bomb("second")));
        yield_now().await;
        if diary.pages().is_empty() { panic!("in the body") } else { pending::<()>().await }
    };
    let caught = catch_unwind(AssertUnwindSafe(|| rondel::run(scope(three))));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"in the body"));
    assert_eq!(diary.pages(), ["between"]);

    let caught = catch_unwind(AssertUnwindSafe(|| {
        let mut dropped = Box::pin(scope(three));
        let _ = poll_once(dropped.as_mut(), &Arc::default());
        let _ = poll_once(dropped.as_mut(), &Arc::default());
    }));
    assert_eq!(*caught.unwrap_err().downcast::<String>().unwrap(), "first");
    assert_eq!(diary.pages(), ["between", "between"]);
}

#[test]
fn the_first_error_drops_all_others_before_it_is_returned() {
    let diary = Diary::default();
    paused().block_on(async {
        let outcome: Result<(), _> = try_scope(async |s| {
            s.spawn(forever_with::<_, Result<(), _>>(diary.at_drop("a sibling")));
            for (name, time) in [("late", 20), ("early", 10)] {
                s.spawn(async move {
                    sleep(ms(time)).await;
                    Err::<(), _>(name)
                });
            }
            let fine = s.spawn(async { Ok(1) });
            assert_eq!(fine.await, 1);
            forever_with(diary.at_drop("the body")).await
        })
        .await;
        diary.note(format!("returned {outcome:?}"));
    });
    let mut pages = diary.pages();
    assert_eq!(pages.pop().unwrap(), "returned Err(\"early\")");
    pages.sort();
    assert_eq!(pages, ["a sibling", "the body"]);
}

#[test]
fn an_error_of_the_body_ends_the_scope_and_a_good_end_waits_for_the_children() {
    paused().block_on(async {
        let start = Instant::now();
        let failed = try_scope_local(async |s| {
            s.spawn(async {
                sleep(HOUR).await;
                Ok(())
            });
            Err::<(), _>("the body's")
        });
        assert_eq!(failed.await, Err("the body's"));
        assert_eq!(start.elapsed(), ms(0));
        let fine = try_scope(async |s| {
            s.spawn(async {
                sleep(ms(10)).await;
                Ok::<_, ()>(())
            });
            Ok(3)
        });
        assert_eq!(fine.await, Ok(3));
        assert_eq!(start.elapsed(), ms(10));
    });
}

/// Goal: dropping a scope drops all that is in it, those that were not polled yet among them, and
/// what comes later. Method: a handle that outlives the scope.
#[test]
fn a_dropped_scope_drops_its_children_and_refuses_more() {
    let diary = Diary::default();
    rondel::run(async {
        let kept: Cell<Option<Scope<'static>>> = Cell::new(None);
        let (first, second) = (diary.at_drop("polled"), diary.at_drop("not polled"));
        {
            let slot = &kept;
            let mut waiting = pin!(scope_local(async |s| {
                let _inner = s.spawn(forever_with::<_, ()>(first));
                let (hand_out, mut handed) = mpsc::unbounded_channel();
                let other = scope(move |s| async move {
                    hand_out.send(s.clone()).unwrap();
                    s.spawn(forever_with::<_, ()>(second));
                    pending::<()>().await
                });
                let mut other = pin!(other);
                let _ = poll_fn(|cx| Poll::Ready(other.as_mut().poll(cx).is_pending())).await;
                slot.set(handed.recv().await);
                other.await
            }));
            for _ in 0..3 {
                assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
            }
        }
        let mut pages = diary.pages();
        pages.sort();
        assert_eq!(pages, ["not polled", "polled"]);
        let refused = kept.take().unwrap().spawn(forever_with::<_, ()>(diary.at_drop("refused")));
        assert_eq!(diary.pages().last().unwrap(), "refused");
        assert!(!refused.is_finished());
    });
}

#[test]
#[should_panic(expected = "the scope of this child was dropped before the child had ended")]
fn awaiting_a_child_of_a_scope_that_was_dropped_panics() {
    rondel::run(async {
        let (send, sent) = oneshot::channel();
        {
            let mut dropped = pin!(scope(move |s| async move {
                let _ = send.send(s.spawn(pending::<()>()));
                pending::<()>().await
            }));
            let _ = poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx).is_pending())).await;
        }
        sent.await.unwrap().await;
    });
}

/// Goal: a deadlock among the children names each of them, and calls nobody forgotten.
#[test]
fn a_roll_call_asks_all_children() {
    let deadlock = paused()
        .try_block_on(async {
            let task = rondel::spawn(async {
                let lock = Mutex::new(());
                let _held = lock.lock().await;
                scope(async |s| {
                    s.spawn(async { drop(lock.lock().await) });
                    s.spawn(async { oneshot::channel::<()>().0.closed().await });
                    let stuck = s.spawn(pending::<()>());
                    stuck.await;
                })
                .await;
            });
            task.await.unwrap();
        })
        .unwrap_err();
    let mut waits = deadlock.tasks().next().unwrap().1.to_vec();
    waits.sort();
    assert_eq!(waits, ["Mutex::lock", "ScopedJoinHandle", "oneshot::Sender::closed"]);
    assert_eq!(deadlock.forgotten().count(), 0, "{deadlock}");
}
