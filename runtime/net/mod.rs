//! Floor 5. TCP: connect, listen, accept, and streams of bytes.
//!
//! ```
//! use rondel::net::{TcpListener, TcpStream};
//!
//! # fn main() -> std::io::Result<()> {
//! rondel::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let client = TcpStream::connect(listener.local_addr()?).await?;
//!     let (server, client_addr) = listener.accept().await?;
//!     assert_eq!(client_addr, client.local_addr()?);
//!     assert_eq!(server.peer_addr()?, client_addr);
//!     Ok(())
//! })
//! # }
//! ```
//!
//! A socket belongs to the loop it was made on and is cheapest there, but it may be used from any
//! thread; `registered.rs` says how. The names are tokio's, so code moves over by changing the
//! path.

mod addr;
mod interest;
mod readiness;
pub(crate) mod registered;
mod tcp_listener;
mod tcp_socket;
mod tcp_split;
mod tcp_stream;
mod udp;

pub use addr::{ToSocketAddrs, lookup_host};
pub use interest::{Interest, Ready};
pub use tcp_listener::TcpListener;
pub use tcp_socket::TcpSocket;
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;

/// The halves of a split TCP stream.
pub mod tcp {
    pub use super::tcp_split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
}
