//! Programs that were written for tokio, with nothing changed but the next line of code.
//!
//! `use rondel as tokio;` is that change. All below it compiles and runs with tokio 1.54 as well,
//! if the line is taken out: so keep to what tokio has.

use rondel as tokio;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::fs::{self, OpenOptions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use tokio::process::Command;
use tokio::sync::{Mutex, broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A path that no other test has, and that is gone again at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("moved-{name}-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

// --- a chat --------------------------------------------------------------------------------------

/// One member: the first line is the name, each other one is told to all the others.
async fn member(stream: TcpStream, room: broadcast::Sender<(String, String)>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let Some(name) = lines.next_line().await? else { return Ok(()) };
    let mut told = room.subscribe();
    let say = |text: String| {
        let _ = room.send((name.clone(), text));
    };
    say("has come".to_owned()); // first: who comes after the welcome shall not hear of it
    write.write_all(b"welcome\n").await?;
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => say(line),
                None => break,
            },
            heard = told.recv() => match heard {
                Ok((who, text)) if who != name => {
                    write.write_all(format!("{who}: {text}\n").as_bytes()).await?;
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(count)) => {
                    write.write_all(format!("({count} lost)\n").as_bytes()).await?;
                }
                Err(broadcast::error::RecvError::Closed) => break,
            },
        }
    }
    say("has gone".to_owned());
    Ok(())
}

async fn chat(listener: TcpListener, mut stop: mpsc::Receiver<()>) -> io::Result<usize> {
    let (room, _) = broadcast::channel(64);
    let mut members = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _peer) = accepted?;
                stream.set_nodelay(true)?;
                count += 1;
                members.spawn(member(stream, room.clone()));
            }
            Some(left) = members.join_next() => left.unwrap()?,
            _ = stop.recv() => break,
        }
    }
    while let Some(left) = members.join_next().await {
        left.unwrap()?;
    }
    Ok(count)
}

type Heard = tokio::io::Lines<BufReader<tokio::net::tcp::OwnedReadHalf>>;

async fn join_in(addr: SocketAddr, name: &str) -> io::Result<(Heard, OwnedWriteHalf)> {
    let (read, mut write) = TcpStream::connect(addr).await?.into_split();
    write.write_all(format!("{name}\n").as_bytes()).await?;
    let mut lines = BufReader::new(read).lines();
    assert_eq!(lines.next_line().await?.as_deref(), Some("welcome"));
    Ok((lines, write))
}

/// Goal: a chat server runs as it did. Method: two members; each hears the other, nobody hears
/// himself, and a parting is told.
#[tokio::test]
async fn a_chat() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let (stop, stopped) = mpsc::channel(1);
    let server = tokio::spawn(chat(listener, stopped));

    let (mut ann_hears, mut ann) = join_in(addr, "ann").await?;
    let (mut bob_hears, mut bob) = join_in(addr, "bob").await?;
    assert_eq!(ann_hears.next_line().await?.as_deref(), Some("bob: has come"));
    ann.write_all(b"hello\n").await?;
    assert_eq!(bob_hears.next_line().await?.as_deref(), Some("ann: hello"));
    bob.write_all(b"hello, ann\n").await?;
    assert_eq!(ann_hears.next_line().await?.as_deref(), Some("bob: hello, ann"));
    drop(ann);
    assert_eq!(bob_hears.next_line().await?.as_deref(), Some("ann: has gone"));
    stop.send(()).await.unwrap();
    drop(bob);
    assert_eq!(bob_hears.next_line().await?, None);
    assert_eq!(server.await.unwrap()?, 2);
    Ok(())
}

// --- a proxy -------------------------------------------------------------------------------------

/// Carries each connection to `upstream`; says how many bytes went each way.
async fn proxy(
    listener: TcpListener,
    upstream: SocketAddr,
    carried: mpsc::UnboundedSender<(u64, u64)>,
) -> io::Result<()> {
    loop {
        let (mut client, _) = listener.accept().await?;
        let carried = carried.clone();
        tokio::spawn(async move {
            let mut server = TcpStream::connect(upstream).await?;
            let counts = tokio::io::copy_bidirectional(&mut client, &mut server).await?;
            let _ = carried.send(counts);
            io::Result::Ok(())
        });
    }
}

/// Answers each line with the line in capitals, and the end with the count of lines.
async fn shout(stream: TcpStream) -> io::Result<()> {
    let (read, write) = tokio::io::split(stream);
    let mut write = BufWriter::new(write);
    let (mut lines, mut count) = (BufReader::new(read).lines(), 0);
    while let Some(line) = lines.next_line().await? {
        count += 1;
        write.write_all(line.to_uppercase().as_bytes()).await?;
        write.write_all(b"\n").await?;
        write.flush().await?;
    }
    write.write_u32(count).await?;
    write.shutdown().await
}

