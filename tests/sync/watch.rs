//! `watch`: what is true now, and whether that is news.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;

use rondel::sync::watch::error::{RecvError, SendError};
use rondel::sync::watch::{self, Receiver, Sender, channel};

use super::executor::{Probe, block_on};

/// Whether a receiver has nothing to wait for. A wait that is over counts the value as seen.
fn is_news<T>(rx: &mut Receiver<T>) -> bool {
    let polled = Probe::new(rx.changed()).poll();
    matches!(polled, std::task::Poll::Ready(Ok(())))
}

// --- what counts as seen -------------------------------------------------------------------------

/// Goal: show what a receiver has seen from its beginning: the value of that moment.
/// Method: the first receiver, one that subscribes later, a clone of one that is behind.
#[test]
fn a_receiver_begins_with_the_value_of_now() {
    let (tx, mut rx) = channel(1);
    assert_eq!((*rx.borrow(), *tx.borrow()), (1, 1));
    assert!(!is_news(&mut rx));
    tx.send(2).unwrap();
    let mut late = tx.subscribe();
    assert_eq!(*late.borrow(), 2);
    assert!(!is_news(&mut late));
    let mut clone = rx.clone();
    assert!(is_news(&mut rx) && !is_news(&mut rx));
    assert!(is_news(&mut clone), "it has seen what its model had seen, no more");
}

/// Goal: show that a change is reported once, and that what was overwritten is not seen.
/// Method: two sends, then a wait and another.
#[test]
fn only_the_last_value_is_news() {
    let (tx, mut rx) = channel("first");
    tx.send("second").unwrap();
    tx.send("third").unwrap();
    block_on(rx.changed()).unwrap();
    assert_eq!(*rx.borrow(), "third");
    let mut wait = Probe::waiting(rx.changed());
    tx.send("third").unwrap(); // the same value is news all the same: nobody compares
    assert_eq!(wait.wakes(), 1);
    wait.ready().unwrap();
}

/// Goal: show which looks count: `borrow_and_update` and `changed`, but not `borrow`.
/// Method: send, look in each way; ask the receiver and the guard.
#[test]
fn a_look_counts_only_if_it_says_so() {
    let (tx, mut rx) = channel(1);
    assert!(!rx.has_changed().unwrap() && !rx.borrow().has_changed());
    tx.send(2).unwrap();
    assert!(rx.borrow().has_changed() && rx.has_changed().unwrap());
    assert!(!tx.borrow().has_changed(), "to the sender nothing is news");
    let seen = rx.borrow_and_update();
    assert_eq!((*seen, seen.has_changed()), (2, true));
    drop(seen);
    assert!(!rx.has_changed().unwrap() && !rx.borrow_and_update().has_changed());
    assert!(!is_news(&mut rx));
}

/// Goal: show that a receiver can change its mind about what it has seen, and only its own.
/// Method: mark in both directions, with and without news; twice in a row.
#[test]
fn what_counts_as_seen_can_be_changed() {
    let (tx, mut rx) = channel(1);
    let other = rx.clone();
    rx.mark_changed();
    rx.mark_changed();
    assert!(rx.has_changed().unwrap() && !other.has_changed().unwrap());
    assert!(is_news(&mut rx) && !is_news(&mut rx));
    rx.mark_changed();
    rx.mark_unchanged();
    assert!(!is_news(&mut rx));
    tx.send(2).unwrap();
    rx.mark_unchanged();
    assert!(!rx.has_changed().unwrap() && other.has_changed().unwrap());
    assert_eq!(*rx.borrow(), 2);
}

// --- waiting -------------------------------------------------------------------------------------

