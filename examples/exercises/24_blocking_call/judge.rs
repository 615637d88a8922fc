//! Judges a computation by the heartbeat beside it, which has to go on meanwhile.

use super::answer::hash_password;
use rondel::task::yield_now;
use rondel_exercises::{Judge, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long the computation waits for the heartbeat before it gives up on it.
const PATIENCE: Duration = Duration::from_millis(500);

pub fn judge(judge: &mut Judge) {
    judge.check("the loop goes on while it computes").in_real_time(async |log| {
        let beats = Arc::new(AtomicU32::new(0));
        let seen = beats.clone();
        let hash = move |password: &str| {
            let begun = Instant::now();
            // As long as it takes to see the loop alive.
            while seen.load(Ordering::Relaxed) < 5 && begun.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(1));
            }
            password.len() as u64
        };
        let heart = async {
            loop {
                beats.fetch_add(1, Ordering::Relaxed);
                rondel::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let work = hash_password("secret".to_owned(), hash);
        let answer = rondel::select! {
            biased;
            answer = work => answer,
            () = heart => 0,
        };
        yield_now().await;
        log.note(format!("{} heartbeats while it computed", beats.load(Ordering::Relaxed)));
        ensure!(answer == 6, "the hash of `secret` is 6 here, and you returned {answer}");
        ensure!(
            beats.load(Ordering::Relaxed) >= 5,
            "the heart stood still while the password was hashed: an `async fn` without an await \
             blocks the thread like any other function"
        );
        Ok(())
    });
}
