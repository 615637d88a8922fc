//! What threads keep of a runtime, of every kind, and use while it ends and after it.
//!
//! A keepsake was in use inside the loop: its waker is a task's, its timer is on the loop's wheel,
//! its task is in the loop's list. Then a thread has it, and wakes, polls, aborts, awaits or drops
//! it, whatever the loop does at that moment. Nothing may hang, and nothing may be left over.

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use rondel::combine::gather;
use rondel::sync::{Notify, Semaphore, mpsc, oneshot};
use rondel::task::{AbortHandle, JoinHandle, JoinSet};
use rondel::time::{DelayQueue, Duration, Interval, Sleep, interval, sleep, timeout};
use rondel::{Builder, Handle};

use super::luck::Luck;
use super::watchdog::Watchdog;
use super::world::{Count, One};
use super::{PATIENCE, again, alone};

const HOUR: Duration = Duration::from_secs(3_600);

type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Keepsake {
    Waker(Waker),
    Task(JoinHandle<()>),
    Abort(AbortHandle),
    Set(JoinSet<()>),
    Sleep(Pin<Box<Sleep>>),
    Interval(Interval),
    Delays(DelayQueue<One>),
    /// A future that ends only with its loop, or when it is dropped.
    Wait(Wait),
    /// A future that somebody else's keepsake ends.
    Receiver(oneshot::Receiver<One>),
    Sender(oneshot::Sender<One>),
    Handle(Handle),
}

/// Polls once, by the task that is current.
async fn touch<F: Future + Unpin>(future: &mut F) {
    poll_fn(|cx| {
        let _ = Pin::new(&mut *future).poll(cx);
        Poll::Ready(())
    })
    .await;
}

/// A task that never ends, and is counted.
fn endless(count: &Count) -> impl Future<Output = ()> + Send + use<> {
    let one = count.one();
    async move {
        let _one = one;
        pending::<()>().await;
    }
}

/// Makes one of each kind, and uses it inside the loop.
async fn make(count: &Count, luck: &mut Luck) -> Vec<Keepsake> {
    let mut kept = Vec::new();
    let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let theirs = wakers.clone();
    let task = rondel::spawn(poll_fn(move |cx| {
        theirs.lock().unwrap().extend([cx.waker().clone(), cx.waker().clone()]);
        Poll::<()>::Pending
    }));
    let aborted = rondel::spawn(endless(count));
    kept.push(Keepsake::Abort(aborted.abort_handle()));
    kept.push(Keepsake::Task(aborted));
    let mut set = JoinSet::new();
    for _ in 0..luck.between(1, 3) {
        set.spawn(endless(count));
    }
    let mut joined = Box::pin(set.join_next());
    touch(&mut joined).await;
    drop(joined);
    kept.push(Keepsake::Set(set));
    let mut slept = Box::pin(sleep(HOUR));
    touch(&mut slept).await;
    kept.push(Keepsake::Sleep(slept));
    let mut ticks = interval(HOUR);
    ticks.tick().await;
    touch(&mut poll_fn(|cx| ticks.poll_tick(cx))).await;
    kept.push(Keepsake::Interval(ticks));
    let mut delays = DelayQueue::new();
    delays.insert(count.one(), HOUR);
    touch(&mut poll_fn(|cx| delays.poll_expired(cx))).await;
    kept.push(Keepsake::Delays(delays));
    let (tx, mut rx) = oneshot::channel();
    touch(&mut rx).await;
    kept.extend([Keepsake::Sender(tx), Keepsake::Receiver(rx)]);
    for mut wait in waits(count) {
        touch(&mut wait).await;
        kept.push(Keepsake::Wait(wait));
    }
    rondel::task::yield_now().await;
    kept.push(Keepsake::Task(task));
    kept.extend(std::mem::take(&mut *wakers.lock().unwrap()).into_iter().map(Keepsake::Waker));
    kept.push(Keepsake::Handle(Handle::current()));
    kept
}

/// Futures that wait for what only the loop's own could bring, with a timer of the loop each.
fn waits(count: &Count) -> Vec<Wait> {
    let bell = Arc::new(Notify::new());
    let seats = Arc::new(Semaphore::new(0));
    let (tx, mut rx) = mpsc::channel::<One>(1);
    let (one, inner) = (count.one(), rondel::spawn(endless(count)));
    vec![
        Box::pin(async move { _ = timeout(HOUR, bell.notified_owned()).await }),
        Box::pin(async move { _ = timeout(HOUR, seats.acquire_owned()).await }),
        Box::pin(async move {
            let _tx = tx;
            rondel::select! {
                _ = rx.recv() => {},
                () = sleep(HOUR) => {},
            }
        }),
        Box::pin(async move {
            let _one = one;
            let sleeps = [sleep(HOUR), sleep(2 * HOUR)];
            rondel::join!(gather(sleeps), async { _ = inner.await });
        }),
    ]
}

