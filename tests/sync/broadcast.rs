//! `broadcast`: everybody hears everything, or how much was missed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use rondel::sync::broadcast::error::{RecvError, SendError, TryRecvError};
use rondel::sync::broadcast::{self, Receiver, Sender, WeakSender, channel};

use super::executor::{Probe, block_on};

// --- who gets what -------------------------------------------------------------------------------

/// Goal: show that every receiver gets every value, in order, and then the end.
/// Method: two receivers, three values, no sender any more.
#[test]
fn every_receiver_gets_every_value_and_then_the_end() {
    let (tx, rx) = channel(4);
    let receivers = [rx, tx.subscribe()];
    for value in 1..=3 {
        assert_eq!(tx.send(value).unwrap(), 2);
    }
    drop(tx);
    for mut rx in receivers {
        assert_eq!([rx.len(), usize::from(rx.is_empty())], [3, 0]);
        for value in 1..=3 {
            assert_eq!(block_on(rx.recv()), Ok(value));
        }
        assert!(rx.is_empty());
        assert_eq!(block_on(rx.recv()), Err(RecvError::Closed));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Closed), "the end stays the end");
    }
}

/// Goal: show that a receiver hears what is sent from its beginning on, not before.
/// Method: subscribe between two values, and from a receiver that has still one before it.
#[test]
fn a_new_receiver_begins_at_the_end() {
    let (tx, mut rx) = channel(4);
    tx.send(1).unwrap();
    let mut late = [tx.subscribe(), rx.resubscribe()];
    assert!(late.iter().all(|rx| rx.is_empty()));
    tx.send(2).unwrap();
    assert_eq!([rx.try_recv(), rx.try_recv()], [Ok(1), Ok(2)]);
    assert_eq!(late.each_mut().map(Receiver::try_recv), [Ok(2), Ok(2)]);
    drop(tx);
    assert_eq!(late[0].resubscribe().try_recv(), Err(TryRecvError::Closed));
}

/// Goal: show that a value nobody hears comes back, and that the channel opens again.
/// Method: send without a receiver, from the beginning and after the last one went.
#[test]
fn a_value_without_a_receiver_comes_back() {
    let tx = Sender::new(1);
    assert_eq!(tx.send(1).unwrap_err().0, 1);
    let mut rx = tx.subscribe();
    assert_eq!(tx.send(2).unwrap(), 1);
    assert_eq!(rx.try_recv(), Ok(2));
    drop(rx);
    assert_eq!(tx.receiver_count(), 0);
    assert_eq!(tx.send(3).unwrap_err().0, 3);
    assert!(tx.is_empty());
}

/// Goal: show who is woken: those who wait, in the order in which they came, once.
/// Method: three receivers, two wait; a waker that notes its name.
#[test]
fn those_who_wait_are_woken_in_their_order() {
    struct Note(&'static str, Arc<Mutex<Vec<&'static str>>>);
    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }
    let diary = Arc::<Mutex<Vec<_>>>::default();
    let waker = |name| Waker::from(Arc::new(Note(name, diary.clone())));
    let (tx, mut first) = channel(4);
    let (mut second, mut third) = (tx.subscribe(), tx.subscribe());
    let mut waits = [Box::pin(second.recv()), Box::pin(first.recv())];
    for (wait, name) in waits.iter_mut().zip(["second", "first"]) {
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker(name))).is_pending());
    }
    assert_eq!(tx.send(1).unwrap(), 3);
    assert_eq!(tx.send(2).unwrap(), 3);
    assert_eq!(*diary.lock().unwrap(), ["second", "first"]);
    for wait in &mut waits {
        let polled = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready(Ok(1)));
    }
    assert_eq!(third.try_recv(), Ok(1));
}

/// Goal: show that a receiver which moves to another task is woken there.
/// Method: poll one future with two wakers.
#[test]
fn the_last_task_that_polled_is_woken() {
    let (tx, mut rx) = channel(1);
    let mut wait = Box::pin(rx.recv());
    assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let mut moved = Probe::waiting(wait);
    tx.send(1).unwrap();
    assert_eq!((moved.wakes(), moved.ready()), (1, Ok(1)));
}

