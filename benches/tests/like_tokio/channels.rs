//! Channels.

use std::future::Future;
use std::pin::Pin;

use super::sync::{broadcast, mpsc, oneshot, watch};
use crate::{ByHand, Dice, STEPS, Wait, wait, woken};

/// All ways to send and to receive, permits, weak senders, a closing from either side.
pub fn mpsc_bounded(seed: u64) -> Vec<String> {
    let (mut dice, mut notes) = (Dice(seed), vec![]);
    let (tx, rx) = mpsc::channel::<usize>(1 + dice.below(4));
    let (mut senders, mut receiver) = (vec![tx], Some(rx));
    let mut weak: Vec<mpsc::WeakSender<usize>> = vec![];
    let mut sends: Vec<Wait<Result<(), mpsc::error::SendError<usize>>>> = vec![];
    let mut reserves: Vec<Wait<Result<mpsc::OwnedPermit<usize>, _>>> = vec![];
    let mut permits: Vec<mpsc::OwnedPermit<usize>> = vec![];
    let mut closed: Vec<Wait<()>> = vec![];
    let mut recv = ByHand::new();
    let mut next = 0;
    for _ in 0..STEPS {
        let step = dice.below(36);
        next += 1;
        let nth = if senders.is_empty() { 0 } else { dice.below(senders.len()) };
        let tx = senders.get(nth).cloned();
        let said = match (step, tx) {
            (0..=3, Some(tx)) => {
                sends.push(wait(async move { tx.send(next).await }));
                String::new()
            }
            (4..=7, _) => format!("{:?}", dice.poll(&mut sends)),
            (8, _) => format!("{:?}", dice.take(&mut sends).is_some()),
            (9 | 10, Some(tx)) => {
                reserves.push(wait(tx.reserve_owned()));
                String::new()
            }
            (11..=13, _) => match dice.poll(&mut reserves) {
                Some(Ok(permit)) => {
                    permits.push(permit);
                    "permit".into()
                }
                other => format!("{:?}", other.map(|result| result.unwrap_err())),
            },
            (14, _) => format!("{:?}", dice.take(&mut reserves).is_some()),
            (15, _) => format!("{:?}", dice.take(&mut permits).map(|p| drop(p.send(next)))),
            (16, _) => format!("{:?}", dice.take(&mut permits).is_some()),
            (17, _) => format!("{:?}", dice.take(&mut permits).map(|p| drop(p.release()))),
            (18 | 19, Some(tx)) => format!("{:?}", tx.try_send(next)).replace('"', ""),
            (20, Some(tx)) => match tx.try_reserve_owned() {
                Ok(permit) => {
                    permits.push(permit);
                    "permit".into()
                }
                Err(error) => format!("{error:?} {error}").replace('"', ""),
            },
            (21, Some(tx)) => match tx.try_reserve_many(dice.below(4)) {
                Ok(mut permits) => {
                    if let Some(permit) = permits.next() {
                        permit.send(next);
                    }
                    format!("{:?} {}", permits.size_hint(), tx.capacity())
                }
                Err(error) => format!("{error:?}").replace('"', ""),
            },
            (22, Some(tx)) => {
                senders.push(tx);
                String::new()
            }
            (23, _) => format!("{:?}", dice.take(&mut senders).is_some()),
            (24, Some(tx)) => {
                weak.push(tx.downgrade());
                String::new()
            }
            (25, _) => format!(
                "{:?}",
                dice.take(&mut weak).and_then(|weak| weak.upgrade()).map(|tx| senders.push(tx))
            ),
            (26, Some(tx)) => {
                closed.push(wait(async move { tx.closed().await }));
                format!("{:?}", dice.poll(&mut closed))
            }
            (27, _) => format!("{:?}", dice.poll(&mut closed)),
            (28..=30, _) => {
                let Some(rx) = &mut receiver else { continue };
                format!("{:?}", recv.poll(|cx| rx.poll_recv(cx)))
            }
            (31, _) => {
                let Some(rx) = &mut receiver else { continue };
                let (mut got, limit) = (vec![], dice.below(4));
                let polled = recv.poll(|cx| rx.poll_recv_many(cx, &mut got, limit));
                format!("{polled:?} {got:?}")
            }
            (32, _) => {
                let Some(rx) = &mut receiver else { continue };
                format!("{:?}", rx.try_recv())
            }
            (33, _) if dice.below(6) == 0 => {
                recv.waits = false; // who closes the channel knows that it is closed
                format!("{:?}", receiver.as_mut().map(|rx| rx.close()))
            }
            (34, _) if dice.below(12) == 0 => format!("{:?}", receiver.take().is_some()),
            _ => continue,
        };
        let rx = receiver.as_ref().map(|rx| {
            (
                rx.len(),
                rx.is_empty(),
                rx.is_closed(),
                rx.capacity(),
                rx.max_capacity(),
                rx.sender_strong_count(),
                rx.sender_weak_count(),
            )
        });
        let tx = senders.first().map(|tx| (tx.is_closed(), tx.capacity(), tx.strong_count()));
        // The waker of `recv` is the last one that was left.
        notes.push(format!(
            "{step}: {said} rx {rx:?} tx {tx:?} {} {} {} {}",
            recv.is_woken(),
            woken(&sends),
            woken(&reserves),
            woken(&closed)
        ));
    }
    notes
}