/// Goal: a proxy runs as it did, on the threads it asks for. Method: a runtime by tokio's builder;
/// some clients at once, whose ends must travel through in both directions, or nobody would come
/// home.
#[test]
fn a_proxy() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("proxy")
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream_addr = upstream.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = upstream.accept().await {
                tokio::spawn(shout(stream));
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (carried, mut counts) = mpsc::unbounded_channel();
        let proxy = tokio::spawn(proxy(listener, upstream_addr, carried));

        let mut clients = JoinSet::new();
        for number in 0..8u32 {
            clients.spawn(async move {
                let mut stream = TcpStream::connect(addr).await.unwrap();
                for _ in 0..number {
                    stream.write_all(b"quiet\n").await.unwrap();
                }
                stream.shutdown().await.unwrap();
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).await.unwrap();
                let (text, count) = answer.split_at(answer.len() - 4);
                assert_eq!(text, b"QUIET\n".repeat(number as usize));
                assert_eq!(count, number.to_be_bytes());
            });
        }
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
        let mut seen = Vec::new();
        for _ in 0..8 {
            seen.push(counts.recv().await.unwrap());
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..8).map(|number| (6 * number, 6 * number + 4)).collect::<Vec<_>>());
        proxy.abort();
        assert!(proxy.await.unwrap_err().is_cancelled());
    });
}

// --- a supervisor of processes -------------------------------------------------------------------

/// Starts `script` again when it fails, until it has asked for the end by a Ctrl-C.
async fn supervise(script: &str, journal: &Path) -> io::Result<Vec<ExitStatus>> {
    let mut journal = OpenOptions::new().create(true).append(true).open(journal).await?;
    let mut ends = Vec::new();
    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    for run in 1.. {
        let mut child = Command::new("sh")
            .args(["-c", script])
            .env("RUN", run.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut open = true;
        let end = loop {
            tokio::select! {
                line = lines.next_line(), if open => match line? {
                    Some(line) => journal.write_all(format!("{run}: {line}\n").as_bytes()).await?,
                    None => open = false,
                },
                status = child.wait(), if !open => break Some(status?),
                pressed = &mut stop => {
                    pressed?;
                    child.kill().await?;
                    ends.extend(child.try_wait()?);
                    while let Some(line) = lines.next_line().await? {
                        journal.write_all(format!("{run}: {line}\n").as_bytes()).await?;
                    }
                    break None;
                }
            }
        };
        match end {
            Some(status) if status.success() => break,
            Some(status) => ends.push(status),
            None => break,
        }
    }
    journal.flush().await?;
    journal.sync_all().await?;
    Ok(ends)
}

/// Goal: a supervisor runs as it did. Method: a child that fails twice, then asks for the end by a
/// signal and would sleep on; it must be killed and waited for, and all it said be in the journal.
#[tokio::test]
async fn a_supervisor() -> io::Result<()> {
    let journal = Scratch::new("journal");
    let script = "echo begun; [ $RUN = 3 ] || exit $RUN; kill -INT $PPID; exec sleep 1000";
    let ends = timeout(Duration::from_secs(60), supervise(script, &journal.0)).await??;
    let codes: Vec<_> = ends.iter().map(ExitStatus::code).collect();
    assert_eq!(codes, [Some(1), Some(2), None]);
    assert_eq!(fs::read_to_string(&journal.0).await?, "1: begun\n2: begun\n3: begun\n");
    assert!(fs::try_exists(&journal.0).await?);
    fs::remove_file(&journal.0).await
}

// --- a store with two doors ----------------------------------------------------------------------

type Store = Arc<Mutex<HashMap<String, String>>>;

/// `key` reads, `key=value` writes; for both doors.
async fn answer(store: &Store, request: &str) -> String {
    let mut store = store.lock().await;
    match request.split_once('=') {
        None => store.get(request).cloned().unwrap_or_default(),
        Some((key, value)) => store.insert(key.to_owned(), value.to_owned()).unwrap_or_default(),
    }
}

async fn by_unix(listener: UnixListener, store: Store) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let store = store.clone();
        tokio::spawn(async move {
            let len = stream.read_u16_le().await?;
            let mut request = String::new();
            (&mut stream).take(len.into()).read_to_string(&mut request).await?;
            stream.write_all(answer(&store, &request).await.as_bytes()).await?;
            stream.shutdown().await
        });
    }
}

async fn by_udp(socket: UdpSocket, store: Store) -> io::Result<()> {
    let mut buf = [0; 512];
    loop {
        let (count, peer) = socket.recv_from(&mut buf).await?;
        let request = String::from_utf8_lossy(&buf[..count]);
        socket.send_to(answer(&store, &request).await.as_bytes(), peer).await?;
    }
}

/// Goal: Unix sockets, datagrams and numbers on the wire are as they were. Method: what is written
/// through one door is read through the other.
#[tokio::test]
async fn a_store() -> io::Result<()> {
    let path = Scratch::new("store");
    let (listener, socket) = (UnixListener::bind(&path.0)?, UdpSocket::bind("127.0.0.1:0").await?);
    let addr = socket.local_addr()?;
    let store = Store::default();
    tokio::spawn(by_unix(listener, store.clone()));
    tokio::spawn(by_udp(socket, store));

    let mut client = UnixStream::connect(&path.0).await?;
    client.write_u16_le(9).await?;
    client.write_all(b"bird=wren").await?;
    let mut before = String::new();
    client.read_to_string(&mut before).await?;
    assert_eq!(before, "");
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(addr).await?;
    socket.send(b"bird").await?;
    let mut buf = [0; 16];
    let count = socket.recv(&mut buf).await?;
    assert_eq!(&buf[..count], b"wren");
    Ok(())
}
