//! 9,000 connections idle while 500 are busy, for a minute. Too long for every day:
//!
//! `cargo test --release --test soak -- --ignored --nocapture`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::time::sleep;
use rondel::{Builder, Reactor, spawn};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const IDLE: usize = 9_000;
const BUSY: usize = 500;
const SECONDS: u64 = 60;

/// Both ends of each connection, and some for the rest of the process.
const DESCRIPTORS: u64 = 2 * (IDLE + BUSY) as u64 + 100;

/// How much the process may grow in the last five sixths of the time, in KiB: room for the
/// allocator's whims, and a thousandth of what a leak of a byte for each round trip would be.
const GROWTH_MAX: u64 = 4 * 1024;

fn enough_descriptors() -> bool {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < DESCRIPTORS) {
        println!(
            "skipped: it needs {DESCRIPTORS} descriptors and the hard limit is {:?}; \
             raise it (`ulimit -Hn`)",
            limit.maximum
        );
        return false;
    }
    let wanted = Rlimit { current: Some(DESCRIPTORS), maximum: limit.maximum };
    setrlimit(Resource::Nofile, wanted).unwrap();
    true
}

/// The memory that the process has in use, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn echo(mut stream: TcpStream) {
    let mut buf = [0; 64];
    loop {
        match stream.read(&mut buf).await.unwrap() {
            0 => return,
            count => stream.write_all(&buf[..count]).await.unwrap(),
        }
    }
}

async fn ask(stream: &mut TcpStream, number: u64) {
    stream.write_all(&number.to_be_bytes()).await.unwrap();
    assert_eq!(stream.read_u64().await.unwrap(), number);
}

async fn soak(name: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = spawn(async move {
        let mut served = Vec::new();
        for _ in 0..IDLE + BUSY {
            served.push(spawn(echo(listener.accept().await.unwrap().0)));
        }
        served
    });
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(TcpStream::connect(addr).await.unwrap());
    }
    let (stop, trips) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut busy = Vec::new();
    for _ in 0..BUSY {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let (stop, trips) = (stop.clone(), trips.clone());
        busy.push(spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                ask(&mut stream, trips.fetch_add(1, Ordering::Relaxed)).await;
            }
        }));
    }
    let served = server.await.unwrap();
    sleep(Duration::from_secs(SECONDS / 6)).await;
    let before = resident();
    sleep(Duration::from_secs(SECONDS - SECONDS / 6)).await;
    let after = resident();
    stop.store(true, Ordering::Relaxed);
    for task in busy {
        task.await.unwrap();
    }
    // The idle ones live, too.
    for (number, stream) in idle.iter_mut().enumerate() {
        ask(stream, number as u64).await;
    }
    drop(idle);
    for task in served {
        task.await.unwrap();
    }
    let trips = trips.load(Ordering::Relaxed);
    println!("{name}: {trips} round trips; {before} KiB after ten seconds, {after} KiB at the end");
    assert!(after < before + GROWTH_MAX, "the process grew from {before} to {after} KiB");
}

/// Goal: show that many idle connections cost nothing while others are busy: no error, and memory
/// stays flat. Method: 500 echoes without pause beside 9,000 silent connections, for a minute, all
/// in one process; then each silent one is asked once.
#[test]
#[ignore = "takes a minute, and 19,100 descriptors"]
fn nine_thousand_idle_connections_beside_five_hundred_busy_ones() {
    if enough_descriptors() {
        let runtime = Builder::new().reactor(Reactor::Mio).build().unwrap();
        runtime.block_on(soak("one loop"));
    }
}
