//! The cooperative budget: whoever finds everything ready has to stand in line again.

use rondel::callbacks::Promise;
use rondel::combine::gather;
use rondel::io::{AsyncReadExt, AsyncWriteExt, duplex};
use rondel::sync::{
    Barrier, CapacityLimiter, Event, Mutex, Notify, Queue, RwLock, Semaphore, broadcast, mpsc,
    oneshot, watch,
};
use rondel::task::coop::{self, consume_budget, has_budget_remaining, poll_proceed, unconstrained};
use rondel::task::{self, JoinSet, yield_now};
use rondel::time::{DelayQueue, Duration, MissedTickBehavior, interval, sleep, timeout};
use rondel::{Handle, Runtime};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::net;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

/// Steps in one poll of a task.
const SHARE: usize = 128;

/// How many steps `step` takes before another task, which was spawned with it, gets its turn.
///
/// `step` must always be ready.
async fn steps_before_others_run(mut step: impl AsyncFnMut() + 'static) -> usize {
    let others = Rc::new(Cell::new(false));
    let seen = others.clone();
    let stepping = task::spawn_local(async move {
        let mut steps = 0;
        while !seen.get() && steps < 100 * SHARE {
            step().await;
            steps += 1;
        }
        steps
    });
    task::spawn_local(async move { others.set(true) });
    stepping.await.unwrap()
}

/// Takes steps until none are left in this poll, and counts them.
async fn spend() -> usize {
    let mut steps = 0;
    while has_budget_remaining() {
        consume_budget().await;
        steps += 1;
    }
    steps
}

macro_rules! lets_others_run {
    ($($name:ident: $make:expr;)*) => {$(
        #[cfg(not(on_workers = "order"))]
        #[test]
        fn $name() {
            rondel::run(async {
                let step = $make;
                let steps = steps_before_others_run(step).await;
                // The last one is that which had to wait: it ends after the others ran.
                assert_eq!(steps, SHARE + 1);
            });
        }
    )*};
}

