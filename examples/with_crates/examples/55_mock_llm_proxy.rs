//! Lesson 55. How do 500 flaky calls become 500 rows, ten at a time?
//!
//! Run it: `cargo run -p with-crates --example 55_mock_llm_proxy`
//! Covers: 94, 126, 127, 140, 163-170, 186, X15.
//!
//! Python: a `Semaphore(10)` around each call, tenacity around that, an async session of SQLAlchemy
//! for the rows. Rust: the same semaphore, a loop with a backoff, and SQLite, whose calls block: so
//! the connection lives on the threads of the blocking pool and gets its rows in batches.
//!
//! Predict. 500 requests, 100 to 500 ms an attempt, three of ten attempts fail, ten in flight. The
//! calls are 150 s of work without the retries. How long does it take, and how is the rate limited?
//!
//! a) 15 s, and 10 requests a second: that is what the semaphore says.
//! b) Some 20 s: a tenth of all attempts. The rate follows from how long a call takes.
//! c) 150 s: a loop has one thread.

#[path = "../../diary/mod.rs"]
mod diary;

use diary::Diary;
use rondel::stream::{Stream, StreamExt, generate};
use rondel::sync::{CancellationToken, Semaphore, mpsc};
use rondel::time::{Duration, Instant, sleep};
use rusqlite::{Connection, params};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

const REQUESTS: u32 = 500;
const IN_FLIGHT_MAX: usize = 10;
const BATCH: usize = 50;

/// A row of the table `calls`.
struct Call {
    id: u32,
    at_ms: u32,
    took_ms: u32,
    retries: u32,
    tokens: u64,
}

/// Luck that repeats: splitmix64, one for each request, so that no order of the tasks changes it.
struct Luck(u64);

impl Luck {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % limit
    }
}

/// What the calls share. `in_flight` is the test's own count, not the semaphore's.
#[derive(Default)]
struct Gauge {
    in_flight: Cell<usize>,
    in_flight_max: Cell<usize>,
    slept_ms: Cell<u64>,
}

/// The model: takes a while, and fails three times of ten.
async fn attempt(luck: &mut Luck, gauge: &Gauge) -> Result<u64, &'static str> {
    gauge.in_flight.set(gauge.in_flight.get() + 1);
    gauge.in_flight_max.set(gauge.in_flight_max.get().max(gauge.in_flight.get()));
    let ms = 100 + luck.below(401);
    gauge.slept_ms.set(gauge.slept_ms.get() + ms);
    sleep(Duration::from_millis(ms)).await;
    gauge.in_flight.set(gauge.in_flight.get() - 1);
    if luck.below(10) < 3 { Err("503: overloaded") } else { Ok(50 + luck.below(200)) }
}

/// Attempts until one succeeds. The permit is given back while it waits: who only waits must not
/// keep others out. Full jitter: anything from nothing up to the doubled limit.
async fn call(id: u32, start: Instant, permits: &Semaphore, gauge: &Gauge) -> Call {
    let (mut luck, mut retries) = (Luck(id.into()), 0);
    let asked = Instant::now();
    loop {
        let permit = permits.acquire().await.unwrap();
        let result = attempt(&mut luck, gauge).await;
        drop(permit);
        if let Ok(tokens) = result {
            let at_ms = start.elapsed().as_millis() as u32;
            let took_ms = asked.elapsed().as_millis() as u32;
            return Call { id, at_ms, took_ms, retries, tokens };
        }
        retries += 1;
        assert!(retries < 20, "request {id} never succeeded");
        sleep(Duration::from_millis(luck.below(100 << retries.min(5)))).await;
    }
}

/// SQLite and a count of the statements it was sent.
struct Store {
    db: Connection,
    statements: u64,
}

/// The engine, the schema (labs 1 to 3).
fn open() -> rusqlite::Result<Store> {
    let db = Connection::open_in_memory()?;
    db.execute_batch(
        "CREATE TABLE calls (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,
             took_ms INTEGER NOT NULL, retries INTEGER NOT NULL, meta TEXT NOT NULL);
         CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, title TEXT);",
    )?;
    Ok(Store { db, statements: 0 })
}

/// A session (labs 4 and 5): all rows of the batch, or none.
fn insert(store: &mut Store, batch: &[Call]) -> rusqlite::Result<()> {
    let session = store.db.transaction()?;
    for call in batch {
        let meta = serde_json::json!({ "model": "mock", "tokens": call.tokens }).to_string();
        let mut row = session.prepare_cached("INSERT INTO calls VALUES (?1, ?2, ?3, ?4, ?5)")?;
        row.execute(params![call.id, call.at_ms, call.took_ms, call.retries, meta])?;
        store.statements += 1;
    }
    session.commit()
}

