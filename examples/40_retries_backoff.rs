//! Lesson 40. A call has failed: is it worth a second try, when, and how often?
//!
//! Run it: `cargo run --example 40_retries_backoff`
//! Covers: 91, 117-123, 155-162, 171, 181-184, 217-219, X5.
//!
//! Python: `@retry(stop=…, wait=…, retry=…, before_sleep=…)` of tenacity around an `async def`.
//! Rust: no decorator. `retry.call(async |attempt| …)` takes a closure that *makes* the future: one
//! that has failed is used up, so each attempt needs a new one.
//!
//! Predict. A server restarts, and 100 clients fail at the same moment. Each waits 1, 2, 4, 8 …
//! seconds between its tries. The server then takes 20 requests in 100 ms. When are all served?
//!
//! a) After about half a second of work: 100 requests are five times 20.
//! b) After 31 s: they all come back together, each time, and most are sent away again.
//! c) Never: backoff without a limit starves the last ones.

mod diary;

use diary::Diary;
use rondel::combine::gather;
use rondel::sync::CancellationToken;
use rondel::task::yield_now;
use rondel::time::{Duration, Instant, sleep};
use std::cell::{Cell, RefCell};

const SECOND: Duration = Duration::from_secs(1);

/// What went wrong, sorted by what a second try could do about it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Failure {
    /// A broken connection, a 5xx: may be gone the next time.
    Network,
    /// A 429 or 503: come back later; some servers say when.
    Busy(Option<Duration>),
    /// A 400, 401, 404, or a bug of ours: will be the same the next time.
    BadRequest,
}

/// tenacity's `RetryError`.
#[derive(Debug, PartialEq)]
struct GaveUp {
    attempts: u32,
    last: Failure,
}

#[derive(Clone, Copy)]
enum Wait {
    Nothing,
    Fixed(Duration),
    /// 1, 2, 4, 8 … seconds, and never more than the cap.
    Exponential(Duration),
    /// Anything from nothing up to what `Exponential` says.
    FullJitter(Duration),
}

/// Seeded random numbers (splitmix64): the same herd on every run.
struct Luck(u64);

impl Luck {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

impl Wait {
    fn after(self, failures: u32, luck: &mut Luck) -> Duration {
        let doubled = |cap: Duration| (SECOND * (1 << (failures - 1).min(20))).min(cap);
        match self {
            Wait::Nothing => Duration::ZERO,
            Wait::Fixed(pause) => pause,
            Wait::Exponential(cap) => doubled(cap),
            Wait::FullJitter(cap) => {
                Duration::from_millis(luck.below(doubled(cap).as_millis() as u64 + 1))
            }
        }
    }
}

struct Retry<'a> {
    wait: Wait,
    /// Stop conditions: how many attempts, and how much time for them and the pauses.
    attempts: u32,
    within: Duration,
    /// Which failures are worth another attempt.
    again: fn(&Failure) -> bool,
    /// tenacity's `before_sleep`: called with the number of failures, the pause and the failure.
    before_sleep: &'a dyn Fn(u32, Duration, &Failure),
}

impl Retry<'_> {
    fn new(wait: Wait) -> Self {
        let again = |failure: &Failure| *failure != Failure::BadRequest;
        Self { wait, attempts: u32::MAX, within: Duration::MAX, again, before_sleep: &|_, _, _| {} }
    }

    async fn call<T>(
        &self,
        luck: &mut Luck,
        mut make: impl AsyncFnMut(u32) -> Result<T, Failure>,
    ) -> Result<T, GaveUp> {
        let (start, mut attempts) = (Instant::now(), 0);
        loop {
            attempts += 1;
            let last = match make(attempts).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let mut pause = self.wait.after(attempts, luck);
            if let Failure::Busy(Some(asked)) = last {
                pause = pause.max(asked); // the server knows better
            }
            // A pause that ends behind the deadline is not worth beginning.
            let too_late = start.elapsed().saturating_add(pause) > self.within;
            if !(self.again)(&last) || attempts == self.attempts || too_late {
                return Err(GaveUp { attempts, last });
            }
            (self.before_sleep)(attempts, pause, &last);
            match pause.is_zero() {
                true => yield_now().await, // without it nobody else runs, not even a timeout
                false => sleep(pause).await,
            }
        }
    }
}

