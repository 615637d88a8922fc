//! What is the same on every rung of the ladder: the service at the far side of the wire, and the
//! load. It knows nothing of futures; the rungs do.
//!
//! ```text
//!   client k ──── one byte: answer me after so many ms ───▶ far side: a thread a connection,
//!            ◀─── the same byte, when the time is over ────           which sleeps and answers
//! ```
//!
//! A rung run by itself has the far side in its own process, and a small load. The bench,
//! `examples/rungs/main.rs`, runs it as `rung_NN_… --bench ADDRESS CLIENTS REQUESTS`: then the far
//! side is in another process, so that the CPU time is the rung's alone.

mod far;

use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What a rung has to do: so many clients, each of which asks so often, and waits for each answer.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub far: SocketAddr,
    pub clients: usize,
    pub requests: usize,
    pub delay_ms: u8,
}

impl Load {
    /// A connection to the far side. (On loopback `connect` does not wait, so it may block.)
    #[allow(dead_code)] // rungs 11 and 12 have a `connect` of their own
    pub fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.far)
    }
}

/// Runs a rung's job: by itself with a small load, or as the bench says. Returns how long the job
/// took and the most requests that were on their way at one time. In the bench it prints one line,
/// and the process ends here.
pub fn climb(job: impl FnOnce(&Load)) -> (Duration, usize) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--bench", far, clients, requests] = words[..] {
        let number = |word: &str| word.parse().expect("a number");
        let far = far.parse().expect("an address");
        let (clients, requests) = (number(clients), number(requests));
        bench(&Load { far, clients, requests, delay_ms: 2 }, job);
        std::process::exit(0);
    }
    let (far, most_at_once) = far::far_side().expect("loopback has a port for us");
    let load = Load { far, clients: 10, requests: 1, delay_ms: 40 };
    let start = Instant::now();
    job(&load);
    let (took, most) = (start.elapsed(), most_at_once.load(Ordering::Relaxed));
    println!("10 clients, each answered after 40 ms");
    println!("  all answered after ~{} ms, with ~{most} on their way at once", took.as_millis());
    (took, most)
}

fn bench(load: &Load, job: impl FnOnce(&Load)) {
    let (cpu, wall) = (cpu_time(), Instant::now());
    job(load);
    let (cpu, wall) = (cpu_time() - cpu, wall.elapsed());
    println!("cpu_ns {} wall_ns {}", cpu.as_nanos(), wall.as_nanos());
}

/// CPU time of this process, all threads, user and system.
fn cpu_time() -> Duration {
    let spec = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spec.tv_sec as u64, spec.tv_nsec as u32)
}
