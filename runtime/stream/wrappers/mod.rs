//! Floor 5. Receivers, tickers, listeners and readers as streams, as in `tokio_stream::wrappers`.
//!
//! | stream                      | over                      | its items           | ends         |
//! |-----------------------------|---------------------------|---------------------|--------------|
//! | [`ReceiverStream`]          | `mpsc::Receiver`          | values              | senders gone |
//! | [`UnboundedReceiverStream`] | `mpsc::UnboundedReceiver` | values              | senders gone |
//! | [`BroadcastStream`]         | `broadcast::Receiver`     | values, or "lagged" | senders gone |
//! | [`WatchStream`]             | `watch::Receiver`         | latest value        | senders gone |
//! | [`IntervalStream`]          | `time::Interval`          | moments             | never        |
//! | [`TcpListenerStream`]       | `net::TcpListener`        | connections         | never        |
//! | [`LinesStream`]             | `io::Lines`               | lines               | end of file  |
//! | [`SplitStream`]             | `io::Split`               | pieces              | end of file  |
//! | [`SignalStream`]            | `signal::unix::Signal`    | arrivals            | never        |
//! | [`UnixListenerStream`]      | `net::UnixListener`       | connections         | never        |
//! | [`ReadDirStream`]           | `fs::ReadDir`             | entries             | the last one |
//!
//! They hold nothing back: what the stream has not handed out is still in the channel or reader. So
//! each is as cancel-safe as what it wraps, and that is: yes.

mod channels;
mod outside;
mod system;

pub use channels::{BroadcastStream, ReceiverStream, UnboundedReceiverStream, WatchStream};
pub use outside::{IntervalStream, LinesStream, SplitStream, TcpListenerStream};
pub use system::{ReadDirStream, SignalStream, UnixListenerStream};

/// What can go wrong in a wrapper.
pub mod errors {
    pub use super::channels::BroadcastStreamRecvError;
}