// --- lagging -------------------------------------------------------------------------------------

/// Goal: show what a slow receiver learns: how many it has lost, then the oldest that is kept.
/// Method: five values through a channel of two, with both ways to receive.
#[test]
fn a_slow_receiver_learns_what_it_has_lost() {
    let (tx, mut rx) = channel(2);
    let mut other = rx.resubscribe();
    for value in 1..=5 {
        tx.send(value).unwrap();
    }
    assert_eq!((rx.len(), tx.len()), (5, 2));
    assert_eq!(block_on(rx.recv()), Err(RecvError::Lagged(3)));
    assert_eq!(rx.len(), 2, "from here on it counts what it can still get");
    assert_eq!(block_on(rx.recv()), Ok(4));
    assert_eq!(other.try_recv(), Err(TryRecvError::Lagged(3)));
    assert_eq!([other.try_recv(), other.try_recv()], [Ok(4), Ok(5)]);
    assert_eq!(other.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(rx.try_recv(), Ok(5), "the other one's lag is its own");
}

/// Goal: show that a receiver can lag again before it has looked at what it was to go on with, and
/// that each report counts from the last.
/// Method: lag by one, let three more come, then keep up.
#[test]
fn each_lag_counts_from_the_one_before() {
    let (tx, mut rx) = channel(2);
    (1..=3).for_each(|value| assert!(tx.send(value).is_ok()));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
    (4..=6).for_each(|value| assert!(tx.send(value).is_ok()));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(3)));
    assert_eq!([rx.try_recv(), rx.try_recv()], [Ok(5), Ok(6)]);
    tx.send(7).unwrap();
    assert_eq!(rx.try_recv(), Ok(7));
}

/// Goal: show that the capacity is rounded up to a power of two, and that lag goes by that.
/// Method: for each capacity, as many values as fit, then one more.
#[test]
fn the_capacity_is_a_power_of_two() {
    for (capacity, kept) in [(1, 1), (2, 2), (3, 4), (5, 8), (8, 8), (9, 16)] {
        let (tx, mut rx) = channel(capacity);
        let mut late = rx.resubscribe();
        (0..kept).for_each(|value| assert!(tx.send(value).is_ok()));
        assert_eq!(rx.try_recv(), Ok(0), "{capacity} keeps {kept}");
        tx.send(kept).unwrap();
        assert_eq!(late.try_recv(), Err(TryRecvError::Lagged(1)));
        assert_eq!(late.try_recv(), Ok(1));
    }
}