fn number(store: &mut Store, query: &str) -> u32 {
    store.statements += 1;
    store.db.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Runs `work` on a thread of the blocking pool, with the one connection.
async fn on_the_pool<T: Send + 'static>(
    store: &Arc<Mutex<Store>>,
    work: impl FnOnce(&mut Store) -> T + Send + 'static,
) -> T {
    let store = store.clone();
    rondel::spawn_blocking(move || work(&mut store.lock().unwrap())).await.unwrap()
}

/// Takes what arrives, and writes it fifty at a time; returns the number of transactions.
async fn writer(mut calls: mpsc::Receiver<Call>, store: Arc<Mutex<Store>>) -> u64 {
    let (mut batch, mut transactions) = (Vec::new(), 0);
    loop {
        let call = calls.recv().await;
        let is_last = call.is_none();
        batch.extend(call);
        if batch.len() == BATCH || (is_last && !batch.is_empty()) {
            let full = std::mem::take(&mut batch);
            on_the_pool(&store, move |store| insert(store, &full)).await.unwrap();
            transactions += 1;
        }
        if is_last {
            return transactions;
        }
    }
}

/// The streaming variant: a token each 20 ms, until there are enough or the caller has left.
fn tokens(stop: CancellationToken, sent: Rc<Cell<u32>>) -> impl Stream<Item = String> {
    generate(move |out| async move {
        for index in 0..1_000 {
            let pause = sleep(Duration::from_millis(20));
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
            sent.set(sent.get() + 1);
            out.emit(format!("data: token {index}\n\n")).await;
        }
    })
}

/// Reads five tokens, then presses the stop button; how many were sent and read.
async fn stream_until_stopped() -> (u32, u32) {
    let (stop, sent) = (CancellationToken::new(), Rc::new(Cell::new(0)));
    let mut answer = std::pin::pin!(tokens(stop.clone(), sent.clone()));
    let mut read = 0;
    while answer.next().await.is_some() {
        read += 1;
        if read == 5 {
            stop.cancel(); // the user presses the button
        }
    }
    (sent.get(), read)
}

/// Create, read, update, delete: 100 rows, and what is left of them (lab 6).
fn crud(store: &mut Store) -> rusqlite::Result<u32> {
    for id in 1..=100 {
        store.db.execute("INSERT INTO users VALUES (?1, 'user ' || ?1)", [id])?;
        store.db.execute("INSERT INTO posts VALUES (?1, ?1, 'post ' || ?1)", [id])?;
    }
    let renamed = store.db.execute("UPDATE users SET name = upper(name) WHERE id <= 50", [])?;
    let deleted = store.db.execute("DELETE FROM users WHERE id > 90", [])?;
    assert_eq!((renamed, deleted), (50, 10));
    Ok(number(store, "SELECT count(*) FROM users"))
}

