//! Channels of a step's own, whose ends go away in every order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use rondel::sync::mpsc::error::{SendTimeoutError, TryRecvError};
use rondel::sync::{Semaphore, broadcast, mpsc, oneshot, watch};

use super::luck::Luck;
use super::parcel::Parcel;
use super::world::{Count, Me};

/// One value: sent, not sent, waited for, refused.
pub async fn oneshot(me: Me, mut luck: Luck) {
    let (tx, mut rx) = oneshot::channel();
    let (other, mut hers) = (me.child(), luck.split());
    let sender = me.child().start(&mut luck, async move {
        let mut tx = tx;
        other.hold(&mut hers).await;
        match hers.below(4) {
            0 => drop(tx),
            1 => {
                let closed = other.perhaps(&mut hers, "oneshot::closed", tx.closed()).await;
                assert!(closed.is_none() || tx.is_closed());
            }
            _ => {
                let parcel = Parcel::new(&other.world, &mut hers, 0);
                return tx.send(parcel).is_ok();
            }
        }
        false
    });
    me.hold(&mut luck).await;
    let mut received = None;
    match luck.below(4) {
        0 => drop(rx),
        1 => {
            rx.close();
            received = Some(rx.try_recv().is_ok());
        }
        // A sender that waits to be refused would wait for ever: so there is a limit.
        _ => {
            let limit = luck.below(20);
            let wait = me.watch(&mut luck, "oneshot::Receiver", &mut rx);
            let value = me.at_most(limit, wait).await;
            let ended = me.is_exact() && sender.handle.is_finished();
            assert!(value.is_some() || !ended, "{}: its sender is gone, and it waits", me.name);
            received = value.map(|value| value.is_ok());
            drop(rx);
        }
    }
    let sent = sender.join(&me, &mut luck).await;
    if let (Some(received), Some(sent)) = (received, sent) {
        assert_eq!(received, sent, "{}: received (left), sent (right)", me.name);
    }
}

/// Many senders, one receiver that closes, goes away, or stays to the end.
pub async fn mpsc(me: Me, mut luck: Luck) {
    let (tx, mut rx) = mpsc::channel(luck.between(1, 3));
    let (sent, reserved) = (Arc::new(AtomicUsize::new(0)), Count::default());
    let mut senders = Vec::new();
    for sender in 0..luck.between(1, 3) as u64 {
        let (other, tx, mut hers) = (me.child(), tx.clone(), luck.split());
        let (sent, reserved) = (sent.clone(), reserved.clone());
        senders.push(me.child().start(&mut luck, async move {
            for _ in 0..hers.between(1, 4) {
                let parcel = Parcel::new(&other.world, &mut hers, sender);
                if !send((&other, &mut hers), &tx, parcel, &sent, &reserved).await {
                    break;
                }
                other.hold(&mut hers).await;
            }
        }));
    }
    let weak = tx.downgrade();
    drop(tx);
    let (mut got, mut last) = (0, std::collections::BTreeMap::new());
    for _ in 0..luck.between(0, 12) {
        let recv = me.watch(&mut luck, "mpsc::recv", rx.recv());
        let Some(parcel) = recv.await else { break };
        got += 1;
        let before = last.insert(parcel.sender, parcel.number);
        assert!(before < Some(parcel.number), "{}: the order was not kept", me.name);
        me.hold(&mut luck).await;
    }
    if luck.one_in(2) {
        rx.close();
        while let Some(_parcel) = me.watch(&mut luck, "mpsc::recv, closed", rx.recv()).await {
            got += 1;
        }
        assert_eq!(rx.try_recv().err(), Some(TryRecvError::Disconnected));
        // On another thread it is counted a little later than it is sent.
        assert!(got == sent.load(SeqCst) || !me.world.exact, "{}: some were lost", me.name);
        let open = if me.world.exact { reserved.now() } else { 0 };
        assert_eq!(open, 0, "{}: the end, but places are reserved", me.name);
    }
    drop(rx);
    for sender in senders {
        sender.join(&me, &mut luck).await;
    }
    assert!(weak.upgrade().is_none(), "a sender is left over");
}

/// Sends in one of several ways. False: it was refused.
async fn send(
    (me, luck): (&Me, &mut Luck),
    tx: &mpsc::Sender<Parcel>,
    parcel: Parcel,
    sent: &AtomicUsize,
    reserved: &Count,
) -> bool {
    let ok = match luck.below(4) {
        0 => {
            let limit = me.millis(luck.below(10));
            let send = me.watch(luck, "mpsc::send_timeout", tx.send_timeout(parcel, limit));
            match send.await {
                Ok(()) => true,
                Err(SendTimeoutError::Timeout(_)) => return true,
                Err(SendTimeoutError::Closed(_)) => false,
            }
        }
        1 => {
            let reserve = tx.clone().reserve_owned();
            match me.perhaps(luck, "mpsc::reserve_owned", reserve).await {
                Some(Ok(permit)) => {
                    let _one = reserved.one();
                    me.hold(luck).await;
                    // A place that was reserved is good also if the channel was closed since, but
                    // not if the receiver is gone; then nobody counts.
                    drop(permit.send(parcel));
                    true
                }
                Some(Err(_)) => false,
                None => return true,
            }
        }
        _ => match me.perhaps(luck, "mpsc::send", tx.send(parcel)).await {
            Some(result) => result.is_ok(),
            None => return true,
        },
    };
    sent.fetch_add(usize::from(ok), SeqCst);
    ok
}

/// Waits for the end of things that end: the last sender, the last receiver, a semaphore.
pub async fn closing(me: Me, mut luck: Luck) {
    let (news, mut heard) = broadcast::channel::<u64>(2);
    let (latest, mut seen) = watch::channel(0);
    let (tx, rx) = mpsc::unbounded_channel::<u64>();
    let permits = Arc::new(Semaphore::new(1));
    let (other, mut hers, closed) = (me.child(), luck.split(), CloseOnDrop(permits.clone()));
    let end = me.child().start(&mut luck, async move {
        other.hold(&mut hers).await;
        // In any order, and also when this task is aborted in the middle.
        let _closed = closed;
        match hers.below(3) {
            0 => drop(news),
            1 => drop(latest),
            _ => drop(rx),
        }
        other.hold(&mut hers).await;
    });
    if luck.one_in(2) {
        let wait = async {
            rondel::join!(
                async { assert!(heard.recv().await.is_err(), "somebody has sent") },
                async { assert!(seen.changed().await.is_err(), "somebody has sent") },
                tx.closed(),
            )
        };
        me.watch(&mut luck, "the ends of channels", wait).await;
    }
    let all = me.watch(&mut luck, "Semaphore::acquire_many", permits.acquire_many(2)).await;
    assert!(all.is_err(), "there is only one");
    end.join(&me, &mut luck).await;
}

struct CloseOnDrop(Arc<Semaphore>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}
