//! `oneshot`: one value, once, and both ends learn what the other did.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use rondel::sync::oneshot::{self, error::TryRecvError};

use super::executor::{Probe, block_on};

/// Goal: show that the value arrives, whoever comes first.
/// Method: send before the first poll; then send to a receiver that waits.
#[test]
fn the_value_arrives_whoever_comes_first() {
    let (tx, rx) = oneshot::channel();
    tx.send(1).unwrap();
    assert_eq!(block_on(rx), Ok(1));

    let (tx, rx) = oneshot::channel();
    let mut waiting = Probe::waiting(rx);
    tx.send(2).unwrap();
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.ready(), Ok(2));
}

/// Goal: show that a receiver does not wait for ever when its sender is gone.
/// Method: drop the sender while the receiver waits.
#[test]
fn a_dropped_sender_is_an_error_for_the_receiver() {
    let (tx, rx) = oneshot::channel::<()>();
    let mut waiting = Probe::waiting(rx);
    drop(tx);
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.ready().unwrap_err().to_string(), "channel closed");
}

/// Goal: show that a value nobody wants comes back to the sender.
/// Method: drop or close the receiver, then send.
#[test]
fn a_value_nobody_wants_comes_back() {
    let (tx, rx) = oneshot::channel();
    drop(rx);
    assert!(tx.is_closed());
    assert_eq!(tx.send(1), Err(1));

    let (tx, mut rx) = oneshot::channel();
    rx.close();
    assert_eq!(tx.send(2), Err(2));
    assert!(block_on(rx).is_err());
}

/// Goal: show that a sender can wait for the receiver's end.
/// Method: `closed` waits; drop the receiver.
#[test]
fn the_sender_learns_that_the_receiver_is_gone() {
    let (mut tx, rx) = oneshot::channel::<()>();
    let mut closed = Probe::waiting(tx.closed());
    drop(rx);
    assert_eq!(closed.wakes(), 1);
    closed.ready();
}

/// Goal: show that closing keeps a value that was sent before.
/// Method: send, close, receive.
#[test]
fn a_value_sent_before_the_closing_can_be_received() {
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    rx.close();
    assert!(!rx.is_empty());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert!(rx.is_terminated());
}

/// Goal: show what `try_recv` says in each state.
/// Method: before the send, after it, after the value was taken, without a sender.
#[test]
fn try_recv_tells_empty_from_closed() {
    let (tx, mut rx) = oneshot::channel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));

    let (tx, mut rx) = oneshot::channel::<()>();
    drop(tx);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

/// Goal: show that a value which was sent and never received is dropped once, with the receiver.
/// Method: count the owners of an `Arc`.
#[test]
fn a_value_never_received_is_dropped_with_the_receiver() {
    let value = Arc::new(());
    let (tx, rx) = oneshot::channel();
    tx.send(value.clone()).unwrap();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(rx);
    assert_eq!(Arc::strong_count(&value), 1);
}

/// Goal: show that no waker outlives the channel's end.
/// Method: both ends wait once, then go.
#[test]
fn no_waker_is_kept_after_the_end() {
    let (mut tx, rx) = oneshot::channel::<()>();
    let mut receiving = Probe::waiting(rx);
    let mut closed = Probe::waiting(tx.closed());
    assert!(closed.poll().is_pending());
    assert!(receiving.poll().is_pending());
    assert_eq!((receiving.wakers_kept(), closed.wakers_kept()), (1, 1));
    drop(closed);
    tx.send(()).unwrap();
    assert_eq!(receiving.wakers_kept(), 0);
}

/// Goal: show what a receiver tells of itself in each state.
/// Method: before the send, after it, after a wait that ended well, after one that did not.
#[test]
fn a_receiver_knows_what_it_has_and_whether_it_is_done() {
    let (tx, mut rx) = oneshot::channel();
    assert!(rx.is_empty() && !rx.is_terminated());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert!(!rx.is_terminated(), "empty is not the end");
    tx.send(1).unwrap();
    assert!(!rx.is_empty() && !rx.is_terminated());
    assert_eq!(block_on(&mut rx), Ok(1));
    assert!(rx.is_empty() && rx.is_terminated());

    let (tx, mut rx) = oneshot::channel::<()>();
    drop(tx);
    assert!(rx.is_empty() && !rx.is_terminated());
    assert!(block_on(&mut rx).is_err());
    assert!(rx.is_terminated());
    rx.close(); // once more does no harm
}

