//! Lesson 20. Eight downloads, and a bar that moves with each: which result comes first?
//!
//! Run it: `cargo run --example 20_as_completed`
//! Covers: 43.
//!
//! Python: `for next_one in asyncio.as_completed(tasks): result = await next_one`. Until 3.13 one
//! cannot see whose result it is, as what comes out is not the task that went in. Rust: a stream;
//! `next` gives the next output, `next_with_index` also its place in the list.
//!
//! Predict. The downloads take from 100 to 800 ms, the longest first. Each result is worked on for
//! 50 ms before the next is asked for. When is the work on all done, compared with `gather`, which
//! waits for all and then works?
//!
//! a) Both at 1,200 ms: 800 ms for the downloads and 8 x 50 ms for the work.
//! b) as_completed at 850 ms, `gather` at 1,200: the work is done while others load.
//! c) as_completed is later: nothing loads while one works on a result.

mod diary;

use diary::Diary;
use rondel::combine::{as_completed, gather};
use rondel::time::{Duration, Instant, sleep};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const FILES: [u64; 8] = [800, 300, 500, 100, 700, 200, 600, 400];

/// How many download now.
static LOADING: AtomicUsize = AtomicUsize::new(0);

async fn download(millis: u64) -> u64 {
    struct Loading;
    impl Drop for Loading {
        fn drop(&mut self) {
            LOADING.fetch_sub(1, Relaxed);
        }
    }
    LOADING.fetch_add(1, Relaxed);
    let _loading = Loading;
    sleep(Duration::from_millis(millis)).await;
    millis
}

async fn work_on(_file: u64) {
    sleep(Duration::from_millis(50)).await;
}

fn bar(done: usize) -> String {
    format!("[{}{}]", "#".repeat(done), ".".repeat(FILES.len() - done))
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    let mut ended = as_completed(FILES.map(|millis| rondel::spawn(download(millis))));
    let (mut order, mut done) = (Vec::new(), 0);
    while let Some((place, file)) = ended.next_with_index().await {
        let file = file.unwrap();
        assert_eq!(FILES[place], file, "the place says whose result it is");
        done += 1;
        diary.note(format!("{} file {place} has come", bar(done)));
        work_on(file).await;
        order.push(file);
    }
    diary.note("as_completed: all is worked on");
    assert_eq!(order, [100, 200, 300, 400, 500, 600, 700, 800], "in the order of their ends");
    assert_eq!(diary.when("[#.......] file 3 has come"), 100);
    assert_eq!(diary.when("as_completed: all is worked on"), 850);

    let (start, mut first) = (Instant::now(), None);
    for file in gather(FILES.map(download)).await {
        first.get_or_insert_with(|| start.elapsed().as_millis());
        work_on(file).await;
    }
    let all = start.elapsed().as_millis();
    diary.note(format!("gather: the first after {} ms, all after {all} ms", first.unwrap()));
    assert_eq!((first, all), (Some(800), 1_200));

    // Futures that are not tasks: they run only while somebody waits in `next`.
    let start = Instant::now();
    let mut ended = as_completed(FILES.map(download)).timeout(Duration::from_millis(450));
    let (mut came, mut late) = (0, 0);
    while let Some(file) = ended.next().await {
        match file {
            Ok(_) => came += 1,
            Err(_) => late += 1,
        }
    }
    let left = LOADING.load(Relaxed);
    diary.note(format!("450 ms for all: {came} came, {late} error, {left} still load"));
    assert_eq!((came, late, left), (4, 1, 0), "who is late is dropped, and told of once");
    assert_eq!(start.elapsed().as_millis(), 450);
}

// Explain
//
// b) is right. `as_completed` gives a result when it is there, and not when it is its turn in the
// list. The downloads are tasks, so they go on while the loop works on a result; the last one comes
// at 800 ms and is worked on for 50 ms more. With `gather` the first result, there at 100 ms,
// waits until 800 ms with the rest.
//
// c) would be right for futures that are not tasks: they are inside the stream, and are polled only
// while somebody waits in `next`. That is the usual mistake with streams of futures. Spawn, or keep
// the work on a result short, or make the work a part of each future.
//
// The order of the ends is the order of the wakes. Each child has a waker of its own, which notes
// who rang, so tasks that end while nobody asks come in the order in which they ended. Nothing is
// lost if a `next` is dropped: results wait in their rooms.
//
// What real runtimes do
//
// futures-rs: `FuturesUnordered`. tokio: `JoinSet::join_next`. asyncio: a queue which the tasks'
// done-callbacks fill; with `timeout=` each result that is late raises its own `TimeoutError`, and
// the tasks run on. For threads `concurrent.futures.as_completed` is the same loop.
//
// Where to read next
//
// All children that were woken are polled, and the ends queue up until somebody fetches them:
//
// ```rust,cite=runtime/combine/as_completed.rs
// let _ = children.poll_woken(cx, |index, _| {
//     ended.push_back(index);
// …
// match ended.pop_front() {
//     Some(index) => Poll::Ready(Some((index, children.room(index).take()))),
//     None if children.running() > 0 => Poll::Pending,
//     None => Poll::Ready(None),
// }
// ```
