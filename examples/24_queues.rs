//! Lesson 24. A fast producer and slow consumers: what keeps the memory from filling up?
//!
//! Run it: `cargo run --example 24_queues`
//! Covers: 64-67, 172.
//!
//! Python: `asyncio.Queue(maxsize=5)`, `await queue.put(item)`, `task_done`, `join`, and a sentinel
//! for each consumer to say that it is over. Rust: `mpsc::channel(5)`, `sender.send(item).await`.
//! The end needs no sentinel: when the last `Sender` is dropped, `recv` gives `None`. Python's
//! queue is there too, as `rondel::sync::Queue`.
//!
//! Predict. Three producers make 50 items in no time; five consumers take 10 ms for each. The queue
//! has room for 5. How many items are ever made and not yet taken?
//!
//! a) 50: producers never wait, they are faster.
//! b) 5: what has room in the queue.
//! c) 8: five in the queue, and one in the hands of each producer that waits for room.

mod diary;

use diary::Diary;
use rondel::sync::queue::error::PutError;
use rondel::sync::{Mutex, Queue, mpsc};
use rondel::task::JoinSet;
use rondel::time::{Duration, sleep};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const PRODUCERS: usize = 3;
const CONSUMERS: usize = 5;
const ITEMS: usize = 50;
const ROOM: usize = 5;

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    let (sender, receiver) = mpsc::channel(ROOM);
    let receiver = Arc::new(Mutex::new(receiver));
    let pending = Arc::new(AtomicUsize::new(0));
    let most_pending = Arc::new(AtomicUsize::new(0));

    for producer in 0..PRODUCERS {
        let (sender, diary) = (sender.clone(), diary.clone());
        let (pending, most_pending) = (pending.clone(), most_pending.clone());
        rondel::spawn(async move {
            for item in (producer..ITEMS).step_by(PRODUCERS) {
                most_pending.fetch_max(pending.fetch_add(1, Relaxed) + 1, Relaxed);
                sender.send(item).await.expect("the consumers take everything");
            }
            diary.note(format!("producer {producer} is done"));
        });
    }
    drop(sender); // the producers have their own; the queue ends with the last of them

    let consumers = [(); CONSUMERS].map(|()| {
        let (receiver, pending) = (receiver.clone(), pending.clone());
        rondel::spawn(async move {
            let mut taken = Vec::new();
            loop {
                // The lock is held while waiting: one consumer waits for an item, the others for
                // it.
                let Some(item) = receiver.lock().await.recv().await else { return taken };
                pending.fetch_sub(1, Relaxed);
                sleep(Duration::from_millis(10)).await;
                taken.push(item);
            }
        })
    });
    let mut all = Vec::new();
    for consumer in consumers {
        let taken = consumer.await.unwrap();
        diary.note(format!("a consumer has worked off {}", taken.len()));
        all.extend(taken);
    }
    diary.note(format!("at most {} made and not taken", most_pending.load(Relaxed)));

    all.sort_unstable();
    assert_eq!(all, (0..ITEMS).collect::<Vec<_>>(), "every item once");
    assert_eq!(most_pending.load(Relaxed), ROOM + PRODUCERS);
    assert_eq!(
        diary.when("a consumer has worked off 10"),
        100,
        "50 items, 5 at a time, 10 ms each"
    );
    with_sentinels(&diary).await;
    empty_is_not_finished(&diary).await;
}

