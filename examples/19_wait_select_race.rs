//! Lesson 19. Many are asked, one answer is enough: who wins, and what becomes of the others?
//!
//! Run it: `cargo run --example 19_wait_select_race`
//! Covers: 42, 49, 50, 173.
//!
//! Python: `done, pending = await asyncio.wait(tasks, return_when=FIRST_COMPLETED)`. What is
//! pending runs on, until somebody cancels it. Rust: `wait` is the same and hands the rest back;
//! `race`, `race_ok` and `select!` drop the losers where they are.
//!
//! Predict. A primary and two secondaries are asked. The primary answers after 2.5 s; it was to be
//! taken within 2 s, else the first secondary. The secondaries answer after 1 s and after 500 ms,
//! but the fast one with an error. When is there an answer, and whose?
//!
//! a) After 500 ms: the first one to end wins.
//! b) After 2 s, from the slow secondary.
//! c) After 2.5 s, from the primary: it was asked first.

mod diary;

use diary::Diary;
use rondel::combine::{ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, hedge, race_ok, wait};
use rondel::task::AbortOnDropHandle;
use rondel::time::{Duration, Instant, sleep, timeout};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

type Answer = Result<&'static str, &'static str>;

const PATIENCE: Duration = Duration::from_secs(2);

/// A source: its name, how long it takes, and whether it knows the answer.
type Source = (&'static str, u64, bool);

/// Requests under way.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

struct Request;

impl Drop for Request {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Relaxed);
    }
}

async fn ask((name, millis, knows): Source) -> Answer {
    UNDER_WAY.fetch_add(1, Relaxed);
    let _request = Request;
    sleep(Duration::from_millis(millis)).await;
    if knows { Ok(name) } else { Err(name) }
}

/// The coding challenge: all three are asked at once, the primary is preferred for 2 s, and then
/// the first secondary that knows counts. Whoever is not needed is aborted, by a drop.
async fn prefer(primary: Source, secondaries: [Source; 2]) -> Answer {
    // Tasks, and not futures: the secondaries shall run while nobody waits for them.
    let start = |source| AbortOnDropHandle::new(rondel::spawn(ask(source)));
    let (primary, secondaries) = (start(primary), secondaries.map(start));
    if let Ok(Ok(Ok(answer))) = timeout(PATIENCE, primary).await {
        return Ok(answer);
    }
    let secondaries = secondaries.map(|task| async { task.await.expect("nobody aborts it") });
    race_ok(secondaries).await.map_err(|_| "nobody knows")
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    let cases = [
        // the primary, the secondaries; who answers and when, asked at once and hedged
        (("a", 1_500, true), [("b", 100, true), ("c", 200, true)], [("a", 1_500), ("a", 1_500)]),
        (("a", 2_500, true), [("b", 1_000, true), ("c", 500, false)], [("b", 2_000), ("a", 2_500)]),
        (("a", 300, false), [("b", 900, true), ("c", 700, true)], [("c", 700), ("c", 1_000)]),
        (("a", 300, false), [("b", 900, false), ("c", 700, false)], [("-", 900), ("-", 1_200)]),
    ];
    for (primary, secondaries, [at_once, hedged]) in cases {
        let start = Instant::now();
        let answer = prefer(primary, secondaries).await;
        let took = start.elapsed().as_millis();
        diary.note(format!("all asked at once: {answer:?} after {took} ms"));
        assert_eq!((answer.unwrap_or("-"), took), at_once);
        rondel::task::yield_now().await; // the tasks that were aborted end now
        assert_eq!(UNDER_WAY.load(Relaxed), 0, "nobody goes on for nothing");

        let start = Instant::now();
        let answer = hedge(ask(primary), PATIENCE, secondaries.map(ask)).await;
        let took = start.elapsed().as_millis();
        diary.note(format!("hedged:            {answer:?} after {took} ms"));
        assert_eq!((answer.unwrap_or("-"), took), hedged);
        assert_eq!(UNDER_WAY.load(Relaxed), 0, "futures are gone at once");
    }
    what_wait_gives_back().await;
    a_branch_of_select_is_dropped(&diary).await;
}

