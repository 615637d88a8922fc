//! Floor 5. Receivers, tickers, listeners and readers as streams, as in `tokio_stream::wrappers`.
//!
//! | stream                      |over                      |its items           |ends             |
//! |----------------------------|--------------------------|--------------------|-----------------|
//! | [`ReceiverStream`]          |`mpsc::Receiver`          |values              |with the senders |
//! | [`UnboundedReceiverStream`] |`mpsc::UnboundedReceiver` |values              |with the senders |
//! | [`BroadcastStream`]         |`broadcast::Receiver`     |values, or "lagged" |with the senders |
//! | [`WatchStream`]             |`watch::Receiver`         |latest value        |with the senders |
//! | [`IntervalStream`]          |`time::Interval`          |moments             |never            |
//! | [`TcpListenerStream`]       |`net::TcpListener`        |connections         |never            |
//! | [`LinesStream`]             |`io::Lines`               |lines               |with the reader  |
//! | [`SplitStream`]             |`io::Split`               |pieces              |with the reader  |
//!
//! They hold nothing back: what the stream has not handed out is still in the channel or reader. So
//! each is as cancel-safe as what it wraps, and that is: yes.

mod channels;
mod outside;

pub use channels::{BroadcastStream, ReceiverStream, UnboundedReceiverStream, WatchStream};
pub use outside::{IntervalStream, LinesStream, SplitStream, TcpListenerStream};

/// What can go wrong in a wrapper.
pub mod errors {
    pub use super::channels::BroadcastStreamRecvError;
}