lets_others_run! {
    a_receiver_that_is_never_empty: {
        let (tx, mut rx) = mpsc::unbounded_channel();
        (0..10 * SHARE).for_each(|item| tx.send(item).unwrap());
        async move || {
            let _open = &tx;
            rx.recv().await.unwrap();
        }
    };
    a_sender_that_is_never_full: {
        let (tx, rx) = mpsc::channel(10 * SHARE);
        async move || {
            let _open = &rx;
            tx.send(()).await.unwrap();
        }
    };
    a_lock_that_is_always_free: {
        let lock = Mutex::new(());
        async move || drop(lock.lock().await)
    };
    a_semaphore_that_has_always_a_permit: {
        let seats = Semaphore::new(3);
        async move || drop(seats.acquire().await.unwrap())
    };
    a_notification_that_is_always_there: {
        let changed = Notify::new();
        async move || {
            changed.notify_one();
            changed.notified().await;
        }
    };
    a_value_that_is_always_sent: {
        async || {
            let (tx, rx) = oneshot::channel();
            tx.send(()).unwrap();
            rx.await.unwrap();
        }
    };
    a_timer_that_is_always_due: async || sleep(Duration::ZERO).await;
    an_interval_that_is_always_late: {
        sleep(Duration::from_millis(1)).await;
        let mut ticks = interval(Duration::from_nanos(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        sleep(Duration::from_millis(10)).await;
        async move || {
            ticks.tick().await;
        }
    };
    a_queue_of_things_that_are_due: {
        let mut queue = DelayQueue::new();
        (0..10 * SHARE).for_each(|item| _ = queue.insert(item, Duration::ZERO));
        async move || _ = poll_fn(|cx| queue.poll_expired(cx)).await.unwrap()
    };
    handles_of_tasks_that_have_ended: {
        let mut handles: Vec<_> = (0..10 * SHARE).map(|_| rondel::spawn(async {})).collect();
        while !handles.iter().all(|handle| handle.is_finished()) {
            yield_now().await;
        }
        async move || handles.pop().unwrap().await.unwrap()
    };
    a_set_of_tasks_that_have_ended: {
        let mut set: JoinSet<()> = (0..10 * SHARE).map(|_| async {}).collect();
        for _ in 0..100 {
            yield_now().await;
        }
        async move || set.join_next().await.unwrap().unwrap()
    };
    a_lock_that_is_always_free_for_readers: {
        let lock = RwLock::new(());
        async move || drop(lock.read().await)
    };
    a_lock_that_is_always_free_for_its_owner: {
        let lock = Arc::new(Mutex::new(()));
        async move || drop(lock.clone().lock_owned().await)
    };
    a_place_that_is_always_there: {
        let (tx, rx) = mpsc::channel::<()>(1);
        async move || {
            let _open = &rx;
            drop(tx.reserve().await.unwrap());
        }
    };
    items_that_always_come_together: {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let mut items = Vec::new();
        async move || {
            (0..3).for_each(|item| tx.send(item).unwrap());
            assert_eq!(rx.recv_many(&mut items, 9).await, 3);
        }
    };
    news_that_always_come: {
        let (tx, mut rx) = broadcast::channel(1);
        async move || {
            tx.send(()).unwrap();
            rx.recv().await.unwrap();
        }
    };
    a_value_that_always_changes: {
        let (tx, mut rx) = watch::channel(0);
        async move || {
            tx.send_modify(|value| *value += 1);
            rx.changed().await.unwrap();
        }
    };
    an_event_that_is_set: {
        let event = Event::new();
        event.set();
        async move || event.wait().await
    };
    a_queue_that_is_never_empty: {
        let queue = Queue::new(0);
        async move || {
            queue.put_nowait(()).unwrap();
            queue.get().await.unwrap();
        }
    };
    a_barrier_of_one: {
        let barrier = Barrier::new(1);
        async move || _ = barrier.wait().await
    };
    a_limiter_that_has_always_a_token: {
        let limiter = CapacityLimiter::new(1);
        async move || drop(limiter.acquire().await.unwrap())
    };
    a_promise_that_was_kept: {
        let promise = Promise::new();
        promise.set_result(()).unwrap();
        async move || promise.clone().await.unwrap()
    };
    a_pipe_that_is_never_full: {
        let (mut near, far) = duplex(10 * SHARE);
        async move || {
            let _open = &far;
            near.write_u8(0).await.unwrap();
        }
    };
    a_socket_that_is_never_empty: {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(&[0; 10 * SHARE]).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut socket = rondel::net::TcpStream::from_std(socket).unwrap();
        async move || {
            let _open = &client;
            socket.read_u8().await.unwrap();
        }
    };
    a_limit_of_time_around_what_is_ready: {
        let changed = Notify::new();
        async move || {
            changed.notify_one();
            timeout(Duration::from_secs(1), changed.notified()).await.unwrap();
        }
    };
    a_stranger_that_is_always_ready: async || coop::cooperative(std::future::ready(())).await;
    a_computation_that_takes_steps: async || consume_budget().await;
}

/// Goal: a gather whose children spend the budget polls no child in vain. Method: 10,000 children
/// that are each ready after one step; count the polls of children and of the whole.
#[test]
fn a_gather_of_ten_thousand_steps_is_linear() {
    const CHILDREN: usize = 10_000;
    rondel::run(async {
        let polls = Rc::new(Cell::new(0));
        let children = (0..CHILDREN).map(|number| {
            let polls = polls.clone();
            let mut step = Box::pin(async move {
                consume_budget().await;
                number
            });
            poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                step.as_mut().poll(cx)
            })
        });
        let mut whole = gather(children);
        let mut rounds = 0;
        let outputs = poll_fn(|cx| {
            rounds += 1;
            std::pin::Pin::new(&mut whole).poll(cx)
        });
        assert!(outputs.await.into_iter().eq(0..CHILDREN));
        assert_eq!(polls.get(), CHILDREN, "no child was polled twice");
        assert_eq!(rounds, CHILDREN.div_ceil(SHARE));
    });
}

#[test]
fn every_poll_begins_with_a_full_share() {
    rondel::run(async {
        assert_eq!(spend().await, SHARE, "of the root future");
        yield_now().await;
        assert_eq!(spend().await, SHARE, "and of its next poll");
        for _ in 0..3 {
            assert_eq!(rondel::spawn(spend()).await.unwrap(), SHARE, "of a task");
        }
    });
}

#[test]
fn children_of_one_task_share_its_budget() {
    rondel::run(async {
        yield_now().await;
        let (first, second) = rondel::join!(
            async {
                for _ in 0..100 {
                    consume_budget().await;
                }
                has_budget_remaining()
            },
            spend()
        );
        assert_eq!((first, second), (true, SHARE - 100));
    });
}