/// Sends, receives, and a closing from either side.
pub fn mpsc_unbounded(seed: u64) -> Vec<String> {
    let (mut dice, mut notes) = (Dice(seed), vec![]);
    let (tx, rx) = mpsc::unbounded_channel::<usize>();
    let (mut senders, mut receiver) = (vec![tx], Some(rx));
    let mut closed: Vec<Wait<()>> = vec![];
    let mut recv = ByHand::new();
    for next in 0..STEPS {
        let step = dice.below(12);
        let nth = if senders.is_empty() { 0 } else { dice.below(senders.len()) };
        let tx = senders.get(nth).cloned();
        let said = match (step, tx) {
            (0..=3, Some(tx)) => format!("{:?}", tx.send(next)),
            (4, Some(tx)) => format!("{:?}", senders.push(tx)),
            (5, _) => format!("{:?}", dice.take(&mut senders).is_some()),
            (6, Some(tx)) => {
                closed.push(wait(async move { tx.closed().await }));
                format!("{:?}", dice.poll(&mut closed))
            }
            (7 | 8, _) => {
                let Some(rx) = &mut receiver else { continue };
                format!("{:?}", recv.poll(|cx| rx.poll_recv(cx)))
            }
            (9, _) => {
                let Some(rx) = &mut receiver else { continue };
                let (mut got, limit) = (vec![], dice.below(4));
                let polled = recv.poll(|cx| rx.poll_recv_many(cx, &mut got, limit));
                format!("{polled:?} {got:?}")
            }
            (10, _) if dice.below(6) == 0 => {
                recv.waits = false; // who closes the channel knows that it is closed
                format!("{:?}", receiver.as_mut().map(|rx| rx.close()))
            }
            (11, _) if dice.below(12) == 0 => format!("{:?}", receiver.take().is_some()),
            _ => continue,
        };
        let rx = receiver
            .as_ref()
            .map(|rx| (rx.len(), rx.is_empty(), rx.is_closed(), rx.sender_strong_count()));
        let tx = senders.first().map(|tx| (tx.is_closed(), tx.strong_count()));
        notes.push(format!(
            "{step}: {said} rx {rx:?} tx {tx:?} {} {}",
            recv.is_woken(),
            woken(&closed)
        ));
    }
    notes
}

