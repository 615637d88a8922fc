//! Happy eyeballs over a fake connector in virtual time, and the server's limit and drain.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rondel::Builder;
use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{
    ATTEMPT_DELAY, Server, TcpListener, TcpStream, UnixListener, UnixStream, connect,
};
use rondel::net::{happy_eyeballs, interleave};
use rondel::sync::{Notify, oneshot};
use rondel::time::{Instant, sleep};

/// What the fake world answers: after how many milliseconds, and whether it connects.
type World = &'static [(&'static str, u64, bool)];

/// Notes when each attempt began and when one was dropped, in milliseconds.
struct Attempt<'a>(SocketAddr, Instant, &'a RefCell<Vec<String>>);

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let at = self.1.elapsed().as_millis();
        self.2.borrow_mut().push(format!("{} over at {at}", self.0.ip()));
    }
}

fn race(world: World) -> (io::Result<SocketAddr>, Vec<String>) {
    let diary = RefCell::new(Vec::new());
    let result = Builder::new().start_paused(true).build().unwrap().block_on(async {
        let start = Instant::now();
        let addrs = world.iter().map(|(addr, _, _)| addr.parse().unwrap());
        happy_eyeballs(addrs, ATTEMPT_DELAY, async |addr: SocketAddr| {
            let begun = format!("{} begins at {}", addr.ip(), start.elapsed().as_millis());
            diary.borrow_mut().push(begun);
            let _attempt = Attempt(addr, start, &diary);
            let (_, after, works) =
                world.iter().find(|(name, _, _)| name.parse() == Ok(addr)).unwrap();
            sleep(Duration::from_millis(*after)).await;
            if *works { Ok(addr) } else { Err(ErrorKind::ConnectionRefused.into()) }
        })
        .await
    });
    (result, diary.into_inner())
}

/// Goal: show the order of RFC 8305: the families alternate, and each keeps its own order.
#[test]
fn the_families_alternate() {
    let addrs = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"];
    let sorted = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"];
    let parse = |addrs: [&str; 5]| addrs.map(|addr| addr.parse::<SocketAddr>().unwrap());
    assert_eq!(interleave(parse(addrs)), parse(sorted));
    assert!(interleave([]).is_empty());
}

/// Goal: show that a silent address costs 250 ms, and that the loser is dropped when one wins.
#[test]
fn the_first_that_answers_wins_and_the_others_are_dropped() {
    let (won, diary) = race(&[("[::1]:1", 60_000, true), ("1.1.1.1:1", 30, true)]);
    assert_eq!(won.unwrap(), "1.1.1.1:1".parse().unwrap());
    assert_eq!(
        diary,
        ["::1 begins at 0", "1.1.1.1 begins at 250", "1.1.1.1 over at 280", "::1 over at 280"]
    );
}

/// Goal: show that an early attempt may still win after a later one has begun.
#[test]
fn a_slow_first_address_still_wins() {
    let (won, _) = race(&[("[::1]:1", 300, true), ("1.1.1.1:1", 5_000, true)]);
    assert_eq!(won.unwrap(), "[::1]:1".parse().unwrap());
}

/// Goal: show that a refusal begins the next attempt at once.
#[test]
fn a_refusal_does_not_wait_for_the_delay() {
    let (won, diary) = race(&[("[::1]:1", 5, false), ("1.1.1.1:1", 5, true)]);
    assert_eq!(won.unwrap(), "1.1.1.1:1".parse().unwrap());
    assert_eq!(diary[..3], ["::1 begins at 0", "::1 over at 5", "1.1.1.1 begins at 5"]);
}

