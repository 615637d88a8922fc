//! Steps about time alone: sleeps, intervals, limits, queues of delays.

use std::future::{pending, poll_fn};
use std::ops::RangeInclusive;
use std::pin::pin;

use rondel::time::delay_queue::Key;
use rondel::time::{
    DelayQueue, Duration, Instant, MissedTickBehavior, interval_at, sleep, timeout, timeout_at,
};

use super::luck::Luck;
use super::world::Me;

/// Sleeps, some of which are put off or moved up while they are waited for.
pub async fn sleeps(me: Me, mut luck: Luck) {
    if luck.one_in(2) {
        me.nap(luck.below(70)).await;
        return;
    }
    let start = Instant::now();
    let mut slept = pin!(sleep(me.millis(luck.below(40))));
    let _ = timeout(me.millis(luck.below(20)), slept.as_mut()).await;
    let deadline = start + me.millis(luck.below(150));
    slept.as_mut().reset(deadline);
    me.watch(&mut luck, "a sleep that was reset", slept.as_mut()).await;
    assert!(Instant::now() >= deadline, "{}: a sleep was early", me.name);
    assert!(slept.is_elapsed());
    me.note(format_args!("slept until {:?}", Instant::now() - start));
}

/// Ticks, and rests in between that are sometimes longer than the period.
pub async fn interval_of(me: &Me, luck: &mut Luck, missed: MissedTickBehavior) {
    let (start, period) = (Instant::now(), Duration::from_millis(luck.between(1, 9) as u64));
    let mut ticks = interval_at(start, period);
    ticks.set_missed_tick_behavior(missed);
    let mut last = None;
    for number in 0..luck.between(1, 5) as u32 {
        let tick = ticks.tick();
        let Some(tick) = me.perhaps(luck, "Interval::tick", tick).await else { return };
        let now = Instant::now();
        assert!(now >= tick, "{}: a tick was early", me.name);
        assert!(last.is_none_or(|last| last < tick), "{}: ticks went back", me.name);
        match missed {
            MissedTickBehavior::Burst => assert_eq!(tick, start + period * number),
            MissedTickBehavior::Skip => {
                // What is less than 6 ms late is not skipped, but then comes on its own time.
                assert_eq!((tick - start).as_nanos() % period.as_nanos(), 0, "between ticks");
            }
            MissedTickBehavior::Delay => {
                assert!(last.is_none_or(|last| tick - last >= period), "less than a period");
            }
        }
        last = Some(tick);
        if luck.one_in(2) {
            sleep(me.millis(luck.below(30))).await;
        }
    }
}

pub async fn interval_step(me: Me, mut luck: Luck) {
    use MissedTickBehavior::{Burst, Delay, Skip};
    let missed = *luck.pick(&[Burst, Delay, Skip]);
    interval_of(&me, &mut luck, missed).await;
}

/// Items that come out at their times, while others are put in, taken out and put off.
pub async fn delays(me: Me, mut luck: Luck) {
    let mut queue = DelayQueue::new();
    let mut inside = Vec::new();
    for number in 0..luck.between(1, 6) {
        let when = Instant::now() + me.millis(luck.below(90));
        let (key, place) = placed(when, || queue.insert_at(number, when));
        inside.push(Item { key, number, when, place });
        if luck.one_in(4) {
            let at = luck.below(inside.len());
            let Item { key, number, when, .. } = inside.swap_remove(at);
            let removed = queue.try_remove(&key).expect("it has not come out");
            assert_eq!((removed.deadline(), removed.into_inner()), (when, number));
        }
        if luck.one_in(3) && !inside.is_empty() {
            let (at, when) = (luck.below(inside.len()), Instant::now() + me.millis(luck.below(60)));
            let item = &mut inside[at];
            ((), item.place) = placed(when, || queue.reset_at(&item.key, when));
            item.when = when;
        }
        if luck.one_in(3) {
            let next = poll_fn(|cx| queue.poll_expired(cx));
            let expired = me.perhaps(&mut luck, "DelayQueue::poll_expired", next).await;
            if let Some(Some(expired)) = expired {
                came_out(&me, &mut inside, expired.deadline(), expired.into_inner());
            }
        }
    }
    while !inside.is_empty() {
        let next = poll_fn(|cx| queue.poll_expired(cx));
        let expired = me.watch(&mut luck, "DelayQueue::poll_expired", next).await;
        let expired = expired.expect("there are some left");
        came_out(&me, &mut inside, expired.deadline(), expired.into_inner());
    }
    assert!(queue.is_empty());
}

/// An item that has not come out yet.
struct Item {
    key: Key,
    number: usize,
    when: Instant,
    place: RangeInclusive<Instant>,
}

/// Calls `set`, which sets an item to `when`, and says where its place in the order can be. What is
/// past counts as of now; and a thread may be stopped before the call, for as long as it takes to
/// make any moment past.
fn placed<T>(when: Instant, set: impl FnOnce() -> T) -> (T, RangeInclusive<Instant>) {
    let before = Instant::now();
    let set = set();
    (set, when.max(before)..=when.max(Instant::now()))
}

/// Holds an item that came out against what was put in.
fn came_out(me: &Me, inside: &mut Vec<Item>, deadline: Instant, number: usize) {
    let at = inside.iter().position(|one| one.number == number).expect("it was in, and only once");
    let Item { when, place, .. } = inside.swap_remove(at);
    assert_eq!(deadline, when, "{}: another deadline than it was given", me.name);
    assert!(Instant::now() >= when, "{}: an item was early", me.name);
    // Of items of one tick the one inserted first comes first, whatever their parts of it.
    let tick = Duration::from_millis(u64::from(!me.world.exact));
    let in_order = inside.iter().all(|other| *other.place.end() + tick >= *place.start());
    assert!(in_order, "{}: a later item came first", me.name);
    me.note(format_args!("item {number} comes out"));
}

/// Limits that are over at once, that are long, and that lie in each other.
pub async fn limits(me: Me, mut luck: Luck) {
    let start = Instant::now();
    match luck.below(4) {
        0 => {
            let past = start - me.millis(luck.below(5));
            assert!(timeout_at(past, pending::<()>()).await.is_err());
            assert_eq!(timeout_at(past, async { 7 }).await, Ok(7), "tried before the limit");
        }
        1 => {
            let (short, long) = (luck.below(20), luck.between(20, 40));
            let inner = me.at_most(short, pending::<()>());
            assert_eq!(me.at_most(long, inner).await, Some(None), "the inner limit is shorter");
        }
        2 => {
            let far = timeout(Duration::MAX, sleep(me.millis(luck.below(10))));
            assert!(far.await.is_ok());
        }
        _ => {
            let never = me.watch(&mut luck, "a limit", pending::<()>());
            assert_eq!(me.at_most(luck.below(120), never).await, None);
        }
    }
    me.note(format_args!("has kept its limits after {:?}", Instant::now() - start));
}
