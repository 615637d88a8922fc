//! `mpsc`: in order, bounded to the item, ended exactly once.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::thread;

use rondel::sync::mpsc::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
use rondel::sync::mpsc::{self, channel, unbounded_channel};

use super::executor::{Probe, block_on};

/// Goal: show that items come out in the order in which they went in, and that the end is seen.
/// Method: send a few, drop the sender, receive until `None`.
#[test]
fn items_come_out_in_order_and_then_the_end() {
    let (tx, mut rx) = channel(10);
    (0..5).for_each(|item| tx.try_send(item).unwrap());
    drop(tx);
    for item in 0..5 {
        assert_eq!(block_on(rx.recv()), Some(item));
    }
    assert_eq!(block_on(rx.recv()), None);
    assert_eq!(block_on(rx.recv()), None, "the end stays the end");
}

/// Goal: show that the bound is exact although the receiver takes items in blocks.
/// Method: fill a channel of 3, receive one, count how many places there are now.
#[test]
fn one_received_item_frees_one_place() {
    let (tx, mut rx) = channel(3);
    (0..3).for_each(|item| tx.try_send(item).unwrap());
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!((tx.capacity(), tx.max_capacity(), rx.len()), (1, 3, 2));
    tx.try_send(3).unwrap();
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
    assert_eq!(rx.len(), 3);
}

/// Goal: show back-pressure: senders wait in a fair queue and each received item lets one pass.
/// Method: a full channel of 1 and two waiting senders.
#[test]
fn waiting_senders_pass_in_the_order_in_which_they_came() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let mut first = Probe::waiting(tx.send(1));
    let mut second = Probe::waiting(tx.send(2));
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)), "the place is the first one's");
    first.ready().unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(second.wakes(), 1);
    second.ready().unwrap();
    assert_eq!(rx.try_recv(), Ok(2));
}

/// Goal: show that a sender which gives up after it was given a place hands the place on.
/// Method: two waiting senders; the first is dropped between its wake and its poll.
#[test]
fn a_cancelled_send_hands_its_place_on() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let first = Probe::waiting(tx.send(1));
    let mut second = Probe::waiting(tx.send(2));
    assert_eq!(rx.try_recv(), Ok(0));
    drop(first);
    assert_eq!(second.wakes(), 1);
    second.ready().unwrap();
    assert_eq!(rx.try_recv(), Ok(2));
}

/// Goal: show that a cancelled `recv` loses nothing.
/// Method: a receiver waits, an item comes, the future is dropped unpolled.
#[test]
fn a_cancelled_recv_loses_nothing() {
    let (tx, mut rx) = channel(1);
    let waiting = Probe::waiting(rx.recv());
    tx.try_send(7).unwrap();
    assert_eq!(waiting.wakes(), 1);
    drop(waiting);
    assert_eq!(rx.try_recv(), Ok(7));
}

/// Goal: show that the last sender's end wakes the receiver, and only the last one's.
/// Method: two senders, dropped one by one.
#[test]
fn the_last_sender_wakes_the_receiver() {
    let (tx, mut rx) = channel::<()>(1);
    let other = tx.clone();
    assert_eq!((tx.strong_count(), tx.weak_count()), (2, 0));
    let mut waiting = Probe::waiting(rx.recv());
    drop(tx);
    assert_eq!(waiting.wakes(), 0);
    drop(other);
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.ready(), None);
}

/// Goal: show that a dropped receiver wakes senders with their items, and drops what it had.
/// Method: a full channel, a waiting sender, a waiting `closed`.
#[test]
fn a_dropped_receiver_gives_senders_their_items_back() {
    let item = Arc::new(());
    let (tx, mut rx) = channel(2);
    tx.try_send(item.clone()).unwrap();
    tx.try_send(item.clone()).unwrap();
    assert!(rx.try_recv().is_ok()); // one of the block is at hand now, one is gone
    tx.try_send(item.clone()).unwrap();
    let mut sending = Probe::waiting(tx.send(item.clone()));
    let mut closed = Probe::waiting(tx.closed());
    drop(rx);
    assert_eq!((sending.wakes(), closed.wakes()), (1, 1));
    assert!(matches!(sending.ready(), Err(SendError(_))));
    closed.ready();
    assert!(tx.is_closed());
    drop((sending, closed));
    assert_eq!(Arc::strong_count(&item), 1);
    assert!(matches!(tx.try_send(item), Err(TrySendError::Closed(_))));
}

