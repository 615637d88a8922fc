//! One fetch: attempts, redirects, and what one request is made of.

use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use hyper::body::Incoming;
use url::{Position, Url};

use super::backoff::{full_jitter, retry_after};
use super::dns::Dns;
use super::error::{Cause, Failure, FetchError, Phase, Timeout};
use super::http1::{Conn, Dialer, Unanswered};
use super::pool::{Checkout, Lease, Pool, PoolLimits};
use super::timing::Watch;
use super::{ClientConfig, Net, PoolStats, Response, Retry, body, tls};
use crate::limits::Limiter;

/// Bodies of refusals and redirects up to this size are read, so that the connection can be used
/// again; for larger ones it is cheaper to close it.
const DRAIN_MAX: usize = 64 << 10;

/// Compressed bodies from this size on are unpacked on the blocking pool: about a millisecond of
/// work, which the loop should not stand still for.
const UNPACK_ELSEWHERE: usize = 64 << 10;

/// Names the endpoint of a URL for the limiter, for example its first path segment.
pub type EndpointOf = fn(&Url) -> &str;

/// Host and port of `url` as the limiter knows them: `example.org`, `127.0.0.1:8080`. The port
/// is left out where it is the usual one of the scheme.
pub fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// The HTTP client. Cheap to clone; all clones share one pool.
pub struct Client<N: Net> {
    inner: Arc<Inner<N>>,
    limiter: Option<(Arc<Limiter<N>>, EndpointOf)>,
}

struct Inner<N> {
    net: N,
    config: ClientConfig,
    pool: Arc<Pool<Conn>>,
    dns: Dns,
    tls: OnceLock<Arc<rustls::ClientConfig>>,
    random: Mutex<fastrand::Rng>,
}

impl<N: Net> Clone for Client<N> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), limiter: self.limiter.clone() }
    }
}

/// The answer to one request, whatever its status.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    wire_bytes: usize,
    reused: bool,
    latency: Duration,
    ended: Instant,
}

/// What follows from an answer.
enum Next {
    Done,
    Redirect(Url),
    Failed(Failure),
}

impl<N: Net> Client<N> {
    /// A client with an empty pool. Opens nothing yet.
    pub fn new(net: N, config: ClientConfig) -> Self {
        let pool = Pool::new(PoolLimits {
            total: config.connections,
            per_host: config.connections_per_host,
            keep_alive: config.keep_alive,
        });
        let random = config.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let inner = Inner {
            net,
            pool,
            dns: Dns::new(config.dns_ttl),
            tls: config.tls.clone().map_or_else(OnceLock::new, OnceLock::from),
            random: Mutex::new(random),
            config,
        };
        Self { inner: Arc::new(inner), limiter: None }
    }

    /// Asks `limiter` before each single request, retries and redirects included. The host it is
    /// asked for is the [`authority`] of the URL.
    #[must_use]
    pub fn limited(mut self, limiter: Arc<Limiter<N>>, endpoint_of: EndpointOf) -> Self {
        self.limiter = Some((limiter, endpoint_of));
        self
    }

    /// The counters of the pool.
    pub fn stats(&self) -> PoolStats {
        self.inner.pool.stats()
    }

