//! Who keeps the limiter's time when several may go at once.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rondel::testing::task::spawn;
use rondel::{assert_pending, assert_ready};
use rondel_scraper::client::Clock;
use rondel_scraper::limits::{LimitSpec, Limiter, Limits};

/// A clock that the test moves by hand; nobody is woken by it.
#[derive(Clone)]
struct HandClock(Arc<Mutex<Instant>>);

impl Clock for HandClock {
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        if at <= self.now() { Box::pin(async {}) } else { Box::pin(pending()) }
    }
}

/// Goal: somebody always keeps the time while anybody waits.
/// Method: two are granted at once; the second of them lets the queue move before the third, who
/// was woken to keep the time, gets its turn. Then the fourth must be woken, or waits for ever.
#[test]
fn the_time_is_kept_though_the_next_timekeeper_was_granted_first() {
    let clock = HandClock(Arc::new(Mutex::new(Instant::now())));
    let global = Some(LimitSpec::Bucket { per_second: 1.0, burst: 2 });
    let limiter = Limiter::new(clock.clone(), Limits { global, ..Limits::default() });
    let second = || *clock.0.lock().unwrap() += Duration::from_secs(1);
    assert!(limiter.try_acquire("", "a") && limiter.try_acquire("", "a"));
    let mut waits = [(); 4].map(|()| spawn(limiter.acquire("", "a")));
    waits.iter_mut().for_each(|wait| assert_pending!(wait.poll()));
    second();
    second();
    assert_ready!(waits[0].poll());
    second();
    assert_ready!(waits[1].poll());
    assert_ready!(waits[2].poll());
    assert!(waits[3].is_woken(), "nobody keeps the time for the last one");
    assert_pending!(waits[3].poll());
    second();
    assert_ready!(waits[3].poll());
}