/// Titles by one query for the users and one for each user (lab 8), in queries and titles.
fn one_query_each(store: &mut Store) -> rusqlite::Result<(u64, usize)> {
    let before = store.statements;
    let ids: Vec<u32> = {
        let mut users = store.db.prepare("SELECT id FROM users")?;
        users.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    store.statements += 1;
    let mut titles = 0;
    for id in ids {
        store.statements += 1;
        let mut posts = store.db.prepare_cached("SELECT title FROM posts WHERE user_id = ?1")?;
        titles += posts.query_map([id], |row| row.get::<_, String>(0))?.count();
    }
    Ok((store.statements - before, titles))
}

/// The same titles by a join.
fn one_join(store: &mut Store) -> rusqlite::Result<(u64, usize)> {
    let before = store.statements;
    let titles = {
        let mut join =
            store.db.prepare("SELECT title FROM users JOIN posts ON user_id = users.id")?;
        join.query_map([], |row| row.get::<_, String>(0))?.count()
    };
    store.statements += 1;
    Ok((store.statements - before, titles))
}

/// A task for each request, all at once, and one that writes; it ends when the last sender is gone.
async fn call_all(store: &Arc<Mutex<Store>>) -> (Rc<Gauge>, u64) {
    let (permits, gauge) = (Rc::new(Semaphore::new(IN_FLIGHT_MAX)), Rc::new(Gauge::default()));
    let (send, receive) = mpsc::channel(2 * BATCH);
    let writer = rondel::spawn(writer(receive, store.clone()));
    let start = Instant::now();
    for id in 1..=REQUESTS {
        let (permits, gauge, send) = (permits.clone(), gauge.clone(), send.clone());
        drop(rondel::task::spawn_local(async move {
            let call = call(id, start, &permits, &gauge).await;
            send.send(call).await.expect("the writer reads until all senders are gone");
        }));
    }
    drop(send);
    (gauge, writer.await.unwrap())
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    let store = Arc::new(Mutex::new(rondel::spawn_blocking(open).await.unwrap().unwrap()));
    let start = Instant::now();
    let (gauge, transactions) = call_all(&store).await;
    let total_ms = start.elapsed().as_millis() as u64;

    let (slept_ms, most) = (gauge.slept_ms.get(), gauge.in_flight_max.get());
    diary.note(format!("{REQUESTS} done, at most {most} in flight, {transactions} transactions"));
    diary.note(format!("slept in calls, summed up: {slept_ms} ms, {} times", slept_ms / total_ms));
    let ask = |query: &'static str| on_the_pool(&store, move |store| number(store, query));
    let rows = ask("SELECT count(DISTINCT id) FROM calls WHERE id BETWEEN 1 AND 500").await;
    let average = ask("SELECT CAST(avg(took_ms) AS INTEGER) FROM calls").await;
    let retries = ask("SELECT sum(retries) FROM calls").await;
    let tokens_sum = ask("SELECT sum(meta ->> '$.tokens') FROM calls").await;
    let long = ask("SELECT count(*) FROM calls WHERE meta ->> '$.tokens' > 100").await;
    diary.note(format!("total success: {rows}, total retries: {retries}"));
    diary.note(format!("average from request to answer: {average} ms"));
    diary.note(format!("tokens: {tokens_sum}; {long} calls of more than 100"));

    let (sent, read) = stream_until_stopped().await;
    diary.note(format!("streaming, stopped by the user: {sent} sent, {read} read"));

    let left = on_the_pool(&store, crud).await.unwrap();
    let each = on_the_pool(&store, one_query_each).await.unwrap();
    let join = on_the_pool(&store, one_join).await.unwrap();
    diary.note(format!(
        "of 100 users {left} are left; titles: {each:?} one by one, {join:?} joined"
    ));

    assert!(total_ms * 5 < u64::from(REQUESTS) * 300, "the calls overlapped");
    assert!(total_ms * IN_FLIGHT_MAX as u64 >= slept_ms, "and never more than ten of them");
    assert_eq!((rows, ask("SELECT count(*) FROM calls").await), (REQUESTS, REQUESTS));
    assert!(retries > 100, "three of ten attempts fail: {retries}");
    assert_eq!((most, transactions), (IN_FLIGHT_MAX, u64::from(REQUESTS) / BATCH as u64));
    assert_eq!((sent, read), (5, 5), "nothing was made that nobody read");
    assert_eq!((left, each, join), (90, (91, 90), (1, 90)));
}

// Explain
//
// b) is right. The semaphore lets ten attempts sleep side by side, so all of it takes a tenth of
// what the attempts sleep, and the retries make more attempts than requests.
//
// The guide calls the semaphore rate limiting. It limits how many are in flight, not how many there
// are in a second: the same ten permits let through some 33 a second at 300 ms a call, and a
// thousand a second at 10 ms. A limit of the rate is a token bucket (X15).
//
// Who waits for the next attempt has given its permit back. With the permit kept, ten unlucky
// requests would stop the other 490.
//
// SQLite has no sockets: each call blocks its thread. So the connection goes to the blocking pool.
// A trip to it and a transaction cost more than a row; fifty rows share them. The channel holds a
// hundred calls and then makes the callers wait, so a slow disk slows the calls down instead of
// filling memory.
//
// "N+1": a query for the users, and then one for each. In an ORM that loads lazily, the 90 are
// hidden in an attribute; an async one cannot wait there, and raises MissingGreenlet. What is
// visible here as a loop around a query is repaired by a join, or by one query for all ids.
//
// The stream makes a token only when somebody asks for it. When the user stops, the pause before
// the next one ends at once; the body returns, and what it held is dropped.
//
// What real runtimes do
//
// tokio with sqlx: its SQLite driver has a thread of its own for each connection. aiosqlite: the
// same, a thread and a queue. asyncpg and tokio-postgres talk over a socket and need no thread.
//
// Where to read next
//
// The pool: how work gets to the threads, and when a new one is started:
//
// ```rust,cite=runtime/blocking.rs
// //! 2. A closure that is still queued when the pool closes is dropped, not run.
// //! 3. A panic of a closure does not take its thread away.
// ```