/// Uses a keepsake up, in one of the ways that end.
fn use_up(keepsake: Keepsake, luck: &mut Luck, handle: &Handle, count: &Count) {
    // A timer whose loop is gone panics. So does one that is polled on no loop at all.
    let poll_to_the_end = |wait: Wait| {
        drop(catch_unwind(AssertUnwindSafe(|| handle.block_on(wait))));
    };
    match keepsake {
        Keepsake::Waker(waker) => match luck.below(3) {
            0 => waker.wake(),
            1 => {
                let other = waker.clone();
                waker.wake_by_ref();
                drop(waker);
                other.wake();
            }
            _ => drop(waker),
        },
        Keepsake::Task(task) => match luck.below(3) {
            0 => {
                let said = rondel::block_on(task);
                assert!(said.unwrap_err().is_cancelled(), "it never ends by itself");
            }
            1 => task.abort(),
            _ => drop(task),
        },
        Keepsake::Abort(abort) => {
            abort.abort();
            _ = abort.is_finished();
        }
        Keepsake::Set(mut set) => match luck.below(3) {
            0 => rondel::block_on(set.shutdown()),
            1 => {
                set.abort_all();
                while let Some(said) = rondel::block_on(set.join_next()) {
                    assert!(said.unwrap_err().is_cancelled(), "it never ends by itself");
                }
            }
            _ => drop(set),
        },
        Keepsake::Sleep(mut slept) => match luck.below(3) {
            0 => poll_to_the_end(slept),
            1 => slept.as_mut().reset(rondel::time::Instant::now() + 2 * HOUR),
            _ => drop(slept),
        },
        Keepsake::Interval(mut ticks) => match luck.below(2) {
            0 => poll_to_the_end(Box::pin(async move { _ = ticks.tick().await })),
            _ => ticks.reset(),
        },
        Keepsake::Delays(mut delays) => match luck.below(2) {
            0 => poll_to_the_end(Box::pin(async move {
                _ = poll_fn(|cx| delays.poll_expired(cx)).await;
            })),
            _ => delays.clear(),
        },
        Keepsake::Wait(mut wait) => match luck.below(3) {
            0 => poll_to_the_end(wait),
            1 => {
                let mut cx = Context::from_waker(Waker::noop());
                drop(catch_unwind(AssertUnwindSafe(|| wait.as_mut().poll(&mut cx))));
            }
            _ => drop(wait),
        },
        // Not awaited here: this thread itself may have its sender, for later.
        Keepsake::Receiver(mut rx) => _ = rx.try_recv(),
        Keepsake::Sender(tx) => _ = tx.send(count.one()),
        Keepsake::Handle(other) => {
            let spawned = other.spawn(endless(count));
            spawned.abort();
            assert!(rondel::block_on(spawned).unwrap_err().is_cancelled());
            drop(other.spawn(endless(count)));
            let _entered = other.enter();
            drop(catch_unwind(AssertUnwindSafe(|| drop(sleep(HOUR)))));
        }
    }
}

/// Goal: what was kept of a runtime is good while it ends and after it: handles tell of the end,
/// wakers go nowhere, timers say that their loop is gone; nothing hangs, and nothing is left over.
/// Method: keepsakes of every kind are shuffled among four threads, which use them up while the
/// loop turns, ends, or is gone; every future is counted.
#[test]
fn what_was_kept_of_a_runtime_is_good_while_it_ends_and_after_it() {
    let _alone = alone();
    let watchdog = Watchdog::new("what_was_kept_of_a_runtime_is_good", PATIENCE);
    for seed in super::seeds(0..60) {
        let mut luck = Luck::new(seed);
        let count = Count::default();
        let runtime = Builder::new().seed(seed).build().unwrap();
        let mut shares: [Vec<Keepsake>; 4] = Default::default();
        runtime.block_on(async {
            for _ in 0..3 {
                for keepsake in make(&count, &mut luck).await {
                    shares[luck.below(4)].push(keepsake);
                }
            }
        });
        let start = Arc::new(Barrier::new(shares.len() + 1));
        let threads = shares.map(|mut share| {
            let (start, handle, mut luck) = (start.clone(), runtime.handle().clone(), luck.split());
            let count = count.clone();
            thread::spawn(move || {
                start.wait();
                while !share.is_empty() {
                    let keepsake = share.swap_remove(luck.below(share.len()));
                    use_up(keepsake, &mut luck, &handle, &count);
                    (0..luck.below(3)).for_each(|_| thread::yield_now());
                }
            })
        });
        start.wait();
        if luck.one_in(2) {
            let moment = Duration::from_micros(luck.below(800) as u64);
            runtime.block_on(async { sleep(moment).await });
        }
        drop(runtime);
        for thread in threads {
            thread.join().expect("it catches the panics that there may be");
        }
        let again = again(seed, "keepsakes");
        assert_eq!(count.now(), 0, "futures or values are left over; {again}");
        watchdog.feed();
    }
}