/// Both ends, polled by hand.
pub fn oneshot(seed: u64) -> Vec<String> {
    let (mut dice, mut notes) = (Dice(seed), vec![]);
    let (tx, rx) = oneshot::channel::<usize>();
    let (mut sender, mut receiver) = (Some(tx), Some(rx));
    let (mut closed, mut recv) = (ByHand::new(), ByHand::new());
    for _ in 0..STEPS / 4 {
        let step = dice.below(12);
        let said = match step {
            0 | 1 => {
                let Some(tx) = &mut sender else { continue };
                format!("{:?}", closed.poll(|cx| tx.poll_closed(cx)))
            }
            2 | 3 => format!("{:?}", sender.take().map(|tx| tx.send(7))),
            4 => format!("{:?}", sender.take().is_some()),
            5..=7 => {
                let Some(rx) = receiver.as_mut().filter(|rx| !rx.is_terminated()) else { continue };
                format!("{:?}", recv.poll(|cx| Future::poll(Pin::new(rx), cx)))
            }
            8 => format!("{:?}", receiver.as_mut().map(|rx| rx.try_recv())),
            9 => format!("{:?}", receiver.as_mut().map(|rx| rx.close())),
            10 => format!("{:?}", receiver.take().is_some()),
            _ => continue,
        };
        let rx = receiver.as_ref().map(|rx| (rx.is_terminated(), rx.is_empty()));
        let tx = sender.as_ref().map(|tx| tx.is_closed());
        notes.push(format!(
            "{step}: {said} rx {rx:?} tx {tx:?} {} {}",
            recv.is_woken(),
            closed.is_woken()
        ));
    }
    notes
}

/// Senders and receivers that come and go, weak senders, lagging.
pub fn broadcast(seed: u64) -> Vec<String> {
    let (mut dice, mut notes) = (Dice(seed), vec![]);
    let (tx, rx) = broadcast::channel::<usize>(1 + dice.below(5));
    let (mut senders, mut receivers) = (vec![tx], vec![rx]);
    let mut waits: Vec<Wait<(broadcast::Receiver<usize>, Result<usize, _>)>> = vec![];
    let mut closed: Vec<Wait<()>> = vec![];
    let mut weak = vec![];
    for next in 0..STEPS {
        let step = dice.below(26);
        let nth = if senders.is_empty() { 0 } else { dice.below(senders.len()) };
        let tx = senders.get(nth).cloned();
        let said = match (step, tx) {
            (0..=7, Some(tx)) => format!("{:?}", tx.send(next)),
            (8 | 9, Some(tx)) => format!("{:?}", receivers.push(tx.subscribe())),
            (10, _) => format!(
                "{:?}",
                receivers.first().map(|rx| rx.resubscribe()).map(|rx| receivers.push(rx))
            ),
            (11, _) => format!("{:?}", dice.take(&mut receivers).is_some()),
            (12..=14, _) => match dice.take(&mut receivers) {
                Some(mut rx) => {
                    waits.push(wait(async move {
                        let result = rx.recv().await;
                        (rx, result)
                    }));
                    String::new()
                }
                None => continue,
            },
            (15..=18, _) => match dice.poll(&mut waits) {
                Some((rx, result)) => {
                    receivers.push(rx);
                    format!("{result:?}")
                }
                None => String::new(),
            },
            (19, _) => format!("{:?}", dice.take(&mut waits).is_some()),
            (20 | 21, _) => {
                if receivers.is_empty() {
                    continue;
                }
                let nth = dice.below(receivers.len());
                format!("{:?}", receivers[nth].try_recv())
            }
            (22, Some(tx)) => {
                weak.push(tx.downgrade());
                format!("{:?}", senders.push(tx))
            }
            (23, _) => format!("{:?}", dice.take(&mut senders).is_some()),
            (24, _) => format!(
                "{:?}",
                dice.take(&mut weak)
                    .and_then(|weak: broadcast::WeakSender<usize>| weak.upgrade())
                    .map(|tx| senders.push(tx))
            ),
            (25, Some(tx)) => {
                closed.push(wait(async move { tx.closed().await }));
                format!("{:?}", dice.poll(&mut closed))
            }
            _ => continue,
        };
        let rx: Vec<_> = receivers
            .iter()
            .map(|rx| {
                (
                    rx.len(),
                    rx.is_empty(),
                    rx.is_closed(),
                    rx.sender_strong_count(),
                    rx.sender_weak_count(),
                )
            })
            .collect();
        let tx = senders
            .first()
            .map(|tx| (tx.len(), tx.is_empty(), tx.receiver_count(), tx.strong_count()));
        notes.push(format!(
            "{step}: {said} rx {rx:?} tx {tx:?} {} {}",
            woken(&waits),
            woken(&closed)
        ));
    }
    notes
}

