//! `Event`: a state, not a signal; nobody misses it, whoever was woken goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use rondel::sync::Event;
use rondel::time::timeout;

use super::executor::{Probe, block_on};

#[test]
fn who_comes_after_the_set_does_not_wait() {
    let event = Event::new();
    assert!(!event.is_set());
    event.set();
    event.set();
    assert!(event.is_set());
    block_on(event.wait());
    block_on(event.wait());
    event.clear();
    event.clear();
    assert!(!event.is_set());
    Probe::waiting(event.wait());
}

/// Goal: show that all go on together, woken in the order in which they came, once each.
/// Method: three waiters that write down who was woken; one set.
#[test]
fn a_set_wakes_all_who_wait_in_their_order() {
    struct Name(usize, Arc<std::sync::Mutex<Vec<usize>>>);
    impl Wake for Name {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }
    let (event, diary) = (Event::new(), Arc::default());
    let mut waiters: Vec<_> = (0..3).map(|_| Box::pin(event.wait())).collect();
    for (name, waiter) in waiters.iter_mut().enumerate() {
        let waker = Waker::from(Arc::new(Name(name, Arc::clone(&diary))));
        assert!(waiter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    event.set();
    event.set();
    assert_eq!(*diary.lock().unwrap(), [0, 1, 2]);
    for waiter in &mut waiters {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waiter.as_mut().poll(&mut cx).is_ready());
    }
}

/// Goal: show that a clear takes back no wake, as in asyncio, but holds for those who come later.
/// Method: two wait; set, clear; one comes; only the two go on. Then the late one's turn.
#[test]
fn who_was_woken_goes_on_although_it_is_clear_again() {
    let event = Event::new();
    let mut early = [Probe::waiting(event.wait()), Probe::waiting(event.wait())];
    event.set();
    event.clear();
    let mut late = Probe::waiting(event.wait());
    for waiter in &mut early {
        assert_eq!(waiter.wakes(), 1);
        waiter.ready();
    }
    assert!(late.poll().is_pending() && late.wakes() == 0);
    event.set();
    event.set();
    event.clear();
    assert_eq!(late.wakes(), 1);
    late.ready();
}

/// A wait begins with its first poll, like a coroutine that has not started.
#[test]
fn a_future_that_was_not_polled_is_not_reached_by_a_set() {
    let event = Event::default();
    let mut early = Probe::new(event.wait());
    event.set();
    event.clear();
    assert!(early.poll().is_pending());
}

/// Goal: show that a cancelled waiter leaves nothing behind, before the set and after it.
/// Method: drop one of three before, one after the set, unpolled; the third goes on.
#[test]
fn a_cancelled_waiter_leaves_no_trace() {
    let event = Event::new();
    let before = Probe::waiting(event.wait());
    let after = Probe::waiting(event.wait());
    let mut stays = Probe::waiting(event.wait());
    drop(before);
    event.set();
    drop(after);
    assert_eq!((stays.wakes(), stays.wakers_kept()), (1, 0));
    stays.ready();
    event.clear();
    Probe::waiting(event.wait()); // nothing was left lying by those who went
}

/// Goal: show that the wakes happen outside the lock, where they may come back.
/// Method: a waker that clears, sets and looks at the event, and waits for it.
#[test]
fn a_waker_may_come_back_to_the_event() {
    struct Back(Arc<Event>, AtomicUsize);
    impl Wake for Back {
        fn wake(self: Arc<Self>) {
            assert!(self.0.is_set());
            self.0.clear();
            drop(Probe::waiting(self.0.wait()));
            self.0.set();
            self.1.fetch_add(1, SeqCst);
        }
    }
    let event = Arc::new(Event::new());
    let back = Arc::new(Back(event.clone(), AtomicUsize::new(0)));
    let mut waiting = Box::pin(event.wait());
    let waker = Waker::from(back.clone());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    event.set();
    assert_eq!(back.1.load(SeqCst), 1);
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

/// Goal: show that a wait with a time limit ends and leaves nothing behind; exact by virtual time.
#[test]
fn a_wait_may_run_out_of_time() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let event = Arc::new(Event::new());
        assert!(timeout(Duration::from_secs(1), event.wait()).await.is_err());
        let setter = event.clone();
        rondel::spawn(async move {
            rondel::time::sleep(Duration::from_millis(999)).await;
            setter.set();
        });
        assert!(timeout(Duration::from_secs(1), event.wait()).await.is_ok());
    });
}

/// A set event is ready at once, but not for ever in one poll: it pays the budget.
#[test]
fn a_loop_that_asks_a_set_event_lets_others_run() {
    rondel::run(async {
        let (event, stop) = (Arc::new(Event::new()), Arc::new(Event::new()));
        event.set();
        let stopper = stop.clone();
        rondel::spawn(async move { stopper.set() });
        while !stop.is_set() {
            event.wait().await;
        }
    });
}

/// Goal: show that between threads no set is missed, and that it publishes what came before it.
/// Method: a ping-pong of 2,000 rounds; each side waits, clears, and sets the other's event.
#[test]
fn threads_miss_no_set() {
    const ROUNDS: usize = 2_000;
    let shared = Arc::new((Event::new(), Event::new(), AtomicUsize::new(0)));
    let other = {
        let shared = shared.clone();
        thread::spawn(move || {
            for round in 0..ROUNDS {
                assert!(matches!(
                    Probe::new(shared.0.wait()).poll(),
                    Poll::Ready(()) | Poll::Pending
                ));
                block_on(shared.0.wait());
                shared.0.clear();
                assert_eq!(shared.2.load(SeqCst), round + 1);
                shared.1.set();
            }
        })
    };
    for round in 0..ROUNDS {
        shared.2.store(round + 1, SeqCst);
        shared.0.set();
        block_on(shared.1.wait());
        shared.1.clear();
    }
    other.join().unwrap();
}

#[test]
fn an_event_shows_whether_it_is_set() {
    static EVENT: Event = Event::const_new();
    assert_eq!(format!("{EVENT:?}"), "Event { is_set: false, .. }");
    EVENT.set();
    assert_eq!(format!("{EVENT:?}"), "Event { is_set: true, .. }");
}

/// Goal: show that a waker that panics keeps nobody else asleep.
/// Method: three wait, the first with such a waker; the panic comes out of `set`.
#[test]
fn a_waker_that_panics_keeps_nobody_asleep() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a broken executor");
        }
    }
    let event = Event::new();
    let mut broken = Box::pin(event.wait());
    let waker = Waker::from(Arc::new(Panics));
    assert!(broken.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let others = [Probe::waiting(event.wait()), Probe::waiting(event.wait())];
    assert!(catch_unwind(AssertUnwindSafe(|| event.set())).is_err());
    assert!(event.is_set() && others.iter().all(|other| other.wakes() == 1));
}