/// Goal: show that the error of a race that nobody wins names every address.
#[test]
fn a_race_that_nobody_wins_names_every_address() {
    let error = race(&[("[::1]:1", 5, false), ("1.1.1.1:1", 9, false)]).0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let text = error.to_string();
    assert!(text.starts_with("none of the 2 addresses answers: [::1]:1: "), "{text}");
    assert!(text.contains("; 1.1.1.1:1: "), "{text}");
    assert_eq!(race(&[]).0.unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// Goal: show the race on real sockets. Method: one address refuses, the other listens.
#[test]
fn a_listener_is_found_behind_an_address_that_refuses() {
    rondel::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let refuses: SocketAddr = ([127, 0, 0, 2], port).into();
        let addrs = [refuses, listener.local_addr().unwrap()];
        let stream = connect(&addrs[..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addrs[1]);
    });
}

/// Goal: show that there are never more handlers than the limit, and all clients are served.
#[test]
fn a_server_keeps_its_limit() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let served = rondel::run({
        let most = most.clone();
        async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let clients: Vec<_> = (0..20)
                .map(|_| {
                    rondel::spawn(async move {
                        let mut stream = TcpStream::connect(addr).await.unwrap();
                        assert_eq!(stream.read_u8().await.unwrap(), b'!');
                    })
                })
                .collect();
            let stop = async {
                for client in clients {
                    client.await.unwrap();
                }
            };
            let handler = move |mut stream: TcpStream, _| {
                let (now, most) = (now.clone(), most.clone());
                async move {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    rondel::task::yield_now().await;
                    stream.write_all(b"!").await.unwrap();
                    now.fetch_sub(1, Ordering::SeqCst);
                }
            };
            Server::new(listener).limit(3).serve(stop, handler).await.unwrap()
        }
    });
    assert_eq!((served.accepted, served.panicked, served.aborted), (20, 0, 0));
    assert!(most.load(Ordering::SeqCst) <= 3);
}

/// Goal: show that the same server runs on a Unix listener, and drains there, too. Method: it stops
/// when the first byte was answered; the connection that is open then is served to its end.
#[test]
fn a_server_serves_unix_sockets() {
    rondel::run(async {
        let path = std::env::temp_dir().join(format!("rondel-happy-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let (tx, rx) = oneshot::channel();
        let stop = async {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream.write_u8(b'1').await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'1');
            tx.send(stream).unwrap();
        };
        let server = Server::new(listener).serve(stop, async |mut stream: UnixStream, peer| {
            assert!(peer.is_unnamed());
            while let Ok(byte) = stream.read_u8().await {
                stream.write_u8(byte).await.unwrap();
            }
        });
        let after_the_stop = async {
            let mut stream = rx.await.unwrap();
            while UnixStream::connect(&path).await.is_ok() {
                rondel::task::yield_now().await; // until nobody listens any more
            }
            stream.write_u8(b'2').await.unwrap();
            stream.read_u8().await.unwrap()
        };
        let (served, answer) = rondel::join!(server, after_the_stop);
        std::fs::remove_file(&path).unwrap();
        let served = served.unwrap();
        assert_eq!((answer, served.accepted, served.aborted), (b'2', 1, 0));
    });
}

/// Goal: show the end of a server: the port closes at once, who can end may end, the others are
/// aborted after the grace, and a panic stays one connection's.
#[test]
fn a_server_drains_and_then_aborts() {
    rondel::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        let server = Server::new(listener).grace(Duration::from_millis(30)).serve(
            async move { stopped.notified().await },
            async |mut stream: TcpStream, _| match stream.read_u8().await.unwrap() {
                b'p' => panic!("one connection's own"),
                b'w' => drop(stream.read_u8().await),
                _ => std::future::pending().await,
            },
        );
        let server = rondel::spawn(server);
        let mut clients = Vec::new();
        for word in *b"pwx" {
            let mut client = TcpStream::connect(addr).await.unwrap();
            client.write_all(&[word]).await.unwrap();
            clients.push(client);
        }
        assert_eq!(clients[0].read(&mut [0]).await.unwrap_or(0), 0, "the panic closed it");
        // All were accepted before this one's turn came.
        stop.notify_one();
        clients[1].write_all(b".").await.unwrap();
        assert_eq!(clients[1].read(&mut [0]).await.unwrap(), 0);
        let served = server.await.unwrap().unwrap();
        assert_eq!((served.accepted, served.panicked, served.aborted), (3, 1, 1));
        assert!(served.first_panic.unwrap().to_string().contains("panic"));
        let refused = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

/// Goal: a server may be a task of its own, on any thread. Method: the compiler.
#[test]
fn a_server_may_be_spawned() {
    fn is_send(_: impl Send) {}
    fn futures(tcp: TcpListener, unix: UnixListener) {
        let stop = || std::future::pending::<()>();
        is_send(Server::new(tcp).serve(stop(), async |_: TcpStream, _| {}));
        is_send(Server::new(unix).serve(stop(), async |_: UnixStream, _| {}));
    }
    let _ = futures;
}
