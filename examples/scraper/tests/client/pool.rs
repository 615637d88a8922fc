//! Connections: reused, limited, replaced when dead, closed when nobody needs them.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use rondel_scraper::client::{
    Client, ClientConfig, Clock, FetchError, Net, Phase, Response, RondelNet,
};
use url::Url;

use super::server::{Census, Reply, SOON, Server, answer, client, config, ms, page};

/// Fetches all `urls` at once, each in a task of its own.
async fn fetch_all(
    client: &Client<RondelNet>,
    urls: Vec<Url>,
) -> Vec<Result<Response, FetchError>> {
    let tasks: Vec<_> = urls
        .into_iter()
        .map(|url| {
            let client = client.clone();
            rondel::spawn(async move { client.fetch(&url).await })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("the fetch does not panic"));
    }
    results
}

/// Waits until `done`, with the loop running.
async fn soon(what: &str, done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < SOON, "{what} does not happen");
        RondelNet.sleep_until(RondelNet.now() + ms(1)).await;
    }
}

/// Goal: show that connections are kept and used again.
/// Method: 20 fetches one after the other; server and client count connections.
#[rondel::test]
async fn one_connection_serves_one_request_after_the_other() {
    let server = Server::start(|request| page(format!("page {}", request.number)));
    let (client, _) = client(config());
    for number in 0..20 {
        let response = client.fetch(&server.url(&format!("/{number}?q=a b#part"))).await.unwrap();
        assert_eq!(response.body, format!("page {number}"));
        assert_eq!(response.reused, number > 0);
        assert_eq!((response.attempts, response.wire_bytes), (1, response.body.len()));
        assert_eq!(response.final_url(), &response.url);
    }
    assert_eq!(server.connections(), 1);
    assert_eq!(server.paths()[7], "/7?q=a%20b");
    let stats = client.stats();
    assert_eq!((stats.opened, stats.reused, stats.open_max, stats.open), (1, 19, 1, 1));
    assert_eq!((stats.in_use, stats.in_use_max, stats.waits), (0, 1, 0));
}

/// Goal: show what the server gets to see.
/// Method: one request; its head, line by line.
#[rondel::test]
async fn a_request_carries_the_usual_headers() {
    let server = Server::start(|_| page(""));
    let config = ClientConfig { user_agent: "Tester/1".to_owned(), ..config() };
    let (client, _) = client(config);
    client.fetch(&server.url("/path")).await.unwrap();
    let head = &server.requests()[0].head;
    let lines: Vec<_> = head.trim_end().split("\r\n").collect();
    let host = format!("host: {}", server.addr);
    let expected = [
        "get /path http/1.1",
        host.as_str(),
        "user-agent: tester/1",
        "accept: */*",
        "accept-encoding: gzip, br, deflate",
    ];
    assert_eq!(lines, expected);
}

/// Goal: show that both limits really hold, as the servers see it.
/// Method: 3 servers, 4 connections per host and 6 in all, 150 fetches at once, each answered after
/// 5 ms so that connections are in demand. The servers count connections together, and each its
/// requests in flight.
#[rondel::test]
async fn no_more_connections_are_open_than_the_limits_say() {
    let together = Arc::new(Census::default());
    let servers: Vec<_> = (0..3)
        .map(|_| {
            let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            Server::start_counted(together.clone(), 6, move |_| {
                let in_flight = now.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(in_flight, Ordering::SeqCst);
                thread::sleep(ms(5));
                now.fetch_sub(1, Ordering::SeqCst);
                page(format!("{}", most.load(Ordering::SeqCst)))
            })
        })
        .collect();
    let config = ClientConfig { connections: 6, connections_per_host: 4, ..config() };
    let (client, _) = client(config);
    let urls = (0..150).map(|number| servers[number % 3].url("/")).collect();
    let mut most = 0;
    for result in fetch_all(&client, urls).await {
        let response = result.expect("every page comes");
        most = most.max(std::str::from_utf8(&response.body).unwrap().parse().unwrap());
    }
    assert!(most <= 4, "{most} at once on one host");
    assert_eq!(together.open_max(), 6);
    let stats = client.stats();
    assert_eq!((stats.open_max, stats.in_use_max, stats.in_use), (6, 6, 0));
    assert_eq!(stats.waits, 144);
    assert_eq!(stats.opened + stats.reused, 150);
}

