//! How noisy the machine was between two moments.

use std::time::Duration;

use crate::machine::{cpu_time, run_queue_wait, steal_and_total};

/// This thread waits longer for its CPU than this share of the time it has it: noisy.
const WAIT_SHARE_MAX: f64 = 0.05;
/// The hypervisor takes a larger share of the CPUs than this: likewise.
const STEAL_SHARE_MAX: f64 = 0.02;

/// The machine at one moment.
#[derive(Debug)]
pub struct Noise {
    steal: u64,
    total: u64,
    waited: Duration,
    cpu: Duration,
}

impl Noise {
    /// Notes the machine as it is now.
    pub fn start() -> Self {
        let (steal, total) = steal_and_total();
        Self { steal, total, waited: run_queue_wait(), cpu: cpu_time() }
    }

    /// One line about what happened since.
    pub fn verdict(&self) -> String {
        let now = Self::start();
        let steal = (now.steal - self.steal) as f64 / (now.total - self.total).max(1) as f64;
        let cpu = (now.cpu - self.cpu).as_secs_f64().max(1e-9);
        let waited = (now.waited - self.waited).as_secs_f64() / cpu;
        let noisy = waited > WAIT_SHARE_MAX || steal > STEAL_SHARE_MAX;
        format!(
            "{}: this process waited for its CPU {:.1} % of its CPU time, the hypervisor took {:.1} %.",
            if noisy { "NOISY MACHINE, trust ratios and CPU time" } else { "Quiet machine" },
            waited * 100.0,
            steal * 100.0,
        )
    }
}