#[rondel::main(start_paused = true)]
async fn main() {
    foundation_drills().await;
    advanced_drills().await;
    what_the_server_says().await;
    a_payment_and_a_chat().await;

    let (peak, ms) = herd(Wait::Exponential(64 * SECOND), 1_000).await;
    println!("in step:     at most {peak} requests in 100 ms, all served after {ms} ms");
    assert_eq!((peak, ms), (100, 31_000));
    let (peak, ms) = herd(Wait::FullJitter(64 * SECOND), 100).await;
    println!("full jitter: at most {peak} requests in 100 ms, all served after {ms} ms");
    assert!(peak <= 20 && ms <= 2_000, "they spread, and nobody is sent away again");
}

/// Drills 1 to 5: the parts one by one, each with a call that counts how often it was made.
async fn foundation_drills() {
    let diary = Diary::new();
    let luck = &mut Luck(1);
    let (made, stop) = (Cell::new(0), CancellationToken::new());
    let never = async |_| -> Result<(), _> {
        made.set(made.get() + 1);
        if made.get() == 1_000 {
            stop.cancel();
        }
        Err(Failure::Network)
    };
    let forever = Retry::new(Wait::Nothing);
    let ended = stop.run_until_cancelled(forever.call(luck, never)).await;
    diary.note(format!("1 no stop: {} attempts, and only we ended it", made.get()));
    assert_eq!((ended, made.get()), (None, 1_000));

    let start = Instant::now();
    let times = RefCell::new(Vec::new());
    let failing = async |_| -> Result<(), _> {
        times.borrow_mut().push(start.elapsed().as_millis());
        Err(Failure::Network)
    };
    let fixed = Retry { attempts: 3, ..Retry::new(Wait::Fixed(2 * SECOND)) };
    let end = fixed.call(luck, failing).await.unwrap_err();
    diary.note(format!("2, 3, 5 stop at 3, wait 2 s: {end:?}, made at {:?} ms", times.borrow()));
    assert_eq!(end, GaveUp { attempts: 3, last: Failure::Network });
    assert_eq!(*times.borrow(), [0, 2_000, 4_000], "and counted: three, no more");

    let second = async |number| if number == 2 { Ok("text") } else { Err(Failure::Network) };
    let value: &str = fixed.call(luck, second).await.unwrap();
    diary.note(format!("4 the second try succeeds: {value:?}, the value itself"));
    assert_eq!(value, "text");
}

/// Drills 6 to 8, and the other stop condition.
async fn advanced_drills() {
    let (luck, mut dice) = (&mut Luck(2), Luck(3));
    for (attempts, at_least) in [(1, 250), (5, 780), (20, 990)] {
        let patient = Retry { attempts, ..Retry::new(Wait::FullJitter(SECOND)) };
        let mut good = 0;
        for _ in 0..1_000 {
            let flaky = async |_| if dice.below(10) < 7 { Err(Failure::Network) } else { Ok(()) };
            good += u32::from(patient.call(luck, flaky).await.is_ok());
        }
        println!("6 fails in 70 %, {attempts} attempts: {good} of 1000 calls succeed");
        assert!(good >= at_least, "1 - 0.7^{attempts} of them");
    }

    let (start, pauses) = (Instant::now(), RefCell::new(Vec::new()));
    let note = |failures, pause: Duration, failure: &Failure| {
        pauses.borrow_mut().push(pause.as_secs());
        let now = start.elapsed().as_secs();
        println!("7 {now:>2} s: attempt {failures} failed: {failure:?}, again in {pause:?}");
    };
    let cap = Wait::Exponential(10 * SECOND);
    let seen = Retry { attempts: 7, before_sleep: &note, ..Retry::new(cap) };
    seen.call(luck, async |_| Err::<(), _>(Failure::Network)).await.unwrap_err();
    assert_eq!(*pauses.borrow(), [1, 2, 4, 8, 10, 10], "as tenacity waits");

    let (start, diary) = (Instant::now(), Diary::new());
    let hurried = Retry { within: 30 * SECOND, ..Retry::new(cap) };
    let end = hurried.call(luck, async |_| Err::<(), _>(Failure::Network)).await.unwrap_err();
    let gone = start.elapsed();
    diary.note(format!("stop after 30 s: gave up after {gone:?}, {} attempts", end.attempts));
    assert_eq!((gone, end.attempts), (25 * SECOND, 6), "the next would have been at 35 s");

    let script = [Failure::Network, Failure::BadRequest, Failure::Network];
    let guarded = Retry::new(Wait::Fixed(SECOND));
    let mixed = async |number: u32| Err::<(), _>(script[number as usize - 1]);
    let end = guarded.call(luck, mixed).await.unwrap_err();
    diary.note(format!("8 only what may pass: {end:?}"));
    assert_eq!(end, GaveUp { attempts: 2, last: Failure::BadRequest });
}