    /// Gets `url`, with retries and redirects.
    ///
    /// # Errors
    ///
    /// [`FetchError`], if the last attempt failed; any status but 2xx is a failure.
    ///
    /// **Cancel-safe:** yes. The connection in use is closed.
    pub async fn fetch(&self, url: &Url) -> Result<Response, FetchError> {
        let inner = &*self.inner;
        let started = inner.net.now();
        // Handed on from step to step: a look at the clock costs as much as a small allocation.
        let mut now = started;
        let mut chain = Vec::new();
        let mut attempts = 1;
        loop {
            let at = chain.last().unwrap_or(url);
            if let Some((limiter, endpoint_of)) = &self.limiter {
                let granted = limiter.acquire(endpoint_of(at), authority(at)).await;
                if !granted.waited.is_zero() {
                    now = inner.net.now();
                }
            }
            let outcome = inner.attempt(at, now).await;
            let (failure, headers) = match outcome {
                Err(failure) => (failure, None),
                Ok(answer) => match inner.judge(&answer, url, &chain) {
                    Next::Done => {
                        let elapsed = answer.ended.saturating_duration_since(started);
                        return Ok(respond(answer, url, chain.pop(), attempts, elapsed));
                    }
                    Next::Redirect(to) => {
                        if let Some(observer) = &inner.config.observer {
                            observer.redirect(at, &to);
                        }
                        now = answer.ended;
                        chain.push(to);
                        continue;
                    }
                    Next::Failed(failure) => (failure, Some(answer.headers)),
                },
            };
            if !failure.may_pass() || attempts >= inner.config.attempts {
                let at = chain.pop().unwrap_or_else(|| url.clone());
                return Err(FetchError::new(at, failure, attempts));
            }
            inner.pause(&failure, headers.as_ref(), at, attempts).await;
            now = inner.net.now();
            attempts += 1;
        }
    }
}

fn respond(
    answer: Answer,
    url: &Url,
    redirected_to: Option<Url>,
    attempts: u32,
    elapsed: Duration,
) -> Response {
    Response {
        url: url.clone(),
        redirected_to,
        status: answer.status,
        headers: answer.headers,
        body: answer.body,
        attempts,
        elapsed,
        latency: answer.latency,
        wire_bytes: answer.wire_bytes,
        reused: answer.reused,
    }
}

impl<N: Net> Inner<N> {
    /// Sleeps before the next attempt: as long as the server asks, or by the backoff.
    async fn pause(&self, failure: &Failure, headers: Option<&HeaderMap>, url: &Url, failed: u32) {
        let config = &self.config;
        let random = self.random.lock().unwrap_or_else(PoisonError::into_inner).f64();
        let asked = headers.and_then(|headers| retry_after(headers, SystemTime::now()));
        let delay = match asked {
            // Some jitter even then, and never less than asked: many were told the same second.
            Some(asked) => {
                asked.min(config.retry_after_max)
                    + full_jitter(config.backoff, config.backoff_max, 1, random)
            }
            None => full_jitter(config.backoff, config.backoff_max, failed, random),
        };
        if let Some(observer) = &config.observer {
            let reason = failure.reason();
            let retry = Retry { reason: &reason, url, attempt: failed, delay, retry_after: asked };
            observer.retry(&retry);
        }
        self.net.sleep_until(self.net.now() + delay).await;
    }

