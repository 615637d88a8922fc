//! Floor 5. TCP, UDP, Unix sockets and pipes: streams of bytes, and datagrams.
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

mod accept;
mod addr;
pub(crate) mod async_fd;
mod halves;
mod happy_eyeballs;
mod interest;
#[cfg(target_os = "linux")]
mod linux;
mod pipe;
mod readiness;
pub(crate) mod registered;
mod server;
mod tcp_listener;
mod tcp_socket;
mod tcp_split;
mod tcp_stream;
mod udp;
mod unix_datagram;
mod unix_listener;
mod unix_socket;
mod unix_split;
mod unix_stream;

pub use addr::{ToSocketAddrs, lookup_host};
pub use happy_eyeballs::{ATTEMPT_DELAY, connect, happy_eyeballs, interleave};
pub use interest::{Interest, Ready};
pub use server::{Listener, Served, Server};
pub use tcp_listener::TcpListener;
pub use tcp_socket::TcpSocket;
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::UnixListener;
pub use unix_socket::UnixSocket;
pub use unix_stream::UnixStream;

/// The halves of a split TCP stream.
pub mod tcp {
    pub use super::tcp_split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
}

/// The halves of a split Unix stream, and who is at its other end.
pub mod unix {
    #[cfg(target_os = "linux")]
    pub use super::linux::UCred;
    pub use super::unix_split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
    pub use std::os::unix::net::SocketAddr;

    /// Pipes, with and without a name.
    pub mod pipe {
        pub use super::super::pipe::{OpenOptions, Receiver, Sender, pipe};
    }
}
