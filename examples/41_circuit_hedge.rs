//! Lesson 41. One server is slow or dead: how do its callers get away with it?
//!
//! Run it: `cargo run --example 41_circuit_hedge`
//! Covers: 120, 217, 219.
//!
//! Python: asyncio has none of these; they are written by hand around `wait` and `timeout`. Rust:
//! `rondel::combine::hedge` asks a second server when the first is late; `time::fail_at` gives a
//! whole call one deadline, whatever it is made of; a circuit breaker is the page below.
//!
//! Predict. Each answer takes 10 ms, but one in twenty takes 500 ms. If no answer has come after 20
//! ms, we ask a second server as well. What does that cost, and what does it win?
//!
//! a) Twice the requests, and the slowest answer takes half the time.
//! b) A twentieth more requests, and the slow answers nearly vanish.
//! c) Nothing is won: the second server is slow as often as the first.

mod diary;

use diary::Diary;
use rondel::combine::hedge;
use rondel::time::{Duration, Instant, fail_at, sleep, timeout};
use std::cell::Cell;

const CALLS: u32 = 1_000;
const MS: Duration = Duration::from_millis(1);

/// Replicas of one service. Which requests are slow depends on their number alone.
#[derive(Default)]
struct Replicas {
    requests: Cell<u32>,
}

impl Replicas {
    async fn ask(&self) -> Result<(), &'static str> {
        let number = self.requests.get();
        self.requests.set(number + 1);
        // Multiplied by an odd number, the high bits are as good as dice, and the same each time.
        let dice = number.wrapping_mul(0x9E37_79B9) >> 16;
        sleep(if dice.is_multiple_of(20) { 500 * MS } else { 10 * MS }).await;
        Ok(())
    }
}

#[rondel::main(start_paused = true)]
async fn main() {
    for after in [None, Some(20 * MS)] {
        let (replicas, mut times) = (Replicas::default(), Vec::new());
        for _ in 0..CALLS {
            let start = Instant::now();
            match after {
                None => replicas.ask().await.unwrap(),
                Some(after) => hedge(replicas.ask(), after, [replicas.ask()]).await.unwrap(),
            }
            times.push(start.elapsed().as_millis());
        }
        times.sort_unstable();
        let [middle, p99, worst] = [500, 990, 999].map(|place| times[place]);
        let requests = replicas.requests.get();
        println!("hedge {after:?}: median {middle} ms, p99 {p99} ms, {requests} requests");
        assert_eq!(middle, 10, "the usual call is not touched");
        if after.is_some() {
            assert!(p99 == 30 && worst <= 500, "20 ms until the second is asked, and its 10");
            assert!(requests <= CALLS * 107 / 100, "only the slow are asked twice");
        } else {
            assert_eq!((p99, requests), (500, CALLS));
        }
    }
    breaker().await;
    one_deadline().await;
}

#[derive(Debug, PartialEq)]
enum Refused {
    /// The server failed.
    Failed,
    /// We did not even ask.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// All calls pass. How many failed, one after the other.
    Closed(u32),
    /// No call passes before this moment.
    Open(Instant),
    /// One call is under way to find out.
    HalfOpen,
}

struct Breaker {
    state: Cell<State>,
    trips_at: u32,
    rest: Duration,
}

impl Breaker {
    /// Makes the call if the circuit is closed, or if it is time for a try.
    async fn call(&self, call: impl Future<Output = Result<(), ()>>) -> Result<(), Refused> {
        let is_try = match self.state.get() {
            State::Closed(_) => false,
            State::Open(until) if Instant::now() >= until => true,
            State::Open(_) | State::HalfOpen => return Err(Refused::Open),
        };
        if is_try {
            self.state.set(State::HalfOpen);
        }
        let undo = is_try.then(|| Undo(&self.state)); // `then_some` would make one, and drop it
        let result = call.await;
        std::mem::forget(undo); // not cancelled: there is nothing to undo
        let open = State::Open(Instant::now() + self.rest);
        self.state.set(match (result, is_try, self.state.get()) {
            (Ok(()), true, _) | (Ok(()), false, State::Closed(_)) => State::Closed(0),
            (Err(()), false, State::Closed(n)) if n + 1 < self.trips_at => State::Closed(n + 1),
            (Err(()), true, _) | (Err(()), false, State::Closed(_)) => open,
            (_, false, since) => since, // begun before the circuit opened: no news
        });
        result.map_err(|()| Refused::Failed)
    }
}

/// Opens the circuit again if the one try is cancelled: else it would stay half open for ever.
struct Undo<'a>(&'a Cell<State>);

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        self.0.set(State::Open(Instant::now())); // and the next caller may try
    }
}