/// Goal: show that values which are kept outlive the senders, lagged or not.
/// Method: the sender goes after three values through a channel of two.
#[test]
fn the_end_comes_after_the_lag_and_the_values() {
    let (tx, mut rx) = channel(2);
    (1..=3).for_each(|value| assert!(tx.send(value).is_ok()));
    drop(tx);
    assert!(rx.is_closed());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!([rx.try_recv(), rx.try_recv()], [Ok(2), Ok(3)]);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

/// Goal: show all of it at once against the simplest model: how many values were ever sent, and how
/// many of them each receiver has had before it.
/// Method: random steps; each value is its number, with a count of those that are alive.
#[test]
fn random_steps_agree_with_a_count_of_all_values() {
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    for round in 0..300 {
        let capacity = 1 + random(9);
        let room = capacity.next_power_of_two();
        let tx = Sender::new(capacity);
        let alive = Arc::new(());
        let mut sent = 0;
        let mut receivers: Vec<(Receiver<_>, usize)> = vec![];
        for _ in 0..100 {
            let one = random(receivers.len().max(1));
            match random(10) {
                0 => receivers.push((tx.subscribe(), sent)),
                1 if !receivers.is_empty() => drop(receivers.swap_remove(one)),
                2..=5 => match tx.send((sent, alive.clone())) {
                    Ok(count) => {
                        assert_eq!(count, receivers.len());
                        sent += 1;
                    }
                    Err(SendError(value)) => assert!(receivers.is_empty() && value.0 == sent),
                },
                _ if !receivers.is_empty() => {
                    let (rx, next) = &mut receivers[one];
                    let oldest = sent.saturating_sub(room).max(*next);
                    let missed = oldest - *next;
                    let expected = match () {
                        () if missed > 0 => Err(TryRecvError::Lagged(missed as u64)),
                        () if *next == sent => Err(TryRecvError::Empty),
                        () => Ok(*next),
                    };
                    *next = oldest + usize::from(expected.is_ok());
                    assert_eq!(rx.try_recv().map(|value| value.0), expected, "round {round}");
                }
                _ => {}
            }
            assert!(receivers.iter().all(|(rx, next)| rx.len() == sent - next));
            let unseen = receivers.iter().map(|(_, next)| sent - next).max().unwrap_or(0);
            let kept = unseen.min(room);
            assert_eq!((tx.len(), tx.is_empty()), (kept, kept == 0), "round {round}");
            assert_eq!(Arc::strong_count(&alive) - 1, kept, "round {round}");
        }
    }
}

// --- how long values live ------------------------------------------------------------------------

/// Goal: show when a value is dropped: when the last receiver has seen it, when it is overwritten,
/// when nobody is left to see it; not earlier and not later.
/// Method: count the owners of an `Arc`.
#[test]
fn a_value_lives_until_nobody_needs_it() {
    let value = Arc::new(());
    let kept = || Arc::strong_count(&value) - 1;
    let (tx, mut rx) = channel(2);
    let mut other = tx.subscribe();
    tx.send(value.clone()).unwrap();
    drop(rx.try_recv());
    assert_eq!(kept(), 1, "the other one has still to see it");
    drop(other.try_recv());
    assert_eq!(kept(), 0, "the last one has seen it");

    (0..5).for_each(|_| assert!(tx.send(value.clone()).is_ok()));
    assert_eq!(kept(), 2, "three were overwritten");
    drop(tx);
    assert_eq!(kept(), 2, "what was sent can still be received");
    drop(rx);
    assert_eq!(kept(), 2, "the other one has lagged, and has still claims on these two");
    assert_eq!(other.try_recv(), Err(TryRecvError::Lagged(3)));
    drop(other.try_recv());
    assert_eq!(kept(), 1);
    drop(other);
    assert_eq!(kept(), 0, "nobody is left");
}

/// Goal: show that a receiver which goes in the middle of a lag releases what it held.
/// Method: it lags and goes, before and after it has learnt so; the other one has seen everything.
#[test]
fn a_receiver_dropped_in_a_lag_releases_what_it_held() {
    for looks in 0..3 {
        let value = Arc::new(());
        let (tx, mut slow) = channel(4);
        let mut fast = tx.subscribe();
        for _ in 0..6 {
            tx.send(value.clone()).unwrap();
            drop(fast.try_recv());
        }
        (0..looks).for_each(|_| drop(slow.try_recv()));
        let seen = usize::from(looks == 2);
        assert_eq!(Arc::strong_count(&value), 1 + 4 - seen);
        drop(slow);
        assert_eq!((Arc::strong_count(&value), tx.len()), (1, 0));
    }
}

// --- ends ----------------------------------------------------------------------------------------

/// Goal: show that the last sender's end wakes all receivers, and only the last one's.
/// Method: two senders, two waiting receivers.
#[test]
fn the_last_sender_wakes_all_receivers() {
    let (tx, mut rx) = channel::<()>(1);
    let (tx2, mut rx2) = (tx.clone(), tx.subscribe());
    let mut waits = [Probe::waiting(rx.recv()), Probe::waiting(rx2.recv())];
    drop(tx);
    assert_eq!(waits.each_ref().map(Probe::wakes), [0, 0]);
    drop(tx2);
    assert_eq!(waits.each_ref().map(Probe::wakes), [1, 1]);
    assert!(waits.iter_mut().all(|wait| wait.ready() == Err(RecvError::Closed)));
}

/// Goal: show that a weak sender keeps nothing open, and comes back only while senders live.
/// Method: count, upgrade, drop, upgrade.
#[test]
fn a_weak_sender_does_not_keep_the_channel_open() {
    let (tx, mut rx) = channel(1);
    let weak = tx.downgrade();
    let counts = |weak: &WeakSender<i32>| (weak.strong_count(), weak.weak_count());
    assert_eq!(counts(&weak), (1, 1));
    let (weak2, tx2) = (weak.clone(), weak.upgrade().unwrap());
    assert_eq!(counts(&weak), (2, 2));
    assert_eq!((tx.strong_count(), tx.weak_count()), (2, 2));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (2, 2));
    assert!(tx2.same_channel(&tx) && !tx2.same_channel(&Sender::new(1)));
    drop((tx, weak2));
    assert!(!rx.is_closed());
    tx2.send(1).unwrap();
    drop(tx2);
    assert!(rx.is_closed() && weak.upgrade().is_none());
    assert_eq!([rx.try_recv(), rx.try_recv()], [Ok(1), Err(TryRecvError::Closed)]);
    assert_eq!(counts(&weak), (0, 1));
}

