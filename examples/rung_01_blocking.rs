//! Rung 01 of the ladder: blocking calls, one after another.
//!
//! Run it: `cargo run --example rung_01_blocking`
//!
//! The ground could not do anything: here the ladder starts, with what everybody writes first.
//!
//! One idea: ask the kernel, and sleep in the call until it has an answer.
//!
//! ```text
//!   client 0  ask ──────── sleep in read() ─────────▶ answer
//!   client 1                                                 ask ──────── sleep in read() ───▶
//!   client 2                                                                                   …
//! ```
//!
//! Real runtimes: this is a Python script with `requests`, a shell script, most of the programs in
//! the world. It is also what a runtime's blocking pool runs, on a thread for each call.

mod rungs;

use rungs::Load;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// One question and its answer. While it waits, the thread sleeps in the kernel.
fn ask(line: &mut TcpStream, delay_ms: u8) -> io::Result<u8> {
    line.write_all(&[delay_ms])?;
    let mut answer = [0];
    line.read_exact(&mut answer)?;
    Ok(answer[0])
}

fn job(load: &Load) -> io::Result<usize> {
    let mut answers = 0;
    for _ in 0..load.clients {
        let mut line = load.connect()?;
        for _ in 0..load.requests {
            assert_eq!(ask(&mut line, load.delay_ms)?, load.delay_ms);
            answers += 1;
        }
    }
    Ok(answers)
}

fn main() {
    let mut answers = 0;
    let (took, most) = rungs::climb(|load| answers = job(load).expect("the far side answers"));
    println!("  {answers} answers, and the thread slept for each of them by itself");

    assert_eq!(answers, 10);
    assert_eq!(most, 1, "nobody asks before the one in front has its answer");
    assert!(took >= Duration::from_millis(400), "so the delays add up");
}

// It cost: 27 µs of CPU and 2 system calls a request, and 4402 ms for what others do in 117.
// It still cannot: wait for two things at once. Its clients stand in a row.