/// A server is dead from 1 s to 4 s. Somebody calls it every 100 ms.
async fn breaker() {
    let (diary, asked_dead) = (Diary::new(), Cell::new(0));
    let breaker = Breaker { state: Cell::new(State::Closed(0)), trips_at: 3, rest: 1_500 * MS };
    let start = Instant::now();
    let call = async || {
        let gone = start.elapsed();
        if !(1_000 * MS..4_000 * MS).contains(&gone) {
            return Ok(());
        }
        asked_dead.set(asked_dead.get() + 1);
        sleep(10 * MS).await;
        Err(())
    };
    let mut ends = [0; 3];
    let mut last = breaker.state.get();
    while start.elapsed() < 6_000 * MS {
        let kind = match breaker.call(call()).await {
            Ok(()) => 0,
            Err(Refused::Failed) => 1,
            Err(Refused::Open) => 2,
        };
        ends[kind] += 1;
        let now = breaker.state.get();
        if std::mem::discriminant(&now) != std::mem::discriminant(&last) {
            let name = if matches!(now, State::Open(_)) { "opens" } else { "closes" };
            diary.note(format!("the circuit {name}"));
        }
        last = now;
        sleep(100 * MS).await;
    }
    let [good, failed, refused] = ends;
    diary.note(format!("{good} good, {failed} failed, {refused} refused at once"));
    assert!(diary.has_in_order(&["the circuit opens", "the circuit closes"]));
    assert_eq!((failed, asked_dead.get()), (4, 4), "three to trip it, and one try after 1.5 s");

    // A try that is cancelled must not leave the circuit half open.
    breaker.state.set(State::Open(Instant::now()));
    let hangs = breaker.call(std::future::pending());
    assert!(timeout(MS, hangs).await.is_err());
    let next = breaker.call(async { Ok(()) }).await;
    diary.note(format!("a try was cancelled; the next call: {next:?}"));
    assert_eq!((next, breaker.state.get()), (Ok(()), State::Closed(0)));
}

/// Three steps of up to 400 ms, each with a limit of its own, or with what is left of 500 ms.
async fn one_deadline() {
    let diary = Diary::new();
    let step = || sleep(400 * MS);
    let each = async {
        for _ in 0..3 {
            timeout(500 * MS, step()).await.unwrap();
        }
    };
    each.await;
    diary.note("500 ms for each step: all in time, and the caller has left long ago");
    let start = Instant::now();
    let steps = Cell::new(0);
    let whole = fail_at(start + 500 * MS, async |_deadline| {
        for _ in 0..3 {
            step().await;
            steps.set(steps.get() + 1);
        }
    });
    let result = whole.await;
    diary.note(format!("500 ms in all: {} step done, in time: {}", steps.get(), result.is_ok()));
    assert_eq!((steps.get(), start.elapsed()), (1, 500 * MS));
}

// Explain
//
// b) is right. Only calls that are late are asked twice, so the limit decides the price: set at
// what 95 % of the calls need, it costs about 5 % more requests. Both must be slow for the caller
// to be slow: one call in 400. That is why the p99 falls from 500 ms to 30: twenty for the limit,
// ten for the second server. It needs calls that may be made twice (lesson 40), and servers that
// have room: in an overload all calls are late, and hedges double it. So give them a budget.
//
// The breaker is for the other case: nobody answers. After three failures in a row nobody is asked
// for a while, and callers hear "no" at once, which is worth more to them than a timeout. Then
// *one* call tries (half open). Two errors are often made here. All callers try at the same
// moment; or the one that tries is cancelled, and the circuit stays half open for ever. A guard
// whose `drop` undoes it takes care of the second.
//
// A limit for each step does not add up to a promise: three steps of 500 ms may take 1.5 s. A
// deadline is a moment, and passes down through all calls: each has what is left. A retry belongs
// inside it.
//
// What real runtimes do
//
// gRPC sends the deadline along with the request, and has hedging by configuration. Envoy and
// Finagle keep breakers and retry budgets outside of the program. tokio has `timeout_at`; tower
// has a hedge layer. In asyncio, `asyncio.timeout_at` gives the deadline, and the rest is by hand.
//
// Where to read next
//
// The two reasons to start the next one: the clock, or a failure.
//
// ```rust,cite=runtime/combine/hedge.rs
// if reasons == 0
//     && let Some(limit) = &mut self.limit
//     && limit.poll(cx, &self.children).is_ready()
// {
//     reasons = 1;
// }
// …
// _ => self.start(self.at_once.saturating_mul(reasons)),
// ```