/// The three ends of `wait`, and its limit. Nobody is cancelled by any of them.
async fn what_wait_gives_back() {
    let start = || {
        [("a", 300, true), ("b", 100, true), ("c", 200, false), ("d", 9_000, true)]
            .map(|source| rondel::spawn(ask(source)))
    };
    for (name, when) in [
        ("FIRST_COMPLETED", FIRST_COMPLETED),
        ("FIRST_EXCEPTION", FIRST_EXCEPTION),
        ("ALL_COMPLETED", ALL_COMPLETED),
    ] {
        let limit = Duration::from_secs(1);
        let waited = wait(start(), when).timeout(limit).failed_if(Result::is_err).await;
        let done: Vec<_> = waited.done.iter().map(|(_, answer)| answer.as_ref().unwrap()).collect();
        println!("           {name}: done {done:?}, {} pending", waited.pending.len());
        let expected = match when {
            FIRST_COMPLETED => 1,
            FIRST_EXCEPTION => 2,
            _ => 3, // the limit came first; `d` is pending, and unharmed
        };
        assert_eq!((done.len(), waited.pending.len()), (expected, 4 - expected));
        assert!(waited.pending.iter().all(|task| !task.is_finished()));
        waited.pending.iter().for_each(|task| task.abort());
    }
}

/// Cancel safety: `select!` drops the branches that did not win, with what they had so far.
async fn a_branch_of_select_is_dropped(diary: &Diary) {
    async fn three_steps() -> u32 {
        for _ in 0..3 {
            sleep(Duration::from_millis(40)).await; // what is done is known only in here
        }
        3
    }
    let (mut ticks, mut started_anew) = (0, None);
    while ticks < 5 && started_anew.is_none() {
        rondel::select! {
            done = three_steps() => started_anew = Some(done),
            () = sleep(Duration::from_millis(100)) => ticks += 1,
        }
    }
    diary.note(format!("select, made anew each turn: {started_anew:?} after {ticks} ticks"));

    let (mut ticks, mut kept) = (0, None);
    let mut steps = Box::pin(three_steps());
    while ticks < 5 && kept.is_none() {
        rondel::select! {
            done = &mut steps => kept = Some(done),
            () = sleep(Duration::from_millis(100)) => ticks += 1,
        }
    }
    diary.note(format!("select, with &mut of one:     {kept:?} after {ticks} tick"));
    assert_eq!((started_anew, kept, ticks), (None, Some(3), 1));
}

// Explain
//
// b) is right. "Within 2 s, else" is not a race: a quick secondary has to wait, and so `prefer`
// looks at the primary alone until its time is up or it has failed. Then `race_ok` takes the first
// success; an error is no answer, and only if all fail there is none. `hedge` is the thrifty form:
// the secondaries are asked only when the primary is late, and the primary still counts. That saves
// calls, and loses the head start: 2.5 s and not 2 s in the second case.
//
// Who loses is dropped, and has perhaps done half of its work: the request is on its way, the
// server may do what it was asked for. So only ask many what it does no harm to do twice.
//
// The same holds within one program. `select!` in a loop drops the branch that did not win, and
// what it had so far. Three steps of 40 ms never get done beside a tick of 100 ms if each turn
// starts them anew; by `&mut` they are kept over the turns. "Cancel-safe" in the reference says for
// each function whether such a drop loses anything.
//
// What real runtimes do
//
// asyncio: `wait`, and a loop that cancels the rest, is the pattern; forgetting the loop leaves
// tasks running. JavaScript: `Promise.all` is `try_gather`, `allSettled` is `gather`, `race` and
// `any` are `race` and `race_ok`, but the losers run on. Go: `errgroup` is a `TaskGroup`; p-limit
// is `buffer_unordered`. tokio: `select!`, and `JoinSet`. Browsers connect like `staggered`: the
// next address every 250 ms, the first one connected wins ("happy eyeballs").
//
// Where to read next
//
// When is it enough, and who is handed back?
//
// ```rust,cite=runtime/combine/wait.rs
// let is_enough = match return_when {
//     ReturnWhen::AllCompleted => false,
//     ReturnWhen::FirstCompleted => !ended.order.is_empty(),
//     ReturnWhen::FirstException => ended.has_failure,
// };
// ```
