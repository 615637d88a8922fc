//! Floor 5. TCP.
mod addr;
pub(crate) mod registered;
mod tcp_listener;
mod tcp_split;
mod tcp_stream;
