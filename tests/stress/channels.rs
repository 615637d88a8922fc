//! Channels that everybody shares: many to one, all to all, the latest to all.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use rondel::sync::broadcast::error::RecvError;
use rondel::sync::mpsc::error::TrySendError;
use rondel::sync::{broadcast, mpsc, watch};

use super::luck::Luck;
use super::model::Line;
use super::parcel::{Parcel, Record, Rule};
use super::watched::touch;
use super::world::{Me, World};

pub struct Channels {
    bounded: Pipe<mpsc::Sender<Parcel>, mpsc::Receiver<Parcel>>,
    unbounded: Pipe<mpsc::UnboundedSender<Parcel>, mpsc::UnboundedReceiver<Parcel>>,
    capacity: usize,
    /// The places of the bounded one.
    places: Line,
    news: broadcast::Sender<Parcel>,
    news_capacity: u64,
    /// How many pieces of news there were. Locked while one is sent, so that numbers and order
    /// agree.
    news_sent: Mutex<u64>,
    latest: watch::Sender<u64>,
    /// The value in `latest`, or one that is just going in.
    latest_number: AtomicU64,
}

struct Pipe<T, R> {
    tx: Mutex<Option<T>>,
    rx: Mutex<Option<R>>,
    record: Record,
    no_receiver: AtomicBool,
}

impl<T: Clone, R> Pipe<T, R> {
    fn new(exact: bool, (tx, rx): (T, R)) -> Self {
        Self {
            tx: Mutex::new(Some(tx)),
            rx: Mutex::new(Some(rx)),
            record: Record::new(exact, Rule::First),
            no_receiver: AtomicBool::new(false),
        }
    }

    fn tx(&self) -> T {
        self.tx.lock().unwrap().clone().expect("the channel is open while tasks run")
    }

    /// Nobody receives any more.
    fn abandon(&self) {
        self.no_receiver.store(true, SeqCst);
        let rx = self.rx.lock().unwrap().take();
        drop(rx);
    }

    /// For the one who serves this channel. `None`: it comes too late, as the runtime has ended.
    fn receiver(&self, me: &Me) -> Option<R> {
        let rx = self.rx.lock().unwrap().take();
        assert!(rx.is_some() || me.may_lose_the_loop(), "one service for each channel");
        rx
    }

    /// A send was refused.
    fn must_be_closed(&self) {
        assert!(self.no_receiver.load(SeqCst), "refused, but the receiver is there");
    }
}

/// Notes that a receiver goes now, whatever ends it.
struct Receiving<'a>(&'a AtomicBool);

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

impl Channels {
    pub fn new(exact: bool, luck: &mut Luck) -> Self {
        let capacity = luck.between(1, 3);
        let news_capacity = *luck.pick(&[1, 2, 4]);
        Self {
            bounded: Pipe::new(exact, mpsc::channel(capacity)),
            unbounded: Pipe::new(exact, mpsc::unbounded_channel()),
            capacity,
            places: Line::new(exact, capacity),
            news: broadcast::Sender::new(news_capacity),
            news_capacity: news_capacity as u64,
            news_sent: Mutex::new(0),
            latest: watch::Sender::new(0),
            latest_number: AtomicU64::new(0),
        }
    }

    pub fn look(&self) {
        _ = self.news.receiver_count() + self.news.len();
        _ = *self.latest.borrow();
        let tx = self.bounded.tx.lock().unwrap().clone();
        tx.iter().for_each(|tx| touch(tx.reserve()));
    }

    /// Sends what those who wait without a limit wait for.
    pub fn ring(&self, world: &Arc<World>) {
        self.publish(world, &mut Luck::new(0));
        self.change_the_latest(world);
    }

    fn publish(&self, world: &Arc<World>, luck: &mut Luck) {
        let mut sent = self.news_sent.lock().unwrap();
        let mut parcel = Parcel::new(world, luck, 0);
        parcel.number = *sent;
        if self.news.send(parcel).is_ok() {
            *sent += 1;
        }
    }

    fn change_the_latest(&self, world: &Arc<World>) {
        let number = world.number() + 1;
        self.latest.send_modify(|latest| {
            *latest = number.max(*latest + 1);
            self.latest_number.store(*latest, SeqCst);
        });
    }

    /// Lets the receivers come to their end.
    pub fn close(&self) {
        let bounded = self.bounded.tx.lock().unwrap().take();
        let unbounded = self.unbounded.tx.lock().unwrap().take();
        drop((bounded, unbounded));
    }

    /// The loop is gone, and with it those who received.
    pub fn abandon(&self) {
        self.bounded.abandon();
        self.unbounded.abandon();
    }

