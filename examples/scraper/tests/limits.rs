//! The limiters: pure, then with waiters in virtual time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rondel::testing::task::spawn;
use rondel::{assert_pending, assert_ready};
use rondel_scraper::client::{Clock, RondelNet};
use rondel_scraper::limits::{
    LimitSpec, Limiter, Limits, Queue, SlidingWindow, Stacked, TokenBucket,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn bucket(per_second: f64, burst: u32) -> Option<LimitSpec> {
    Some(LimitSpec::Bucket { per_second, burst })
}

fn window(limit: u32, window: Duration) -> Option<LimitSpec> {
    Some(LimitSpec::Window { limit, window })
}

/// The largest number of `times` in any half-open span of `length`. The times are sorted.
fn most_within(times: &[Instant], length: Duration) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (last, &time) in times.iter().enumerate() {
        while times[first] + length <= time {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

// ---- The pure machines --------------------------------------------------------------------

/// Goal: show the burst and then the rate, to the nanosecond.
/// Method: take whatever is there at each step; the refusals say when to come again.
#[test]
fn a_bucket_lets_a_burst_through_and_then_the_rate() {
    let start = Instant::now();
    let mut bucket = TokenBucket::new(10.0, 3, start);
    assert_eq!(bucket.tokens(start), 3);
    for _ in 0..3 {
        assert_eq!(bucket.try_take(start), Ok(()));
    }
    assert_eq!(bucket.tokens(start), 0);
    assert_eq!(bucket.try_take(start), Err(start + ms(100)));
    assert_eq!(bucket.try_take(start + ms(99)), Err(start + ms(100)));
    assert_eq!(bucket.try_take(start + ms(100)), Ok(()));
    assert_eq!(bucket.try_take(start + ms(100)), Err(start + ms(200)));
    // After a long pause the bucket holds its burst, and no more.
    let later = start + Duration::from_secs(60);
    assert_eq!(bucket.tokens(later), 3);
    for _ in 0..3 {
        assert_eq!(bucket.try_take(later), Ok(()));
    }
    assert_eq!(bucket.try_take(later), Err(later + ms(100)));
}

/// Goal: show that a window opens exactly when its oldest entry leaves it.
/// Method: three entries at different times, and a look a nanosecond before each leaves.
#[test]
fn a_window_opens_when_its_oldest_entry_leaves() {
    let start = Instant::now();
    let mut window = SlidingWindow::new(2, ms(1_000));
    assert_eq!(window.try_take(start), Ok(()));
    assert_eq!(window.try_take(start + ms(300)), Ok(()));
    assert_eq!(window.try_take(start + ms(400)), Err(start + ms(1_000)));
    let just_before = start + ms(1_000) - Duration::from_nanos(1);
    assert_eq!(window.try_take(just_before), Err(start + ms(1_000)));
    assert_eq!(window.try_take(start + ms(1_000)), Ok(()));
    assert_eq!(window.try_take(start + ms(1_001)), Err(start + ms(1_300)));
}

/// Goal: show that no span of time sees more than `burst + t * rate`, refunds or not, and that no
/// token is withheld either.
/// Method: 300 random histories of takes and refunds; every pair of takes that were kept is
/// checked.
#[test]
fn a_bucket_keeps_its_promise_over_every_span() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let mut now = Instant::now();
        let per_token = ms(random.u64(1..50));
        let burst = random.u32(1..6);
        let mut bucket = TokenBucket::new(1.0 / per_token.as_secs_f64(), burst, now);
        let mut kept = Vec::new();
        for _ in 0..100 {
            now += Duration::from_micros(random.u64(0..60_000));
            let at = bucket.ready_at(now);
            if at > now {
                let too_early = at - Duration::from_nanos(1);
                assert!(bucket.clone().try_take(too_early).is_err());
                assert!(bucket.clone().try_take(at).is_ok(), "ready when it said so");
                continue;
            }
            let token = bucket.take(now);
            if random.u8(0..4) == 0 {
                // Some other takes may come between.
                if random.bool() && bucket.try_take(now).is_ok() {
                    kept.push(now);
                }
                bucket.refund(token);
            } else {
                kept.push(now);
            }
        }
        for (i, &first) in kept.iter().enumerate() {
            for (j, &last) in kept.iter().enumerate().skip(i) {
                // A nanosecond for each token: the rate was rounded.
                let span = last - first + Duration::from_nanos(100);
                let came_back = span.as_nanos() / per_token.as_nanos();
                let allowed = u128::from(burst) + came_back;
                assert!((j - i + 1) as u128 <= allowed, "{} in {span:?}", j - i + 1);
            }
        }
    }
}

/// Goal: show that a token given back is there again, and only once.
/// Method: an empty bucket, one refund, two tries; and a refund that comes too late to count.
#[test]
fn a_refund_gives_back_what_was_taken_and_no_more() {
    let start = Instant::now();
    let mut bucket = TokenBucket::new(1.0, 2, start);
    let first = bucket.take(start);
    let second = bucket.take(start);
    assert!(bucket.try_take(start).is_err());
    bucket.refund(second);
    assert_eq!(bucket.try_take(start), Ok(()));
    assert!(bucket.try_take(start).is_err());
    // The bucket is full again long since: the first token came back by itself.
    let later = start + Duration::from_secs(10);
    assert_eq!(bucket.try_take(later), Ok(()));
    bucket.refund(first);
    assert_eq!(bucket.try_take(later), Ok(()));
    assert!(bucket.try_take(later).is_err());
}

/// The guide's limits, in windows so that the counts are exact.
fn guide() -> Limits {
    let minute = Duration::from_secs(60);
    Limits {
        global: window(1_000, minute),
        host: window(200, minute),
        endpoint: window(60, minute),
        endpoints: HashMap::from([(
            "user_profile".to_owned(),
            LimitSpec::Window { limit: 30, window: minute },
        )]),
        hosts: HashMap::new(),
    }
}

/// Goal: show that a refusal below costs nothing above (erratum X6).
/// Method: 500 attempts on one endpoint, of which 30 are granted; then everything else that
/// the host and the global level should still allow is taken and counted.
#[test]
fn a_refused_request_burns_no_token_of_any_level() {
    let now = Instant::now();
    let mut stacked = Stacked::new(guide(), now);
    let mut take = |endpoint: &str, host: &str, tries: usize| {
        let endpoint = stacked.endpoint(endpoint, host, now);
        (0..tries).filter(|_| stacked.try_take(endpoint, now).is_ok()).count()
    };
    assert_eq!(take("user_profile", "instagram", 500), 30);
    // 170 of the host's 200 are left, 60 for each of the other endpoints.
    let others: Vec<_> =
        ["a", "b", "c", "d"].iter().map(|name| take(name, "instagram", 100)).collect();
    assert_eq!(others, [60, 60, 50, 0]);
    // 800 of the global 1,000 are left: four more hosts of 200 each, and nothing for a fifth.
    let hosts: Vec<usize> = (0..5)
        .map(|host| (0..10).map(|name| take(&format!("{name}"), &format!("{host}"), 60)).sum())
        .collect();
    assert_eq!(hosts, [200, 200, 200, 200, 0]);
}

/// Goal: show that a refusal says when all three levels agree, not only the first that refused.
/// Method: three levels that refuse for different lengths of time.
#[test]
fn a_refusal_names_the_time_at_which_all_levels_agree() {
    let now = Instant::now();
    let limits = Limits {
        global: bucket(10.0, 1),
        host: bucket(4.0, 1),
        endpoint: bucket(5.0, 1),
        ..Limits::default()
    };
    let mut stacked = Stacked::new(limits, now);
    let endpoint = stacked.endpoint("e", "h", now);
    let used = stacked.try_take(endpoint, now).expect("all are full");
    assert_eq!(stacked.try_take(endpoint, now).err(), Some(now + ms(250)));
    stacked.refund(used);
    assert!(stacked.try_take(endpoint, now).is_ok(), "the refund reached all three");
}

/// Goal: show the queue's promises under random load: order within an endpoint, no limit exceeded,
/// and nobody kept waiting who could go.
/// Method: 200 random histories of arrivals, departures and time passing, checked step by step.
#[test]
fn the_queue_is_fair_exact_and_never_idle() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..200 {
        let mut now = Instant::now();
        let limits = Limits {
            global: window(random.u32(1..8), ms(100)),
            host: window(random.u32(1..6), ms(150)),
            endpoint: window(random.u32(1..4), ms(200)),
            ..Limits::default()
        };
        let mut queue = Queue::new(Stacked::new(limits.clone(), now));
        let names: Vec<_> =
            (0..6).map(|i| (format!("e{}", i % 3), format!("h{}", i / 3))).collect();
        let endpoints: Vec<_> =
            names.iter().map(|(e, h)| queue.stacked().endpoint(e, h, now)).collect();
        let mut waiting: Vec<(usize, u64)> = Vec::new();
        let mut granted: Vec<(usize, u64, Instant)> = Vec::new();
        for _ in 0..300 {
            match random.u8(0..6) {
                0..=2 => {
                    let which = random.usize(0..6);
                    waiting.push((which, queue.join(endpoints[which])));
                }
                3 if !waiting.is_empty() => {
                    let (which, place) = waiting.swap_remove(random.usize(0..waiting.len()));
                    queue.leave(endpoints[which], place);
                }
                4 => now += ms(random.u64(0..40)),
                _ => now = queue.next_at(now).unwrap_or(now),
            }
            queue.advance(now, |place, reservation| {
                let which = endpoints.iter().position(|&e| e == reservation.endpoint());
                let which = which.expect("one of ours");
                granted.push((which, place, now));
                waiting.retain(|&(_, waiting)| waiting != place);
            });
            assert_eq!(queue.is_empty(), waiting.is_empty());
            assert!(queue.next_at(now).is_none_or(|at| at > now), "somebody could go");
        }
        check_history(&granted, &limits);
    }
}

