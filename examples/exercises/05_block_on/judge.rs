//! Judges an executor of one future: it must sleep until it is woken, and wake whenever it is.

use super::answer::block_on;
use rondel_exercises::{Judge, ensure};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

/// Ready after `wanted` wake-ups, one after the other, each from a thread of its own.
struct Woken {
    wanted: usize,
    asked: usize,
    came: Arc<AtomicUsize>,
    pause: Duration,
    polls: usize,
}

impl Woken {
    fn after(wanted: usize, pause: Duration) -> Self {
        Self { wanted, asked: 0, came: Arc::default(), pause, polls: 0 }
    }
}

impl Future for Woken {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        self.polls += 1;
        let came = self.came.load(Ordering::Acquire);
        // A thread woken without reason may poll a few times more; a loop does without end.
        if came == self.wanted || self.polls > 10_000 {
            return Poll::Ready(self.polls);
        }
        if came == self.asked {
            self.asked += 1;
            let (waker, count, pause) = (cx.waker().clone(), self.came.clone(), self.pause);
            thread::spawn(move || {
                thread::sleep(pause);
                count.fetch_add(1, Ordering::Release);
                waker.wake();
            });
        }
        Poll::Pending
    }
}

pub fn judge(judge: &mut Judge) {
    judge.check("a future that is ready is polled once").plain(|log| {
        log.note("a future that is ready at once");
        let output = block_on(std::future::ready(7));
        ensure!(output == 7, "the future gave 7, and your block_on returned {output}");
        Ok(())
    });

    judge
        .check("it sleeps until it is woken")
        .hangs("it sleeps, and the waker that you made does not end the sleep")
        .plain(|log| {
            log.note("a future that another thread wakes after 30 ms");
            let polls = block_on(Woken::after(1, Duration::from_millis(30)));
            ensure!(
                polls < 100,
                "your block_on polls without having been woken: it burns the processor while it \
                 waits"
            );
            Ok(())
        });

    judge
        .check("a wake-up that comes before the sleep is not lost")
        .hangs("a wake-up came between the poll and the sleep, and was lost")
        .plain(|log| {
            log.note("200 wake-ups that come at once");
            let polls = block_on(Woken::after(200, Duration::ZERO));
            ensure!(polls >= 200, "200 wake-ups led to {polls} polls only");
            let both = async { block_on(async { 20 }) + block_on(async { 22 }) };
            ensure!(block_on(both) == 42, "two in a row on one thread gave something else");
            Ok(())
        });
}
