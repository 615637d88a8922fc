//! Queues of all three kinds that everybody shares: who puts, who gets, who works, who joins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use rondel::sync::queue::error::{GetError, PutError};
use rondel::sync::queue::{Fifo, Item, Lifo, QueueOf, Smallest, Store};

use super::blocking::rest;
use super::luck::Luck;
use super::model::Line;
use super::parcel::{Parcel, Record, Rule};
use super::watched::touch;
use super::world::{Me, World};

pub struct Queues {
    fifo: Office<Fifo<Parcel>>,
    lifo: Office<Lifo<Parcel>>,
    smallest: Office<Smallest<Parcel>>,
}

struct Office<S: Store> {
    name: &'static str,
    real: QueueOf<S>,
    /// Where one who puts waits for a place, and one who gets for an item.
    places: Line,
    items: Line,
    record: Record,
    /// Parcels that were put, and on which somebody has still to work.
    unfinished: AtomicUsize,
    /// How often there was none left.
    finishes: AtomicUsize,
    shut_down: AtomicBool,
}

impl<S: Store<Item = Parcel>> Office<S> {
    fn new(exact: bool, name: &'static str, rule: Rule, luck: &mut Luck) -> Self {
        let maxsize = luck.below(4);
        Self {
            name,
            real: QueueOf::new(maxsize),
            places: Line::new(exact, if maxsize == 0 { usize::MAX / 2 } else { maxsize }),
            items: Line::new(exact, 0),
            record: Record::new(exact, rule),
            unfinished: AtomicUsize::new(0),
            finishes: AtomicUsize::new(0),
            shut_down: AtomicBool::new(false),
        }
    }

    fn look(&self) {
        _ = self.real.qsize() + usize::from(self.real.full());
        touch(self.real.join());
    }

    fn was_put(&self, ticket: (usize, u64)) {
        self.record.note_in(ticket);
        self.unfinished.fetch_add(1, SeqCst);
        self.items.give(1);
    }

    fn was_got(&self, parcel: &Parcel) {
        self.record.note_out(parcel);
        self.places.give(1);
    }

    /// To be called just before the queue is told.
    fn is_done(&self) {
        if self.unfinished.fetch_sub(1, SeqCst) == 1 {
            self.finishes.fetch_add(1, SeqCst);
        }
    }

    async fn put(&self, me: &Me, luck: &mut Luck) {
        let parcel = Parcel::new(&me.world, luck, me.world.number());
        let (ticket, number) = (Record::ticket(&parcel), parcel.number);
        if luck.one_in(5) {
            let tried = self.real.put_nowait(parcel);
            match &tried {
                Err(PutError::ShutDown(_)) => return self.must_be_shut_down(),
                other => self.places.tried("Queue::put_nowait", 1, other.is_ok()),
            }
            if tried.is_ok() {
                self.was_put(ticket);
            }
            return;
        }
        me.note(format_args!("puts {number} into the {} queue", self.name));
        let put = self.places.wait("Queue::put", 1, self.real.put(parcel));
        match me.perhaps(luck, "Queue::put", put).await {
            Some(Ok(())) => self.was_put(ticket),
            Some(Err(_)) => self.must_be_shut_down(),
            None => {}
        }
    }

    /// Gets one and works on it. False: the queue is shut down and empty.
    async fn work(&self, me: &Me, luck: &mut Luck) -> bool {
        let got = match luck.below(4) {
            0 => match self.real.get_nowait() {
                Err(GetError::ShutDown) => Some(Err(())),
                tried => {
                    if !self.shut_down.load(SeqCst) {
                        self.items.tried("Queue::get_nowait", 1, tried.is_ok());
                    }
                    tried.ok().map(Ok)
                }
            },
            1 => {
                let get = self.items.wait("Queue::get", 1, self.real.get());
                me.perhaps(luck, "Queue::get", get).await.map(|got| got.map_err(drop))
            }
            _ => {
                let get = self.items.wait("Queue::get_guard", 1, self.real.get_guard());
                match me.perhaps(luck, "Queue::get_guard", get).await {
                    Some(Ok(item)) => {
                        self.work_on(me, luck, item).await;
                        None
                    }
                    Some(Err(_)) => Some(Err(())),
                    None => None,
                }
            }
        };
        match got {
            Some(Ok(ref parcel)) => {
                self.was_got(parcel);
                me.note(format_args!("got {} from the {} queue", parcel.number, self.name));
                let _work = Work(self);
                me.hold(luck).await;
            }
            Some(Err(())) => self.must_be_shut_down(),
            None => {}
        }
        !matches!(got, Some(Err(())))
    }

    /// Works on one in its guard, and sometimes takes it out of that.
    async fn work_on(&self, me: &Me, luck: &mut Luck, item: Item<'_, S>) {
        self.was_got(&item);
        me.note(format_args!("has {} of the {} queue", item.number, self.name));
        let mut item = Guarded { office: self, item: Some(item) };
        me.hold(luck).await;
        if luck.one_in(4)
            && let Some(inner) = item.item.take()
        {
            drop(Item::into_inner(inner));
            let _work = Work(self);
            me.hold(luck).await;
        }
    }

    async fn join(&self, me: &Me, luck: &mut Luck) {
        me.note(format_args!("joins the {} queue", self.name));
        let began = self.finishes.load(SeqCst);
        let was_empty = self.unfinished.load(SeqCst) == 0;
        if me.perhaps(luck, "Queue::join", self.real.join()).await.is_some() {
            let finished = self.finishes.load(SeqCst) > began;
            assert!(was_empty || finished || !me.world.exact, "joined before it was done");
        }
    }

