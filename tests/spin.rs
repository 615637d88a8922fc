//! Spinning before the sleep: whatever would end the sleep ends the spell.
//!
//! With a limit of an hour a loop sleeps in the kernel only if it spins wrongly, and what it does
//! not see while it spins it never sees: then these tests hang.

use rondel::Builder;
use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::sync::oneshot;
use rondel::task::spawn_blocking;
use rondel::time::{Duration, Instant, sleep, sleep_until, timeout};
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;

const HOUR: Duration = Duration::from_secs(3600);

/// Every kind of loop that can spin.
fn builders() -> [Builder; 4] {
    [
        Builder::new(),
        Builder::new().reactor(rondel::Reactor::Polling),
        Builder::new().workers(1),
        Builder::new().workers(2),
    ]
    .map(|builder| builder.spin_before_park(HOUR))
}

async fn echo_once(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
}

/// Goal: show that a spinning loop sees its sockets.
/// Method: 30 connections from tasks of the same runtime, one after the other.
#[test]
fn sockets_are_seen() {
    for builder in builders() {
        builder.build().unwrap().block_on(async {
            for _ in 0..30 {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let server = rondel::spawn(echo_once(listener));
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(b"spin").await.unwrap();
                let mut bytes = [0; 4];
                stream.read_exact(&mut bytes).await.unwrap();
                assert_eq!(&bytes, b"spin");
                server.await.unwrap();
            }
        });
    }
}

/// Goal: show that a spinning loop fires its timers, and none too early.
/// Method: sleeps of some ticks, alone and beside an open socket that says nothing.
#[test]
fn timers_are_seen() {
    for builder in builders() {
        builder.build().unwrap().block_on(async {
            sleep(Duration::from_millis(3)).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            assert!(timeout(Duration::from_millis(3), listener.accept()).await.is_err());
            for step in 0..10 {
                let at = Instant::now() + Duration::from_micros(700 * step);
                rondel::spawn(sleep_until(at)).await.unwrap();
                assert!(Instant::now() >= at);
            }
        });
    }
}

/// Goal: show that a spinning loop hears strangers: a wake, a spawn, the end of a blocking call.
/// Method: another thread answers after the loop had time to begin a spell.
#[test]
fn strangers_are_heard() {
    for builder in builders() {
        let runtime = builder.build().unwrap();
        let handle = runtime.handle().clone();
        runtime.block_on(async move {
            for round in 0..20 {
                let (tx, rx) = oneshot::channel();
                let (handle, (spawned_tx, spawned_rx)) = (handle.clone(), oneshot::channel());
                let stranger = thread::spawn(move || {
                    thread::sleep(Duration::from_millis(1));
                    drop(handle.spawn(async move { spawned_tx.send(round) }));
                    tx.send(round)
                });
                let waiter = rondel::spawn(rx);
                assert_eq!(waiter.await.unwrap(), Ok(round));
                assert_eq!(spawned_rx.await, Ok(round));
                assert!(spawn_blocking(move || stranger.join()).await.unwrap().unwrap().is_ok());
            }
        });
    }
}

/// Goal: show that a runtime whose workers spin ends.
/// Method: end it while all of them have nothing to do but wait, for an hour and for ever.
#[test]
fn a_spinning_runtime_ends() {
    for builder in builders() {
        let runtime = builder.build().unwrap();
        let listener = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            drop(rondel::spawn(sleep(HOUR)));
            drop(rondel::spawn(std::future::pending::<()>()));
            listener
        });
        drop(runtime);
        drop(listener);
    }
}

/// Goal: show that workers which spin have no hostages: who is stuck is still relieved.
/// Method: one of two workers is stuck in a poll until a timer of its own loop has fired, which it
/// can only through the other one; that one spins all the while.
#[test]
fn a_spinning_neighbour_still_stands_in() {
    let runtime = Builder::new().workers(2).spin_before_park(HOUR).build().unwrap();
    runtime.block_on(async {
        let stuck = rondel::spawn(async {
            let (bell, heard) = mpsc::sync_channel(1);
            let mut timer = pin!(sleep(Duration::from_millis(20)));
            let waker = Waker::from(Arc::new(Bell(bell)));
            assert!(timer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            heard.recv()
        });
        assert_eq!(stuck.await.unwrap(), Ok(()));
    });
}

struct Bell(mpsc::SyncSender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.send(()).unwrap();
    }
}

/// Goal: show that virtual time jumps as ever, and that a deadlock is still found.
/// Method: a day's sleep, then a wait for nothing.
#[test]
fn virtual_time_and_the_verdict_stay() {
    let builder = Builder::new().start_paused(true).spin_before_park(HOUR);
    builder.clone().build().unwrap().block_on(async { sleep(24 * HOUR).await });
    let stuck = std::panic::catch_unwind(move || {
        builder.build().unwrap().block_on(std::future::pending::<()>());
    });
    assert!(stuck.is_err(), "a deadlock ends in a report");
}

/// How often the kernel has put this thread to sleep so far.
#[cfg(target_os = "linux")]
fn sleeps_so_far() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Goal: show that a loop sleeps in the kernel, and does not if it is told to spin.
/// Method: a thread wakes the loop 50 times, each time long after the loop had nothing to do; count
/// how often the kernel says that the loop's thread slept.
#[test]
#[cfg(target_os = "linux")]
fn who_spins_does_not_sleep() {
    let sleeps = |builder: Builder| {
        builder.build().unwrap().block_on(async {
            let before = sleeps_so_far();
            for _ in 0..50 {
                let (tx, rx) = oneshot::channel();
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(2));
                    tx.send(())
                });
                rx.await.unwrap();
            }
            sleeps_so_far() - before
        })
    };
    let asleep = sleeps(Builder::new());
    let awake = sleeps(Builder::new().spin_before_park(HOUR));
    assert!(asleep >= 50, "{asleep} sleeps in 50 waits");
    assert!(awake < 25, "{awake} sleeps in 50 waits, though it spins");
}
