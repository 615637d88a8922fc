//! Nothing leaks: after a runtime is gone, nothing of it is left on the heap.
//!
//! One test in a binary of its own, because the allocator counts for the whole process.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

struct Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);

// SAFETY: alive. Every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(1, SeqCst);
        // SAFETY: alive. The caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(1, SeqCst);
        // SAFETY: alive. The caller's contract is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Goal: show that every block a runtime allocates is given back, whoever held on to its tasks.
/// Method: count live blocks after a first life, which fills what the process keeps for itself
/// (thread-locals, the panic hook's buffers); then live again and compare.
#[test]
fn a_runtime_leaves_nothing_on_the_heap() {
    let lives = || {
        life();
        life_of_workers();
    };
    lives();
    lives();
    let before = settled();
    for _ in 0..5 {
        lives();
    }
    assert_eq!(settled() - before, 0, "blocks that outlived their runtime");
}

/// How many blocks are live, once the threads of the past have done with their last words.
fn settled() -> i64 {
    let mut seen = LIVE.load(SeqCst);
    loop {
        std::thread::sleep(std::time::Duration::from_millis(200));
        let now = LIVE.load(SeqCst);
        if now == seen {
            return now;
        }
        seen = now;
    }
}

/// Workers whose queues are full at the end: their own, and the one they have in common.
fn life_of_workers() {
    let runtime = rondel::Builder::new().workers(2).build().unwrap();
    let kept: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let theirs = kept.clone();
    runtime.block_on(async {
        let keeper = rondel::spawn(poll_fn(move |cx| {
            theirs.lock().unwrap().push(cx.waker().clone());
            Poll::<()>::Pending
        }));
        while kept.lock().unwrap().is_empty() {
            rondel::task::yield_now().await;
        }
        drop(keeper);
        let busy = rondel::spawn(async {
            for _ in 0..1_000 {
                rondel::spawn(rondel::task::yield_now());
            }
        });
        busy.await.unwrap();
        for _ in 0..1_000 {
            rondel::spawn(pending::<()>());
        }
    });
    let wakers = std::mem::take(&mut *kept.lock().unwrap());
    wakers.iter().for_each(Waker::wake_by_ref);
    drop(runtime);
    drop(wakers);
}

fn life() {
    let kept: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let theirs = kept.clone();
    let runtime = rondel::Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let unread = runtime.spawn(async { vec![1, 2, 3] });
    runtime.block_on(async {
        rondel::spawn(pending::<()>());
        rondel::task::spawn_local(poll_fn(move |cx| {
            theirs.lock().unwrap().push(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let aborted = rondel::spawn(pending::<()>());
        rondel::task::yield_now().await;
        aborted.abort();
        assert!(aborted.await.is_err());
        let named = rondel::task::Builder::new().name("named").spawn(async {}).unwrap();
        drop(named);
        assert_eq!(rondel::spawn_blocking(|| 4).await.unwrap(), 4);
        local_sets_and_promises().await;
    });
    let stranger = {
        let handle = handle.clone();
        std::thread::spawn(move || drop(handle.spawn(pending::<()>())))
    };
    stranger.join().unwrap();
    drop(runtime);
    drop(handle.spawn(async {}));
    assert_eq!(rondel::block_on(unread).unwrap(), [1, 2, 3]);
    let wakers = std::mem::take(&mut *kept.lock().unwrap());
    std::thread::spawn(move || drop(wakers)).join().unwrap();
}

/// Tasks and handles that end in every order, and things that are left behind.
async fn local_sets_and_promises() {
    let set = rondel::task::LocalSet::new();
    let _entered = set.enter();
    drop(set.spawn_local(async { vec![1] }));
    let kept = set.spawn_local(async { vec![2] });
    let left = rondel::task::spawn_local(pending::<()>());
    set.run_until(rondel::task::yield_now()).await;
    drop(set);
    assert_eq!(kept.await.unwrap(), [2]);
    assert!(left.await.is_err());

    let promise = rondel::callbacks::Promise::new();
    promise.add_done_callback(|_| ());
    let task = rondel::callbacks::create_task(async { vec![3] });
    assert_eq!((&task).await.unwrap(), [3]);
    drop(rondel::callbacks::call_later(std::time::Duration::from_secs(3_600), || ()));
    let mut queue = rondel::time::DelayQueue::new();
    queue.insert(vec![4], std::time::Duration::from_secs(3_600));
    assert!(poll_fn(|cx| Poll::Ready(queue.poll_expired(cx).is_pending())).await);
    promise.set_result(vec![5]).unwrap();
}
