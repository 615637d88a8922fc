//! Lesson 27. What does a token stream leave behind when somebody presses Stop?
//!
//! Run it: `cargo run --example 27_async_generators`
//!
//! Covers: 53, 54, 73, 75, 94, 179, 180.
//!
//! Python: `async def` with `yield` in it is an async generator; a chat server sends its tokens as
//! server-sent events. A `break` out of `async for` leaves the generator where it is, and its
//! `finally` runs when the loop finalises it; `aclosing` is for that. Rust: `generate` and `emit`.
//! Dropping the stream drops the body at the `emit` or `.await` where it stands.
//!
//! Predict. A model makes a token each 50 ms, eight in all. The reader presses Stop after 170 ms.
//! Then another reader goes away after 120 ms without a word. How many tokens does the model make,
//! and when is the model free again?
//!
//! a) 8 and 8: the model cannot know; it is free after 400 ms.
//! b) 3 tokens and free at 170 ms; for the second reader it goes on to the end.
//! c) 3 tokens and free at 170 ms; for the second one the next write fails, and the model is free.

mod diary;

use diary::Diary;
use rondel::io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use rondel::stream::{Stream, StreamExt, generate};
use rondel::sync::Event;
use rondel::time::{Duration, sleep};
use std::pin::pin;
use std::sync::Arc;

const ANSWER: [&str; 8] = ["A", " loop", " runs", " what", " is", " ready", ".", "\n"];

/// The model is in use. Whatever happens to the generator, this is dropped with it.
struct ModelInUse(Diary);

impl Drop for ModelInUse {
    fn drop(&mut self) {
        self.0.note("the model is free");
    }
}

/// An async generator: Python's `async def tokens(): ... yield token`.
fn tokens(diary: Diary) -> impl Stream<Item = &'static str> + Send {
    generate(|y| async move {
        let _model = ModelInUse(diary.clone());
        for token in ANSWER {
            sleep(Duration::from_millis(50)).await;
            diary.note(format!("made {token:?}"));
            y.emit(token).await;
        }
    })
}

/// One server-sent event: `data: ` before each line of it, and an empty line behind it.
fn event(data: &str) -> String {
    let lines: String = data.split('\n').map(|line| format!("data: {line}\n")).collect();
    format!("{lines}\n")
}

/// Answers one request: tokens as they come, until the end, Stop, or a reader who has left.
async fn serve(mut out: DuplexStream, stop: Arc<Event>, diary: Diary) -> io::Result<&'static str> {
    let mut tokens = pin!(tokens(diary));
    loop {
        let token = rondel::select! {
            biased;
            () = stop.wait() => {
                out.write_all(b"event: stopped\ndata: \n\n").await?;
                return Ok("stopped");
            }
            token = tokens.next() => token,
        };
        let Some(token) = token else { return Ok("complete") };
        out.write_all(event(token).as_bytes()).await?; // `?`: the reader has left
    }
}

/// What a browser's `EventSource` does: lines to events, an empty line ends one. One space behind
/// the colon does not count.
async fn read_events(wire: DuplexStream, max: usize) -> io::Result<Vec<String>> {
    let mut lines = BufReader::new(wire).lines();
    let (mut events, mut event) = (Vec::new(), Vec::new());
    while events.len() < max
        && let Some(line) = lines.next_line().await?
    {
        let Some((field, value)) = line.split_once(':') else {
            events.push(std::mem::take(&mut event).join("\n")); // the empty line
            continue;
        };
        match (field, value.strip_prefix(' ').unwrap_or(value)) {
            ("data", text) => event.push(text.to_owned()),
            (_, name) => event.push(format!("<{name}>")),
        }
    }
    Ok(events)
}

/// Serves one reader, who reads at most so many events; Stop is pressed after so many milliseconds.
async fn chat(diary: &Diary, max: usize, stop_ms: u64) -> (io::Result<&'static str>, Vec<String>) {
    let (server, reader) = io::duplex(1024);
    let stop = Arc::new(Event::new());
    let served = rondel::spawn(serve(server, stop.clone(), diary.clone()));
    let button = rondel::spawn(async move {
        sleep(Duration::from_millis(stop_ms)).await;
        stop.set();
    });
    let events = read_events(reader, max).await.expect("the wire is in memory");
    let end = served.await.expect("the server does not panic");
    button.abort();
    diary.note(format!("server: {:?}", end.as_ref().map_err(io::Error::kind)));
    (end, events)
}

#[rondel::main(start_paused = true)]
async fn main() {
    println!("one event on the wire: {:?}, and of a line feed {:?}", event(" loop"), event("\n"));

    let whole = Diary::new();
    let (end, events) = chat(&whole, usize::MAX, 10_000).await;
    assert_eq!((end.unwrap(), events.concat()), ("complete", ANSWER.concat()));

    println!("Stop after 170 ms:");
    let stopped = Diary::new();
    let (end, events) = chat(&stopped, usize::MAX, 170).await;
    println!("the reader has {events:?}");
    assert_eq!(end.unwrap(), "stopped");
    assert_eq!(events, ["A", " loop", " runs", "<stopped>\n"]);
    assert_eq!(stopped.count("made"), 3, "the fourth was under way");
    assert_eq!(stopped.when("the model is free"), 170, "at once");

    println!("a reader who leaves after two:");
    let left = Diary::new();
    let (end, events) = chat(&left, 2, 10_000).await;
    println!("the reader has {events:?}");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert_eq!((events.len(), left.count("made")), (2, 3), "the third found nobody");
    assert_eq!(left.when("the model is free"), 150);
}

// Explain
//
// c) is right. A generator is a future that stops at each `emit` until the next value is asked for.
// Nothing is made in advance, so there is nothing to throw away. Stop is an `Event`: `select!`
// waits for it and for the next token at once, and a `next` that loses the race loses no token,
// because the body is in the stream. `serve` returns, the stream is dropped, and with it the
// body and the `ModelInUse` inside, at the `.await` where it stands.
//
// A reader who leaves says nothing. The server learns of it by a write that fails, one token later;
// a server that makes no tokens for a while should read from the connection as well. hyper does,
// and drops the handler's future: so every handler must bear to be dropped at any `.await`.
//
// SSE is text: an empty line ends an event, so a line feed inside a token has to make two `data:`
// of it, or the rest is lost. And the reader takes one space away behind the colon: written without
// that space, `data:` and the token " loop" arrive as "loop", and the words run together.
//
// What real runtimes do
//
// Python: `async with aclosing(tokens()) as stream`, or the body's `finally` waits for the
// collector: `asyncio.run` calls `shutdown_asyncgens` at its end for those that are left. tokio:
// the crate async-stream, or a task that writes into a channel and sees `send` fail when nobody
// reads.
//
// Where to read next
//
// `emit` leaves its value in a slot and waits until more is wanted:
//
// ```rust,cite=runtime/stream/generate.rs
// if let Some(value) = value.take() {
//     inside.value = Some(value);
//     inside.wants_more = false;
// } else if inside.wants_more {
//     return Poll::Ready(());
// }
// let _before = inside.emitter.replace(waker);
// ```
