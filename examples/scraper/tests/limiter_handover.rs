//! Who keeps the limiter's time when several may go at once.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use rondel_scraper::client::Clock;
use rondel_scraper::limits::{LimitSpec, Limiter, Limits};

/// A clock that the test moves by hand; nobody is woken by it.
#[derive(Clone)]
struct HandClock(Arc<Mutex<Instant>>);

impl Clock for HandClock {
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        if at <= self.now() { Box::pin(async {}) } else { Box::pin(pending()) }
    }
}

/// A waker that remembers.
#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
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
    let bells: [Arc<Bell>; 4] = Default::default();
    let look = |bell: &Arc<Bell>, wait: Pin<&mut dyn Future<Output = _>>| {
        bell.0.store(false, Ordering::Relaxed);
        wait.poll(&mut Context::from_waker(&Waker::from(bell.clone())))
    };
    assert!(limiter.try_acquire("", "a") && limiter.try_acquire("", "a"));
    let mut waits = [(); 4].map(|()| Box::pin(limiter.acquire("", "a")));
    for (bell, wait) in bells.iter().zip(&mut waits) {
        assert!(look(bell, wait.as_mut()).is_pending());
    }
    second();
    second();
    assert!(look(&bells[0], waits[0].as_mut()).is_ready());
    second();
    assert!(look(&bells[1], waits[1].as_mut()).is_ready());
    assert!(look(&bells[2], waits[2].as_mut()).is_ready());
    assert!(bells[3].0.load(Ordering::Relaxed), "nobody keeps the time for the last one");
    assert!(look(&bells[3], waits[3].as_mut()).is_pending());
    second();
    assert!(look(&bells[3], waits[3].as_mut()).is_ready());
}
