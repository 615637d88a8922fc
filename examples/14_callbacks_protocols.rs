//! Lesson 14. The same server twice: what do callbacks need that `await` does not?
//!
//! Run it: `cargo run --example 14_callbacks_protocols`
//! Covers: 19, 35.
//!
//! Python: a `Protocol` is an object whose methods are called (`data_received`, `eof_received`),
//! and it answers by `transport.write`, which never waits; streams with `await` are built on top.
//! Rust: `await` is at the bottom, so this lesson builds a transport of its own, in 70 lines, to
//! have both. The server asks for a name and sends each line back with the name before it.
//!
//! Predict. A client sends 1 MB of lines and reads nothing. The pipe between the two holds 4 KB in
//! each direction. How much can the client send before it has to wait?
//!
//! a) Some KB to both servers: the pipe is full.
//! b) Some KB to the server with `await`, and all of it to the one with callbacks.
//! c) All of it to both: that is what asynchronous means.

mod diary;

use diary::Diary;
use rondel::callbacks::{Promise, create_task};
use rondel::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use rondel::io::{duplex, split};
use rondel::sync::{Event, Notify};
use rondel::time::{Duration, sleep, timeout};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

const PIPE: usize = 4 * 1024;
/// More than this in the transport's buffer, and the protocol is asked to pause; less than a
/// quarter, and it may go on. (asyncio's numbers.)
const HIGH: usize = 64 * 1024;

// --- the server with `await`: the state is where it stands in the text ---------------------------

async fn greeter(stream: DuplexStream) -> io::Result<()> {
    let (reader, mut writer) = split(stream);
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"your name?\n").await?;
    let Some(name) = lines.next_line().await? else { return Ok(()) };
    while let Some(line) = lines.next_line().await? {
        writer.write_all(format!("{name}: {line}\n").as_bytes()).await?;
    }
    writer.shutdown().await
}

// --- the same with callbacks: the state is in fields ---------------------------------------------

trait Protocol {
    fn connection_made(&mut self, transport: &Rc<Transport>);
    fn data_received(&mut self, data: &[u8]);
    fn eof_received(&mut self);
    fn pause_writing(&mut self) {}
    fn resume_writing(&mut self) {}
}

#[derive(Default)]
struct Greeter {
    transport: Option<Rc<Transport>>,
    /// None: what comes next is the name.
    name: Option<String>,
    /// What has come of a line that has not ended.
    begun: Vec<u8>,
    /// Whether it stops reading when nobody takes its answers. Easy to forget.
    is_careful: bool,
}

impl Greeter {
    fn line_received(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        match (&self.name, &self.transport) {
            (Some(name), Some(transport)) => {
                transport.write(format!("{name}: {line}\n").as_bytes());
            }
            _ => self.name = Some(line),
        }
    }
}

impl Protocol for Greeter {
    fn connection_made(&mut self, transport: &Rc<Transport>) {
        transport.write(b"your name?\n");
        self.transport = Some(transport.clone());
    }

    fn data_received(&mut self, data: &[u8]) {
        self.begun.extend(data);
        while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            self.line_received(&line[..end]);
        }
    }

    fn eof_received(&mut self) {
        let last = std::mem::take(&mut self.begun);
        if !last.is_empty() {
            self.line_received(&last);
        }
        self.transport.iter().for_each(|transport| transport.close());
    }

    fn pause_writing(&mut self) {
        self.transport.iter().filter(|_| self.is_careful).for_each(|t| t.may_read.clear());
    }

    fn resume_writing(&mut self) {
        self.transport.iter().for_each(|transport| transport.may_read.set());
    }
}

// --- the transport: what asyncio has below its streams -------------------------------------------

#[derive(Default)]
struct Transport {
    buffer: RefCell<VecDeque<u8>>,
    most: Cell<usize>,
    is_closing: Cell<bool>,
    changed: Notify,
    may_read: Event,
}

impl Transport {
    /// Never waits: what the peer does not take is kept here.
    fn write(&self, data: &[u8]) {
        let mut buffer = self.buffer.borrow_mut();
        buffer.extend(data);
        self.most.set(self.most.get().max(buffer.len()));
        self.changed.notify_one();
    }

    /// Sends what is in the buffer, then closes.
    fn close(&self) {
        self.is_closing.set(true);
        self.changed.notify_one();
    }
}

/// Calls the protocol's methods. Returns how much was in the buffer at most.
async fn drive(stream: DuplexStream, mut protocol: impl Protocol) -> io::Result<usize> {
    let (mut reader, mut writer) = split(stream);
    let transport = Rc::new(Transport::default());
    transport.may_read.set();
    protocol.connection_made(&transport);
    let protocol = RefCell::new(protocol);
    let is_paused = Cell::new(false);
    let read = async {
        let mut buf = [0; 1024];
        loop {
            transport.may_read.wait().await;
            match reader.read(&mut buf).await? {
                0 => {
                    protocol.borrow_mut().eof_received();
                    return Ok(());
                }
                count => protocol.borrow_mut().data_received(&buf[..count]),
            }
            if transport.buffer.borrow().len() > HIGH && !is_paused.replace(true) {
                protocol.borrow_mut().pause_writing();
            }
        }
    };
    let write = async {
        loop {
            let chunk: Vec<u8> = transport.buffer.borrow().iter().take(PIPE).copied().collect();
            if !chunk.is_empty() {
                let count = writer.write(&chunk).await?;
                transport.buffer.borrow_mut().drain(..count);
            } else if transport.is_closing.get() {
                return writer.shutdown().await;
            } else {
                transport.changed.notified().await;
            }
            if transport.buffer.borrow().len() < HIGH / 4 && is_paused.replace(false) {
                protocol.borrow_mut().resume_writing();
            }
        }
    };
    rondel::try_join!(read, write)?;
    Ok(transport.most.get())
}

