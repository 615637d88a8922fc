//! What the machine can tell: clocks, memory, limits, noise, versions.

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

const LOCK_FILE: &str = include_str!("../../Cargo.lock");

/// CPU time of this process, all threads, user and system.
pub fn cpu_time() -> Duration {
    let spec = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spec.tv_sec as u64, spec.tv_nsec as u32)
}

/// Pins the calling thread, and the threads it starts later, to one CPU it may use.
///
/// `nth` counts the allowed CPUs from the last one. Returns the CPU, or `None` if not allowed.
pub fn pin(nth: usize) -> Option<usize> {
    let allowed = sched_getaffinity(None).ok()?;
    let _ = BEFORE_PIN.get_or_init(|| Allowed(Some(allowed)));
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect();
    let cpu = *cpus.iter().rev().cycle().nth(nth)?;
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).ok().map(|()| cpu)
}

/// Pins the calling thread, and the threads it starts later, to the last `count` CPUs it may use.
pub fn pin_to_last(count: usize) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let mut last = CpuSet::new();
    let cpus = (0..CpuSet::MAX_CPU).rev().filter(|&cpu| allowed.is_set(cpu));
    cpus.take(count).for_each(|cpu| last.set(cpu));
    // If it is forbidden the threads run where they may; the table says how many CPUs there are.
    let _ = sched_setaffinity(None, &last);
}

/// What was allowed before this process pinned itself, if it did.
static BEFORE_PIN: OnceLock<Allowed> = OnceLock::new();

/// Runs `f` as if this process had never been pinned: what it starts may use every CPU.
pub fn unpinned<R>(f: impl FnOnce() -> R) -> R {
    let Some(before) = BEFORE_PIN.get() else { return f() };
    let now = Allowed::now();
    // Where pinning was allowed so is this.
    let _ = before.restore();
    let result = f();
    let _ = now.restore();
    result
}

/// The CPUs that this process was allowed when it looked.
#[derive(Debug)]
pub struct Allowed(Option<CpuSet>);

impl Allowed {
    /// Those of now.
    pub fn now() -> Self {
        Self(sched_getaffinity(None).ok())
    }

    /// Allows the calling thread, and those it starts later, these CPUs again.
    ///
    /// Returns whether that went well.
    pub fn restore(&self) -> bool {
        self.0.is_some_and(|cpus| sched_setaffinity(None, &cpus).is_ok())
    }
}

/// Resident bytes of process `pid` (`self` for this one).
pub fn rss_bytes(pid: &str) -> u64 {
    status_kib(pid, "VmRSS:") * 1024
}

/// Most bytes that process `pid` ever had resident.
pub fn peak_rss_bytes(pid: &str) -> u64 {
    status_kib(pid, "VmHWM:") * 1024
}

fn status_kib(pid: &str, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// Time that this process's main thread waited for a CPU although it could have run.
pub fn run_queue_wait() -> Duration {
    let stat = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let wait_ns = stat.split_whitespace().nth(1).and_then(|ns| ns.parse().ok()).unwrap_or(0);
    Duration::from_nanos(wait_ns)
}

/// Time that all threads of this process waited for a CPU although they could have run.
pub fn waited() -> Duration {
    let wait_ns = |stat: &str| stat.split_whitespace().nth(1)?.parse::<u64>().ok();
    Duration::from_nanos(files_of_threads("schedstat").iter().filter_map(|s| wait_ns(s)).sum())
}

/// How often the threads of this process left a CPU, of their own will or not.
pub fn context_switches() -> u64 {
    let count = |line: &str| line.split_once("ctxt_switches:")?.1.trim().parse::<u64>().ok();
    files_of_threads("status").iter().flat_map(|status| status.lines()).filter_map(count).sum()
}

/// A file of `/proc/self/task/*`, of each thread that still lives.
fn files_of_threads(name: &str) -> Vec<String> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads.filter_map(|thread| fs::read_to_string(thread.path().join(name)).ok()).collect()
}

/// Time that the hypervisor took from all CPUs, and all time of all CPUs, in kernel ticks.
pub fn steal_and_total() -> (u64, u64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: Vec<u64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|tick| tick.parse().ok())
        .collect();
    (ticks.get(7).copied().unwrap_or(0), ticks.iter().take(8).sum())
}

/// Raises the limit of open files as far as it goes and returns it.
pub fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now =
        if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    now.unwrap_or(u64::MAX)
}

/// The version of a package in this workspace's lock file; of several the latest, which is ours: the
/// others are there for the sake of a peer.
pub fn version_of(package: &str) -> &'static str {
    let found = LOCK_FILE.rsplit_once(&format!("name = \"{package}\"\nversion = \""));
    found.and_then(|(_, rest)| rest.split('"').next()).unwrap_or("?")
}

/// One line about machine and build, to be printed above any table.
pub fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("unknown CPU");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let profile = if cfg!(debug_assertions) {
        "DEBUG BUILD, figures mean nothing"
    } else {
        "release build (thin LTO, one codegen unit) for all"
    };
    format!("{model}, {cpus} CPUs, Linux {}, {profile}", kernel.trim())
}