/// Goal: show that an idle connection makes room for another host, and is closed before the new one
/// is opened.
/// Method: one connection in all, two hosts in turn; both servers count together.
#[rondel::test]
async fn an_idle_connection_makes_room_for_another_host() {
    let census = Arc::new(Census::default());
    let servers =
        [0, 1].map(|_| Server::start_counted(census.clone(), 1, |request| page(&request.path)));
    let (client, _) = client(ClientConfig { connections: 1, ..config() });
    for number in 0..10 {
        client.fetch(&servers[number % 2].url("/")).await.unwrap();
    }
    assert_eq!(census.open_max(), 1);
    let stats = client.stats();
    assert_eq!((stats.opened, stats.evicted, stats.reused, stats.open_max), (10, 9, 0, 1));
}

/// Goal: show that a busy host does not keep the connections to itself, but neither loses one at
/// every request.
/// Method: one connection in all; 10 fetches of one host, one of another, 90 of the first again.
/// Both servers write into one diary, in which the other host comes soon after its turn.
#[rondel::test]
async fn a_busy_host_does_not_starve_another() {
    let diary = Arc::new(Mutex::new(Vec::new()));
    let [busy, other] = ["busy", "other"].map(|name| {
        let diary = diary.clone();
        Server::start(move |_| {
            diary.lock().unwrap().push(name);
            page(name)
        })
    });
    let (client, _) = client(ClientConfig { connections: 1, ..config() });
    let mut urls = vec![busy.url("/"); 100];
    urls.insert(10, other.url("/"));
    assert!(fetch_all(&client, urls).await.iter().all(Result::is_ok));
    let diary = diary.lock().unwrap();
    let turn = diary.iter().position(|name| *name == "other").expect("it is served");
    assert!((11..=28).contains(&turn), "served as number {turn}");
    assert_eq!((diary.len(), client.stats().evicted), (101, 2));
}

/// Goal: show that waiters are served in the order in which they came.
/// Method: one connection, 20 fetches at once.
#[rondel::test]
async fn waiters_are_served_in_order() {
    let server = Server::start(|_| page(""));
    let (client, _) = client(ClientConfig { connections_per_host: 1, ..config() });
    let urls = (0..20).map(|number| server.url(&format!("/{number}"))).collect();
    assert!(fetch_all(&client, urls).await.iter().all(Result::is_ok));
    let expected: Vec<_> = (0..20).map(|number| format!("/{number}")).collect();
    assert_eq!(server.paths(), expected);
    assert_eq!((client.stats().waits, client.stats().opened), (19, 1));
}

/// Goal: show that a request that meets a dead idle connection is sent again at once, without
/// counting as an attempt.
/// Method: the server closes each connection when the second request on it has come, without a
/// word.
#[rondel::test]
async fn a_connection_that_died_idle_costs_no_attempt() {
    let server = Server::start(|request| match request.nth {
        0 => page("fine"),
        _ => Reply::SendAndClose(Vec::new()),
    });
    let (client, diary) = client(ClientConfig { attempts: 1, ..config() });
    for _ in 0..4 {
        let response = client.fetch(&server.url("/")).await.expect("the first try is enough");
        assert_eq!((response.attempts, response.reused), (1, false));
    }
    assert_eq!((client.stats().stale, client.stats().opened), (3, 4));
    assert_eq!(diary.notes(), []);
}

/// Goal: show that a connection the server closes after its answer is noticed and not used again.
/// Method: the server closes without announcing it; the client has time to see it.
#[rondel::test]
async fn a_connection_the_server_closed_is_noticed() {
    let server = Server::start(|_| Reply::SendAndClose(answer("200 OK", "", "fine")));
    let (client, _) = client(config());
    for _ in 0..3 {
        client.fetch(&server.url("/")).await.unwrap();
        soon("the end of the connection", || client.stats().open == 0).await;
    }
    assert_eq!((client.stats().stale, client.stats().opened), (0, 3));
}

/// Goal: show that a connection that broke in the middle of an answer is an attempt, reused or not.
/// Method: the second request on each connection gets half a status line.
#[rondel::test]
async fn half_an_answer_on_a_reused_connection_is_a_failed_attempt() {
    let server = Server::start(|request| match request.nth {
        0 => page("fine"),
        _ => Reply::SendAndClose(b"HTTP/1.1 2".to_vec()),
    });
    let (client, diary) = client(config());
    assert_eq!(client.fetch(&server.url("/")).await.unwrap().attempts, 1);
    assert_eq!(client.fetch(&server.url("/")).await.unwrap().attempts, 2);
    assert_eq!(diary.reasons(), ["closed"]);
    assert_eq!(client.stats().stale, 0);
}

/// Goal: show that idle connections are closed after their time, with nobody asking for them.
/// Method: three connections, 30 ms of idle time, and a wait until client and server count none.
#[rondel::test]
async fn idle_connections_are_closed_after_their_time() {
    let server = Server::start(|_| {
        thread::sleep(ms(20));
        page("")
    });
    let (client, _) = client(ClientConfig { keep_alive: ms(30), ..config() });
    fetch_all(&client, vec![server.url("/"); 3]).await;
    assert_eq!(client.stats().opened, 3);
    soon("the end of the idle connections", || client.stats().open == 0).await;
    server.census.wait_until_closed();
}