// --- the client ----------------------------------------------------------------------------------

/// Sends lines, and reads only when it has to wait. Returns how much it could send before that, and
/// what it read.
async fn client(stream: DuplexStream, text: &[u8]) -> io::Result<(usize, String)> {
    let (mut reader, mut writer) = split(stream);
    let mut sent = 0;
    while sent < text.len() {
        let write = timeout(Duration::from_secs(1), writer.write(&text[sent..]));
        let Ok(count) = write.await else { break };
        sent += count?;
    }
    let rest = async {
        writer.write_all(&text[sent..]).await?;
        writer.shutdown().await
    };
    let mut answer = String::new();
    rondel::try_join!(rest, reader.read_to_string(&mut answer))?;
    Ok((sent, answer))
}

#[rondel::main(start_paused = true)]
async fn main() -> io::Result<()> {
    let diary = Diary::new();
    let flood = format!("Anna\n{}", format!("{}\n", "x".repeat(99)).repeat(10_000));
    let mut answers = Vec::new();
    for text in ["Anna\nhello\nis that all?", &flood] {
        let (near, far) = duplex(PIPE);
        let ((sent, answer), ()) = rondel::try_join!(client(near, text.as_bytes()), greeter(far))?;
        diary.note(format!("await:             {sent} of {} bytes without waiting", text.len()));
        answers.push((sent, answer));

        for is_careful in [true, false] {
            let (near, far) = duplex(PIPE);
            let server = drive(far, Greeter { is_careful, ..Greeter::default() });
            let ((sent, answer), most) = rondel::try_join!(client(near, text.as_bytes()), server)?;
            let how = if is_careful { "careful:" } else { "naive:  " };
            diary.note(format!("callbacks, {how} {sent} bytes, and {most} in the buffer at most"));
            answers.push((sent, answer));
            if text.len() > HIGH {
                assert_eq!(most > 1_000_000, !is_careful, "nobody keeps it in bounds");
                assert!(!is_careful || most < HIGH + 2 * 1024, "the limit, and one read more");
            }
        }
    }
    assert_eq!(answers[0].1, "your name?\nAnna: hello\nAnna: is that all?\n");
    assert!(answers[..3].iter().all(|(_, answer)| *answer == answers[0].1), "the same server");
    assert!(
        answers[3..].iter().all(|(_, answer)| *answer == answers[3].1),
        "not a byte is missing"
    );
    assert!(answers[3].0 < 5 * PIPE && answers[5].0 == flood.len());

    the_smallest_callback(&diary).await;
    Ok(())
}

/// `add_done_callback` and `await` on the same future; the loop calls, not whoever keeps it.
async fn the_smallest_callback(diary: &Diary) {
    let connected = Promise::new();
    let theirs = diary.clone();
    connected.add_done_callback(move |promise| {
        theirs.note(format!("callback: connected to {}", promise.result().unwrap()));
    });
    let (keeper, theirs) = (connected.clone(), diary.clone());
    let task = create_task(async move {
        sleep(Duration::from_millis(10)).await;
        keeper.set_result("example.com").unwrap();
        theirs.note("task: I have kept the promise");
    });
    let host = connected.await.unwrap();
    diary.note(format!("await: connected to {host}"));
    task.await.unwrap();
    assert!(
        diary
            .has_in_order(
                &["task: I have kept the promise", "callback: connected to example.com",]
            )
    );
    diary.when("await: connected to example.com");
}

// Explain
//
// b) is right. `write_all` waits, and whoever waits in it does not read: that is back-pressure, and
// nobody had to think of it. `transport.write` cannot wait, because a callback has to return. So
// it keeps what nobody takes, and the only bound is the protocol's good will: `pause_writing` asks
// it to stop reading. The naive server has all of the flood in its memory; the careful one has 64
// KB, and two methods more.
//
// Count the fields. What is a local variable in `greeter` (the name, a line that has begun) is a
// field in `Greeter`, and the place in the text is the `Option` of `name`. The compiler makes just
// that out of an `async fn`: an enum with a variant for each `.await`. The callbacks are what one
// writes without it. Errors go the same way: `?` takes them to the caller, and a callback has no
// caller but the loop, which can only report them.
//
// Callbacks are not slow. asyncio's streams are the layer above them, and each has a price: a
// buffer, and a wake of a task for what was a call.
//
// What real runtimes do
//
// asyncio, Twisted and libuv have callbacks below and `await` above; Node's streams have the same
// `pause` and `resume`, and `write` that says "that is enough" by `false`. tokio and Rondel have
// no callbacks below: the loop wakes a task, and the task reads by itself. The guide shows the
// style by `add_done_callback`, whose callback is called by the loop, in line with the tasks, and
// not inside `set_result`.
//
// Where to read next
//
// ```rust,cite=runtime/callbacks/mod.rs
// //!   set_result(v) ── each done-callback ───▶ ready queue ─▶ f(&promise)
// …
// //! 2. Callbacks run in the order in which they were made ready, each once. One that is cancelled
// //!    before its turn, even by the one before it, does not run.
// //! 3. A callback that panics is reported, once, and takes nobody along.
// ```