#[test]
#[should_panic(expected = "a oneshot receiver was polled again after it was ready")]
fn a_receiver_that_was_ready_must_not_be_polled_again() {
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    assert_eq!(block_on(&mut rx), Ok(1));
    let _ = Probe::new(&mut rx).poll();
}

/// Goal: show that both ends, polled by hand, wake the task that polled last.
/// Method: poll each with two wakers.
#[test]
fn the_last_task_that_polled_is_woken() {
    let noop = &mut Context::from_waker(Waker::noop());
    let (mut tx, mut rx) = oneshot::channel::<i32>();
    assert!(tx.poll_closed(noop).is_pending() && Pin::new(&mut rx).poll(noop).is_pending());
    let receiving = Probe::waiting(&mut rx);
    let mut closed = Probe::waiting(poll_fn(|cx| tx.poll_closed(cx)));
    assert_eq!(receiving.wakers_kept(), 1);
    drop(receiving);
    rx.close();
    assert_eq!(closed.wakes(), 1);
    closed.ready();
    drop(closed);
    assert_eq!(tx.send(1), Err(1));

    let (tx, mut rx) = oneshot::channel();
    assert!(Pin::new(&mut rx).poll(noop).is_pending());
    let mut receiving = Probe::waiting(&mut rx);
    tx.send(1).unwrap();
    assert_eq!((receiving.wakes(), receiving.ready()), (1, Ok(1)));
}

/// Goal: show that a wait which is cancelled loses nothing, at either end, before and after its
/// wake.
/// Method: drop waits by reference, then go on with the end itself.
#[test]
fn a_cancelled_wait_loses_nothing() {
    let (mut tx, mut rx) = oneshot::channel();
    drop(Probe::waiting(tx.closed()));
    drop(Probe::waiting(&mut rx));
    let woken = Probe::waiting(&mut rx);
    tx.send(1).unwrap();
    assert_eq!(woken.wakes(), 1);
    drop(woken);
    assert_eq!(rx.try_recv(), Ok(1));
}

/// Goal: show that a waker may use the channel when it is woken.
/// Method: a waker that takes the value.
#[test]
fn a_waker_may_use_the_channel() {
    struct Taker(Mutex<Option<oneshot::Receiver<i32>>>);
    impl Wake for Taker {
        fn wake(self: Arc<Self>) {
            let mut rx = self.0.lock().unwrap().take().unwrap();
            assert_eq!(rx.try_recv(), Ok(1));
        }
    }
    let (tx, rx) = oneshot::channel();
    let taker = Arc::new(Taker(Mutex::new(Some(rx))));
    let waker = Waker::from(taker.clone());
    if let Some(rx) = &mut *taker.0.lock().unwrap() {
        assert!(Pin::new(rx).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    tx.send(1).unwrap();
    assert!(taker.0.lock().unwrap().is_none());
}

/// A waker whose wake panics.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("woken");
    }
}

/// Goal: show that a panic in a waker neither loses the value nor keeps a waker.
/// Method: both ends wait, with wakers that panic; send, and in a second channel drop the receiver.
/// Count the owners of the wakers and of the value.
#[test]
fn a_waker_that_panics_leaves_the_channel_in_order() {
    for send in [true, false] {
        let (ours, theirs) = (Arc::new(Panics), Arc::new(Panics));
        let value = Arc::new(());
        let (mut tx, mut rx) = oneshot::channel();
        {
            let (sender, receiver) = (Waker::from(ours.clone()), Waker::from(theirs.clone()));
            assert!(tx.poll_closed(&mut Context::from_waker(&sender)).is_pending());
            let poll = Pin::new(&mut rx).poll(&mut Context::from_waker(&receiver));
            assert!(poll.is_pending());
        }
        if send {
            let sent = value.clone();
            assert!(catch_unwind(AssertUnwindSafe(|| tx.send(sent))).is_err());
            assert!(rx.try_recv().is_ok(), "it was in the channel before the wake");
        } else {
            assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
            assert!(tx.is_closed());
            assert!(tx.send(value.clone()).is_err());
        }
        let owners = [Arc::strong_count(&ours), Arc::strong_count(&theirs)];
        assert_eq!((owners, Arc::strong_count(&value)), ([1, 1], 1), "sent: {send}");
    }
}