    pub fn check_at_the_end(&self) {
        assert_eq!(self.news.receiver_count(), 0, "a receiver was kept");
        assert_eq!(self.latest.receiver_count(), 0, "a receiver was kept");
        assert_eq!(self.news.len(), 0, "there are no receivers, but news for them");
        let receivers = [&self.bounded.no_receiver, &self.unbounded.no_receiver];
        assert!(receivers.iter().all(|gone| gone.load(SeqCst)), "a service has not ended");
    }
}

/// Receives what comes through the bounded channel, until its senders are gone.
pub async fn serve_bounded(me: Me, mut luck: Luck) {
    let Channels { bounded, places, capacity, .. } = &me.world.channels;
    let Some(mut rx) = bounded.receiver(&me) else { return };
    let _receiving = Receiving(&bounded.no_receiver);
    let mut parcels = Vec::new();
    loop {
        let limit = luck.between(1, capacity + 1);
        match luck.below(4) {
            0 => parcels.extend(rx.try_recv().ok()),
            1 => {
                let recv = rx.recv_many(&mut parcels, limit);
                if me.perhaps(&mut luck, "mpsc::recv_many", recv).await == Some(0) {
                    break;
                }
            }
            _ => match me.perhaps(&mut luck, "mpsc::recv", rx.recv()).await {
                Some(Some(parcel)) => parcels.push(parcel),
                Some(None) => break,
                None => {}
            },
        }
        places.give(parcels.len());
        for parcel in parcels.drain(..) {
            me.note(format_args!("receives {}", parcel.number));
            bounded.record.note_out(&parcel);
        }
        me.hold(&mut luck).await;
    }
    assert_eq!(bounded.record.lose_the_rest(), 0, "parcels were lost");
    assert!(places.free().is_none_or(|free| free == *capacity), "places were lost");
    me.note("has served");
}

/// The same for the channel without a bound.
pub async fn serve_unbounded(me: Me, mut luck: Luck) {
    let unbounded = &me.world.channels.unbounded;
    let Some(mut rx) = unbounded.receiver(&me) else { return };
    let _receiving = Receiving(&unbounded.no_receiver);
    loop {
        let recv = rx.recv();
        match me.perhaps(&mut luck, "mpsc::unbounded::recv", recv).await {
            Some(Some(parcel)) => unbounded.record.note_out(&parcel),
            Some(None) => break,
            None => {}
        }
        me.hold(&mut luck).await;
    }
    assert_eq!(unbounded.record.lose_the_rest(), 0, "parcels were lost");
    me.note("has served");
}

pub async fn send_bounded(me: Me, mut luck: Luck) {
    let channels = &me.world.channels;
    let (pipe, places) = (&channels.bounded, &channels.places);
    let (tx, sender) = (pipe.tx(), me.world.number());
    for _ in 0..luck.between(1, 3) {
        match luck.below(6) {
            0 => {
                let parcel = Parcel::new(&me.world, &mut luck, sender);
                let ticket = Record::ticket(&parcel);
                let tried = tx.try_send(parcel);
                match &tried {
                    Err(TrySendError::Closed(_)) => return pipe.must_be_closed(),
                    other => places.tried("mpsc::try_send", 1, other.is_ok()),
                }
                if tried.is_ok() {
                    pipe.record.note_in(ticket);
                }
            }
            1 => reserve_many(&me, &mut luck, &tx, sender).await,
            _ => {
                let parcel = Parcel::new(&me.world, &mut luck, sender);
                me.note(format_args!("sends {}", parcel.number));
                let ticket = Record::ticket(&parcel);
                let send = places.wait("mpsc::send", 1, tx.send(parcel));
                match me.perhaps(&mut luck, "mpsc::send", send).await {
                    Some(Ok(())) => pipe.record.note_in(ticket),
                    Some(Err(_)) => return pipe.must_be_closed(),
                    None => {}
                }
            }
        }
    }
}

/// Takes several places at once, and uses some of them.
async fn reserve_many(me: &Me, luck: &mut Luck, tx: &mpsc::Sender<Parcel>, sender: u64) {
    let Channels { bounded, places, capacity, .. } = &me.world.channels;
    let n = luck.between(1, *capacity);
    let reserve = places.wait("mpsc::reserve_many", n, tx.reserve_many(n));
    let permits = match me.perhaps(luck, "mpsc::reserve_many", reserve).await {
        Some(Ok(permits)) => permits,
        Some(Err(_)) => return bounded.must_be_closed(),
        None => return,
    };
    let mut reserved = Reserved { permits: Some(permits), left: n, places };
    me.hold(luck).await;
    for _ in 0..luck.below(n + 1) {
        let permit = reserved.permits.as_mut().and_then(Iterator::next);
        reserved.left -= 1;
        let parcel = Parcel::new(&me.world, luck, sender);
        let ticket = Record::ticket(&parcel);
        permit.expect("there are so many").send(parcel);
        if !bounded.no_receiver.load(SeqCst) {
            bounded.record.note_in(ticket);
        }
    }
}

