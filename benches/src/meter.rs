//! The meter: CPU and wall time per operation, batch by batch.
//!
//! A body asks [`Meter::more`] for another batch, brackets what counts with [`Meter::start`] and
//! [`Meter::stop`], and leaves set-up and tear-down outside. The first batch only warms up.

use std::time::{Duration, Instant};

use crate::machine::cpu_time;

/// Fewer batches than this say nothing about their spread.
const BATCHES_MIN: usize = 3;

/// How large a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Just enough to see that a body works.
    Smoke,
    /// The short duel: smaller batches, about a tenth of a second a row.
    Quick,
    /// The full duel.
    Full,
}

impl Size {
    /// `full` when the run is full, else `quick` (or a hundredth of it, at least 10, for a smoke
    /// run).
    pub fn pick(self, full: usize, quick: usize) -> usize {
        match self {
            Self::Smoke => (quick / 100).max(10),
            Self::Quick => quick,
            Self::Full => full,
        }
    }

    /// What a child is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }

    /// The size of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Smoke, Self::Quick, Self::Full].into_iter().find(|size| size.name() == name)
    }

    fn budget(self) -> Duration {
        match self {
            Self::Smoke => Duration::ZERO,
            Self::Quick => Duration::from_millis(120),
            Self::Full => Duration::from_millis(400),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Batch {
    cpu_ns: f64,
    wall_ns: f64,
}

/// Measures one row on one runtime.
#[derive(Debug)]
pub struct Meter {
    size: Size,
    /// Stop after so many batches, whatever the time (for criterion, which counts itself).
    batches_max: usize,
    warm: bool,
    born: Instant,
    spent: Duration,
    started: Option<(Duration, Instant)>,
    total: Duration,
    batches: Vec<Batch>,
    figure: Option<f64>,
}

impl Meter {
    /// A meter for a run of that size.
    pub fn new(size: Size) -> Self {
        Self {
            size,
            batches_max: usize::MAX,
            warm: false,
            born: Instant::now(),
            spent: Duration::ZERO,
            started: None,
            total: Duration::ZERO,
            batches: Vec::new(),
            figure: None,
        }
    }

    /// A meter that asks for exactly `batches`, warm from the start.
    pub fn exactly(size: Size, batches: usize) -> Self {
        Self { batches_max: batches, warm: true, ..Self::new(size) }
    }

    /// How large the run is.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Whether the body should do another batch.
    pub fn more(&self) -> bool {
        if self.batches_max != usize::MAX {
            return self.batches.len() < self.batches_max;
        }
        // The wall clock ends what mostly waits: its CPU budget would take for ever.
        self.batches.len() < BATCHES_MIN
            || (self.spent < self.size.budget() && self.born.elapsed() < 8 * self.size.budget())
    }

    /// Starts the clocks of a batch.
    pub fn start(&mut self) {
        self.started = Some((cpu_time(), Instant::now()));
    }

    /// Stops the clocks: the batch did `ops` operations.
    ///
    /// Panics if the batch was not started.
    pub fn stop(&mut self, ops: usize) {
        let (cpu_before, wall_before) = self.started.take().expect("start before stop");
        let wall = wall_before.elapsed();
        let cpu = cpu_time() - cpu_before;
        if !std::mem::replace(&mut self.warm, true) {
            return;
        }
        self.spent += cpu;
        self.total += wall;
        self.batches.push(Batch {
            cpu_ns: cpu.as_nanos() as f64 / ops as f64,
            wall_ns: wall.as_nanos() as f64 / ops as f64,
        });
    }

    /// Sets the row's figure directly, when it is not CPU time (bytes, lateness).
    pub fn set_figure(&mut self, figure: f64) {
        self.figure = Some(figure);
    }

    /// The row's figure: what was set, else the median batch's CPU nanoseconds per operation.
    pub fn figure(&self) -> f64 {
        self.figure.unwrap_or_else(|| median(self.batches.iter().map(|batch| batch.cpu_ns)))
    }

    /// The median batch's wall nanoseconds per operation, or zero if nothing was timed.
    pub fn wall_ns(&self) -> f64 {
        median(self.batches.iter().map(|batch| batch.wall_ns))
    }

    /// Wall time between all starts and stops.
    pub fn total(&self) -> Duration {
        self.total
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}