/// Goal: show that `closed` waits for the last receiver, and goes by who is there when it looks.
/// Method: drop receivers one by one; subscribe again between the wake and the look.
#[test]
fn a_sender_can_wait_until_nobody_listens() {
    let (tx, rx) = channel::<()>(1);
    let rx2 = tx.subscribe();
    assert!(rx.same_channel(&rx2) && !rx.same_channel(&channel(1).1));
    let mut closed = Probe::waiting(tx.closed());
    drop(rx);
    assert_eq!(closed.wakes(), 0);
    drop(rx2);
    assert_eq!(closed.wakes(), 1);
    let rx3 = tx.subscribe();
    assert!(closed.poll().is_pending(), "somebody listens again");
    drop(rx3);
    assert_eq!(closed.wakes(), 2);
    closed.ready();
    drop(closed);
    block_on(tx.closed());
    block_on(Sender::<()>::new(1).closed()); // it never had one
}

// --- cancelling ----------------------------------------------------------------------------------

/// Goal: show that a cancelled `recv` loses nothing, before and after its wake, and leaves no waker.
/// Method: drop the future at both moments.
#[test]
fn a_cancelled_recv_loses_nothing() {
    let (tx, mut rx) = channel(2);
    drop(Probe::waiting(rx.recv()));
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    let woken = Probe::waiting(rx.recv());
    tx.send(2).unwrap();
    assert_eq!((woken.wakes(), woken.wakers_kept()), (1, 0));
    drop(woken);
    assert_eq!(rx.try_recv(), Ok(2));
    drop(Probe::waiting(tx.closed()));
}

// --- other people's code -------------------------------------------------------------------------

/// Goal: show that `clone` may use the channel: it runs under no lock, not even the value's.
/// Method: a value whose clone sends, counts, subscribes, and receives with another receiver.
#[test]
fn a_clone_may_use_the_channel() {
    type Ends = (Sender<Nosy>, Mutex<Receiver<Nosy>>);
    static CHANNEL: OnceLock<Ends> = OnceLock::new();
    #[derive(Debug)]
    struct Nosy(u32);
    impl Clone for Nosy {
        fn clone(&self) -> Self {
            if self.0 == 1 {
                let (tx, other) = CHANNEL.get().unwrap();
                assert_eq!(tx.receiver_count(), 2);
                // Room for one: this overwrites the value that is being cloned.
                assert_eq!(tx.send(Nosy(2)).unwrap(), 2);
                assert!(tx.subscribe().is_empty());
                let mut other = other.lock().unwrap();
                assert_eq!(other.try_recv().unwrap_err(), TryRecvError::Lagged(1));
                assert_eq!(other.try_recv().unwrap().0, 2);
            }
            Self(self.0)
        }
    }
    let (tx, mut rx) = channel(1);
    let other = Mutex::new(tx.subscribe());
    CHANNEL.get_or_init(|| (tx.clone(), other));
    tx.send(Nosy(1)).unwrap();
    assert_eq!(rx.try_recv().unwrap().0, 1);
    assert_eq!(rx.try_recv().unwrap().0, 2);
    assert!(tx.is_empty());
}

