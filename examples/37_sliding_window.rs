//! Lesson 37. Ten requests a minute: how many can pass within one second?
//!
//! Run it: `cargo run --example 37_sliding_window`
//! Covers: 112, 114, X9.
//!
//! Python: Redis `INCR` and `EXPIRE` count the requests of a minute; a deque of times remembers each
//! request. The guide calls both of them a sliding window. Rust: a counter that starts anew, or a
//! `VecDeque<Instant>`. A clock that the test moves tells them apart, without waiting a minute.
//!
//! Predict. The limit is 10 in 60 s. A client sends 10 requests just before the counter starts
//! anew, and 10 just after. How many pass the counter, and how many the deque?
//!
//! a) 10 and 10: both say 10 in 60 s.
//! b) 20 and 10: the counter forgets all at once.
//! c) 20 and 20: at the edge both forget.

use rondel::task::yield_now;
use rondel::time::{Duration, Instant, advance, sleep, timeout};
use std::cell::RefCell;
use std::collections::VecDeque;

const LIMIT: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// A store with keys that expire, as the guide uses Redis: each call is a trip of its own.
#[derive(Default)]
struct Store(RefCell<Option<(usize, Option<Instant>)>>);

impl Store {
    async fn incr(&self) -> usize {
        yield_now().await;
        let mut key = self.0.borrow_mut();
        let lives = |(_, end): &(_, Option<Instant>)| end.is_none_or(|end| Instant::now() < end);
        let (count, end) = key.filter(lives).unwrap_or((0, None));
        *key = Some((count + 1, end));
        count + 1
    }

    async fn expire(&self, after: Duration) {
        yield_now().await;
        if let Some((_, end)) = &mut *self.0.borrow_mut() {
            *end = Some(Instant::now() + after);
        }
    }

    /// Both in one step, as a script inside Redis does it.
    async fn incr_and_expire(&self, after: Duration) -> usize {
        yield_now().await;
        let mut key = self.0.borrow_mut();
        let now = Instant::now();
        let lives = |(_, end): &(_, Option<Instant>)| end.is_some_and(|end| now < end);
        let (count, end) = key.filter(lives).unwrap_or((0, Some(now + after)));
        *key = Some((count + 1, end));
        count + 1
    }
}

/// The guide's limiter: count, and when the count is new, let it expire.
async fn fixed(store: &Store) -> bool {
    let count = store.incr().await;
    if count == 1 {
        store.expire(WINDOW).await;
    }
    count <= LIMIT
}

/// The log: the times of the last `LIMIT` requests that passed.
#[derive(Default)]
struct Log(VecDeque<Instant>);

impl Log {
    fn admit(&mut self) -> bool {
        let now = Instant::now();
        while self.0.front().is_some_and(|oldest| now - *oldest >= WINDOW) {
            self.0.pop_front();
        }
        let passes = self.0.len() < LIMIT;
        if passes {
            self.0.push_back(now);
        }
        passes
    }
}

/// Two counters: this minute's, and the part of the last one that the window still covers, as if
/// its requests had come evenly. Two numbers instead of `LIMIT` times, and nearly as good.
struct TwoCounters {
    start: Instant,
    last: usize,
    this: usize,
}

impl TwoCounters {
    fn admit(&mut self) -> bool {
        while self.start.elapsed() >= WINDOW {
            self.start += WINDOW;
            (self.last, self.this) = (self.this, 0);
            // A minute in which nothing came leaves nothing behind: the next turn of the loop
            // moves a zero.
        }
        let covered = 1.0 - self.start.elapsed().as_secs_f64() / WINDOW.as_secs_f64();
        let passes = self.last as f64 * covered + self.this as f64 + 1.0 <= LIMIT as f64;
        self.this += usize::from(passes);
        passes
    }
}

/// The proof: the most that passed within any window.
fn worst(passed: &[Instant]) -> usize {
    let within = |from: &Instant| passed.iter().filter(|at| *at - *from < WINDOW).count();
    (0..passed.len()).map(|first| within(&passed[first])).max().unwrap_or(0)
}
