//! Waiting, but not for ever.

use super::{Diary, HOUR, ms, paused};
use rondel::time::{Duration, Instant, Sleep, sleep, sleep_until, timeout, timeout_at};
use std::future::{pending, poll_fn, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;

/// Goal: a future in time is not disturbed. Method: one that is ready, one that takes a while.
#[test]
fn a_timeout_returns_the_output_of_a_future_in_time() {
    paused().block_on(async {
        assert_eq!(timeout(ms(10), async { 1 }).await, Ok(1));
        let slow = async {
            sleep(ms(9)).await;
            2
        };
        let start = Instant::now();
        assert_eq!(timeout(ms(10), slow).await, Ok(2));
        assert_eq!(start.elapsed(), ms(9));
        assert_eq!(timeout_at(start, ready(3)).await, Ok(3), "tried first, though it is too late");
    });
}

/// Goal: the limit holds, and the future is gone when the error is there. Method: a future that
/// notes its drop.
#[test]
fn a_timeout_gives_up_at_its_limit_and_drops_the_future() {
    struct Tell(Diary);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.note("dropped");
        }
    }
    let diary = Diary::default();
    paused().block_on(async {
        let start = Instant::now();
        let tell = Tell(diary.clone());
        let never = async move {
            let _tell = tell;
            pending::<()>().await;
        };
        let error = timeout(ms(10), never).await.unwrap_err();
        diary.note("given up");
        assert_eq!(start.elapsed(), ms(10));
        assert_eq!(error.to_string(), "deadline has elapsed");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
        assert!(timeout_at(start + ms(30), pending::<()>()).await.is_err());
        assert_eq!(start.elapsed(), ms(30));
    });
    assert_eq!(diary.pages(), ["dropped", "given up"]);
}

/// Goal: the limit is a limit on the waiting. Method: make it, let an hour go by, then await it.
#[test]
fn a_timeouts_limit_counts_from_its_first_poll() {
    paused().block_on(async {
        let limited = timeout(ms(10), sleep_until(Instant::now() + HOUR + ms(5)));
        sleep(HOUR).await;
        let start = Instant::now();
        assert_eq!(limited.await, Ok(()));
        assert_eq!(start.elapsed(), ms(5));
    });
}

/// Goal: zero means "if it is ready now". Method: count the polls.
#[test]
fn a_timeout_of_zero_polls_once() {
    paused().block_on(async {
        let mut polls = 0;
        let counted = poll_fn(|_| {
            polls += 1;
            Poll::<()>::Pending
        });
        assert!(timeout(Duration::ZERO, counted).await.is_err());
        assert_eq!(polls, 1);
        assert_eq!(timeout(Duration::ZERO, ready(7)).await, Ok(7));
    });
}

/// Goal: a future that need not wait pays nothing for its limit, not even a loop. Method: no loop.
#[test]
fn a_timeout_of_a_ready_future_needs_no_runtime() {
    assert_eq!(rondel::block_on(timeout(ms(1), async { 1 })), Ok(1));
}

/// Goal: the future can be looked at and taken back. Method: a timeout that is given up half-way.
#[test]
fn a_timeout_lends_and_returns_its_future() {
    paused().block_on(async {
        let start = Instant::now();
        let mut limited = timeout(ms(10), sleep(ms(20)));
        assert!(timeout(ms(5), &mut limited).await.is_err());
        assert_eq!(limited.get_ref().deadline(), start + ms(20));
        Pin::new(limited.get_mut()).reset(start + ms(15));
        limited.into_inner().await;
        assert_eq!(start.elapsed(), ms(15));
    });
}

/// Goal: a future that spends the whole budget in each poll does not outlive its limit.
/// Method: one that is always ready for another step, under a limit of 5 ms in real time, since
/// virtual time stands still while something can run.
#[test]
fn a_busy_future_does_not_outlive_its_limit() {
    rondel::run(async {
        let busy = async {
            loop {
                rondel::task::coop::consume_budget().await;
            }
        };
        let result: Result<(), _> = timeout(ms(5), busy).await;
        assert!(result.is_err());
    });
}

