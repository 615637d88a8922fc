//! One connection: opened, driven by a task of its own, and asked.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use rustls::ClientConnection;
use rustls_pki_types::ServerName;
use url::{Host, Url};

use super::Net;
use super::dns::Dns;
use super::error::{Cause, Failure, Phase};
use super::pool::{Pooled, Slot};
use super::stream::{Tls, Wire};
use super::timing::until;

/// A connection as the pool keeps it.
pub(crate) struct Conn {
    sender: SendRequest<Empty<Bytes>>,
    /// Ready to be cloned into each request.
    headers: Arc<HeaderMap>,
    reads: Arc<AtomicU32>,
    slot: u64,
    /// Whether a request went over it before.
    used: bool,
}

impl Pooled for Conn {
    fn is_dead(&self) -> bool {
        self.sender.is_closed()
    }

    fn slot(&self) -> u64 {
        self.slot
    }
}

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The connection had died while idle: another one may do (rule 3 of the client).
    Stale,
    /// Anything else.
    Failed(Failure),
}

impl Conn {
    /// Whether a request went over it before.
    pub(crate) fn used(&self) -> bool {
        self.used
    }

    /// Sends a GET for `uri` and waits for the head of the answer.
    pub(crate) async fn send(&mut self, uri: Uri) -> Result<Response<Incoming>, Unanswered> {
        let used = std::mem::replace(&mut self.used, true);
        // hyper's task may not have looked at the connection since the last body ended.
        if self.sender.ready().await.is_err() {
            let closed = Unanswered::Failed(Failure::new(Phase::Request, Cause::Closed));
            return Err(if used { Unanswered::Stale } else { closed });
        }
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        *request.headers_mut() = HeaderMap::clone(&self.headers);
        let reads_before = self.reads.load(Ordering::Relaxed);
        match self.sender.try_send_request(request).await {
            Ok(response) => Ok(response),
            Err(mut error) => {
                let unsent = error.take_message().is_some();
                let failure =
                    failure(if unsent { Phase::Request } else { Phase::Headers }, error.error());
                // One read may have happened: the one that found the end of the stream.
                let reads = self.reads.load(Ordering::Relaxed).wrapping_sub(reads_before);
                let silent = matches!(failure.cause, Cause::Closed) && reads <= 1
                    || matches!(failure.cause, Cause::Io(_)) && reads == 0;
                if used && (unsent || silent) {
                    Err(Unanswered::Stale)
                } else {
                    Err(Unanswered::Failed(failure))
                }
            }
        }
    }
}

/// What is needed to open connections.
pub(crate) struct Dialer<'a, N> {
    pub(crate) net: &'a N,
    pub(crate) dns: &'a Dns,
    /// For https only: the roots are not built for a crawl that needs none.
    pub(crate) tls: Option<&'a Arc<rustls::ClientConfig>>,
}

impl<N: Net> Dialer<'_, N> {
    /// Opens a connection to the host of `url`, not after `deadline`.
    ///
    /// `slot` goes to the connection's task and is dropped after the socket.
    pub(crate) async fn dial(
        &self,
        url: &Url,
        headers: HeaderMap,
        slot: Slot<Conn>,
        deadline: Instant,
    ) -> Result<Conn, Option<Failure>> {
        let host = url
            .host()
            .ok_or_else(|| Some(Failure::new(Phase::Url, Cause::BadUrl("the URL has no host"))))?;
        let port = url.port_or_known_default().unwrap_or(80);
        let opened = until(self.net, deadline, self.wire(host, port, deadline));
        // `None`, here and inside, says that the time ran out; the caller knows which.
        let wire = opened.await.ok_or(None)??;
        let reads = wire.reads();
        let shaken = Builder::new().handshake(wire).await;
        let (sender, connection) = shaken.map_err(|error| Some(failure(Phase::Connect, &error)))?;
        let number = slot.number();
        self.net.spawn(async move {
            // Its errors reach the request that suffers from them.
            let _ = connection.await;
            // Rule 1 of the pool: not before the socket is closed.
            drop(slot);
        });
        Ok(Conn { sender, headers: Arc::new(headers), reads, slot: number, used: false })
    }

    async fn wire(
        &self,
        host: Host<&str>,
        port: u16,
        deadline: Instant,
    ) -> Result<Wire<N::Stream>, Option<Failure>> {
        let tls = self.tls.map(|tls| server_name(&host).map(|name| (tls, name))).transpose()?;
        let addresses = self.dns.lookup(self.net, host).await?;
        let mut last = None;
        let mut stream = None;
        for (tried, &address) in addresses.iter().enumerate() {
            // An address that does not answer must not use up the time of the others.
            let now = self.net.now();
            let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let share = now + deadline.saturating_duration_since(now) / left;
            let address = SocketAddr::new(address, port);
            match until(self.net, share, self.net.connect(address)).await {
                Some(Ok(connected)) => {
                    stream = Some(connected);
                    break;
                }
                Some(Err(error)) => last = Some(Failure::new(Phase::Connect, Cause::Io(error))),
                None => {}
            }
        }
        let stream = stream.ok_or(last)?;
        let Some((tls, name)) = tls else { return Ok(Wire::plain(stream)) };
        let session = ClientConnection::new(tls.clone(), name)
            .map_err(|error| Failure::new(Phase::Tls, Cause::Tls(error)))?;
        let mut tls = Tls::new(session, stream);
        match std::future::poll_fn(|cx| tls.poll_handshake(cx)).await {
            Ok(()) => Ok(Wire::tls(tls)),
            Err(error) => Err(Some(Failure::new(Phase::Tls, tls_cause(error)))),
        }
    }
}

fn server_name(host: &Host<&str>) -> Result<ServerName<'static>, Failure> {
    match host {
        Host::Domain(name) => ServerName::try_from((*name).to_owned())
            .map_err(|_| Failure::new(Phase::Tls, Cause::BadUrl("the host is no name for TLS"))),
        Host::Ipv4(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Ipv6(address) => Ok(ServerName::IpAddress((*address).into())),
    }
}

fn tls_cause(error: io::Error) -> Cause {
    match error.downcast::<rustls::Error>() {
        Ok(error) => Cause::Tls(error),
        Err(error) => Cause::Io(error),
    }
}

/// hyper's error as ours.
pub(crate) fn failure(phase: Phase, error: &hyper::Error) -> Failure {
    let early = if phase == Phase::Body { Cause::Truncated } else { Cause::Closed };
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Failure::new(phase, early);
    }
    let source = std::error::Error::source(error);
    if let Some(io) = source.and_then(|source| source.downcast_ref::<io::Error>()) {
        let cause = match (io.kind(), io.raw_os_error()) {
            (io::ErrorKind::UnexpectedEof, _) => early,
            (_, Some(code)) => Cause::Io(io::Error::from_raw_os_error(code)),
            // What is no error of the system is one of the protocol: a broken chunk, say.
            (io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput, None) => {
                Cause::BadResponse(io.to_string())
            }
            (kind, None) => Cause::Io(io::Error::new(kind, io.to_string())),
        };
        return Failure::new(phase, cause);
    }
    let why = match source {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Failure::new(phase, Cause::BadResponse(why))
}