/// Goal: show that a closed channel first gives what is in it, then what permits still bring, then
/// ends.
/// Method: one item and one reserved place at the closing.
#[test]
fn a_closed_channel_ends_after_its_items_and_permits() {
    let (tx, mut rx) = channel(3);
    tx.try_send(1).unwrap();
    let permit = tx.try_reserve().unwrap();
    rx.close();
    assert!(rx.is_closed() && tx.is_closed());
    assert_eq!(tx.try_send(9), Err(TrySendError::Closed(9)));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "a permit is still out");
    let mut waiting = Probe::waiting(rx.recv());
    permit.send(2);
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.ready(), Some(2));
    drop(waiting);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

/// Goal: show that a closed channel ends also when its last permit is dropped unused.
/// Method: the receiver waits for a permit, a permit iterator, and a send that was given a place.
#[test]
fn a_closed_channel_ends_when_its_last_permit_is_dropped() {
    let (tx, mut rx) = channel::<i32>(1);
    let permit = tx.try_reserve().unwrap();
    rx.close();
    let mut waiting = Probe::waiting(rx.recv());
    drop(permit);
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.ready(), None);

    let (tx, mut rx) = channel::<i32>(2);
    let mut permits = tx.try_reserve_many(2).unwrap();
    let one = permits.next().unwrap();
    assert_eq!(permits.len(), 1);
    rx.close();
    let mut waiting = Probe::waiting(rx.recv());
    drop(permits);
    assert!(waiting.poll().is_pending());
    drop(one);
    assert_eq!(waiting.ready(), None);

    let (tx, mut rx) = channel(1);
    tx.try_send(1).unwrap();
    let sending = Probe::waiting(tx.send(2));
    assert_eq!(rx.try_recv(), Ok(1)); // the place is the waiting sender's now
    rx.close();
    let mut waiting = Probe::waiting(rx.recv());
    drop(sending);
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.ready(), None);
}

/// Goal: show that a sender which was given a place, but is overtaken by the closing before it could
/// use it, gets its item back, and that the channel ends.
/// Method: a waiting send is served, then the channel is closed or its receiver dropped.
#[test]
fn a_send_overtaken_by_the_closing_gets_its_item_back() {
    let (tx, mut rx) = channel(1);
    tx.try_send(1).unwrap();
    let mut sending = Probe::waiting(tx.send(2));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(sending.wakes(), 1);
    rx.close();
    let mut receiving = Probe::waiting(rx.recv());
    assert_eq!(sending.ready(), Err(SendError(2)));
    assert_eq!((receiving.wakes(), receiving.ready()), (1, None));

    let (tx, mut rx) = channel(1);
    tx.try_send(1).unwrap();
    let mut sending = Probe::waiting(tx.send(2));
    assert_eq!(rx.try_recv(), Ok(1));
    drop(rx);
    assert_eq!(sending.ready(), Err(SendError(2)));
}

/// Goal: show that reserved places hold their room, one by one or many at once.
/// Method: reserve, count the capacity, send and drop permits.
#[test]
fn reserved_places_hold_their_room() {
    let (tx, mut rx) = channel(3);
    let mut permits = block_on(tx.reserve_many(2)).unwrap();
    assert_eq!(tx.capacity(), 1);
    permits.next().unwrap().send(1);
    drop(permits);
    assert_eq!(tx.capacity(), 2);
    assert!(block_on(tx.reserve_many(4)).is_err(), "it never has so many places");
    assert!(matches!(tx.try_reserve_many(4), Err(TrySendError::Full(()))));

    let permit = block_on(tx.clone().reserve_owned()).unwrap();
    assert!(permit.same_channel_as_sender(&tx));
    let sender = permit.send(2);
    let sender = sender.try_reserve_owned().unwrap().release();
    assert!(sender.same_channel(&tx));
    drop(sender.try_reserve_owned().unwrap());
    assert_eq!((tx.capacity(), tx.strong_count()), (1, 1));
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Ok(2)));
    assert_eq!(rx.capacity(), 3);
}

/// Goal: show that `recv_many` takes what is there, up to its limit, and waits only for the first.
/// Method: five items, limit 3, then the rest, then the end; limit 0 at any time.
#[test]
fn recv_many_takes_what_is_there() {
    let (tx, mut rx) = channel(8);
    let mut items = vec![];
    assert_eq!(block_on(rx.recv_many(&mut items, 0)), 0);
    let mut waiting = Probe::waiting(rx.recv_many(&mut items, 3));
    (0..5).for_each(|item| tx.try_send(item).unwrap());
    assert_eq!((waiting.wakes(), waiting.ready()), (1, 3));
    drop(waiting);
    tx.try_send(5).unwrap();
    assert_eq!(block_on(rx.recv_many(&mut items, 10)), 3, "over the edge of a block");
    assert_eq!((items.as_slice(), tx.capacity()), ([0, 1, 2, 3, 4, 5].as_slice(), 8));
    drop(tx);
    assert_eq!(block_on(rx.recv_many(&mut items, 10)), 0);
}

