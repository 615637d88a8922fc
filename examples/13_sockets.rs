//! Lesson 13. What do clients do to an echo server, and what must it survive?
//!
//! Run it: `cargo run --example 13_sockets`
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

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::task::JoinHandle;
use rondel::time::{Duration, timeout};
use std::io;

/// How long the server waits for a client that says nothing, and the flood for a server that is
/// full.
const PATIENCE: Duration = Duration::from_millis(300);
const CHUNK: usize = 64 * 1024;
/// More than both kernels' buffers together hold.
const FLOOD_MAX: usize = 256 * 1024 * 1024;

/// Sends back what comes, until the client has said all. Returns how much that was.
async fn echo(mut stream: TcpStream) -> io::Result<usize> {
    let mut buf = vec![0; CHUNK];
    let mut echoed = 0;
    loop {
        let count = timeout(PATIENCE, stream.read(&mut buf)).await??;
        if count == 0 {
            stream.shutdown().await?;
            return Ok(echoed);
        }
        stream.write_all(&buf[..count]).await?;
        echoed += count;
    }
}

/// A client, and what becomes of its connection on the server's side.
async fn guest(ear: &TcpListener) -> io::Result<(TcpStream, JoinHandle<io::Result<usize>>)> {
    let client = TcpStream::connect(ear.local_addr()?).await?;
    let (server, _) = ear.accept().await?;
    Ok((client, rondel::spawn(echo(server))))
}

#[rondel::main]
async fn main() -> io::Result<()> {
    let ear = TcpListener::bind("127.0.0.1:0").await?;
    let mut text = [0; 5];

    let (mut polite, served) = guest(&ear).await?;
    polite.write_all(b"hello").await?;
    polite.read_exact(&mut text).await?;
    drop(polite);
    println!("polite:       {:?}", served.await.unwrap());
    assert_eq!(&text, b"hello");

    let (mut half, served) = guest(&ear).await?;
    half.write_all(b"that is all").await?;
    half.shutdown().await?; // "I have said all, and I listen"
    let mut answer = String::new();
    half.read_to_string(&mut answer).await?;
    println!("half-closed:  {:?}, and the answer is {answer:?}", served.await.unwrap());
    assert_eq!(answer, "that is all");

    let (mut rude, served) = guest(&ear).await?;
    rude.write_all(b"hello").await?;
    rude.read_exact(&mut text).await?;
    rude.set_linger(Some(Duration::ZERO))?; // closing now sends RST, as a crash does
    drop(rude);
    let end = served.await.unwrap().unwrap_err().kind();
    println!("rude:         {end:?}");
    assert_eq!(end, io::ErrorKind::ConnectionReset);

    let (silent, served) = guest(&ear).await?;
    let end = served.await.unwrap().unwrap_err().kind();
    println!("silent:       {end:?}");
    assert_eq!(end, io::ErrorKind::TimedOut);
    drop(silent);

    let (flood, served) = guest(&ear).await?;
    let (mut reader, mut writer) = flood.into_split();
    let (chunk, mut sent) = (vec![7; CHUNK], 0);
    while let Ok(count) = timeout(PATIENCE, writer.write(&chunk)).await {
        sent += count?;
        assert!(sent < FLOOD_MAX, "somebody's memory fills up");
    }
    println!("flood:        has to wait, with some MB in the kernel's buffers");
    writer.shutdown().await?;
    let mut echo = Vec::new();
    reader.read_to_end(&mut echo).await?;
    assert_eq!((echo.len(), served.await.unwrap()?), (sent, sent));
    println!("flood:        reads at last, and not a byte is missing");
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
// may go on writing. RST ends both at once, and what was on its way may be lost. And a client that
// says nothing costs a descriptor for ever, unless somebody sets a limit.
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
