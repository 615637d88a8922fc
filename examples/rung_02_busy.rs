//! Rung 02 of the ladder: non-blocking sockets, asked again and again.
//!
//! Run it: `cargo run --example rung_02_busy`
//!
//! Rung 01 could not wait for two things at once: ten delays of 40 ms took 400 ms.
//!
//! One idea: a call may say "not yet" (`WouldBlock`) in place of sleeping. Then one thread can go
//! round and ask everybody.
//!
//! ```text
//!   client 0  ask   ?     ?     ?     ?   answer
//!   client 1     ask   ?     ?     ?     ?   answer        ?: read() says "not yet"
//!   thread    ──────────────── never sleeps ────────────▶
//! ```
//!
//! Real runtimes: nobody waits like this, but everybody tries like this: each read of a runtime is
//! first tried on a non-blocking socket. Some (DPDK, Rondel's `spin_before_park`) go round for some
//! microseconds before they sleep, where a fast answer is worth a core.

mod rungs;

use rungs::Load;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// A client is now a machine with a state, because it must be able to stop in the middle.
struct Client {
    line: TcpStream,
    asked: bool,
    left: usize,
}

impl Client {
    fn new(load: &Load) -> io::Result<Self> {
        let line = load.connect()?;
        line.set_nonblocking(true)?;
        Ok(Self { line, asked: false, left: load.requests })
    }

    /// Goes one step on, if it can.
    fn step(&mut self, delay_ms: u8) -> io::Result<()> {
        let mut byte = [delay_ms];
        if self.asked {
            self.line.read_exact(&mut byte)?;
            assert_eq!(byte[0], delay_ms);
            self.left -= 1;
        } else {
            self.line.write_all(&byte)?;
        }
        self.asked = !self.asked;
        Ok(())
    }
}

/// Returns how often it was told "not yet".
fn job(load: &Load) -> io::Result<usize> {
    let mut not_yet = 0;
    let clients = (0..load.clients).map(|_| Client::new(load));
    let mut clients = clients.collect::<io::Result<Vec<Client>>>()?;
    while !clients.is_empty() {
        for client in &mut clients {
            match client.step(load.delay_ms) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => not_yet += 1,
                result => result?,
            }
        }
        clients.retain(|client| client.left > 0);
    }
    Ok(not_yet)
}

fn main() {
    let mut not_yet = 0;
    let (_, most) = rungs::climb(|load| not_yet = job(load).expect("the far side answers"));
    println!("  the kernel said \"not yet\" ~{not_yet} times, for 10 answers");

    assert!(most > 1, "they wait at the same time");
    assert!(not_yet > 100, "and nearly every question was in vain: {not_yet}");
}

// It cost: 36 µs of CPU a request after 2 ms: a CPU that is never idle while anybody waits.
// It still cannot: know when to ask again; nor sleep until then.
