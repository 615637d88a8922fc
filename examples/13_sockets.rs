//! Lesson 13. What do clients do to an echo server, and what must it survive?
//!
//! Run it: `cargo run --example 13_sockets`
//! Covers: 14, 87.
//!
//! Python: `asyncio.start_server`, `await reader.read(n)`, and `await writer.drain()`, which is
//! easy to forget. Rust: `read` and `write_all` on the stream itself. `read` gives 0 at the end;
//! `write_all` waits when the kernel's buffer is full, so there is nothing to forget.
//!
//! Predict. One client sends without ever reading the echo. What happens to the server's memory?
//!
//! a) It grows: the server must keep what it cannot send.
//! b) Nothing: the kernel throws away what nobody reads.
//! c) Nothing: the server waits in `write_all`, stops reading, and then the client has to wait too.

use rondel::combine::gather;
use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::task::JoinHandle;
use rondel::time::{Duration, sleep, timeout};
use std::io;

/// How long the server waits for a client that says nothing, and the flood for a server that is
/// full.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long the server has for one client in all, whatever it says.
const VISIT: Duration = Duration::from_millis(400);
const CHUNK: usize = 64 * 1024;
/// More than both kernels' buffers together hold.
const FLOOD_MAX: usize = 256 * 1024 * 1024;
const CROWD: usize = 100;

/// Sends back what comes, until the client has said all. Returns how much that was.
async fn echo(mut stream: TcpStream, patience: Duration) -> io::Result<usize> {
    let mut buf = vec![0; CHUNK];
    let mut echoed = 0;
    loop {
        let count = timeout(patience, stream.read(&mut buf)).await??;
        if count == 0 {
            stream.shutdown().await?;
            return Ok(echoed);
        }
        assert!(!buf[..count].starts_with(b"poison"), "a bug of the server");
        stream.write_all(&buf[..count]).await?;
        echoed += count;
    }
}

type Served = JoinHandle<io::Result<usize>>;

/// A client, and what becomes of its connection on the server's side.
async fn guest(ear: &TcpListener) -> io::Result<(TcpStream, Served)> {
    let client = TcpStream::connect(ear.local_addr()?).await?;
    let (server, _) = ear.accept().await?;
    Ok((client, rondel::spawn(echo(server, PATIENCE))))
}

/// How a visit ended, by the kind of the error.
async fn end_of(served: Served) -> Result<usize, io::ErrorKind> {
    served.await.unwrap().map_err(|error| error.kind())
}

fn tell(insult: &str, end: impl std::fmt::Debug) {
    println!("{:<13} {end:?}", format!("{insult}:"));
}

#[rondel::main]
async fn main() -> io::Result<()> {
    // The poison below is meant: its message need not be seen.
    std::panic::set_hook(Box::new(|_| {}));
    let ear = TcpListener::bind("127.0.0.1:0").await?;
    let mut text = [0; 5];

    let (mut polite, served) = guest(&ear).await?;
    polite.write_all(b"hello").await?;
    polite.read_exact(&mut text).await?;
    drop(polite);
    tell("polite", end_of(served).await);
    assert_eq!(&text, b"hello");

    goodbyes(&ear).await?;
    patience(&ear).await?;
    too_much(&ear).await?;

    // After all that the server still does what it is there for.
    let (mut polite, served) = guest(&ear).await?;
    polite.write_all(b"HELLO").await?;
    polite.read_exact(&mut text).await?;
    drop(polite);
    tell("polite again", end_of(served).await);
    assert_eq!(&text, b"HELLO");
    Ok(())
}

/// Insults 1 to 4: ways to leave.
async fn goodbyes(ear: &TcpListener) -> io::Result<()> {
    let (curious, served) = guest(ear).await?;
    drop(curious);
    let end = end_of(served).await;
    tell("1 port scan", end);
    assert_eq!(end, Ok(0));

    let (mut half, served) = guest(ear).await?;
    half.write_all(b"that is all").await?;
    half.shutdown().await?; // "I have said all, and I listen"
    let mut answer = String::new();
    half.read_to_string(&mut answer).await?;
    tell("2 half-close", (end_of(served).await, &answer));
    assert_eq!(answer, "that is all");

    let (mut rude, served) = guest(ear).await?;
    rude.write_all(b"hello").await?;
    rude.read_exact(&mut [0; 5]).await?;
    rude.set_linger(Some(Duration::ZERO))?; // closing now sends RST, as a crash does
    drop(rude);
    let end = end_of(served).await;
    tell("3 crash", end);
    assert_eq!(end, Err(io::ErrorKind::ConnectionReset));

    // It is gone before anybody has accepted it: `accept` must not fail for the next ones.
    let gone = TcpStream::connect(ear.local_addr()?).await?;
    gone.set_linger(Some(Duration::ZERO))?;
    drop(gone);
    let (server, _) = ear.accept().await?;
    let end = echo(server, PATIENCE).await.map_err(|error| error.kind());
    tell("4 never there", end);
    assert_eq!(end, Err(io::ErrorKind::ConnectionReset));
    Ok(())
}

