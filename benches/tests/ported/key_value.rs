// A small key-value server with expiry and subscriptions, after the fashion of mini-redis: a
// semaphore bounds the connections, a background task purges what has expired, a broadcast channel
// per topic carries what is published, and a broadcast and an mpsc channel shut it all down.
// Written for tokio.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, oneshot};
use tokio::time::{self, Duration, Instant};

const CONNECTIONS_MAX: usize = 4;

/// The data, and the task that purges it.
#[derive(Clone)]
struct Db {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    entries: HashMap<String, Entry>,
    expirations: BTreeSet<(Instant, String)>,
    topics: HashMap<String, broadcast::Sender<String>>,
    shutdown: bool,
}

struct Entry {
    value: String,
    expires_at: Option<Instant>,
}

impl Db {
    fn new() -> (Self, tokio::task::JoinHandle<usize>) {
        let shared = Shared { state: Mutex::default(), changed: Notify::new() };
        let db = Self { shared: Arc::new(shared) };
        let purger = tokio::spawn(db.clone().purge());
        (db, purger)
    }

    fn set(&self, key: String, value: String, life: Option<Duration>) {
        let expires_at = life.map(|life| Instant::now() + life);
        let mut state = self.shared.state.lock().unwrap();
        let old = state.entries.insert(key.clone(), Entry { value, expires_at });
        if let Some(at) = old.and_then(|old| old.expires_at) {
            state.expirations.remove(&(at, key.clone()));
        }
        if let Some(at) = expires_at {
            state.expirations.insert((at, key));
            self.shared.changed.notify_one();
        }
    }

    fn get(&self, key: &str) -> Option<String> {
        let state = self.shared.state.lock().unwrap();
        state.entries.get(key).map(|entry| entry.value.clone())
    }

    fn subscribe(&self, topic: &str) -> broadcast::Receiver<String> {
        let mut state = self.shared.state.lock().unwrap();
        let topic = state.topics.entry(topic.to_owned());
        topic.or_insert_with(|| broadcast::channel(16).0).subscribe()
    }

    fn publish(&self, topic: &str, message: String) -> usize {
        let state = self.shared.state.lock().unwrap();
        state.topics.get(topic).map_or(0, |topic| topic.send(message).unwrap_or(0))
    }

    /// Removes what has expired, and says when to come again.
    fn purge_expired(&self, purged: &mut usize) -> Option<Instant> {
        let mut state = self.shared.state.lock().unwrap();
        let now = Instant::now();
        while let Some((at, key)) = state.expirations.pop_first() {
            if at > now {
                state.expirations.insert((at, key));
                return Some(at);
            }
            state.entries.remove(&key);
            *purged += 1;
        }
        None
    }

    async fn purge(self) -> usize {
        let mut purged = 0;
        while !self.shared.state.lock().unwrap().shutdown {
            if let Some(next) = self.purge_expired(&mut purged) {
                tokio::select! {
                    _ = time::sleep_until(next) => {}
                    _ = self.shared.changed.notified() => {}
                }
            } else {
                self.shared.changed.notified().await;
            }
        }
        purged
    }

    fn stop_purging(&self) {
        self.shared.state.lock().unwrap().shutdown = true;
        self.shared.changed.notify_one();
    }
}

struct Connection {
    reader: BufReader<tokio::net::tcp::OwnedReadHalf>,
    writer: BufWriter<tokio::net::tcp::OwnedWriteHalf>,
    db: Db,
    /// Dropped when the connection ends: whoever waits for the receiver knows that all have.
    _alive: mpsc::Sender<()>,
}