/// Goal: show that a clone that panics costs its receiver that one value, and nobody else anything.
/// Method: the first of two clones panics; both receivers go on.
#[test]
fn a_clone_that_panics_costs_one_value() {
    #[derive(Debug)]
    struct Moody(Arc<Mutex<bool>>);
    impl Clone for Moody {
        fn clone(&self) -> Self {
            let mood = std::mem::take(&mut *self.0.lock().unwrap());
            assert!(!mood, "not now");
            Self(self.0.clone())
        }
    }
    let mood = Arc::new(Mutex::new(true));
    let (tx, mut rx) = channel(2);
    let mut other = tx.subscribe();
    tx.send(Moody(mood.clone())).unwrap();
    tx.send(Moody(mood.clone())).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| rx.try_recv())).is_err());
    assert_eq!((rx.len(), other.len(), tx.len()), (1, 2, 2), "it counts as seen");
    assert!(other.try_recv().is_ok() && rx.try_recv().is_ok() && other.try_recv().is_ok());
    assert_eq!(Arc::strong_count(&mood), 1);
}

/// Goal: show that a value's drop may use the channel, wherever it is dropped.
/// Method: overwrite it, receive it last, drop its receiver; each drop sends to the channel.
#[test]
fn a_drop_may_use_the_channel() {
    #[derive(Clone)]
    struct Echo(Sender<Option<Echo>>);
    impl Drop for Echo {
        fn drop(&mut self) {
            self.0.len();
            let _ = self.0.send(None);
        }
    }
    let (tx, mut rx) = channel(1);
    let echo = || Some(Echo(tx.clone()));
    assert!(tx.send(echo()).is_ok());
    assert!(tx.send(None).is_ok()); // overwrites the echo, whose drop overwrites this one
    assert!(matches!(rx.try_recv(), Err(TryRecvError::Lagged(2))));
    assert!(matches!(rx.try_recv(), Ok(None)));
    assert!(tx.send(echo()).is_ok());
    drop(rx.try_recv()); // the original and the copy: two echoes
    assert!(matches!(rx.try_recv(), Err(TryRecvError::Lagged(1))));
    assert!(tx.send(echo()).is_ok());
    drop(rx);
    assert!(tx.is_empty());
}

/// Goal: show that a waker may use the channel when it is woken and when it is dropped.
/// Method: a waker that sends at both; it is replaced, then woken.
#[test]
fn a_waker_may_use_the_channel() {
    struct Eager(Sender<()>);
    impl Wake for Eager {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }
    impl Drop for Eager {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (tx, mut rx) = channel(16);
    let mut wait = Box::pin(rx.recv());
    let eager = Waker::from(Arc::new(Eager(tx.clone())));
    assert!(wait.as_mut().poll(&mut Context::from_waker(&eager)).is_pending());
    drop(eager);
    // The old waker is dropped here, and its drop sends: so there is a value, and a wake.
    let mut probe = Probe::new(wait.as_mut());
    assert!(probe.poll().is_pending() && probe.wakes() == 1);
    assert_eq!(probe.ready(), Ok(()));
    drop(probe);
    drop(wait);

    let mut wait = Box::pin(rx.recv());
    let eager = Waker::from(Arc::new(Eager(tx.clone())));
    assert!(wait.as_mut().poll(&mut Context::from_waker(&eager)).is_pending());
    drop(eager);
    tx.send(()).unwrap();
    drop(wait);
    assert_eq!(rx.len(), 3, "one by us, one by the wake, one by its drop");
}

/// Goal: show that a drop that panics loses neither the value that was sent nor the wakes.
/// Method: overwrite a value whose drop panics while a receiver waits for the next.
#[test]
fn a_drop_that_panics_loses_no_wake() {
    #[derive(Clone, Debug)]
    struct Bomb(bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0, "boom");
        }
    }
    let (tx, slow) = channel(1);
    tx.send(Bomb(true)).unwrap();
    let mut rx = tx.subscribe();
    let mut wait = Probe::waiting(rx.recv());
    assert!(catch_unwind(AssertUnwindSafe(|| tx.send(Bomb(false)))).is_err());
    assert_eq!(wait.wakes(), 1);
    assert!(wait.ready().is_ok());
    drop(slow);

    let (tx, rx) = channel(1);
    tx.send(Bomb(true)).unwrap();
    let mut closed = Probe::waiting(tx.closed());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    assert_eq!(closed.wakes(), 1);
    closed.ready();
}