/// Goal: show that a value whose drop panics is dropped once.
/// Method: send it, and drop the receiver; a second one comes back and is dropped by its owner.
#[test]
fn a_value_whose_drop_panics_is_dropped_once() {
    struct Bomb(Arc<AtomicUsize>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
            panic!("dropped");
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = oneshot::channel();
    assert!(tx.send(Bomb(drops.clone())).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    assert_eq!((drops.load(SeqCst), Arc::strong_count(&drops)), (1, 1));

    let (tx, rx) = oneshot::channel();
    drop(rx);
    let back = tx.send(Bomb(drops.clone())).unwrap_err();
    assert_eq!(drops.load(SeqCst), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(back))).is_err());
    assert_eq!(drops.load(SeqCst), 2);
}

/// Goal: show that each waker which is replaced is let go of at once, at both ends.
/// Method: poll by three tasks in turn, and by the last one twice; count the owners of each waker.
#[test]
fn a_waker_that_is_replaced_is_dropped() {
    let (mut tx, mut rx) = oneshot::channel::<()>();
    let bells: [_; 3] = std::array::from_fn(|_| Arc::new(Panics));
    for nth in [0, 1, 2, 2] {
        let waker = Waker::from(bells[nth].clone());
        let mut cx = Context::from_waker(&waker);
        assert!(tx.poll_closed(&mut cx).is_pending());
        assert!(Pin::new(&mut rx).poll(&mut cx).is_pending());
        drop(waker);
        let owners: Vec<_> = bells.iter().map(Arc::strong_count).collect();
        let expected: Vec<_> = (0..3).map(|bell| if bell == nth { 3 } else { 1 }).collect();
        assert_eq!(owners, expected);
    }
    let gone = catch_unwind(AssertUnwindSafe(|| drop(tx)));
    assert!(gone.is_err(), "the receiver is woken by its last waker, which panics");
    drop(rx);
    assert!(bells.iter().all(|bell| Arc::strong_count(bell) == 1));
}

#[test]
fn errors_say_what_happened() {
    fn text(error: impl std::error::Error) -> String {
        error.to_string()
    }
    assert_eq!(text(TryRecvError::Empty), "channel empty");
    assert_eq!(text(TryRecvError::Closed), "channel closed");
}

/// Goal: show that ends on two threads meet in every order: no value is lost or doubled, no waker
/// is kept.
/// Method: 2,000 channels; one thread sends, drops or waits, the other polls by changing wakers,
/// closes or drops; count the owners of values and wakers at the end.
#[test]
fn ends_meet_on_two_threads_in_every_order() {
    struct Quiet;
    impl Wake for Quiet {
        fn wake(self: Arc<Self>) {}
    }
    let (value, bell) = (Arc::new(()), Arc::new(Quiet));
    let (to, from) = std::sync::mpsc::channel::<(oneshot::Sender<Arc<()>>, Arc<()>, Waker, u32)>();
    let sending = thread::spawn(move || {
        let mut sent = 0;
        for (mut tx, value, waker, round) in from {
            if round % 3 == 0 {
                let _ = tx.poll_closed(&mut Context::from_waker(&waker));
            }
            if round % 5 != 0 && tx.send(value).is_ok() {
                sent += 1;
            }
        }
        sent
    });
    let (mut received, mut unseen) = (0, 0);
    for round in 0..2_000 {
        let (tx, mut rx) = oneshot::channel();
        to.send((tx, value.clone(), Waker::from(bell.clone()), round)).unwrap();
        for _ in 0..round % 4 {
            let waker = Waker::from(Arc::new(Quiet));
            if !rx.is_terminated() {
                let polled = Pin::new(&mut rx).poll(&mut Context::from_waker(&waker));
                received += u32::from(matches!(polled, Poll::Ready(Ok(_))));
            }
        }
        match round % 7 {
            0 => {
                rx.close();
                received += u32::from(rx.try_recv().is_ok());
            }
            1 => received += u32::from(block_on(async { !rx.is_terminated() && rx.await.is_ok() })),
            _ => unseen += u32::from(!rx.is_terminated()),
        }
    }
    drop(to);
    let sent = sending.join().unwrap();
    assert!((received..=received + unseen).contains(&sent), "{received} of {sent}");
    assert_eq!((Arc::strong_count(&value), Arc::strong_count(&bell)), (1, 1));
}

/// Goal: show that values cross threads, many times over.
/// Method: 1,000 channels, one thread sends, the other parks in `blocking_recv`.
#[test]
fn values_cross_threads() {
    for round in 0..1_000 {
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(round).unwrap());
        assert_eq!(rx.blocking_recv(), Ok(round));
        sender.join().unwrap();
    }
}