/// Places of a channel that are given back.
struct Reserved<'a> {
    permits: Option<mpsc::PermitIterator<'a, Parcel>>,
    left: usize,
    places: &'a Line,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        drop(self.permits.take());
        self.places.give(self.left);
    }
}

pub async fn send_unbounded(me: Me, mut luck: Luck) {
    let pipe = &me.world.channels.unbounded;
    let (tx, sender) = (pipe.tx(), me.world.number());
    for _ in 0..luck.between(1, 3) {
        let parcel = Parcel::new(&me.world, &mut luck, sender);
        let ticket = Record::ticket(&parcel);
        me.note(format_args!("sends {} without a bound", parcel.number));
        // Before the send: on another thread it may be received at once.
        pipe.record.note_in(ticket);
        if tx.send(parcel).is_err() {
            return pipe.must_be_closed();
        }
        me.hold(&mut luck).await;
    }
}

pub async fn broadcast(me: Me, mut luck: Luck) {
    let channels = &me.world.channels;
    if luck.one_in(2) {
        for _ in 0..luck.between(1, 4) {
            me.note("publishes");
            channels.publish(&me.world, &mut luck);
            me.hold(&mut luck).await;
        }
        return;
    }
    let (mut rx, mut next) = {
        let sent = channels.news_sent.lock().unwrap();
        (channels.news.subscribe(), *sent)
    };
    for _ in 0..luck.between(1, 5) {
        match me.perhaps(&mut luck, "broadcast::recv", rx.recv()).await {
            Some(Ok(parcel)) => {
                assert_eq!(parcel.number, next, "another piece of news (left) than the next");
                me.note(format_args!("hears of {next}"));
                next += 1;
            }
            Some(Err(RecvError::Lagged(missed))) => {
                if me.world.exact {
                    let oldest = *channels.news_sent.lock().unwrap() - channels.news_capacity;
                    assert_eq!(next + missed, oldest, "goes on at the oldest");
                }
                me.note(format_args!("has missed {missed}"));
                next += missed;
            }
            Some(Err(RecvError::Closed)) => panic!("the sender is there"),
            None => {}
        }
        if luck.one_in(4) {
            rx = rx.resubscribe();
            next = *channels.news_sent.lock().unwrap();
            if !me.world.exact {
                return; // more may have been sent between the two
            }
        }
        me.hold(&mut luck).await;
    }
}

pub async fn watch(me: Me, mut luck: Luck) {
    let channels = &me.world.channels;
    if luck.one_in(3) {
        me.note("changes the latest");
        channels.change_the_latest(&me.world);
        return;
    }
    let mut rx = channels.latest.subscribe();
    let mut seen = *rx.borrow_and_update();
    for _ in 0..luck.between(1, 3) {
        if luck.one_in(3) {
            let least = seen + 1;
            // The guard must not get out: whoever is woken or dropped then may look at the value.
            let wait = async { *rx.wait_for(|latest| *latest >= least).await.expect("a sender") };
            let found = me.perhaps(&mut luck, "watch::wait_for", wait).await;
            assert!(found.is_none_or(|found| found >= least), "this is not what was waited for");
            // What was tried counts as seen, also if the time ran out.
            seen = found.unwrap_or(seen);
        } else if let Some(changed) = me.perhaps(&mut luck, "watch::changed", rx.changed()).await {
            changed.expect("the sender is there");
            let latest = *rx.borrow_and_update();
            assert!(latest > seen, "{latest} was to be newer than {seen}");
            let newest = channels.latest_number.load(SeqCst);
            assert!(!me.world.exact || latest == newest, "{latest} is not the latest, {newest}");
            me.note(format_args!("sees {latest}"));
            seen = latest;
        }
        me.hold(&mut luck).await;
    }
}

pub fn blocking_send(me: &Me, luck: &mut Luck) {
    let pipe = &me.world.channels.bounded;
    let (tx, sender) = (pipe.tx(), me.world.number());
    for _ in 0..luck.between(1, 3) {
        let parcel = Parcel::new(&me.world, luck, sender);
        let ticket = Record::ticket(&parcel);
        if tx.blocking_send(parcel).is_err() {
            return pipe.must_be_closed();
        }
        pipe.record.note_in(ticket);
    }
}

pub fn blocking_hear(me: &Me, luck: &mut Luck) {
    let mut rx = me.world.channels.news.subscribe();
    let mut last = None;
    for _ in 0..luck.between(1, 3) {
        match rx.blocking_recv() {
            Ok(parcel) => {
                assert!(last < Some(parcel.number), "the order was not kept");
                last = Some(parcel.number);
            }
            Err(RecvError::Lagged(missed)) => assert!(missed > 0),
            Err(RecvError::Closed) => panic!("the sender is there"),
        }
    }
}