/// What to wait for if the server says so: seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(value: &str, now: u64) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let words: Vec<&str> = value.split([' ', ':']).collect(); // Thu, 26 Nov 2026 14:00:00 GMT
    let [_, day, month, year, hour, minute, second, "GMT"] = words[..] else { return None };
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = months.find(month).filter(|at| month.len() == 3 && at % 3 == 0)? as i64 / 3 + 1;
    // Days since 1970, with the year beginning in March: leap days are then at its end.
    let year: i64 = year.parse::<i64>().ok()? - i64::from(month <= 2);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.parse::<i64>().ok()? - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468;
    let mut date = days;
    for (part, size) in [(hour, 24), (minute, 60), (second, 60)] {
        date = date * size + part.parse::<i64>().ok()?;
    }
    Some(Duration::from_secs(u64::try_from(date).ok()?.saturating_sub(now)))
}

/// A 404 is asked for once. The guide's client means that, too; its own handler undoes it.
async fn what_the_server_says() {
    let diary = Diary::new();
    let (start, asked) = (Instant::now(), Cell::new(0));
    let get = async || -> Result<(), Failure> {
        asked.set(asked.get() + 1);
        Err(Failure::BadRequest) // `raise_for_status` makes an exception of the 404
    };
    for attempt in 0..3 {
        match get().await {
            Ok(()) => break,
            // Written for lost connections, but it catches the class of them all; and it pauses
            // after the last attempt, too.
            Err(_) => sleep(SECOND * (1 << attempt)).await,
        }
    }
    let asked = asked.get();
    let gone = start.elapsed();
    diary.note(format!("404, the guide's loop: asked {asked} times, gives up after {gone:?}"));
    assert_eq!((asked, gone), (3, 7 * SECOND));
    let (start, retry) = (Instant::now(), Retry::new(Wait::Exponential(10 * SECOND)));
    let end = retry.call(&mut Luck(4), async |_| Err::<(), _>(Failure::BadRequest)).await;
    diary.note(format!("404, by its kind: {:?}, after {:?}", end, start.elapsed()));
    assert_eq!(end, Err(GaveUp { attempts: 1, last: Failure::BadRequest }));

    let now = 1_795_701_590; // ten seconds before two o'clock
    for value in ["120", "Thu, 26 Nov 2026 14:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "soon"] {
        println!("Retry-After: {value:<29} -> {:?}", retry_after(value, now));
    }
    assert_eq!(retry_after("Thu, 26 Nov 2026 14:00:00 GMT", now), Some(10 * SECOND));
    assert_eq!(retry_after("soon", now), None, "then our own backoff counts");
    let asked = Failure::Busy(retry_after("120", now));
    let start = Instant::now();
    let busy = async |number| if number == 1 { Err(asked) } else { Ok(()) };
    retry.call(&mut Luck(4), busy).await.unwrap();
    assert_eq!(start.elapsed(), 120 * SECOND, "the longer of the two");
}