/// Goal: show who is woken: all who wait, in the order in which they came, once for several sends.
/// Method: three receivers, two wait; wakers that note their names.
#[test]
fn all_who_wait_are_woken_in_their_order() {
    struct Note(&'static str, Arc<Mutex<Vec<&'static str>>>);
    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }
    let diary = Arc::<Mutex<Vec<_>>>::default();
    let (tx, mut first) = channel(0);
    let (mut second, mut third) = (first.clone(), first.clone());
    let mut waits = [Box::pin(second.changed()), Box::pin(first.changed())];
    for (wait, name) in waits.iter_mut().zip(["second", "first"]) {
        let waker = Waker::from(Arc::new(Note(name, diary.clone())));
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(*diary.lock().unwrap(), ["second", "first"]);
    for wait in &mut waits {
        assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
    assert!(is_news(&mut third));
}

/// Goal: show that a cancelled wait loses nothing, before and after its wake, and leaves no waker;
/// and that it takes nobody else's wake with it.
/// Method: drop the future at both moments; another receiver goes on waiting.
#[test]
fn a_cancelled_wait_loses_nothing() {
    let (tx, mut rx) = channel(0);
    let mut other = rx.clone();
    let mut waiting = Probe::waiting(other.changed());
    drop(Probe::waiting(rx.changed()));
    tx.send(1).unwrap();
    assert_eq!(waiting.wakes(), 1);
    waiting.ready().unwrap();
    assert!(is_news(&mut rx));
    let woken = Probe::waiting(rx.changed());
    tx.send(2).unwrap();
    assert_eq!((woken.wakes(), woken.wakers_kept()), (1, 0));
    drop(woken);
    assert!(is_news(&mut rx) && !is_news(&mut rx));
}

/// Goal: show the end: an error once the last value is seen, not before; the value stays.
/// Method: drop two senders one by one, with and without a value that was not seen.
#[test]
fn the_end_comes_after_the_last_value() {
    let (tx, mut rx) = channel(1);
    let tx2 = tx.clone();
    assert_eq!(tx.sender_count(), 2);
    assert!(tx.same_channel(&tx2) && !tx.same_channel(&Sender::new(1)));
    let mut wait = Probe::waiting(rx.changed());
    drop(tx);
    assert_eq!(wait.wakes(), 0);
    tx2.send(2).unwrap();
    drop(tx2);
    wait.ready().unwrap();
    drop(wait);
    assert!(rx.is_closed());
    assert!(block_on(rx.changed()).is_err() && block_on(rx.changed()).is_err());
    assert_eq!(*rx.borrow_and_update(), 2);

    let (tx, mut rx) = channel(1);
    assert!(!rx.is_closed());
    tx.send(2).unwrap();
    drop(tx);
    assert!(rx.has_changed().is_err(), "as in tokio: the end goes before the news");
    assert!(block_on(rx.changed()).is_ok() && block_on(rx.changed()).is_err());

    let (tx, mut rx) = channel(1);
    let mut wait = Probe::waiting(rx.changed());
    drop(tx);
    assert_eq!(wait.wakes(), 1);
    assert!(wait.ready().is_err());
}

/// Goal: show that `wait_for` tries the current value first, then each that it sees, and counts
/// them as seen.
/// Method: note what it tries.
#[test]
fn wait_for_begins_with_the_value_of_now() {
    let (tx, mut rx) = channel(1);
    let mut tried = vec![];
    assert_eq!(*block_on(rx.wait_for(|&value| value == 1)).unwrap(), 1);
    let mut wait = Probe::new(rx.wait_for(|&value| {
        tried.push(value);
        value > 3
    }));
    assert!(wait.poll().is_pending());
    tx.send(2).unwrap();
    assert!(wait.poll().is_pending());
    tx.send(3).unwrap();
    tx.send(4).unwrap(); // overwrites 3 before it could be tried
    let found = wait.ready().unwrap();
    assert_eq!((*found, found.has_changed()), (4, true));
    drop(found);
    drop(wait);
    assert_eq!(tried, [1, 2, 4]);
    assert!(!rx.has_changed().unwrap());
}

/// Goal: show how `wait_for` ends when the senders are gone: with the last value if it will do.
/// Method: both answers, for a value that was seen and for one that was not.
#[test]
fn wait_for_tries_the_last_value_before_it_gives_up() {
    let (tx, mut rx) = channel(1);
    let mut other = rx.clone();
    let mut waits =
        [&mut rx, &mut other].map(|rx| Probe::waiting(rx.wait_for(|&value| value == 2)));
    drop(tx.clone());
    assert!(waits.iter_mut().all(|wait| wait.poll().is_pending()));
    tx.send(2).unwrap();
    drop(tx);
    assert!(waits.iter_mut().all(|wait| wait.ready().is_ok_and(|value| *value == 2)));
    drop(waits);
    assert!(block_on(rx.wait_for(|&value| value == 2)).is_ok(), "seen or not: it is what is there");
    assert!(block_on(rx.wait_for(|&value| value == 3)).is_err());
}

/// Goal: show that a wait for a value survives a panic of its test, and that the value counts as
/// seen.
/// Method: panic once, then go on with the same receiver and the sender.
#[test]
fn a_test_that_panics_leaves_the_channel_usable() {
    let (tx, mut rx) = channel(1);
    let panicking = || block_on(rx.wait_for(|_| panic!("cannot tell"))).map(|value| *value);
    assert!(catch_unwind(AssertUnwindSafe(panicking)).is_err());
    tx.send(2).unwrap();
    assert_eq!(*block_on(rx.wait_for(|&value| value == 2)).unwrap(), 2);
}

// --- changing ------------------------------------------------------------------------------------

/// Goal: show that a value nobody hears is refused by `send` and taken by the others, and that the
/// channel opens again.
/// Method: no receiver, then a new one.
#[test]
fn a_send_without_a_receiver_is_refused() {
    let (tx, rx) = channel(1);
    assert_eq!((tx.receiver_count(), tx.is_closed()), (1, false));
    drop(rx);
    assert!(tx.is_closed());
    assert_eq!(tx.send(2), Err(SendError(2)));
    assert_eq!(*tx.borrow(), 1, "refused is not sent");
    assert_eq!(tx.send_replace(3), 1);
    tx.send_modify(|value| *value += 1);
    let mut rx = tx.subscribe();
    assert_eq!((*rx.borrow(), tx.is_closed()), (4, false));
    assert!(!is_news(&mut rx));
    tx.send(5).unwrap();
    assert!(is_news(&mut rx));
}

/// Goal: show that a change which calls itself none wakes nobody, and is there all the same.
/// Method: `send_if_modified` with both answers, while a receiver waits.
#[test]
fn a_change_that_is_none_wakes_nobody() {
    let (tx, mut rx) = channel(1);
    let looking = rx.clone();
    let mut wait = Probe::waiting(rx.changed());
    let silently = tx.send_if_modified(|value| {
        *value = 2;
        false
    });
    assert!(!silently && wait.poll().is_pending());
    assert_eq!((*looking.borrow(), wait.wakes()), (2, 0));
    assert!(tx.send_if_modified(|_| true));
    assert_eq!(wait.wakes(), 1);
    wait.ready().unwrap();
}

/// Goal: show that a closure which panics leaves what it wrote, tells nobody, and breaks nothing.
/// Method: panic in each way to change, with a waiting receiver; then everything else.
#[test]
fn a_change_that_panics_leaves_the_channel_usable() {
    let (tx, mut rx) = channel(1);
    let mut looking = rx.clone();
    let mut wait = Probe::waiting(rx.changed());
    let modify = || {
        tx.send_modify(|value| {
            *value = 2;
            panic!("half way");
        })
    };
    let modify_if = || {
        tx.send_if_modified(|value| {
            *value += 1;
            panic!("half way");
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(modify)).is_err());
    assert!(catch_unwind(AssertUnwindSafe(modify_if)).is_err());
    assert!(wait.poll().is_pending() && wait.wakes() == 0);
    assert_eq!((*looking.borrow(), looking.has_changed().unwrap()), (3, false));
    assert_eq!((*tx.borrow(), *looking.borrow_and_update()), (3, 3));
    tx.send_modify(|value| *value += 1);
    wait.ready().unwrap();
    assert_eq!(tx.send_replace(5), 4);
    assert_eq!(*block_on(looking.wait_for(|&value| value == 5)).unwrap(), 5);
}

/// Goal: show that a value which is replaced is dropped outside the lock.
/// Method: a value whose drop looks at the channel, sends and counts.
#[test]
fn a_drop_may_use_the_channel() {
    type Diary = Arc<Mutex<Vec<bool>>>;
    #[derive(Default)]
    struct Nosy(Option<(Sender<Nosy>, Diary)>);
    impl Drop for Nosy {
        fn drop(&mut self) {
            if let Some((tx, saw)) = self.0.take() {
                saw.lock().unwrap().push(tx.borrow().0.is_none());
                assert!(tx.send(Nosy(None)).is_ok());
            }
        }
    }
    let (tx, rx) = channel(Nosy::default());
    let saw = Diary::default();
    tx.send_replace(Nosy(Some((tx.clone(), saw.clone()))));
    assert!(tx.send(Nosy::default()).is_ok());
    assert_eq!(*saw.lock().unwrap(), [true], "the new value is there already");
    assert!(rx.has_changed().unwrap());
}

/// Goal: show that a waker may use the channel when it is woken.
/// Method: a waker that looks and sends.
#[test]
fn a_waker_may_use_the_channel() {
    struct Eager(Sender<i32>);
    impl Wake for Eager {
        fn wake(self: Arc<Self>) {
            let now = *self.0.borrow();
            self.0.send(now + 1).unwrap();
        }
    }
    let (tx, mut rx) = channel(1);
    let waker = Waker::from(Arc::new(Eager(tx.clone())));
    let mut wait = Box::pin(rx.changed());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    tx.send(10).unwrap();
    assert_eq!(*tx.borrow(), 11);
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

// --- who is there --------------------------------------------------------------------------------

/// Goal: show that `closed` waits for the last receiver, and goes by who is there when it looks.
/// Method: drop receivers one by one; subscribe again between the wake and the look.
#[test]
fn a_sender_can_wait_until_nobody_looks() {
    let (tx, rx) = channel(());
    let rx2 = rx.clone();
    assert!(rx.same_channel(&rx2) && !rx.same_channel(&channel(()).1));
    let mut closed = Probe::waiting(tx.closed());
    drop(rx);
    assert_eq!((closed.wakes(), tx.receiver_count()), (0, 1));
    drop(rx2);
    assert_eq!(closed.wakes(), 1);
    let rx3 = tx.subscribe();
    assert!(closed.poll().is_pending(), "somebody looks again");
    drop(rx3);
    closed.ready();
    drop(closed);
    block_on(tx.closed());
    drop(tx.subscribe());
    block_on(Sender::<u8>::default().closed()); // it never had one
}

// --- threads -------------------------------------------------------------------------------------

/// Goal: show that under contention no change is lost, versions never go back, and the last value
/// is always seen.
/// Method: three threads count up, 3,000 times each; three receivers look in different ways.
#[test]
fn threads_see_the_count_rise_to_its_end() {
    const ALL: u32 = 9_000;
    let (tx, rx) = channel(0);
    let receivers: Vec<_> = (0..3)
        .map(|way| {
            let mut rx = rx.clone();
            thread::spawn(move || {
                let mut last = 0;
                loop {
                    let ended = match way {
                        0 => block_on(rx.changed()).is_err(),
                        1 if last % 3 == 0 => {
                            let _ = Probe::new(rx.changed()).poll();
                            false
                        }
                        _ => block_on(rx.wait_for(|&now| now > last)).is_err(),
                    };
                    let now = *rx.borrow_and_update();
                    assert!(now >= last, "it never goes back");
                    last = now;
                    if ended || last == ALL {
                        break last;
                    }
                }
            })
        })
        .collect();
    let senders: Vec<_> = (0..3)
        .map(|_| {
            let tx = tx.clone();
            thread::spawn(move || (0..ALL / 3).for_each(|_| tx.send_modify(|count| *count += 1)))
        })
        .collect();
    drop((tx, rx));
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    for receiver in receivers {
        assert_eq!(receiver.join().unwrap(), ALL);
    }
}

/// Goal: show that a guard keeps the value as it is: a send comes before it or after it.
/// Method: a thread sends pairs of equal numbers; another one looks twice at each guard.
#[test]
fn a_guard_keeps_the_value_as_it_is() {
    let (tx, rx) = channel((0, 0));
    let sender = thread::spawn(move || {
        (1..5_000).for_each(|number| {
            tx.send_modify(|pair| {
                pair.0 = number;
                pair.1 = number;
            });
        });
    });
    while !rx.is_closed() {
        let pair = rx.borrow();
        let before = *pair;
        thread::yield_now();
        assert_eq!((before.0, *pair), (before.1, before));
    }
    sender.join().unwrap();
    assert_eq!(*rx.borrow(), (4_999, 4_999));
}

// --- the rest ------------------------------------------------------------------------------------

#[test]
fn errors_say_what_happened_and_ends_show_their_value() {
    fn text(error: impl std::error::Error + Clone) -> String {
        format!("{error} {:?}", error.clone())
    }
    let (tx, mut rx) = watch::channel(7);
    let shown = [format!("{tx:?}"), format!("{rx:?}")];
    assert!(shown[0].starts_with("Sender") && shown[1].starts_with("Receiver"));
    assert!(shown.iter().all(|text| text.contains("data: 7")), "{shown:?}");
    drop(tx);
    let error: RecvError = block_on(rx.changed()).unwrap_err();
    assert_eq!(text(error), "channel closed RecvError(())");
    assert_eq!(text(SendError(1)), "channel closed SendError { .. }");
}