// --- threads -------------------------------------------------------------------------------------

/// Goal: show what happens while one receiver is cloning: others wait for that value, and for
/// nothing else.
/// Method: a clone that lasts until it is told to end; meanwhile use everything.
#[test]
fn while_a_value_is_cloned_only_its_receivers_wait() {
    type Signals = (mpsc::Sender<()>, mpsc::Receiver<()>);
    struct Slow(u32, Arc<Mutex<Option<Signals>>>);
    impl Clone for Slow {
        fn clone(&self) -> Self {
            let signals = self.1.lock().unwrap().take(); // the first clone only
            if let Some((begun, end)) = signals {
                begun.send(()).unwrap();
                end.recv().unwrap();
            }
            Self(self.0, self.1.clone())
        }
    }
    let (begun, has_begun) = mpsc::channel();
    let (end, ending) = mpsc::channel();
    let signals = Arc::new(Mutex::new(Some((begun, ending))));
    let (tx, mut cloning) = channel(4);
    let (mut waiting, mut trying) = (tx.subscribe(), tx.subscribe());
    tx.send(Slow(1, signals.clone())).ok().unwrap();
    let cloner = thread::spawn(move || block_on(cloning.recv()).ok().unwrap().0);
    has_begun.recv().unwrap();

    let mut wait = Probe::waiting(waiting.recv());
    assert_eq!(tx.len(), 1);
    let mut late = tx.subscribe();
    tx.send(Slow(2, signals)).ok().unwrap();
    assert_eq!(late.try_recv().ok().unwrap().0, 2, "it is another value's turn");
    assert!(wait.poll().is_pending(), "the first value is still out");
    let woken = wait.wakes();
    let (started, has_started) = mpsc::channel();
    let trier = thread::spawn(move || {
        started.send(()).unwrap();
        trying.try_recv().ok().unwrap().0
    });
    has_started.recv().unwrap();
    end.send(()).unwrap();
    assert_eq!((cloner.join().unwrap(), trier.join().unwrap()), (1, 1));
    assert!(wait.wakes() > woken);
    assert_eq!(wait.ready().ok().unwrap().0, 1);
}

