//! What the user sees while it runs: a bar on a terminal, a plain line every two seconds elsewhere.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::{Tally, number};

/// How often the bar is drawn, and how often a plain line is written.
const BAR_EVERY: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Plain lines begin with the first page, or after this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// The live rate is that of the last so many looks.
const LOOKS: usize = 10;

/// Tells how many requests are in flight.
pub type InFlight = Box<dyn Fn() -> usize + Send>;

/// Draws the progress of a [`Tally`] on stderr.
pub struct Progress {
    tally: Arc<Tally>,
    in_flight: InFlight,
    /// Pages there will be in the end, if that is known; else what is known so far.
    total: Option<u64>,
    started: Instant,
    looks: VecDeque<(Instant, u64)>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Progress towards `total` pages, or towards as many as will be found.
    #[must_use]
    pub fn new(tally: Arc<Tally>, in_flight: InFlight, total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(bar);
        let started = Instant::now();
        let looks = VecDeque::from([(started, tally.lock().fetched)]);
        Self { tally, in_flight, total, started, looks, bar }
    }

    /// Draws until it is dropped.
    pub async fn run(mut self) {
        let every = if self.bar.is_some() { BAR_EVERY } else { LINE_EVERY };
        loop {
            rondel::time::sleep(every).await;
            self.look();
        }
    }

    fn look(&mut self) {
        let (fetched, waiting, retries, failed) = {
            let counts = self.tally.lock();
            (counts.fetched, counts.waiting, counts.retries(), counts.failed())
        };
        let total = self.total.unwrap_or(fetched + failed + waiting).max(1);
        let now = Instant::now();
        let rate = self.rate(now, fetched);
        let tail = format!(
            "{rate:.0}/s  {} in flight  {} retries  {} failed",
            (self.in_flight)(),
            number(retries),
            number(failed)
        );
        match &self.bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(fetched);
                bar.set_message(tail);
            }
            // Somebody who mistyped a name wants one line that says so, and not three.
            None if fetched == 0 && self.started.elapsed() < PATIENCE => {}
            None => {
                let seconds = self.started.elapsed().as_secs();
                let (fetched, total) = (number(fetched), number(total));
                // A closed stderr must not end a crawl.
                let _ = writeln!(
                    std::io::stderr(),
                    "{seconds:>4} s  {fetched} of {total} pages  {tail}"
                );
            }
        }
    }

    fn rate(&mut self, now: Instant, fetched: u64) -> f64 {
        self.looks.push_back((now, fetched));
        if self.looks.len() > LOOKS {
            self.looks.pop_front();
        }
        let (then, before) = self.looks[0];
        (fetched - before) as f64 / (now - then).as_secs_f64().max(1e-3)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{elapsed_precise} [{bar:30}] {human_pos} of {human_len} pages  {msg}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("=> "));
    bar
}