/// Goal: the other way round, timeouts that are over do not own the loop.
/// Method: a task waits in vain again and again, until another one has run.
#[test]
fn timeouts_in_a_loop_let_others_run() {
    paused().block_on(async {
        let other = rondel::spawn(async {});
        let mut rounds = 0;
        while !other.is_finished() {
            assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
            rounds += 1;
        }
        assert_eq!(rounds, 129, "128 steps, and the one that had to stand in line again");
    });
}

/// Goal: libraries that hand tokio's error on find it. Method: make each kind and look.
#[test]
fn the_error_of_timers_tells_its_kind() {
    use rondel::time::error::Error;
    let kinds = |error: Error| [error.is_shutdown(), error.is_at_capacity(), error.is_invalid()];
    assert_eq!(kinds(Error::shutdown()), [true, false, false]);
    assert_eq!(kinds(Error::at_capacity()), [false, true, false]);
    assert_eq!(kinds(Error::invalid()), [false, false, true]);
    assert_eq!(Error::invalid().to_string(), "timer duration exceeds maximum duration");
}

/// Goal: a deadline that is past means "if it is ready now". Method: count the polls.
#[test]
fn a_deadline_that_is_past_polls_once() {
    paused().block_on(async {
        sleep(HOUR).await;
        let start = Instant::now();
        for deadline in [start, start - ms(1), start - HOUR] {
            let mut polls = 0;
            let counted = poll_fn(|_| {
                polls += 1;
                Poll::<()>::Pending
            });
            assert!(timeout_at(deadline, counted).await.is_err());
            assert_eq!((polls, start.elapsed()), (1, Duration::ZERO));
        }
    });
}

/// Goal: what is ready at the limit was in time. Method: future and limit end on one tick, whoever
/// of the two was armed first.
#[test]
fn a_future_that_is_ready_at_its_limit_wins() {
    paused().block_on(async {
        assert_eq!(timeout(ms(5), sleep(ms(5))).await, Ok(()));
        let mut early = sleep(ms(5));
        assert!(has_to_wait(&mut early).await);
        assert_eq!(timeout(ms(5), early).await, Ok(()));
        let start = Instant::now();
        let late = async {
            sleep(ms(2)).await;
            sleep(ms(3)).await;
        };
        assert_eq!(timeout_at(start + ms(5), late).await, Ok(()));
    });
}

/// Whether the sleep has to wait.
async fn has_to_wait(sleep: &mut Sleep) -> bool {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *sleep).poll(cx).is_pending())).await
}

/// Goal: of two limits the shorter one counts, and each is told from the other. Method: all orders.
#[test]
fn timeouts_nest() {
    paused().block_on(async {
        let start = Instant::now();
        let inner = timeout(ms(10), timeout(ms(20), pending::<()>()));
        assert!(inner.await.is_err(), "the outer one");
        assert_eq!(start.elapsed(), ms(10));
        let outer = timeout(ms(20), timeout(ms(10), pending::<()>()));
        assert!(matches!(outer.await, Ok(Err(_))), "the inner one");
        assert_eq!(start.elapsed(), ms(20));
        let both = timeout(ms(10), timeout(ms(10), pending::<()>()));
        assert!(matches!(both.await, Ok(Err(_))), "the inner one is in time for the outer one");
        assert_eq!(start.elapsed(), ms(30));
    });
}

/// Goal: "for ever" is no overflow. Method: the longest limit there is.
#[test]
fn a_timeout_of_any_length_is_accepted() {
    paused().block_on(async {
        let start = Instant::now();
        assert_eq!(timeout(Duration::MAX, sleep(HOUR)).await, Ok(()));
        assert_eq!(start.elapsed(), HOUR);
    });
}

/// Goal: an abort from outside is no timeout, and a panic inside is a panic. Method: a task each.
#[test]
fn a_foreign_end_is_no_timeout() {
    paused().block_on(async {
        let reached = Arc::new(AtomicBool::new(false));
        let ours = reached.clone();
        let aborted = rondel::spawn(async move {
            let _ = timeout(HOUR, pending::<()>()).await;
            ours.store(true, Relaxed);
        });
        let panics = rondel::spawn(timeout(HOUR, async {
            sleep(ms(1)).await;
            if true {
                panic!("inside");
            }
        }));
        let start = Instant::now();
        sleep(ms(1)).await;
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        assert!(panics.await.unwrap_err().is_panic());
        assert_eq!(start.elapsed(), ms(1));
        assert!(!reached.load(Relaxed));
    });
}
