//! Floor 5. What only Linux has: who is at the other end of a Unix socket, sockets of one network
//! device, and a few options.
//!
//! The kernel notes the peer when the connection is made, so it cannot be forged, and it does not
//! change if the peer changes its user later.

use std::io;

use socket2::SockRef;

use super::{TcpSocket, TcpStream, UdpSocket, UnixStream};

/// A process, and the user and group it ran as when it connected.
///
/// Twin of `tokio::net::unix::UCred`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct UCred {
    pid: i32,
    uid: u32,
    gid: u32,
}

impl UCred {
    /// The user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The process.
    pub fn pid(&self) -> Option<i32> {
        Some(self.pid)
    }
}

impl UnixStream {
    /// Who connected, or who listens there (`SO_PEERCRED`). Linux only.
    ///
    /// **Cost:** one system call.
    ///
    /// ```
    /// rondel::run(async {
    ///     let (here, _there) = rondel::net::UnixStream::pair().unwrap();
    ///     let peer = here.peer_cred().unwrap();
    ///     assert_eq!(peer.pid(), Some(std::process::id() as i32));
    /// });
    /// ```
    pub fn peer_cred(&self) -> io::Result<UCred> {
        let peer = rustix::net::sockopt::socket_peercred(self)?;
        Ok(UCred {
            pid: peer.pid.as_raw_nonzero().get(),
            uid: peer.uid.as_raw(),
            gid: peer.gid.as_raw(),
        })
    }
}

impl TcpStream {
    /// Whether what is received is acknowledged at once (`TCP_QUICKACK`). Linux only.
    pub fn quickack(&self) -> io::Result<bool> {
        SockRef::from(self).tcp_quickack()
    }

    /// Acknowledges at once, not together with the next data out. The kernel may go back on it, so
    /// say it again after each read if it matters. Linux only.
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        SockRef::from(self).set_tcp_quickack(quickack)
    }
}

/// What is the same call for every kind of socket: the device it is bound to, and how its packets
/// are to be treated.
macro_rules! packets {
    ($socket:ty) => {
        impl $socket {
            /// The network device that it is bound to (`SO_BINDTODEVICE`). Linux only.
            pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
                SockRef::from(self).device()
            }

            /// Binds it to a network device such as `b"eth0"`; `None`: to none. Linux only.
            ///
            /// Errors: the kernel's; "no such device", and without rights `PermissionDenied`.
            pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
                SockRef::from(self).bind_device(interface)
            }

            /// The traffic class of its IPv6 packets (`IPV6_TCLASS`). Linux only.
            pub fn tclass_v6(&self) -> io::Result<u32> {
                SockRef::from(self).tclass_v6()
            }

            /// Sets that. Linux only.
            pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
                SockRef::from(self).set_tclass_v6(tclass)
            }
        }
    };
}

packets!(TcpSocket);
packets!(UdpSocket);