    /// Looks at the status: a page, a redirect or a failure. `chain` holds the redirects so far.
    fn judge(&self, answer: &Answer, start: &Url, chain: &[Url]) -> Next {
        let status = answer.status;
        if status.is_success() {
            return Next::Done;
        }
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Next::Failed(Failure::new(Phase::Status, Cause::Status(status)));
        }
        let refuse = |cause| Next::Failed(Failure::new(Phase::Redirect, cause));
        let at = chain.last().unwrap_or(start);
        let to = match location(&answer.headers, at) {
            Ok(to) => to,
            Err(why) => return refuse(Cause::BadLocation(format!("{status} {why}"))),
        };
        // Every method but GET would have to be looked at here; there is no other.
        if self.config.may_follow.as_ref().is_some_and(|may| !may(at, &to)) {
            return refuse(Cause::RedirectRefused(to));
        }
        if chain.iter().chain([start]).any(|seen| *seen == to) {
            return refuse(Cause::RedirectLoop(to));
        }
        if chain.len() >= self.config.redirects {
            return refuse(Cause::TooManyRedirects(to));
        }
        Next::Redirect(to)
    }

    /// One request, over as many dead idle connections as there are.
    async fn attempt(&self, url: &Url, started: Instant) -> Result<Answer, Failure> {
        let config = &self.config;
        let mut timer = pin!(None);
        let mut watch = Watch::new(&self.net, started, config.total_timeout, timer.as_mut());
        loop {
            // Made anew for each try: the first is nearly always the last, and a clone costs more.
            let uri = request_uri(url)?;
            let mut lease = self.lease(url, &mut watch, started).await?;
            if lease.conn().is_none() {
                // Boxed: rare, and several times as large as all the rest of a fetch.
                Box::pin(self.open(url, &mut lease, &watch)).await?;
            }
            lease.start();
            let Some(conn) = lease.conn() else { continue };
            let reused = conn.used();
            let sent = watch.wait(config.read_timeout, conn.send(uri)).await;
            let response = match sent {
                Ok(Ok(response)) => response,
                Ok(Err(Unanswered::Stale)) => {
                    self.pool.count(|stats| {
                        stats.stale += 1;
                        stats.reused -= 1;
                    });
                    continue;
                }
                Ok(Err(Unanswered::Failed(failure))) => return Err(failure),
                Err((which, limit)) => {
                    return Err(Failure::new(Phase::Headers, Cause::Timeout(which, limit)));
                }
            };
            return self.receive(response, lease, watch, started, reused).await;
        }
    }

    /// A connection of the pool, or the right to open one.
    async fn lease(
        &self,
        url: &Url,
        watch: &mut Watch<'_, N>,
        now: Instant,
    ) -> Result<Lease<Conn>, Failure> {
        match self.pool.checkout(url.scheme() == "https", authority(url), now) {
            Checkout::Now(lease) => Ok(lease),
            Checkout::Wait(waiting) => {
                let since = self.net.now();
                let granted = watch.within_total(waiting).await;
                let waited = self.net.now().saturating_duration_since(since);
                self.pool.count(|stats| stats.waited += waited);
                match granted {
                    Ok(Ok(lease)) => Ok(lease),
                    // The pool lives as long as we do, so it does not hang up.
                    Ok(Err(_)) => Err(Failure::new(Phase::Pool, Cause::Closed)),
                    Err((which, limit)) => {
                        Err(Failure::new(Phase::Pool, Cause::Timeout(which, limit)))
                    }
                }
            }
        }
    }

    async fn open(
        &self,
        url: &Url,
        lease: &mut Lease<Conn>,
        watch: &Watch<'_, N>,
    ) -> Result<(), Failure> {
        let Some(slot) = lease.take_slot() else { return Ok(()) };
        let limit = self.config.connect_timeout;
        let own = self.net.now() + limit;
        let deadline = own.min(watch.total_at());
        let tls = (url.scheme() == "https").then(|| self.tls());
        let dialer = Dialer { net: &self.net, dns: &self.dns, tls };
        match dialer.dial(url, self.headers(url)?, slot, deadline).await {
            Ok(conn) => {
                lease.opened(conn, self.net.now());
                self.pool.count(|stats| stats.opened += 1);
                Ok(())
            }
            Err(Some(failure)) => Err(failure),
            Err(None) => {
                let (which, limit) =
                    if own <= watch.total_at() { (Timeout::Connect, limit) } else { watch.total() };
                Err(Failure::new(Phase::Connect, Cause::Timeout(which, limit)))
            }
        }
    }

    fn tls(&self) -> &Arc<rustls::ClientConfig> {
        self.tls.get_or_init(|| tls::roots(None).expect("the built-in roots need no file"))
    }

    /// The headers of every request over one connection.
    fn headers(&self, url: &Url) -> Result<HeaderMap, Failure> {
        let value = |text: &str, what| {
            HeaderValue::from_str(text)
                .map_err(|_| Failure::new(Phase::Request, Cause::BadUrl(what)))
        };
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(HOST, value(authority(url), "the host does not fit into a header")?);
        let agent = value(&self.config.user_agent, "the user agent does not fit into a header")?;
        headers.insert(USER_AGENT, agent);
        let accept = value(&self.config.accept, "the Accept text does not fit into a header")?;
        headers.insert(ACCEPT, accept);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(body::ACCEPT_ENCODING));
        Ok(headers)
    }

    /// Reads and unpacks the body, and gives the connection back.
    async fn receive(
        &self,
        response: http::Response<Incoming>,
        lease: Lease<Conn>,
        mut watch: Watch<'_, N>,
        started: Instant,
        reused: bool,
    ) -> Result<Answer, Failure> {
        let config = &self.config;
        let (head, incoming) = response.into_parts();
        let success = head.status.is_success();
        let limit = if success { config.body_max } else { DRAIN_MAX };
        let read = body::collect(incoming, limit, config.read_timeout, &mut watch).await;
        let ended = self.net.now();
        let packed = match read {
            Ok(packed) => {
                self.give_back(lease, ended);
                packed
            }
            // A refusal is a refusal, even if its page was not worth reading.
            Err(_) if !success => Vec::new(),
            Err(failure) => return Err(failure),
        };
        let wire_bytes = packed.len();
        let whole = if success { self.unpack(&head.headers, packed).await? } else { packed };
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body::finish(whole),
            wire_bytes,
            reused,
            latency: ended.saturating_duration_since(started),
            ended,
        })
    }

    async fn unpack(&self, headers: &HeaderMap, packed: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let codings = body::codings(headers)?;
        let limit = self.config.body_max;
        if codings.is_empty() {
            Ok(packed)
        } else if packed.len() < UNPACK_ELSEWHERE {
            body::decode(&codings, packed, limit)
        } else {
            let done = self.net.run_blocking(move || body::decode(&codings, packed, limit)).await;
            done.map_err(|error| Failure::new(Phase::Decode, Cause::Decode(error.to_string())))?
        }
    }

    fn give_back(&self, lease: Lease<Conn>, now: Instant) {
        let housekeeper_missing = lease.give_back(now);
        if housekeeper_missing && self.pool.begin_housekeeping() {
            let pool = Arc::downgrade(&self.pool);
            let net = self.net.clone();
            self.net.spawn(async move {
                let mut next = Some(now);
                while let Some(at) = next {
                    net.sleep_until(at).await;
                    next = pool.upgrade().and_then(|pool| pool.expire(net.now()));
                }
            });
        }
    }
}