/// Insults 5 to 7: a connection that costs a place and gives nothing.
async fn patience(ear: &TcpListener) -> io::Result<()> {
    let (silent, served) = guest(ear).await?;
    let end = end_of(served).await;
    tell("5 silence", end);
    assert_eq!(end, Err(io::ErrorKind::TimedOut));
    drop(silent);

    // A byte now and then: never silent for long, so only a limit on the whole visit helps.
    let slow = TcpStream::connect(ear.local_addr()?).await?;
    let (server, _) = ear.accept().await?;
    let visit = rondel::spawn(async { timeout(VISIT, echo(server, 10 * VISIT)).await? });
    let (mut listens, mut drips) = slow.into_split();
    let drip = async {
        while drips.write_all(b".").await.is_ok() {
            sleep(PATIENCE / 4).await;
        }
    };
    let ((), heard) = rondel::join!(drip, async { listens.read_to_end(&mut Vec::new()).await });
    let end = end_of(visit).await;
    tell("6 slow drip", end);
    assert!(heard.map_or(true, |count| count > 1), "it was served until then");
    assert_eq!(end, Err(io::ErrorKind::TimedOut));

    // What one client meets is no matter of the others: the panic stays in its task.
    let (mut poisoner, served) = guest(ear).await?;
    poisoner.write_all(b"poison").await?;
    let panicked = served.await.unwrap_err().is_panic();
    tell("7 poison", format_args!("panicked: {panicked}"));
    assert!(panicked);
    assert!(poisoner.read(&mut [0; 1]).await.map_or(true, |count| count == 0), "it was closed");
    Ok(())
}

/// Insults 8 to 10: more than there is room for.
async fn too_much(ear: &TcpListener) -> io::Result<()> {
    let (flood, served) = guest(ear).await?;
    let (mut reader, mut writer) = flood.into_split();
    let (chunk, mut sent) = (vec![7; CHUNK], 0);
    while let Ok(count) = timeout(PATIENCE, writer.write(&chunk)).await {
        sent += count?;
        assert!(sent < FLOOD_MAX, "somebody's memory fills up");
    }
    writer.shutdown().await?;
    let mut echo = Vec::new();
    reader.read_to_end(&mut echo).await?;
    assert_eq!((echo.len(), end_of(served).await), (sent, Ok(sent)));
    tell("8 flood", format_args!("has to wait; reads at last, and not a byte is missing"));

    let (mut vandal, served) = guest(ear).await?;
    let garbage: Vec<u8> = (0..=255).cycle().take(1_000).collect(); // no text, no line, no end
    vandal.write_all(&garbage).await?;
    let mut back = vec![0; garbage.len()];
    vandal.read_exact(&mut back).await?;
    drop(vandal);
    tell("9 garbage", end_of(served).await);
    assert_eq!(back, garbage);

    let crowd = gather((0..CROWD).map(|_| TcpStream::connect(ear.local_addr().unwrap())));
    let accepting = async {
        let mut visits = Vec::new();
        for _ in 0..CROWD {
            visits.push(rondel::spawn(self::echo(ear.accept().await?.0, 10 * PATIENCE)));
        }
        io::Result::Ok(visits)
    };
    let (crowd, visits) = rondel::join!(crowd, accepting);
    let mut served = 0;
    for mut guest in crowd.into_iter().collect::<io::Result<Vec<_>>>()? {
        guest.write_all(b"x").await?;
        guest.read_exact(&mut [0; 1]).await?;
    }
    for visit in visits? {
        served += visit.await.unwrap()?;
    }
    tell("10 crowd", format_args!("{served} of {CROWD} are served"));
    assert_eq!(served, CROWD);
    Ok(())
}

// Explain
//
// c) is right. TCP has flow control: each kernel keeps a buffer, and says to the other side how
// much room is left. When the client reads nothing, its buffer fills, then the server's buffer for
// sending, and `write_all` gets `WouldBlock`: the task waits until the socket can be written. It
// does not read meanwhile, so the buffer on that side fills too, and in the end the client's own
// `write` has to wait. That is back-pressure, from end to end, with bounded memory.
//
// The two directions of a connection end apart. `shutdown` sends a FIN: the other side reads 0, and
// may go on writing. RST ends both at once, and what was on its way may be lost. A client that says
// nothing costs a descriptor for ever, unless somebody sets a limit; and a limit on silence is not
// enough, as one byte now and then keeps it away: the visit as a whole needs one too. The rest is
// the work of tasks: each connection has its own, and what goes wrong in it, a panic among others,
// ends it and nobody else.
//
// What real runtimes do
//
// The kernel does this for all of them. asyncio's transports put a buffer of their own in between,
// which grows without a bound if a program does not await `drain`. The kernel's own limits meet a
// server in `accept`: when the process has no descriptors left, ours waits and tries again, tokio
// gives the error to the program, asyncio pauses for a second.
//
// Where to read next
//
// Try the call; if the kernel says `WouldBlock`, leave the waker in the loop's table:
//
// ```rust,cite=runtime/net/registered.rs
// match self.attempt(direction, known, &mut call) {
//     Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
//     Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
//     result => return Poll::Ready(result),
// }
// ```
