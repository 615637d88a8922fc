//! A server without free descriptors. In a binary of its own, because the limit is the process's:
//! the test starts itself again under a low `ulimit -n`.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::{Builder, Reactor, spawn};
use socket2::{Domain, Socket, Type};

/// Tells the process that it is the child, and which reactor to use.
const CHILD: &str = "RONDEL_TEST_ACCEPT_LIMIT";

/// Goal: show that a listener survives `EMFILE`: it warns once, does not burn the processor, the
/// open connections are served meanwhile, and the waiting one is accepted when a descriptor is
/// free. Method: a child process that may open 64 files fills them up; see `child`.
#[test]
fn accept_waits_for_free_descriptors() {
    if let Ok(reactor) = std::env::var(CHILD) {
        let reactor = if reactor == "mio" { Reactor::Mio } else { Reactor::Polling };
        return Builder::new().reactor(reactor).build().unwrap().block_on(child());
    }
    let own = std::env::current_exe().unwrap();
    for reactor in ["mio", "polling"] {
        let output = Command::new("sh")
            .args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""])
            .arg(&own)
            .args(["--exact", "accept_waits_for_free_descriptors", "--nocapture"])
            .env(CHILD, reactor)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "on {reactor}: {stderr}");
        assert_eq!(stderr.matches("cannot accept: ").count(), 1, "on {reactor}: {stderr}");
        assert!(stderr.contains("Raise the limit"), "on {reactor}: {stderr}");
    }
}

/// The life of a server at its limit.
async fn child() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut early = TcpStream::connect(addr).await.unwrap();
    spawn(echo(listener.accept().await.unwrap().0));

    let stat = File::open("/proc/self/stat").unwrap();
    // The last descriptors: one for the client that has to wait, the others for nothing.
    let late = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let mut fill = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        fill.push(file);
    }
    let accepting =
        spawn(async move { listener.accept().await.map(|(stream, _)| spawn(echo(stream))) });
    let error = TcpStream::connect(addr).await.unwrap_err().to_string();
    assert!(error.contains("cannot connect to 127.0.0.1:"), "{error}");
    assert!(error.contains("Too many open files"), "{error}");
    // Accepted by the kernel, not yet by us.
    late.connect(&addr.into()).unwrap();
    let mut late = std::net::TcpStream::from(late);

    let before = cpu_ticks(&stat);
    let start = std::time::Instant::now();
    let mut rounds = 0;
    while start.elapsed() < Duration::from_millis(400) {
        early.write_all(b"still served").await.unwrap();
        early.read_exact(&mut [0; 12]).await.unwrap();
        rondel::time::sleep(Duration::from_millis(4)).await;
        rounds += 1;
    }
    let busy = cpu_ticks(&stat) - before;
    // A tick is 10 ms; spinning would be 40 of them.
    assert!(busy <= 20, "{busy} ticks of processor time while waiting ({rounds} rounds)");
    assert!(!accepting.is_finished(), "there is no descriptor to accept with");

    drop(fill);
    accepting.await.unwrap().unwrap();
    late.write_all(b"at last").unwrap();
    let late = rondel::spawn_blocking(move || {
        late.read_exact(&mut [0; 7]).unwrap();
        late
    });
    drop(late.await.unwrap());
}

async fn echo(mut stream: TcpStream) {
    let mut buf = [0; 64];
    while let Ok(count @ 1..) = stream.read(&mut buf).await {
        stream.write_all(&buf[..count]).await.unwrap();
    }
}

/// Processor time of this process so far, in ticks of 10 ms. `stat` was opened when that was
/// possible.
fn cpu_ticks(stat: &File) -> u64 {
    let mut text = [0; 1024];
    let len = stat.read_at(&mut text, 0).unwrap();
    let text = String::from_utf8_lossy(&text[..len]).into_owned();
    // The process's name ends with the last bracket; fields 14 and 15 are user and system time.
    let fields: Vec<_> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}