/// Goal: show that a weak sender keeps nothing open and comes back only while senders live.
/// Method: downgrade, upgrade, drop, upgrade.
#[test]
fn a_weak_sender_does_not_keep_the_channel_open() {
    let (tx, mut rx) = channel(1);
    let weak = tx.downgrade();
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (1, 1));
    weak.upgrade().unwrap().try_send(1).unwrap();
    drop(tx);
    assert!(weak.upgrade().is_none());
    assert_eq!((block_on(rx.recv()), block_on(rx.recv())), (Some(1), None));
}

/// Goal: show the same for the channel without a bound, and what the counts say.
/// Method: clone weak and strong ones, drop them one by one.
#[test]
fn a_weak_unbounded_sender_does_not_keep_the_channel_open() {
    let (tx, mut rx) = unbounded_channel();
    let weak = tx.downgrade();
    let (weak2, tx2) = (weak.clone(), weak.upgrade().unwrap());
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 2));
    assert_eq!((tx.strong_count(), tx.weak_count()), (2, 2));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (2, 2));
    assert!(tx.same_channel(&tx2) && !tx.same_channel(&unbounded_channel().0));
    let mut waiting = Probe::waiting(rx.recv());
    drop((tx, weak2));
    assert_eq!(waiting.wakes(), 0);
    tx2.send(1).unwrap();
    drop(tx2);
    assert_eq!(waiting.ready(), Some(1));
    drop(waiting);
    assert!(rx.is_closed() && weak.upgrade().is_none());
    assert_eq!((weak.strong_count(), weak.weak_count(), block_on(rx.recv())), (0, 1, None));
}

/// Goal: show that senders of both kinds learn that nobody receives any more.
/// Method: `closed` waits; close one channel, drop the receiver of the other.
#[test]
fn senders_can_wait_until_nobody_receives() {
    let (tx, mut rx) = channel::<()>(1);
    let (utx, urx) = unbounded_channel::<()>();
    let mut closed = Probe::waiting(tx.closed());
    let mut uclosed = Probe::waiting(utx.closed());
    rx.close();
    drop(urx);
    assert_eq!((closed.wakes(), uclosed.wakes()), (1, 1));
    closed.ready();
    uclosed.ready();
    assert!(tx.is_closed() && utx.is_closed());
    assert!(matches!(tx.try_reserve(), Err(TrySendError::Closed(()))));
}

/// Goal: show that a receiver polled by hand wakes the task that polled last, and that both ways to
/// take many from an unbounded channel take what is there.
/// Method: poll with two wakers; items in two blocks.
#[test]
fn a_receiver_can_be_polled_by_hand() {
    let (tx, mut rx) = unbounded_channel();
    assert!(rx.poll_recv(&mut Context::from_waker(Waker::noop())).is_pending());
    let mut last = Probe::waiting(std::future::poll_fn(|cx| rx.poll_recv(cx)));
    tx.send(1).unwrap();
    assert_eq!((last.wakes(), last.ready()), (1, Some(1)));
    drop(last);
    (2..6).for_each(|item| tx.send(item).unwrap());
    let mut items = vec![];
    assert_eq!(rx.try_recv(), Ok(2));
    tx.send(6).unwrap();
    assert_eq!(rx.blocking_recv_many(&mut items, 2), 2);
    let rest = std::future::poll_fn(|cx| rx.poll_recv_many(cx, &mut items, 9));
    assert_eq!(block_on(rest), 2, "3 and 4 were taken, 5 and 6 are left");
    assert_eq!((items.as_slice(), rx.is_empty()), ([3, 4, 5, 6].as_slice(), true));
    let mut waiting = Probe::waiting(rx.recv_many(&mut items, 9));
    drop(tx);
    assert_eq!((waiting.wakes(), waiting.ready()), (1, 0));
}