    async fn random(&self, me: Me, mut luck: Luck) {
        match luck.below(8) {
            0..4 => {
                for _ in 0..luck.between(1, 3) {
                    self.put(&me, &mut luck).await;
                }
            }
            4..7 => _ = self.work(&me, &mut luck).await,
            _ => self.join(&me, &mut luck).await,
        }
    }

    async fn serve(&self, me: Me, mut luck: Luck) {
        while self.work(&me, &mut luck).await {
            me.hold(&mut luck).await;
            if luck.one_in(2) {
                rondel::task::yield_now().await;
            }
        }
        me.note("has served");
    }

    fn must_be_shut_down(&self) {
        assert!(self.shut_down.load(SeqCst), "{}: refused, but it is open", self.name);
    }

    /// Puts one in for those who would wait for ever.
    fn ring(&self, world: &Arc<World>, luck: &mut Luck) {
        // A sender of its own: two who get parcels of one sender may note them in the other order.
        let parcel = Parcel::new(world, luck, world.number());
        let ticket = Record::ticket(&parcel);
        if luck.one_in(3) && self.real.put_nowait(parcel).is_ok() {
            self.places.tried("Queue::put_nowait", 1, true);
            self.was_put(ticket);
        }
    }

    fn shut_down(&self) {
        self.shut_down.store(true, SeqCst);
        self.real.shutdown(false);
        self.items.end();
    }

    /// Nobody serves any more: what is left is dropped.
    fn abandon(&self) {
        self.shut_down.store(true, SeqCst);
        self.real.shutdown(true);
    }

    fn check_at_the_end(&self, abandoned: bool) {
        assert!(
            self.real.is_empty(),
            "{}: something is left in a queue that was served",
            self.name
        );
        let lost = self.record.lose_the_rest();
        assert!(lost == 0 || abandoned, "{}: parcels were lost", self.name);
        assert_eq!(self.unfinished.load(SeqCst), lost, "{}: work was lost", self.name);
        assert!(
            self.real.task_done().is_err(),
            "{}: it counts more work than there was",
            self.name
        );
    }
}

/// Work on a parcel that was got without a guard.
struct Work<'a, S: Store<Item = Parcel>>(&'a Office<S>);

impl<S: Store<Item = Parcel>> Drop for Work<'_, S> {
    fn drop(&mut self) {
        self.0.is_done();
        self.0.real.task_done().expect("it was put, and was not done");
    }
}

/// A parcel in its guard.
struct Guarded<'a, S: Store<Item = Parcel>> {
    office: &'a Office<S>,
    item: Option<Item<'a, S>>,
}

impl<S: Store<Item = Parcel>> Drop for Guarded<'_, S> {
    fn drop(&mut self) {
        if let Some(item) = self.item.take() {
            self.office.is_done();
            drop(item);
        }
    }
}

impl Queues {
    pub fn new(exact: bool, luck: &mut Luck) -> Self {
        Self {
            fifo: Office::new(exact, "first", Rule::First, luck),
            lifo: Office::new(exact, "last", Rule::Last, luck),
            smallest: Office::new(exact, "smallest", Rule::Smallest, luck),
        }
    }

    pub fn look(&self) {
        self.fifo.look();
        self.lifo.look();
        self.smallest.look();
    }

    pub fn ring(&self, world: &Arc<World>, luck: &mut Luck) {
        self.fifo.ring(world, luck);
        self.lifo.ring(world, luck);
        self.smallest.ring(world, luck);
    }

    /// Lets those who serve come to their end.
    pub fn close(&self) {
        self.fifo.shut_down();
        self.lifo.shut_down();
        self.smallest.shut_down();
    }

    /// The loop is gone, and with it those who served.
    pub fn abandon(&self) {
        self.fifo.abandon();
        self.lifo.abandon();
        self.smallest.abandon();
    }

    pub fn check_at_the_end(&self, abandoned: bool) {
        self.fifo.check_at_the_end(abandoned);
        self.lifo.check_at_the_end(abandoned);
        self.smallest.check_at_the_end(abandoned);
    }
}

macro_rules! steps_at_a_queue {
    ($($queue:ident: $step:ident, $serve:ident);*) => {
        $(
            pub async fn $step(me: Me, luck: Luck) {
                let world = me.world.clone();
                world.queues.$queue.random(me, luck).await;
            }

            pub async fn $serve(me: Me, luck: Luck) {
                let world = me.world.clone();
                world.queues.$queue.serve(me, luck).await;
            }
        )*
    };
}

steps_at_a_queue!(
    fifo: fifo, serve_fifo;
    lifo: lifo, serve_lifo;
    smallest: smallest, serve_smallest
);

pub fn blocking_put(me: &Me, luck: &mut Luck) {
    let office = &me.world.queues.smallest;
    let parcel = Parcel::new(&me.world, luck, me.world.number());
    let ticket = Record::ticket(&parcel);
    match office.real.blocking_put(parcel) {
        Ok(()) => office.was_put(ticket),
        Err(_) => office.must_be_shut_down(),
    }
}

pub fn blocking_get(me: &Me, luck: &mut Luck) {
    let office = &me.world.queues.fifo;
    match office.real.blocking_get() {
        Ok(parcel) => {
            office.was_got(&parcel);
            let _work = Work(office);
            rest(luck);
        }
        Err(_) => office.must_be_shut_down(),
    }
}