fn check_history(granted: &[(usize, u64, Instant)], limits: &Limits) {
    let check = |of: &dyn Fn(usize) -> bool, spec: Option<LimitSpec>, what: &str| {
        let Some(LimitSpec::Window { limit, window }) = spec else { panic!("windows only") };
        let times: Vec<_> =
            granted.iter().filter(|(which, ..)| of(*which)).map(|&(.., at)| at).collect();
        assert!(most_within(&times, window) <= limit as usize, "{what}: {limit} in {window:?}");
    };
    check(&|_| true, limits.global, "global");
    for host in 0..2 {
        check(&|which| which / 3 == host, limits.host, "host");
    }
    for endpoint in 0..6 {
        check(&|which| which == endpoint, limits.endpoint, "endpoint");
        let places: Vec<_> =
            granted.iter().filter(|(which, ..)| *which == endpoint).map(|g| g.1).collect();
        assert!(places.is_sorted(), "first come, first served: {places:?}");
    }
}

// ---- The async front, in virtual time -----------------------------------------------------

type Diary = Rc<RefCell<Vec<(usize, u128)>>>;

/// Runs all `futures` at once and waits for the last.
async fn all(futures: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>) {
    let mut futures = futures;
    poll_fn(|cx| {
        futures.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Starts `count` waiters on one limiter and returns who was granted when, in milliseconds.
async fn race(limiter: &Limiter<RondelNet>, count: usize) -> Vec<(usize, u128)> {
    let start = RondelNet.now();
    let diary = Diary::default();
    let waiters = (0..count).map(|number| {
        let diary = diary.clone();
        Box::pin(async move {
            let granted = limiter.acquire("e", "h").await;
            let at = RondelNet.now() - start;
            assert_eq!(granted.waited, at);
            diary.borrow_mut().push((number, at.as_millis()));
        }) as Pin<Box<dyn Future<Output = ()>>>
    });
    all(waiters.collect()).await;
    diary.take()
}

/// Goal: show that 200 waiters are served in order, each at its exact time, with one timer for
/// each grant and no more (erratum X7: the guide needed 20,092 tries for 200 grants).
/// Method: 200 waiters at 200 a second in virtual time; the diary and the count of timers.
#[rondel::test(start_paused = true)]
async fn two_hundred_waiters_are_served_in_order_without_a_stampede() {
    let limiter = Limiter::new(RondelNet, Limits { global: bucket(200.0, 1), ..Limits::default() });
    let diary = race(&limiter, 200).await;
    let expected: Vec<_> = (0..200).map(|i| (i, 5 * i as u128)).collect();
    assert_eq!(diary, expected);
    let stats = limiter.stats();
    assert_eq!((stats.granted, stats.waits, stats.waiting_max), (200, 199, 199));
    assert_eq!(stats.waited_max, ms(995));
    assert_eq!(stats.waiting, 0);
    assert!(stats.timers <= 200, "{} timers", stats.timers);
}

/// Goal: show a window at work: a burst, a pause, a burst.
/// Method: seven waiters, three in any 100 ms.
#[rondel::test(start_paused = true)]
async fn a_window_serves_its_waiters_in_bursts() {
    let limits = Limits { endpoint: window(3, ms(100)), ..Limits::default() };
    let limiter = Limiter::new(RondelNet, limits);
    let times: Vec<_> = race(&limiter, 7).await.into_iter().map(|(_, at)| at).collect();
    assert_eq!(times, [0, 0, 0, 100, 100, 100, 200]);
}

/// Goal: show that a hot endpoint does not hold up another, and is not starved by it.
/// Method: "hot" may go once a second; "cold" only has the global limit of one each 100 ms.
/// Both ask five times at once, hot first.
#[rondel::test(start_paused = true)]
async fn a_slow_endpoint_neither_blocks_the_others_nor_is_starved() {
    let limits = Limits {
        global: window(1, ms(100)),
        endpoints: HashMap::from([(
            "hot".to_owned(),
            LimitSpec::Window { limit: 1, window: ms(350) },
        )]),
        ..Limits::default()
    };
    let limiter = &Limiter::new(RondelNet, limits);
    let start = RondelNet.now();
    let diary = &RefCell::new(Vec::new());
    let waiters = ["hot", "hot", "hot", "cold", "cold", "cold", "cold", "cold"].map(|name| {
        Box::pin(async move {
            limiter.acquire(name, "h").await;
            diary.borrow_mut().push((name, (RondelNet.now() - start).as_millis()));
        }) as Pin<Box<dyn Future<Output = ()>>>
    });
    all(waiters.into()).await;
    let expected = [
        ("hot", 0),
        ("cold", 100),
        ("cold", 200),
        ("cold", 300),
        ("hot", 400), // may go from 350 on, and is asked before the others then
        ("cold", 500),
        ("cold", 600),
        ("hot", 750),
    ];
    assert_eq!(*diary.borrow(), expected);
}

/// Goal: show that a newcomer who may go earlier than everybody in the queue does not have to wait
/// for the timer of the others.
/// Method: one waits for its endpoint until 1,000 ms; at 10 ms another one queues for 60 ms.
#[rondel::test(start_paused = true)]
async fn a_newcomer_with_an_earlier_time_resets_the_timer() {
    let one_in = |length| LimitSpec::Window { limit: 1, window: ms(length) };
    let limits = Limits {
        endpoints: HashMap::from([
            ("slow".to_owned(), one_in(1_000)),
            ("quick".to_owned(), one_in(60)),
        ]),
        ..Limits::default()
    };
    let limiter = &Limiter::new(RondelNet, limits);
    let start = RondelNet.now();
    let at = || (RondelNet.now() - start).as_millis();
    limiter.acquire("slow", "h").await;
    limiter.acquire("quick", "h").await;
    let slow = Box::pin(async {
        limiter.acquire("slow", "h").await;
        assert_eq!(at(), 1_000);
    });
    let quick = Box::pin(async {
        RondelNet.sleep_until(start + ms(10)).await;
        limiter.acquire("quick", "h").await;
        assert_eq!(at(), 60);
    });
    all(vec![slow, quick]).await;
}

/// Goal: show that a crawl delay set later is obeyed at once.
/// Method: one request each 500 ms, set while the queue is empty.
#[rondel::test(start_paused = true)]
async fn a_host_can_be_given_a_limit_of_its_own() {
    let limiter = Limiter::new(RondelNet, Limits::default());
    limiter.set_host("h", LimitSpec::Bucket { per_second: 2.0, burst: 1 });
    let times: Vec<_> = race(&limiter, 4).await.into_iter().map(|(_, at)| at).collect();
    assert_eq!(times, [0, 500, 1_000, 1_500]);
}

/// Goal: show that waiters who give up leave no hole: neither a lost token nor a lost timer.
/// Method: 20 waiters at one each 10 ms; every third gives up, at different times, the first in the
/// line (who keeps the time) among them.
#[rondel::test(start_paused = true)]
async fn waiters_who_give_up_leave_no_hole() {
    let limiter = &Limiter::new(RondelNet, Limits { host: bucket(100.0, 1), ..Limits::default() });
    limiter.acquire("e", "h").await;
    let start = RondelNet.now();
    let diary = &RefCell::new(Vec::new());
    let waiters = (0..20_u64).map(|number| {
        Box::pin(async move {
            let mut acquire = pin!(limiter.acquire("e", "h"));
            let patience = if number % 3 == 0 { ms(number) } else { ms(10_000) };
            let mut patience = pin!(RondelNet.sleep_until(start + patience));
            let granted = poll_fn(|cx| match acquire.as_mut().poll(cx) {
                Poll::Ready(_) => Poll::Ready(true),
                Poll::Pending => patience.as_mut().poll(cx).map(|()| false),
            });
            if granted.await {
                diary.borrow_mut().push((number, (RondelNet.now() - start).as_millis()));
            }
        }) as Pin<Box<dyn Future<Output = ()>>>
    });
    all(waiters.collect()).await;
    let stayed = (0..20).filter(|number| number % 3 != 0);
    let expected: Vec<_> = stayed.zip((10..).step_by(10)).collect();
    assert_eq!(*diary.borrow(), expected);
    assert_eq!(limiter.stats().waiting, 0);
}

// ---- The async front, by hand -------------------------------------------------------------

/// A clock that stands still until it is moved.
#[derive(Clone)]
struct HandClock(Arc<Mutex<Instant>>);

impl HandClock {
    fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

struct HandSleep(HandClock, Instant);

impl Future for HandSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.now() >= self.1 { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Clock for HandClock {
    type Sleep = HandSleep;

    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn sleep_until(&self, at: Instant) -> HandSleep {
        HandSleep(self.clone(), at)
    }
}

/// Goal: show that a permission that was granted, but whose waiter went away before it looked, goes
/// to the next in line.
/// Method: polls by hand; the second waiter is dropped between its wake and its poll.
#[test]
fn a_grant_nobody_picked_up_goes_to_the_next() {
    let clock = HandClock(Arc::new(Mutex::new(Instant::now())));
    let limits = Limits { global: window(2, ms(100)), ..Limits::default() };
    let limiter = Limiter::new(clock.clone(), limits);
    assert!(limiter.try_acquire("e", "h"));
    assert!(limiter.try_acquire("e", "h"));
    assert!(!limiter.try_acquire("e", "h"));

    let [mut first, mut second, mut third] = [(); 3].map(|()| spawn(limiter.acquire("e", "h")));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_pending!(third.poll());
    clock.pass(ms(100));
    // The first keeps the time, lets itself and the second go, and hands its post over.
    assert_ready!(first.poll());
    assert!(second.is_woken(), "the second was granted and woken");
    drop(second);
    assert!(third.is_woken(), "the third has been woken, whether for the post or for the grant");
    assert_ready!(third.poll());
    assert!(!limiter.try_acquire("e", "h"), "and both places of the window are used");
    assert_eq!((limiter.stats().granted, limiter.stats().waiting), (4, 0));
}