/// The part of the URL that goes on the wire.
fn request_uri(url: &Url) -> Result<Uri, Failure> {
    let bad = |why| Failure::new(Phase::Url, Cause::BadUrl(why));
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("only http and https URLs can be fetched"));
    }
    Uri::try_from(&url[Position::BeforePath..Position::AfterQuery])
        .map_err(|_| bad("the path does not fit into a request"))
}

/// Where a redirect leads.
fn location(headers: &HeaderMap, from: &Url) -> Result<Url, String> {
    let value = headers.get(LOCATION).ok_or("without a Location")?;
    // Some servers send raw UTF-8; the URL parser escapes it.
    let text =
        std::str::from_utf8(value.as_bytes()).map_err(|_| "to a Location that is no text")?;
    let mut to = from.join(text.trim()).map_err(|error| format!("to {text:?}: {error}"))?;
    if !matches!(to.scheme(), "http" | "https") {
        return Err(format!("to {text:?}: only http and https URLs can be fetched"));
    }
    // The fragment is the reader's business, and would hide a loop.
    to.set_fragment(None);
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that what goes on the wire is always the path, whatever it looks like.
    /// Method: paths that could be taken for something else, and characters that URLs leave alone.
    #[test]
    fn the_request_names_path_and_query_only() {
        let cases = [
            ("http://user:secret@host:81/a?b#c", "/a?b"),
            ("http://host", "/"),
            ("http://host//elsewhere/x", "//elsewhere/x"),
            ("http://host/a|b^c{d}?`e`|[f]\"", "/a|b^c%7Bd%7D?`e`|[f]%22"),
            ("http://host/caf\u{e9} x", "/caf%C3%A9%20x"),
        ];
        for (url, expected) in cases {
            let url = Url::parse(url).expect(url);
            let uri = request_uri(&url).expect(expected);
            assert_eq!(uri.to_string(), expected);
            assert_eq!(uri.host(), None);
        }
    }
}