/// Goal: show that values which are not `Sync` cross threads and are never cloned by two at once,
/// that nothing is lost or doubled under contention, and that lags count exactly.
/// Method: two threads send, four receive in different ways through a small channel; each adds up
/// what it got and what it missed.
#[test]
fn threads_lose_nothing_but_what_they_are_told() {
    const EACH: u64 = 3_000;
    #[derive(Debug)]
    struct Value {
        sender: usize,
        number: u64,
        busy: Cell<bool>, // makes it `!Sync`, and would see another one cloning
    }
    impl Clone for Value {
        fn clone(&self) -> Self {
            assert!(!self.busy.replace(true), "cloned by two at once");
            if self.number.is_multiple_of(64) {
                thread::yield_now();
            }
            self.busy.set(false);
            Self { sender: self.sender, number: self.number, busy: Cell::new(false) }
        }
    }
    let (tx, first) = channel::<Value>(8);
    let receivers: Vec<_> = std::iter::once(first)
        .chain((0..3).map(|_| tx.subscribe()))
        .enumerate()
        .map(|(way, mut rx)| {
            thread::spawn(move || {
                let (mut got, mut missed, mut last) = (0, 0, [None; 2]);
                loop {
                    let next = match (way, got % 3) {
                        (0, _) => rx.blocking_recv(),
                        (1, 0) => match rx.try_recv() {
                            Ok(value) => Ok(value),
                            Err(TryRecvError::Lagged(lost)) => Err(RecvError::Lagged(lost)),
                            Err(TryRecvError::Closed) => Err(RecvError::Closed),
                            Err(TryRecvError::Empty) => block_on(rx.recv()),
                        },
                        (2, 0) => {
                            let polled = Probe::new(rx.recv()).poll();
                            match polled {
                                Poll::Ready(next) => next,
                                Poll::Pending => block_on(rx.recv()), // after a cancelled one
                            }
                        }
                        _ => block_on(rx.recv()),
                    };
                    match next {
                        Ok(value) => {
                            let before = last[value.sender].replace(value.number);
                            assert!(before < Some(value.number), "in order, and once");
                            got += 1;
                        }
                        Err(RecvError::Lagged(lost)) => missed += lost,
                        Err(RecvError::Closed) => break got + missed,
                    }
                }
            })
        })
        .collect();
    let senders: Vec<_> = (0..2)
        .map(|sender| {
            let tx = tx.clone();
            thread::spawn(move || {
                for number in 0..EACH {
                    tx.send(Value { sender, number, busy: Cell::new(false) }).unwrap();
                    if number.is_multiple_of(8) {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    drop(tx);
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    for receiver in receivers {
        assert_eq!(receiver.join().unwrap(), 2 * EACH);
    }
}

/// Goal: show that receivers may come and go at any time while values fly.
/// Method: a thread sends; two others subscribe, take a few and leave, some in the middle of a
/// wait; at the end nothing is kept.
#[test]
fn receivers_come_and_go_under_fire() {
    let alive = Arc::new(());
    let tx = Sender::new(4);
    let _first = tx.subscribe();
    let visitors: Vec<_> = (0..2)
        .map(|visitor| {
            let tx = tx.clone();
            thread::spawn(move || {
                for visit in 0..500 {
                    let mut rx = tx.subscribe();
                    for _ in 0..(visit + visitor) % 4 {
                        let _ = rx.try_recv();
                        let _ = Probe::new(rx.recv()).poll();
                    }
                }
            })
        })
        .collect();
    for _ in 0..5_000 {
        tx.send(alive.clone()).unwrap();
    }
    visitors.into_iter().for_each(|visitor| visitor.join().unwrap());
    assert_eq!((tx.receiver_count(), tx.len(), Arc::strong_count(&alive)), (1, 4, 5));
}

// --- the rest ------------------------------------------------------------------------------------

/// Goal: show that values need not be `Send` on one thread.
/// Method: send an `Rc`.
#[test]
fn values_need_not_be_send_on_one_thread() {
    let (tx, mut rx) = channel(1);
    tx.send(Rc::new(1)).unwrap();
    assert_eq!(rx.try_recv().as_deref(), Ok(&1));
}

#[test]
#[should_panic(expected = "broadcast channel capacity cannot be zero")]
fn a_channel_without_room_is_refused() {
    channel::<()>(0);
}

#[test]
#[should_panic(expected = "broadcast channel capacity exceeded `usize::MAX / 2`")]
fn a_channel_with_more_room_than_there_is_is_refused() {
    Sender::<()>::new((usize::MAX >> 1) + 1);
}

/// Goal: show that a big channel costs nothing before it is used.
/// Method: the biggest there is.
#[test]
fn room_is_made_as_it_is_used() {
    let (tx, mut rx) = channel(usize::MAX >> 1);
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn errors_say_what_happened() {
    fn text(error: impl std::error::Error) -> String {
        error.to_string()
    }
    let texts = [
        text(SendError(1)),
        text(RecvError::Closed),
        text(RecvError::Lagged(3)),
        text(TryRecvError::Empty),
        text(TryRecvError::Closed),
        text(TryRecvError::Lagged(3)),
    ];
    let closed = "channel closed";
    let lagged = "channel lagged by 3";
    assert_eq!(texts, [closed, closed, lagged, "channel empty", closed, lagged]);
    let (tx, rx) = broadcast::channel::<()>(1);
    let shown = format!("{tx:?} {:?} {rx:?}", tx.downgrade());
    assert_eq!(shown, "Sender { .. } WeakSender { .. } Receiver { .. }");
}