/// The work is done, and the answer is lost. Who tries again must not pay again.
async fn a_payment_and_a_chat() {
    let diary = Diary::new();
    for key in [None, Some("order 7")] {
        let charges: RefCell<Vec<Option<&str>>> = RefCell::default();
        let pay = async |number| {
            let known = key.is_some() && charges.borrow().contains(&key);
            if !known {
                charges.borrow_mut().push(key);
            }
            if number == 1 { Err(Failure::Network) } else { Ok(()) }
        };
        Retry::new(Wait::Fixed(SECOND)).call(&mut Luck(5), pay).await.unwrap();
        let times = charges.borrow().len();
        diary.note(format!("a payment with the key {key:?}: charged {times} times"));
        assert_eq!(times, if key.is_none() { 2 } else { 1 });
    }
}

/// 100 clients fail at once. Draws how they come back, `slot` milliseconds a line, and returns how
/// many came in the worst 100 ms and when the last was served.
async fn herd(wait: Wait, slot: usize) -> (usize, u128) {
    let (start, arrivals) = (Instant::now(), RefCell::new(vec![0; 1_000]));
    let clients = (0..100).map(|number| {
        let arrivals = &arrivals;
        async move {
            let call = async |_| {
                let tenth = start.elapsed().as_millis() as usize / 100;
                arrivals.borrow_mut()[tenth] += 1;
                let served = tenth > 0 && arrivals.borrow()[tenth] <= 20;
                if served { Ok(()) } else { Err(Failure::Busy(None)) }
            };
            // The server is down for 100 ms, which who draws a short pause meets again.
            Retry::new(wait).call(&mut Luck(number), call).await.unwrap();
        }
    });
    gather(clients).await;
    let (ms, arrivals) = (start.elapsed().as_millis(), arrivals.into_inner());
    for (line, tenths) in arrivals.chunks(slot / 100).enumerate() {
        let came: usize = tenths.iter().sum();
        if came > 0 {
            println!("{:>6} ms {came:>3} {}", line * slot, "#".repeat(came.div_ceil(2)));
        }
    }
    (*arrivals[1..].iter().max().unwrap(), ms)
}

// Explain
//
// b) is right. Backoff alone keeps the herd together: whoever failed at the same moment waits for
// the same time, so the server sees nothing for seconds, then everybody at once. At 1, 3, 7, 15
// and 31 s it takes 20 and sends the others away. *Full jitter* draws each pause between nothing
// and the backoff, so the same hundred are spread out, never more than 20 at once, and served
// within two seconds.
//
// What to repeat is a question of kinds. A broken connection, a 429, a 503 may be gone; a 400 or a
// bug will be the same, and "retry on any exception" hides it behind minutes of pauses. The guide
// says that its client does not retry a 404. We measured: three requests and seven seconds,
// because the exception of the 404 is of the class that its own handler retries; and a
// `Retry-After` with a date, which the standard allows, ends it with a ValueError. Sort by the
// value, not by who catches.
//
// When to stop: attempts *and* time, or a call hangs for ever and nobody sees why; `before_sleep`
// is where it becomes seen. A chat may be asked twice. A payment may not: an answer that was lost
// and a request that was lost look the same, so the request carries a key, and the server does the
// work once for each key.
//
// What real runtimes do
//
// Neither tokio nor asyncio has retries: tenacity, `backon` and `tower::retry` do this on top.
// AWS's libraries use full jitter, and a budget besides: retries may be a tenth of all requests,
// so that a server in trouble does not get three times its load.
//
// Where to read next
//
// The engine draws, too: `select!` starts at a random branch. One stream of numbers a thread,
// which a seed makes repeatable:
//
// ```rust,cite=runtime/random.rs
// state ^= state >> 12;
// state ^= state << 25;
// state ^= state >> 27;
// STATE.set(state);
// state.wrapping_mul(0x2545_F491_4F6C_DD1D)
// ```