/// Goal: show the channel without a bound: sends never wait, and closing is exact.
/// Method: send, close, send again, receive to the end.
#[test]
fn the_unbounded_channel_takes_all_until_it_is_closed() {
    let (tx, mut rx) = unbounded_channel();
    (0..1_000).for_each(|item| tx.send(item).unwrap());
    assert_eq!(rx.len(), 1_000);
    rx.close();
    assert_eq!(tx.send(9), Err(SendError(9)));
    assert_eq!((0..1_000).find(|&item| rx.try_recv() != Ok(item)), None);
    assert_eq!(block_on(rx.recv()), None);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

/// Goal: show that items need not be `Send` on one thread, and that the ends are as `Send` and
/// `Sync` as the item allows.
/// Method: send an `Rc`; ask the compiler for the rest.
#[test]
fn the_ends_are_as_free_as_their_items() {
    fn free<T: Send + Sync + Unpin>(_: &T) {}
    let (tx, mut rx) = channel(1);
    tx.try_send(Rc::new(1)).unwrap();
    assert_eq!(rx.try_recv().as_deref(), Ok(&1));
    let (tx, rx) = channel::<std::cell::Cell<i32>>(1);
    free(&tx);
    free(&rx);
}

#[test]
fn errors_say_what_happened_and_give_the_item_back() {
    fn text(error: impl std::error::Error) -> String {
        format!("{error}, {error:?}")
    }
    assert_eq!(text(SendError(1)), "channel closed, SendError { .. }");
    assert_eq!(text(TrySendError::Full(1)), "no available capacity, Full(..)");
    assert_eq!(text(TrySendError::from(SendError(1))), "channel closed, Closed(..)");
    assert_eq!(text(TryRecvError::Empty), "receiving on an empty channel, Empty");
    assert_eq!(text(TryRecvError::Disconnected), "receiving on a closed channel, Disconnected");
    let timeout = SendTimeoutError::Timeout(1);
    assert_eq!(text(timeout), "timed out waiting on send operation, Timeout(..)");
    assert_eq!(text(SendTimeoutError::Closed(1)), "channel closed, Closed(..)");
    assert_eq!((TrySendError::Full(1).into_inner(), timeout.into_inner()), (1, 1));
}

#[test]
#[should_panic(expected = "mpsc bounded channel requires buffer > 0")]
fn a_bounded_channel_without_room_is_refused() {
    channel::<()>(0);
}

/// Goal: show that a value whose drop uses the channel again does not deadlock.
/// Method: items that hold a sender of their own channel; drop the receiver.
#[test]
fn an_item_may_use_the_channel_when_it_is_dropped() {
    struct Echo(mpsc::UnboundedSender<Option<Echo>>);
    impl Drop for Echo {
        fn drop(&mut self) {
            assert!(self.0.send(None).is_err());
        }
    }
    let (tx, rx) = unbounded_channel();
    tx.send(Some(Echo(tx.clone()))).unwrap();
    drop(rx);
}

/// Goal: show that no item is lost, doubled or out of order under contention.
/// Method: 4 threads send 5,000 numbers each through a channel of 7; the receiver mixes its calls.
#[test]
fn threads_lose_no_item() {
    const EACH: usize = 5_000;
    let (tx, mut rx) = channel(7);
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let tx = tx.clone();
            thread::spawn(move || {
                for item in 0..EACH {
                    if item % 5 == 0 {
                        drop(Probe::new(tx.reserve()).poll());
                    }
                    tx.blocking_send((sender, item)).unwrap();
                }
            })
        })
        .collect();
    drop(tx);
    let mut next = [0; 4];
    let mut items = vec![];
    while block_on(rx.recv_many(&mut items, 3)) > 0 {
        items.extend(rx.blocking_recv());
        for (sender, item) in items.drain(..) {
            assert_eq!(item, next[sender]);
            next[sender] += 1;
        }
    }
    assert_eq!(next, [EACH; 4]);
    senders.into_iter().for_each(|sender| sender.join().unwrap());
}

/// Goal: show that the bound holds under contention.
/// Method: count items on their way; the receiver counts one down before it receives the next.
#[test]
fn threads_never_exceed_the_bound() {
    static ON_THE_WAY: AtomicUsize = AtomicUsize::new(0);
    let (tx, mut rx) = channel(2);
    let senders: Vec<_> = (0..3)
        .map(|_| {
            let tx = tx.clone();
            thread::spawn(move || {
                for _ in 0..2_000 {
                    let permit = block_on(tx.reserve()).unwrap();
                    assert!(ON_THE_WAY.fetch_add(1, SeqCst) < 3, "2 places and 1 item in hand");
                    permit.send(());
                }
            })
        })
        .collect();
    drop(tx);
    while rx.blocking_recv().is_some() {
        ON_THE_WAY.fetch_sub(1, SeqCst);
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
}
