//! Floor 5. Streams of what the operating system tells: signals, clients, files in a directory.
//!
//! | stream | ends |
//! |---|---|
//! | signals | never |
//! | clients of a Unix socket | never: an error is an item |
//! | entries of a directory | with the directory; an error is an item |
//!
//! Real world: `tokio_stream::wrappers`, item for item.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::fs::{DirEntry, ReadDir};
use crate::net::{UnixListener, UnixStream};
use crate::signal::unix::Signal;

/// A signal's arrivals as a stream.
///
/// The twin of `tokio_stream::wrappers::SignalStream`. Several arrivals in a row may be one item.
///
/// **Cancel-safe:** yes. **Cost:** that of [`Signal::recv`].
///
/// ```
/// use rondel::signal::unix::{SignalKind, signal};
/// use rondel::stream::wrappers::SignalStream;
///
/// rondel::run(async {
///     let hangups = SignalStream::new(signal(SignalKind::hangup()).unwrap());
///     drop(hangups.into_inner());
/// });
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct SignalStream {
    signal: Signal,
}

impl SignalStream {
    /// The stream of what `signal` hears.
    pub fn new(signal: Signal) -> Self {
        Self { signal }
    }

    /// The listener.
    pub fn into_inner(self) -> Signal {
        self.signal
    }
}

impl Stream for SignalStream {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.signal.poll_recv(cx)
    }
}

/// The clients of a Unix socket as a stream. It never ends.
///
/// The twin of `tokio_stream::wrappers::UnixListenerStream`. An error is an item, and the stream
/// goes on after it.
///
/// **Cancel-safe:** yes. **Cost:** that of [`UnixListener::accept`].
///
/// ```
/// use rondel::net::{UnixListener, UnixStream};
/// use rondel::stream::{StreamExt, wrappers::UnixListenerStream};
///
/// rondel::run(async {
///     let path = std::env::temp_dir().join(format!("rondel-clients-{}", std::process::id()));
///     let _ = std::fs::remove_file(&path);
///     let mut clients = UnixListenerStream::new(UnixListener::bind(&path).unwrap());
///     let _client = UnixStream::connect(&path).await.unwrap();
///     assert!(clients.next().await.unwrap().is_ok());
///     std::fs::remove_file(&path).unwrap();
/// });
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct UnixListenerStream {
    listener: UnixListener,
}

impl UnixListenerStream {
    /// The stream of what `listener` accepts.
    pub fn new(listener: UnixListener) -> Self {
        Self { listener }
    }

    /// The listener.
    pub fn into_inner(self) -> UnixListener {
        self.listener
    }
}

impl Stream for UnixListenerStream {
    type Item = io::Result<UnixStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}

/// The entries of a directory as a stream. It ends with the directory.
///
/// The twin of `tokio_stream::wrappers::ReadDirStream`.
///
/// **Cancel-safe:** yes. **Cost:** that of [`ReadDir::next_entry`].
///
/// ```
/// use rondel::fs;
/// use rondel::stream::{StreamExt, wrappers::ReadDirStream};
///
/// rondel::run(async {
///     let folder = std::env::temp_dir().join(format!("rondel-entries-{}", std::process::id()));
///     fs::create_dir_all(&folder).await.unwrap();
///     fs::write(folder.join("one"), "1").await.unwrap();
///     let entries = ReadDirStream::new(fs::read_dir(&folder).await.unwrap());
///     let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect().await;
///     assert_eq!(names, ["one"]);
///     fs::remove_dir_all(&folder).await.unwrap();
/// });
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct ReadDirStream {
    entries: ReadDir,
}

impl ReadDirStream {
    /// The stream of `entries`.
    pub fn new(entries: ReadDir) -> Self {
        Self { entries }
    }

    /// The entries that have not been handed out.
    pub fn into_inner(self) -> ReadDir {
        self.entries
    }
}

impl Stream for ReadDirStream {
    type Item = io::Result<DirEntry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.entries.poll_next_entry(cx).map(Result::transpose)
    }
}
