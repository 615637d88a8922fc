//! Signals. A signal is for the whole process, so each test has one of its own.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use rondel::signal::unix::{Signal, SignalKind, signal};
use rondel::{Builder, Reactor};
use signal_hook::consts::{SIGALRM, SIGINT, SIGIO, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::low_level::{self, raise};

type CtrlC = Pin<Box<dyn Future<Output = std::io::Result<()>>>>;

/// A waiter that has been polled once, so that it listens.
async fn listening() -> CtrlC {
    let mut waiter: CtrlC = Box::pin(rondel::signal::ctrl_c());
    assert!(poll_fn(|cx| Poll::Ready(waiter.as_mut().poll(cx).is_pending())).await);
    waiter
}

async fn is_silent(listener: &mut Signal) -> bool {
    poll_fn(|cx| Poll::Ready(listener.poll_recv(cx).is_pending())).await
}

/// Goal: show that every waiter is told of a Ctrl-C, that a dropped one takes nobody's with it, and
/// that it works again and again, also while nobody waits.
/// Method: raise SIGINT in this process, on each reactor.
#[test]
fn every_waiter_is_told_of_a_ctrl_c() {
    for reactor in [Reactor::Mio, Reactor::Polling] {
        Builder::new().reactor(reactor).build().unwrap().block_on(async {
            let (first, second, dropped) =
                (listening().await, listening().await, listening().await);
            drop(dropped);
            raise(SIGINT).unwrap();
            first.await.unwrap();
            second.await.unwrap();

            raise(SIGINT).unwrap(); // nobody waits, and the process lives on
            let mut later = listening().await;
            let silent = poll_fn(|cx| Poll::Ready(later.as_mut().poll(cx).is_pending())).await;
            assert!(silent, "an old Ctrl-C is not remembered");
            raise(SIGINT).unwrap();
            later.await.unwrap();
        });
    }
}

/// Goal: several listeners of one kind are told each, in any task. Method: two tasks wait and a
/// third listener looks later; one raise for all.
#[test]
fn each_listener_of_a_signal_is_told() {
    rondel::run(async {
        let kind = SignalKind::user_defined1();
        let mut late = signal(kind).unwrap();
        let mut tasks = Vec::new();
        for _ in 0..2 {
            let mut listener = signal(kind).unwrap();
            tasks.push(rondel::spawn(async move { listener.recv().await }));
        }
        drop(signal(kind).unwrap()); // one that goes takes nobody's with it
        raise(SIGUSR1).unwrap();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Some(()));
        }
        assert_eq!(late.recv().await, Some(()));
        assert!(is_silent(&mut late).await);
    });
}

/// Goal: signals that nobody was told of yet count as one, however many, and the next one is told
/// again. Method: 1,000 raises, more than `recv` reads at once; on each reactor.
#[test]
fn signals_in_a_row_are_told_as_one_and_none_is_lost() {
    for reactor in [Reactor::Mio, Reactor::Polling] {
        Builder::new().reactor(reactor).build().unwrap().block_on(async {
            let mut listener = signal(SignalKind::user_defined2()).unwrap();
            for round in [1, 2, 1_000, 128, 1] {
                for _ in 0..round {
                    raise(SIGUSR2).unwrap();
                }
                assert_eq!(listener.recv().await, Some(()));
                assert!(is_silent(&mut listener).await, "{round} signals are one");
            }
        });
    }
}

/// Goal: a pipe that is full loses no signal. Method: raise more often than a socket pair holds
/// bytes, then once more after `recv`.
#[test]
fn a_flood_of_signals_is_told_and_the_next_one_too() {
    rondel::run(async {
        let mut listener = signal(SignalKind::window_change()).unwrap();
        for _ in 0..100_000 {
            raise(SIGWINCH).unwrap();
        }
        assert_eq!(listener.recv().await, Some(()));
        assert!(is_silent(&mut listener).await);
        raise(SIGWINCH).unwrap();
        assert_eq!(listener.recv().await, Some(()));
    });
}

/// Goal: a `recv` that is dropped half way loses nothing. Method: poll it once, drop it, raise, and
/// ask again.
#[test]
fn a_dropped_recv_leaves_the_signal_to_the_next_one() {
    rondel::run(async {
        let mut listener = signal(SignalKind::alarm()).unwrap();
        {
            let mut recv = Box::pin(listener.recv());
            assert!(poll_fn(|cx| Poll::Ready(recv.as_mut().poll(cx).is_pending())).await);
            raise(SIGALRM).unwrap();
        }
        assert_eq!(listener.recv().await, Some(()));
    });
}

/// Goal: what becomes of the handler: one that was there before is called too; the default action
/// does not come back with the last listener; a child has it. Method: SIGIO, which would end this
/// process; a shell that sends it to itself.
#[test]
fn the_default_action_stays_away_here_and_is_back_in_a_child() {
    let before = Arc::new(AtomicUsize::new(0));
    let counter = before.clone();
    let handler = signal_hook::flag::register_usize(SIGIO, counter, 7).unwrap();
    rondel::run(async {
        let mut listener = signal(SignalKind::io()).unwrap();
        raise(SIGIO).unwrap();
        assert_eq!(listener.recv().await, Some(()));
        assert_eq!(before.load(Ordering::Relaxed), 7, "the other handler is called as well");
    });
    low_level::unregister(handler);
    raise(SIGIO).unwrap(); // nobody listens, and the process lives on

    let status = Command::new("sh").args(["-c", "kill -IO $$; exit 0"]).status().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(SIGIO));
}

/// Goal: a storm of signals (EINTR in every system call) hurts nobody. Method: a thread raises
/// SIGQUIT at the process for as long as two tasks talk over a socket.
#[test]
fn a_storm_of_signals_does_not_disturb_a_conversation() {
    use rondel::io::{AsyncReadExt, AsyncWriteExt};
    rondel::run(async {
        let mut storm = signal(SignalKind::quit()).unwrap();
        let stop = Arc::new(AtomicUsize::new(0));
        let (seen, pid) = (stop.clone(), std::process::id().to_string());
        let thread = std::thread::spawn(move || {
            while seen.load(Ordering::Relaxed) == 0 {
                raise(SIGQUIT).unwrap();
                let sent = Command::new("kill").args(["-QUIT", &pid]).status().unwrap();
                assert!(sent.success());
            }
        });
        let listener = rondel::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let echo = rondel::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut reader, mut writer) = stream.split();
            rondel::io::copy(&mut reader, &mut writer).await.unwrap();
        });
        let mut stream = rondel::net::TcpStream::connect(address).await.unwrap();
        let mut heard = 0;
        while heard < 20 {
            let mut word = [0; 4];
            stream.write_all(b"ping").await.unwrap();
            stream.read_exact(&mut word).await.unwrap();
            storm.recv().await.unwrap();
            heard += 1;
        }
        drop(stream);
        echo.await.unwrap();
        stop.store(1, Ordering::Relaxed);
        thread.join().unwrap();
    });
}

/// Goal: a signal that cannot be heard is refused with an error that says so. Method: SIGKILL,
/// SIGSTOP, SIGSEGV, and numbers that are no signal.
#[test]
fn what_cannot_be_caught_is_refused() {
    rondel::run(async {
        for number in [9, 19, 11] {
            let error = signal(SignalKind::from_raw(number)).unwrap_err();
            assert!(error.to_string().contains(&format!("signal {number} ")), "{error}");
        }
        for number in [-1, 4_096] {
            assert!(signal(SignalKind::from_raw(number)).is_err());
        }
    });
}
