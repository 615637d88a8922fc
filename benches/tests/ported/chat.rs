// A chat server with named rooms of one: whoever connects says a name, then lines; everybody else
// gets each line. Written for tokio, after the fashion of its own chat example: one task a peer, an
// unbounded channel to each, the table of peers behind an async mutex.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

type Failure = Box<dyn Error + Send + Sync>;
type Outbox = mpsc::UnboundedSender<String>;

#[derive(Default)]
struct Shared {
    peers: HashMap<SocketAddr, Outbox>,
}

impl Shared {
    fn tell_others(&self, sender: SocketAddr, line: &str) {
        for (addr, outbox) in &self.peers {
            if *addr != sender {
                // An error means that the peer is leaving.
                let _ = outbox.send(line.to_owned());
            }
        }
    }
}

/// One peer, from its name to its end.
async fn serve(
    stream: TcpStream,
    addr: SocketAddr,
    shared: Arc<Mutex<Shared>>,
) -> Result<(), Failure> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"your name?\n").await?;
    let Some(name) = lines.next_line().await? else {
        return Ok(());
    };
    let (outbox, mut inbox) = mpsc::unbounded_channel();
    {
        let mut shared = shared.lock().await;
        shared.peers.insert(addr, outbox);
        shared.tell_others(addr, &format!("{name} has come"));
    }
    loop {
        tokio::select! {
            Some(line) = inbox.recv() => {
                writer.write_all(format!("{line}\n").as_bytes()).await?;
            }
            line = lines.next_line() => match line {
                Ok(Some(line)) => {
                    shared.lock().await.tell_others(addr, &format!("{name}: {line}"));
                }
                Ok(None) => break,
                Err(error) => return Err(error.into()),
            },
        }
    }
    let mut shared = shared.lock().await;
    shared.peers.remove(&addr);
    shared.tell_others(addr, &format!("{name} has left"));
    Ok(())
}

struct Client {
    lines: tokio::io::Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Client {
    async fn join(addr: SocketAddr, name: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        let mut client = Self { lines: BufReader::new(reader).lines(), writer };
        assert_eq!(client.hear().await?, "your name?");
        client.say(name).await?;
        Ok(client)
    }

    async fn say(&mut self, line: &str) -> Result<(), Failure> {
        self.writer.write_all(line.as_bytes()).await?;
        self.writer.write_all(b"\n").await?;
        self.writer.flush().await?;
        Ok(())
    }

    async fn hear(&mut self) -> Result<String, Failure> {
        let line = timeout(Duration::from_secs(10), self.lines.next_line()).await??;
        line.ok_or_else(|| "the server closed the connection".into())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let shared = Arc::new(Mutex::new(Shared::default()));
    let server = tokio::spawn(async move {
        loop {
            let (stream, addr) = listener.accept().await?;
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                if let Err(error) = serve(stream, addr, shared).await {
                    eprintln!("{addr}: {error}");
                }
            });
        }
        #[allow(unreachable_code)] // it names the type of the task's output
        Ok::<(), std::io::Error>(())
    });

    let mut ada = Client::join(addr, "Ada").await?;
    let mut bob = Client::join(addr, "Bob").await?;
    assert_eq!(ada.hear().await?, "Bob has come");
    bob.say("hello").await?;
    assert_eq!(ada.hear().await?, "Bob: hello");
    for number in 0..100 {
        ada.say(&format!("line {number}")).await?;
    }
    for number in 0..100 {
        assert_eq!(bob.hear().await?, format!("Ada: line {number}"));
    }
    drop(ada);
    assert_eq!(bob.hear().await?, "Ada has left");

    server.abort();
    let ended = server.await;
    assert!(ended.is_err_and(|error| error.is_cancelled()));
    Ok(())
}
