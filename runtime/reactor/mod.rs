//! Floor 1. The reactor.
mod doorbell;
mod mio;
mod polling;
mod source;