/// Goal: a wait that has to wait costs nothing. Method: poll an empty channel a thousand times.
#[test]
fn whoever_gets_nothing_pays_nothing() {
    rondel::run(async {
        let (_tx, mut rx) = mpsc::channel::<()>(1);
        yield_now().await;
        poll_fn(|cx| {
            for _ in 0..1_000 {
                assert!(rx.poll_recv(cx).is_pending());
                assert!(poll_proceed(cx).is_ready()); // and given back at once
            }
            Poll::Ready(())
        })
        .await;
        assert_eq!(spend().await, SHARE);
    });
}

#[cfg(not(on_workers = "order"))]
#[test]
fn an_unconstrained_future_goes_on_as_long_as_it_likes() {
    rondel::run(async {
        let other = rondel::spawn(async {});
        unconstrained(async {
            for _ in 0..10 * SHARE {
                consume_budget().await;
                assert!(has_budget_remaining());
            }
        })
        .await;
        assert!(!other.is_finished());
    });
}

#[test]
fn an_unconstrained_future_leaves_the_budget_around_it_alone() {
    rondel::run(async {
        yield_now().await;
        for _ in 0..28 {
            consume_budget().await;
        }
        unconstrained(async {
            for _ in 0..1_000 {
                consume_budget().await;
            }
            unconstrained(async {
                for _ in 0..1_000 {
                    consume_budget().await;
                }
            })
            .await;
            consume_budget().await; // the inner one has not brought the limit back
            assert!(has_budget_remaining());
        })
        .await;
        assert_eq!(spend().await, SHARE - 28);
    });
}

/// Goal: a step has to do with its own poll alone. Method: carry one out of a loop, where there is
/// no budget that it could be given back to; and one into a loop.
#[test]
fn a_step_carried_out_of_its_loop_leaves_no_budget_behind() {
    let runtime = Runtime::new().unwrap();
    let step = runtime.block_on(async {
        consume_budget().await;
        poll_fn(poll_proceed).await
    });
    drop(step);
    rondel::block_on(async {
        for _ in 0..10 * SHARE {
            consume_budget().await; // would wait for ever
        }
    });
    let free = rondel::block_on(poll_fn(poll_proceed));
    let spent = runtime.block_on(async {
        drop(free);
        spend().await
    });
    assert_eq!(spent, SHARE);
}

/// Goal: a budget that is spent wakes the task, once. Method: a future that gives up each poll at
/// the end of its share; it must be polled again, without anybody else.
#[test]
fn a_task_that_spent_its_budget_is_polled_again() {
    rondel::run(async {
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            let mut steps = 0;
            loop {
                match poll_proceed(cx) {
                    Poll::Ready(step) => step.made_progress(),
                    Poll::Pending => break,
                }
                steps += 1;
            }
            assert_eq!(steps, SHARE);
            if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    });
}

#[test]
fn on_another_executor_there_is_no_budget() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    (0..1_000).for_each(|item| tx.send(item).unwrap());
    let mut polls = 0;
    let mut all = Box::pin(async {
        for _ in 0..1_000 {
            rx.recv().await.unwrap();
            consume_budget().await;
        }
        has_budget_remaining()
    });
    let counted = poll_fn(|cx| {
        polls += 1;
        all.as_mut().poll(cx)
    });
    assert!(rondel::block_on(counted));
    assert_eq!(polls, 1);
}

#[test]
fn threads_of_the_pool_and_those_that_wait_for_a_loop_have_no_budget() {
    rondel::run(async {
        let handle = Handle::current();
        let on_the_pool = move || {
            handle.block_on(async {
                for _ in 0..1_000 {
                    consume_budget().await;
                }
                has_budget_remaining()
            })
        };
        assert!(rondel::spawn_blocking(on_the_pool).await.unwrap());
    });
}

#[test]
fn after_a_loop_there_is_no_budget_again() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(spend()); // leaves nothing
    assert!(has_budget_remaining());
    assert_eq!(runtime.block_on(spend()), SHARE);
}

/// Goal: programs that have these from where tokio had them first go on compiling. Method: use them.
#[test]
fn the_former_names_are_there() {
    rondel::run(async {
        task::consume_budget().await;
        let free: task::Unconstrained<_> = task::unconstrained(async { 3 });
        assert_eq!(free.await, 3);
    });
}