/// The coding challenge as asyncio has it: 3 producers, 5 consumers, room for 50, and an end that
/// leaves nothing behind. What ends a consumer is an item that is none.
async fn with_sentinels(diary: &Diary) {
    const EACH: usize = 100;
    let queue = Arc::new(Queue::new(50));
    let (mut producers, mut consumers) = (JoinSet::new(), JoinSet::new());
    let most = Arc::new(AtomicUsize::new(0));
    for producer in 0..PRODUCERS {
        let (queue, most) = (queue.clone(), most.clone());
        producers.spawn(async move {
            for item in 0..EACH {
                queue.put(Some(producer * EACH + item)).await.expect("nobody shuts it down");
                most.fetch_max(queue.qsize(), Relaxed);
            }
        });
    }
    for _ in 0..CONSUMERS {
        let queue = queue.clone();
        consumers.spawn(async move {
            let mut taken = Vec::new();
            while let Some(item) = queue.get().await.expect("nobody shuts it down") {
                sleep(Duration::from_millis(10)).await;
                taken.push(item);
                queue.task_done().expect("one for each item");
            }
            queue.task_done().expect("the sentinel counts, too");
            taken
        });
    }
    // The order of the end: all is made, all is worked off, then each consumer gets its sentinel.
    producers.join_all().await;
    diary.note("sentinels: the producers are done");
    queue.join().await;
    diary.note("sentinels: all is worked off");
    for _ in 0..CONSUMERS {
        queue.put(None).await.expect("nobody shuts it down");
    }
    let mut all = consumers.join_all().await.concat();
    diary.note(format!(
        "sentinels: {} items, {} in the queue at most",
        all.len(),
        most.load(Relaxed)
    ));
    all.sort_unstable();
    assert_eq!(all, (0..PRODUCERS * EACH).collect::<Vec<_>>(), "every item once");
    assert_eq!(most.load(Relaxed), 50, "full, and never more");
    assert!(queue.is_empty(), "as many sentinels as consumers");
    let ms = diary.when("sentinels: all is worked off") - 100;
    assert_eq!(ms, (PRODUCERS * EACH / CONSUMERS * 10) as u128);
}

/// Who will not wait is told so; `join` waits for what was taken; `shutdown` needs no sentinel.
async fn empty_is_not_finished(diary: &Diary) {
    let queue = Arc::new(Queue::new(1));
    queue.put_nowait("the last job").unwrap();
    let full = queue.put_nowait("one too many").unwrap_err();
    diary.note(format!("put_nowait: {full:?}"));
    assert!(matches!(full, PutError::Full("one too many")), "and it comes back");

    let theirs = queue.clone();
    let worker = rondel::spawn(async move {
        let mut jobs = 0;
        while theirs.get().await.is_ok() {
            sleep(Duration::from_millis(100)).await;
            theirs.task_done().unwrap();
            jobs += 1;
        }
        jobs // the queue was shut down: Python 3.13 has that, too
    });
    sleep(Duration::from_millis(50)).await;
    let start = rondel::time::Instant::now();
    let was_empty = queue.is_empty();
    queue.join().await;
    let waited = start.elapsed().as_millis();
    diary.note(format!("empty: {was_empty}, and finished {waited} ms later"));
    assert_eq!((was_empty, waited), (true, 50));
    queue.shutdown(false);
    assert_eq!(worker.await.unwrap(), 1);
}

// Explain
//
// c) is right. A full channel makes `send` wait, in a fair queue, until an item is taken. So the
// speed of the slowest stage travels back through the pipeline to the first one: that is
// back-pressure, and the memory it takes is known in advance. An unbounded channel has none, and
// the first slow day fills the memory.
//
// The bound counts *places*: permits of the same wait list that a semaphore is made of. `send`
// takes a permit, and `recv` gives it back. That is also how `reserve` works: take the place first,
// make the item then, and being cancelled in between loses nothing.
//
// The end is where queues go wrong. "Empty" does not mean "finished": the last job was taken and is
// still worked on. `join` waits for as many `task_done` as there were items; who forgets one waits
// for ever (`get_guard` cannot forget). Sentinels must be as many as consumers, and come after all
// items. Both are rules that people keep. A channel has none of them: the last `Sender` that is
// dropped is the end, and the compiler keeps count.
//
// What real runtimes do
//
// tokio's channel is this one by its names; Go's `chan` with a capacity too. `asyncio.Queue` has
// many receivers; here one lock around the receiver makes many of one.
//
// Where to read next
//
// ```rust,cite=runtime/sync/mpsc/chan.rs
// //!   senders ──push──▶ [ inbox, under a lock ] ──swapped as a whole──▶ [ taken ] ──pop──▶ receiver
// //!      ▲                                                                           │
// //!      └───────────── places: one permit for each item not yet received ◀──────────┘
// ```
