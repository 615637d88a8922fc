//! The client against small servers that misbehave on purpose.

mod bodies;
mod failures;
mod pool;
mod redirects;
mod server;
mod tls;