/// Goal: show that a client that is dropped leaves no connection behind.
/// Method: the server counts.
#[rondel::test]
async fn a_dropped_client_closes_its_connections() {
    let server = Server::start(|_| page(""));
    let (client, _) = client(config());
    client.fetch(&server.url("/")).await.unwrap();
    drop(client);
    let census = server.census.clone();
    let closed = RondelNet.run_blocking(move || census.wait_until_closed()).await;
    closed.expect("nothing panics");
}

/// Goal: show that a fetch that is dropped half-way closes its connection and frees its place.
/// Method: one connection; a fetch that hangs in the body is dropped, then another is made.
#[rondel::test]
async fn a_fetch_that_is_dropped_frees_its_place() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec();
    let server = Server::start(move |request| match request.path.as_str() {
        "/hangs" => Reply::Drip(vec![half.clone(), b"more".to_vec()], SOON / 5),
        _ => page("fine"),
    });
    let (client, _) = client(ClientConfig { connections: 1, ..config() });
    {
        let url = server.url("/hangs");
        let mut hangs = pin!(client.fetch(&url));
        let since = RondelNet.now();
        poll_fn(|cx| {
            assert!(hangs.as_mut().poll(cx).is_pending());
            if server.requests().is_empty() {
                cx.waker().wake_by_ref();
                assert!(since.elapsed() < SOON);
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }
    assert_eq!(client.fetch(&server.url("/")).await.unwrap().body, "fine");
    assert_eq!((client.stats().opened, client.stats().open_max), (2, 1));
}

/// [`RondelNet`] that counts what goes to the blocking pool (name lookups, here), and may keep the
/// tasks of the connections from running.
#[derive(Clone, Default)]
struct TestNet {
    lookups: Arc<AtomicUsize>,
    held: Option<Arc<Mutex<Vec<Task>>>>,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Clock for TestNet {
    type Sleep = <RondelNet as Clock>::Sleep;

    fn now(&self) -> Instant {
        RondelNet.now()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        RondelNet.sleep_until(at)
    }
}

impl Net for TestNet {
    type Stream = <RondelNet as Net>::Stream;

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Stream> {
        RondelNet.connect(to).await
    }

    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        RondelNet.run_blocking(work).await
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match &self.held {
            Some(held) => held.lock().unwrap().push(Box::pin(task)),
            None => RondelNet.spawn(task),
        }
    }
}

/// Goal: show that waiting for a connection counts for the total time, and says so.
/// Method: one connection, whose task never runs, so that it is neither of use nor closed.
#[rondel::test]
async fn waiting_for_a_connection_ends_with_the_total_time() {
    let server = Server::start(|_| page(""));
    let net = TestNet { held: Some(Arc::default()), ..TestNet::default() };
    let settings = ClientConfig { connections: 1, attempts: 1, total_timeout: ms(300), ..config() };
    let client = Client::new(net.clone(), settings);
    for phase in [Phase::Headers, Phase::Pool] {
        let error = client.fetch(&server.url("/")).await.expect_err("nobody answers");
        assert_eq!((error.phase(), error.reason().as_ref()), (phase, "total-timeout"));
    }
    assert_eq!((client.stats().waits, client.stats().open), (1, 1));
    net.held.expect("set above").lock().unwrap().clear();
    assert_eq!(client.stats().open, 0);
}

/// Goal: show that a name is looked up once, however many connections are opened at once, and again
/// when its time is over.
/// Method: 10 connections to `localhost` at once, then one after the time to live.
#[rondel::test]
async fn a_name_is_looked_up_once_for_many_connections() {
    let server = Server::start(|_| {
        thread::sleep(ms(10));
        page("")
    });
    let net = TestNet::default();
    let settings = ClientConfig { keep_alive: Duration::ZERO, ..config() };
    let client = Client::new(net.clone(), settings.clone());
    let url = Url::parse(&format!("http://localhost:{}/", server.addr.port())).unwrap();
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (client, url) = (client.clone(), url.clone());
            rondel::spawn(async move { client.fetch(&url).await.map(|_| ()) })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic").expect("every page comes");
    }
    assert_eq!((client.stats().opened, net.lookups.load(Ordering::SeqCst)), (10, 1));
    let forgetful = Client::new(net.clone(), ClientConfig { dns_ttl: Duration::ZERO, ..settings });
    forgetful.fetch(&url).await.unwrap();
    forgetful.fetch(&url).await.unwrap();
    assert_eq!(net.lookups.load(Ordering::SeqCst), 3);
}
