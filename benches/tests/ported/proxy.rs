// A TCP proxy: each connection is carried to a server and back by `copy_bidirectional`, at most so
// many at once, with counts of the bytes and a drain at the end. Written for tokio.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream, copy_bidirectional,
    copy_bidirectional_with_sizes,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

#[derive(Default)]
struct Traffic {
    there: AtomicU64,
    back: AtomicU64,
    refused: AtomicU64,
}

/// Carries connections until it is told to end, then waits for those that are open.
async fn proxy(
    listener: TcpListener,
    to: SocketAddr,
    traffic: Arc<Traffic>,
    mut end: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let places = Arc::new(Semaphore::new(8));
    let mut open = JoinSet::new();
    loop {
        let place = places.clone().acquire_owned().await.expect("never closed");
        let (mut client, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = &mut end => break,
        };
        let traffic = traffic.clone();
        open.spawn(async move {
            let _place = place;
            let Ok(mut server) = TcpStream::connect(to).await else {
                traffic.refused.fetch_add(1, Ordering::Relaxed);
                return;
            };
            let carried = copy_bidirectional(&mut client, &mut server).await;
            if let Ok((there, back)) = carried {
                traffic.there.fetch_add(there, Ordering::Relaxed);
                traffic.back.fetch_add(back, Ordering::Relaxed);
            }
        });
        while open.try_join_next().is_some() {}
    }
    while open.join_next().await.is_some() {}
    Ok(())
}

/// Answers each line turned round; after `sum` and a half-closed connection, the sum of all bytes.
async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufStream::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if line == "sum\n" {
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await?;
            let sum: u64 = all.iter().map(|byte| u64::from(*byte)).sum();
            stream.write_u64(sum).await?;
            break;
        }
        let turned: String = line.trim_end().chars().rev().chain(['\n']).collect();
        stream.write_all(turned.as_bytes()).await?;
        stream.flush().await?;
        line.clear();
    }
    stream.shutdown().await
}

async fn talk(proxy: SocketAddr, number: usize) -> std::io::Result<()> {
    let mut stream = BufStream::new(TcpStream::connect(proxy).await?);
    let mut line = String::new();
    for round in 0..5 {
        stream.write_all(format!("client {number} round {round}\n").as_bytes()).await?;
        stream.flush().await?;
        line.clear();
        stream.read_line(&mut line).await?;
        let expected: String = format!("client {number} round {round}").chars().rev().collect();
        assert_eq!(line.trim_end(), expected);
    }
    let bytes = vec![number as u8; 300_000];
    stream.write_all(b"sum\n").await?;
    stream.write_all(&bytes).await?;
    stream.shutdown().await?; // one direction; the answer still comes
    assert_eq!(stream.read_u64().await?, 300_000 * number as u64);
    assert_eq!(stream.read(&mut [0]).await?, 0);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = TcpListener::bind("127.0.0.1:0").await?;
    let server_address = server.local_addr()?;
    let serving = tokio::spawn(async move {
        let mut open = JoinSet::new();
        for _ in 0..20 {
            let (stream, _) = server.accept().await?;
            open.spawn(serve(stream));
        }
        while let Some(served) = open.join_next().await {
            served.expect("no panic")?;
        }
        std::io::Result::Ok(())
    });

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (traffic, (end, ended)) = (Arc::new(Traffic::default()), oneshot::channel());
    let proxying = tokio::spawn(proxy(listener, server_address, traffic.clone(), ended));

    let mut clients = JoinSet::new();
    for number in 0..20 {
        clients.spawn(talk(address, number));
    }
    while let Some(talked) = clients.join_next().await {
        talked.expect("no panic")?;
    }
    serving.await??;

    // The server is gone: the proxy closes the connection and goes on.
    let mut refused = TcpStream::connect(address).await?;
    assert_eq!(refused.read(&mut [0]).await?, 0);
    end.send(()).expect("the proxy listens");
    proxying.await??;

    let lines: u64 = (0..20).map(|n: u64| 5 * format!("client {n} round 0\n").len() as u64).sum();
    assert_eq!(traffic.there.load(Ordering::Relaxed), lines + 20 * (4 + 300_000));
    assert_eq!(traffic.back.load(Ordering::Relaxed), lines + 20 * 8);
    assert_eq!(traffic.refused.load(Ordering::Relaxed), 1);

    // The same with small buffers, in memory.
    let (mut near, mut front) = tokio::io::duplex(16);
    let (mut back, mut far) = tokio::io::duplex(16);
    let carrying = tokio::spawn(async move {
        copy_bidirectional_with_sizes(&mut front, &mut back, 3, 5).await
    });
    near.write_all(b"hello").await?;
    near.shutdown().await?;
    let mut text = String::new();
    far.read_to_string(&mut text).await?;
    far.write_all(b"and goodbye").await?;
    drop(far);
    near.read_to_string(&mut text).await?;
    assert_eq!(text, "helloand goodbye");
    assert_eq!(carrying.await??, (5, 11));
    Ok(())
}