/// Senders and receivers that come and go, what counts as seen, both kinds of wait.
pub fn watch(seed: u64) -> Vec<String> {
    let (mut dice, mut notes) = (Dice(seed), vec![]);
    let (tx, rx) = watch::channel::<usize>(0);
    let (mut senders, mut receivers) = (vec![tx], vec![rx]);
    let mut waits: Vec<Wait<(watch::Receiver<usize>, String)>> = vec![];
    let mut closed: Vec<Wait<()>> = vec![];
    for next in 1..STEPS {
        let step = dice.below(28);
        let nth = if senders.is_empty() { 0 } else { dice.below(senders.len()) };
        let tx = senders.get(nth).cloned();
        let said = match (step, tx) {
            (0..=3, Some(tx)) => format!("{:?}", tx.send(next)),
            (4, Some(tx)) => format!("{:?}", tx.send_replace(next)),
            (5, Some(tx)) => format!(
                "{:?}",
                tx.send_if_modified(|value| {
                    *value += 1;
                    next % 2 == 0
                })
            ),
            (6 | 7, Some(tx)) => format!("{:?}", receivers.push(tx.subscribe())),
            (8, _) => format!("{:?}", receivers.first().cloned().map(|rx| receivers.push(rx))),
            (9, _) => format!("{:?}", dice.take(&mut receivers).is_some()),
            (10..=12, _) => match dice.take(&mut receivers) {
                Some(mut rx) => {
                    waits.push(wait(async move {
                        let result = format!("{:?}", rx.changed().await);
                        (rx, result)
                    }));
                    String::new()
                }
                None => continue,
            },
            (13, _) => match dice.take(&mut receivers) {
                Some(mut rx) => {
                    waits.push(wait(async move {
                        // `has_changed` of the guard is left out: after a wait, tokio
                        // says that the value it waited for is not new.
                        let result = rx.wait_for(|value| value % 3 == 2).await.map(|value| *value);
                        let result = format!("{result:?}");
                        (rx, result)
                    }));
                    String::new()
                }
                None => continue,
            },
            (14..=17, _) => match dice.poll(&mut waits) {
                Some((rx, result)) => {
                    receivers.push(rx);
                    result
                }
                None => String::new(),
            },
            (18, _) => format!("{:?}", dice.take(&mut waits).is_some()),
            (19..=22, _) => {
                if receivers.is_empty() {
                    continue;
                }
                let nth = dice.below(receivers.len());
                let rx = &mut receivers[nth];
                match step {
                    19 => {
                        let value = rx.borrow_and_update();
                        format!("{} {}", *value, value.has_changed())
                    }
                    20 => {
                        let value = rx.borrow();
                        format!("{} {}", *value, value.has_changed())
                    }
                    21 => format!("{:?}", rx.mark_changed()),
                    _ => format!("{:?}", rx.mark_unchanged()),
                }
            }
            (23 | 24, Some(tx)) => format!("{:?}", senders.push(tx)),
            (25, _) => format!("{:?}", dice.take(&mut senders).is_some()),
            (26, Some(tx)) => {
                closed.push(wait(async move { tx.closed().await }));
                format!("{:?}", dice.poll(&mut closed))
            }
            (27, _) => format!("{:?}", dice.poll(&mut closed)),
            _ => continue,
        };
        let rx: Vec<_> = receivers.iter().map(|rx| (rx.has_changed().ok(), *rx.borrow())).collect();
        let tx = senders.first().map(|tx| (tx.is_closed(), tx.receiver_count(), tx.sender_count()));
        notes.push(format!(
            "{step}: {said} rx {rx:?} tx {tx:?} {} {}",
            woken(&waits),
            woken(&closed)
        ));
    }
    notes
}
