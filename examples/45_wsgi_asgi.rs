//! Lesson 45. One application, two interfaces to its server: what can the async one do more?
//!
//! Run it: `cargo run --example 45_wsgi_asgi`
//! Covers: 94, 109, 110, 180, 198, 236, 247.
//!
//! Python: WSGI is a function call, `app(environ, start_response)`, and what it returns is the
//! body. ASGI is a conversation, `await app(scope, receive, send)`: events come in, messages go
//! out, in any order. Rust: `tower::Service` takes a request and gives a future of a response; here
//! both Python interfaces are rebuilt, with channels for `receive` and `send`.
//!
//! Predict. Each request waits 50 ms for a database, and 80 come at once. The WSGI server has 4
//! processes with 2 threads each; the ASGI server has one thread. Which one is done first?
//!
//! a) The WSGI server: eight threads do more than one.
//! b) The ASGI server: its 80 waits are one wait, and those of the other are ten.
//! c) Both at the same time: they wait for the same database.

use rondel::combine::gather;
use rondel::sync::{Semaphore, mpsc};
use rondel::time::{Duration, Instant, sleep};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// 4 processes x 2 threads; here they are threads of one process.
const THREADS: usize = 8;
const REQUESTS: usize = 80;
const DATABASE: Duration = Duration::from_millis(50);

/// What the server tells the application about a connection, once.
#[derive(Clone)]
struct Scope {
    path: &'static str,
}

/// What `receive` gives.
enum Event {
    Request { body: &'static str, more: bool },
    Disconnect,
}

/// What `send` takes.
enum Message {
    Start { status: u16 },
    Body { text: String, more: bool },
}

type Receive = mpsc::Receiver<Event>;
type Sender = mpsc::Sender<Message>;

/// How many requests are being worked on, and how many were at most.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

static GAUGE: Gauge = Gauge { now: AtomicUsize::new(0), most: AtomicUsize::new(0) };

impl Gauge {
    fn enter(&self) {
        self.most.fetch_max(self.now.fetch_add(1, Relaxed) + 1, Relaxed);
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Relaxed);
    }
}

/// What the application is about. It does not wait, so it fits both interfaces.
fn answer(path: &str, body: &str) -> (u16, String) {
    match path {
        "/" | "/quick" => (200, format!("hello {body}")),
        _ => (404, "no such path".into()),
    }
}

/// The application behind WSGI: it has the whole request, and the thread, until it returns.
fn wsgi_app(scope: &Scope, body: &str, start_response: &mut dyn FnMut(u16)) -> Vec<String> {
    GAUGE.enter();
    if scope.path != "/quick" {
        std::thread::sleep(DATABASE); // a driver that blocks: allowed here
    }
    let (status, text) = answer(scope.path, body);
    start_response(status);
    GAUGE.leave();
    vec![text]
}

/// The application behind ASGI: it may wait anywhere, for events and for others.
async fn asgi_app(scope: Scope, receive: &mut Receive, send: &Sender) {
    GAUGE.enter();
    let body = whole_body(receive).await;
    if scope.path != "/quick" {
        sleep(DATABASE).await;
    }
    let (status, text) = answer(scope.path, &body);
    reply(send, status, vec![text]).await;
    GAUGE.leave();
}

/// Any WSGI application is an ASGI application that needs a thread (`asgiref` has this adapter).
async fn asgi_of_wsgi(scope: Scope, receive: &mut Receive, send: &Sender) {
    let body = whole_body(receive).await;
    let call = rondel::spawn_blocking(move || {
        let mut status = 500;
        let body = wsgi_app(&scope, &body, &mut |started| status = started);
        (status, body)
    });
    let (status, body) = call.await.expect("the application does not panic");
    reply(send, status, body).await;
}

async fn whole_body(receive: &mut Receive) -> String {
    let mut whole = String::new();
    while let Some(Event::Request { body, more }) = receive.recv().await {
        whole.push_str(body);
        if !more {
            break;
        }
    }
    whole
}