impl Connection {
    async fn reply(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes()).await?;
        self.writer.write_u8(b'\n').await?;
        self.writer.flush().await
    }

    async fn run(mut self, mut shutdown: broadcast::Receiver<()>) -> io::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            let read = tokio::select! {
                read = self.reader.read_line(&mut line) => read?,
                _ = shutdown.recv() => return Ok(()),
            };
            if read == 0 {
                return Ok(());
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["set", key, value] => {
                    self.db.set(key.to_owned(), value.to_owned(), None);
                    self.reply("ok").await?;
                }
                ["set", key, value, ms] => {
                    let ms = ms.parse().map_err(io::Error::other)?;
                    let life = Some(Duration::from_millis(ms));
                    self.db.set(key.to_owned(), value.to_owned(), life);
                    self.reply("ok").await?;
                }
                ["get", key] => {
                    let value = self.db.get(key);
                    self.reply(value.as_deref().unwrap_or("nil")).await?;
                }
                ["publish", topic, message] => {
                    let reached = self.db.publish(topic, message.to_owned());
                    self.reply(&reached.to_string()).await?;
                }
                ["subscribe", topic] => {
                    let mut messages = self.db.subscribe(topic);
                    self.reply("subscribed").await?;
                    loop {
                        tokio::select! {
                            message = messages.recv() => match message {
                                Ok(message) => self.reply(&message).await?,
                                Err(broadcast::error::RecvError::Lagged(missed)) => {
                                    self.reply(&format!("missed {missed}")).await?;
                                }
                                Err(broadcast::error::RecvError::Closed) => return Ok(()),
                            },
                            _ = shutdown.recv() => return self.reply("goodbye").await,
                        }
                    }
                }
                _ => self.reply("what?").await?,
            }
        }
    }
}

/// Accepts until `stop` comes, then waits for the connections to end.
async fn serve(listener: TcpListener, stop: oneshot::Receiver<()>) -> io::Result<usize> {
    let (db, purger) = Db::new();
    let limit = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (goodbye, _) = broadcast::channel(1);
    let (alive, mut all_gone) = mpsc::channel(1);
    let accept = async {
        loop {
            let permit = Arc::clone(&limit).acquire_owned().await.expect("it is never closed");
            let (stream, _) = listener.accept().await?;
            let (reader, writer) = stream.into_split();
            let connection = Connection {
                reader: BufReader::new(reader),
                writer: BufWriter::new(writer),
                db: db.clone(),
                _alive: alive.clone(),
            };
            let shutdown = goodbye.subscribe();
            tokio::spawn(async move {
                let result = connection.run(shutdown).await;
                drop(permit);
                result
            });
        }
        #[allow(unreachable_code)] // it names the type of the block
        Ok::<(), io::Error>(())
    };
    tokio::select! {
        result = accept => result?,
        _ = stop => {}
    }
    drop(goodbye);
    drop(alive);
    assert!(all_gone.recv().await.is_none());
    db.stop_purging();
    Ok(purger.await?)
}

struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    async fn connect(addr: SocketAddr) -> io::Result<Self> {
        Ok(Self { reader: BufReader::new(TcpStream::connect(addr).await?) })
    }

    async fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        time::timeout(Duration::from_secs(10), self.reader.read_line(&mut line)).await??;
        Ok(line.trim_end().to_owned())
    }

    async fn ask(&mut self, line: &str) -> io::Result<String> {
        self.reader.get_mut().write_all(format!("{line}\n").as_bytes()).await?;
        self.hear().await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serve(listener, stopped));

    let mut client = Client::connect(addr).await?;
    assert_eq!(client.ask("set colour blue").await?, "ok");
    assert_eq!(client.ask("get colour").await?, "blue");
    assert_eq!(client.ask("get shape").await?, "nil");
    assert_eq!(client.ask("set brief yes 20").await?, "ok");
    assert_eq!(client.ask("nonsense").await?, "what?");
    let mut listeners = Vec::new();
    for _ in 0..2 {
        let mut listener = Client::connect(addr).await?;
        assert_eq!(listener.ask("subscribe news").await?, "subscribed");
        listeners.push(listener);
    }
    assert_eq!(client.ask("publish news hello").await?, "2");
    assert_eq!(client.ask("publish weather rain").await?, "0");
    for listener in &mut listeners {
        assert_eq!(listener.hear().await?, "hello");
    }
    // One more fits, the next has to wait until somebody leaves.
    let mut fourth = Client::connect(addr).await?;
    assert_eq!(fourth.ask("get colour").await?, "blue");
    let mut fifth = Client::connect(addr).await?;
    let early = time::timeout(Duration::from_millis(30), fifth.ask("get colour")).await;
    assert!(early.is_err(), "only {CONNECTIONS_MAX} are served at once");
    drop(fourth);
    assert_eq!(fifth.hear().await?, "blue");
    while client.ask("get brief").await? != "nil" {
        time::sleep(Duration::from_millis(5)).await;
    }

    stop.send(()).expect("the server listens");
    for listener in &mut listeners {
        assert_eq!(listener.hear().await?, "goodbye");
    }
    let mut rest = Vec::new();
    fifth.reader.read_to_end(&mut rest).await?;
    assert!(rest.is_empty());
    assert_eq!(server.await??, 1, "one entry has expired");
    Ok(())
}
