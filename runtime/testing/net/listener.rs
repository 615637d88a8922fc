//! Floor 5. A simulated listener: the connections that wait to be accepted.
//!
//! ```text
//!   connect ──request, latency──▶ [door: at most `backlog`] ──▶ accept
//!   full: the request is dropped, as Linux does, and comes again after 1 s
//! ```
//!
//! Rule 1. A permit of the list stands for one connection in the queue; who has it takes one out.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use super::Net;
use super::stream::SimStream;
use crate::leaf::leaf;
use crate::shim::{Arc, Mutex, lock};
use crate::wait_list::WaitList;

/// Where the connections wait; shared by the listener and by the network that fills it.
pub(super) struct Door {
    queue: Mutex<VecDeque<SimStream>>,
    there: WaitList,
    backlog: usize,
}

impl Door {
    pub(super) fn new(backlog: usize) -> Arc<Self> {
        Arc::new(Self { queue: Mutex::default(), there: WaitList::new(0), backlog })
    }

    pub(super) fn is_full(&self) -> bool {
        lock(&self.queue).len() >= self.backlog
    }

    pub(super) fn put(&self, stream: SimStream) {
        lock(&self.queue).push_back(stream);
        self.there.release(1);
    }
}

/// Accepts connections on a [`Net`]; made by [`Net::listen`].
///
/// Dropping it resets the connections that nobody has accepted, and new ones are refused.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt};
/// use rondel::testing::net::{Net, NetOptions};
///
/// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
/// runtime.block_on(async {
///     let net = Net::new(NetOptions::new());
///     let listener = net.listen(([10, 0, 0, 1], 0)).unwrap();
///     let address = listener.local_addr().unwrap();
///     rondel::spawn(async move {
///         let (mut stream, peer) = listener.accept().await.unwrap();
///         stream.write_all(peer.ip().to_string().as_bytes()).await.unwrap();
///     });
///     let mut text = String::new();
///     net.connect(address).await.unwrap().read_to_string(&mut text).await.unwrap();
///     assert_eq!(text, Net::HOME.to_string());
/// });
/// ```
pub struct SimListener {
    net: Net,
    address: SocketAddr,
    door: Arc<Door>,
}

impl SimListener {
    pub(super) fn new(net: Net, address: SocketAddr, door: Arc<Door>) -> Self {
        Self { net, address, door }
    }

    /// Waits for a connection; gives it and the peer's address. Several may wait: first come, first
    /// served. Never an error; tokio's signature.
    ///
    /// **Cancel-safe:** yes. A connection that was not handed out stays for the next call.
    pub async fn accept(&self) -> io::Result<(SimStream, SocketAddr)> {
        let permit = leaf("SimListener::accept", self.door.there.acquire(1)).await;
        permit.expect("the list of a listener is never closed");
        let stream = lock(&self.door.queue).pop_front();
        let stream = stream.expect("a permit stands for a connection (rule 1)");
        let peer = stream.peer_addr()?;
        Ok((stream, peer))
    }

    /// Where it listens. Never an error; tokio's signature.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.net.forget(self.address);
        let left = std::mem::take(&mut *lock(&self.door.queue));
        left.into_iter().for_each(SimStream::abort);
    }
}

impl fmt::Debug for SimListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimListener").field("addr", &self.address).finish_non_exhaustive()
    }
}