async fn reply(send: &Sender, status: u16, body: Vec<String>) {
    let start = Message::Start { status };
    let pieces = body.into_iter().map(|text| Message::Body { text, more: true });
    let end = Message::Body { text: String::new(), more: false };
    for message in std::iter::once(start).chain(pieces).chain([end]) {
        if send.send(message).await.is_err() {
            return; // the client is gone, and with it who wanted to know
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Interface {
    Wsgi,
    Asgi,
}

/// The server's part for one request: brings the body in two pieces, puts the answer together.
async fn serve(interface: Interface, path: &'static str) -> (u16, String) {
    let (events, mut receive) = mpsc::channel(2);
    let (send, mut messages) = mpsc::channel(2);
    let app = async move {
        let (scope, receive) = (Scope { path }, &mut receive);
        match interface {
            Interface::Wsgi => asgi_of_wsgi(scope, receive, &send).await,
            Interface::Asgi => asgi_app(scope, receive, &send).await,
        }
    };
    let client = async move {
        for (body, more) in [("wor", true), ("ld", false)] {
            let sent = events.send(Event::Request { body, more }).await;
            assert!(sent.is_ok(), "the application reads the body");
        }
        let (mut status, mut text) = (0, String::new());
        while let Some(message) = messages.recv().await {
            match message {
                Message::Start { status: started } => status = started,
                Message::Body { text: piece, .. } => text.push_str(&piece),
            }
        }
        (status, text)
    };
    rondel::join!(app, client).1
}

fn main() {
    let builder = rondel::Builder::new().max_blocking_threads(THREADS);
    let runtime = builder.build().expect("a loop can be built");
    runtime.block_on(async {
        for (interface, path) in [(Interface::Wsgi, "/"), (Interface::Asgi, "/")] {
            assert_eq!(serve(interface, path).await, (200, "hello world".into()), "the same");
            assert_eq!(serve(interface, "/nowhere").await.0, 404);
        }
        let wsgi = rush(Interface::Wsgi).await;
        let asgi = rush(Interface::Asgi).await;
        assert_eq!((wsgi.0, asgi.0), (THREADS, REQUESTS));
        assert!(wsgi.1 >= DATABASE * (REQUESTS / THREADS) as u32, "ten rounds");
        assert!(asgi.1 < wsgi.1);

        for interface in [Interface::Wsgi, Interface::Asgi] {
            let first = behind_slow_ones(interface).await;
            println!("{interface:?}: a quick request behind {THREADS} slow ones is first: {first}");
            assert_eq!(first, interface == Interface::Asgi);
        }
        limit_concurrency().await;
        stream_until_the_client_leaves().await;
    });
}

/// All at once. Returns how many were worked on at the same time, and how long it took.
async fn rush(interface: Interface) -> (usize, Duration) {
    GAUGE.most.store(0, Relaxed);
    let start = Instant::now();
    let answers = gather((0..REQUESTS).map(|_| serve(interface, "/"))).await;
    let (most, took) = (GAUGE.most.load(Relaxed), start.elapsed());
    assert!(answers.iter().all(|answer| answer.0 == 200));
    let ms = took.as_millis();
    println!("{interface:?}: {REQUESTS} requests, {most} at the same time: ~{ms} ms");
    (most, took)
}

/// A request that needs no database comes last. Is it done first?
async fn behind_slow_ones(interface: Interface) -> bool {
    let order = std::cell::RefCell::new(Vec::new());
    let paths = std::iter::repeat_n("/", THREADS).chain(["/quick"]);
    gather(paths.map(async |path| {
        serve(interface, path).await;
        order.borrow_mut().push(path);
    }))
    .await;
    order.into_inner()[0] == "/quick"
}

/// uvicorn's `--limit-concurrency`: more than this are told so at once, not put in a queue.
async fn limit_concurrency() {
    let limit = Semaphore::new(50);
    let answers = gather((0..REQUESTS).map(async |_| match limit.try_acquire() {
        Ok(_permit) => serve(Interface::Asgi, "/").await.0,
        Err(_) => 503,
    }))
    .await;
    let count = |wanted| answers.iter().filter(|status| **status == wanted).count();
    println!("a limit of 50: {} get 200, {} get 503 at once", count(200), count(503));
    assert_eq!((count(200), count(503)), (50, 30));
}

/// A response without an end, which WSGI would pay for with a thread; and its end: the client goes.
async fn stream_until_the_client_leaves() {
    let (events, mut receive) = mpsc::channel(1);
    let (send, mut messages) = mpsc::channel(1);
    let app = async move {
        let started = send.send(Message::Start { status: 200 }).await.is_ok();
        for number in 0.. {
            let tick = Message::Body { text: format!("data: {number}\n\n"), more: true };
            rondel::select! {
                event = receive.recv() => match event {
                    Some(Event::Disconnect) | None => return (started, "the client left"),
                    Some(Event::Request { .. }) => {}
                },
                sent = send.send(tick) => assert!(sent.is_ok(), "the server still listens"),
            }
        }
        (started, "out of numbers")
    };
    let client = async move {
        let mut pieces = Vec::new();
        while let Some(message) = messages.recv().await {
            if let Message::Body { text, more } = message {
                assert!(more, "it never says that this was the last piece");
                pieces.push(text);
            }
            if pieces.len() == 3 {
                break;
            }
        }
        assert!(events.send(Event::Disconnect).await.is_ok());
        while messages.recv().await.is_some() {} // what was on its way
        pieces
    };
    let (end, pieces) = rondel::join!(app, client);
    println!("a stream: {pieces:?}, then {:?}", end.1);
    assert_eq!((end, pieces.len()), ((true, "the client left"), 3));
}

// Explain
//
// b) is right. A WSGI application is a function: until it returns, it has the thread. So there are
// as many requests at work as threads, 4 x 2 = 8, and 80 need ten rounds of 50 ms. The ASGI
// application gives the thread back whenever it waits. And a quick request does not stand in line
// behind eight slow ones.
//
// A call has one answer. A conversation may go on: the body comes in pieces (`more_body`), the
// response goes out in pieces, and `receive` says when the client has left, so that a stream can
// stop. That is what server-sent events need, and a WebSocket is the same with a scope of its own:
// `websocket.connect`, `accept`, then `receive` and `send` in both directions for as long as both
// like. HTTP/2 fits as well: many conversations on one connection. A third scope, `lifespan`, is
// the place to open pools before the first request, and to close them after the last.
//
// "Thousands at once" is about waiting. On work of the CPU one loop is one core, and the guide's
// `workers = 2n + 1` comes from WSGI, where each worker waits most of the time. For loops, one for
// each core is the place to start. Several processes listen on one port (`SO_REUSEPORT`, or a
// socket that they inherit). `--max-requests` ends a worker that leaks, with a jitter, so that not
// all of them restart at once. And an interface that takes everything needs a limit that says no.
//
// What real runtimes do
//
// uvicorn and hypercorn speak ASGI; gunicorn starts and watches the processes. In Rust, tower's
// `Service` adds `poll_ready`: the application can say "not now" before it is given the request.
//
// Where to read next
//
// What a WSGI call costs: a thread takes it from a queue, and is gone until it has returned.
//
// ```rust,cite=runtime/blocking.rs
// while let Some(job) = state.queue.pop_front() {
//     state.busy += 1;
//     drop(state);
//     // The handle of the closure has its panic; the thread goes on (rule 3).
//     let _ = catch_unwind(AssertUnwindSafe(job));
// ```
