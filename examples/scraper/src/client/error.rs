//! Why a fetch failed: one line for people, one short key for reports.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use http::StatusCode;
use url::Url;

/// How far the attempt had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Looking at the URL: nothing was sent.
    Url,
    /// Waiting for a connection of the pool.
    Pool,
    /// Looking up the name.
    Dns,
    /// Connecting.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending the request.
    Request,
    /// Waiting for the status line and the headers.
    Headers,
    /// Reading the body.
    Body,
    /// Decompressing the body.
    Decode,
    /// Following redirects.
    Redirect,
    /// Within a limit on size.
    Limit,
    /// The answer was complete, but is no success.
    Status,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "url",
            Self::Pool => "pool",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Request => "request",
            Self::Headers => "headers",
            Self::Body => "body",
            Self::Decode => "decode",
            Self::Redirect => "redirect",
            Self::Limit => "limit",
            Self::Status => "status",
        })
    }
}

/// Which time limit ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// `connect_timeout`.
    Connect,
    /// `read_timeout`.
    Read,
    /// `total_timeout`.
    Total,
}

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// Not a URL that can be fetched.
    BadUrl(&'static str),
    /// The name has no address, says the system.
    Dns(String),
    /// The system refused or broke the connection.
    Io(io::Error),
    /// The server's certificate or its TLS is not acceptable.
    Tls(rustls::Error),
    /// The server closed the connection before it answered.
    Closed,
    /// The server closed the connection before the body was complete.
    Truncated,
    /// The server's bytes are not HTTP.
    BadResponse(String),
    /// This limit, of this length, ran out.
    Timeout(Timeout, Duration),
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// The body cannot be decompressed.
    Decode(String),
    /// The answer is no success.
    Status(StatusCode),
    /// More redirects in a row than allowed; where the next one leads.
    TooManyRedirects(Url),
    /// A redirect back to a URL of the same chain.
    RedirectLoop(Url),
    /// A redirect that [`may_follow`](super::ClientConfig::may_follow) refused.
    RedirectRefused(Url),
    /// A redirect to nowhere: no `Location`, or one that is no http URL.
    BadLocation(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadUrl(why) => f.write_str(why),
            Self::Dns(why) | Self::BadResponse(why) | Self::Decode(why) => f.write_str(why),
            Self::Io(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::Closed => f.write_str("the server closed the connection without an answer"),
            Self::Truncated => f.write_str("the server closed the connection within the body"),
            Self::Timeout(Timeout::Connect, limit) => write!(f, "no connection within {limit:?}"),
            Self::Timeout(Timeout::Read, limit) => write!(f, "no byte for {limit:?}"),
            Self::Timeout(Timeout::Total, limit) => write!(f, "not complete after {limit:?}"),
            Self::TooLarge(limit) => write!(f, "the body is larger than {limit} bytes"),
            Self::Status(status) => status.fmt(f),
            Self::TooManyRedirects(to) => write!(f, "too many redirects, the next to {to}"),
            Self::RedirectLoop(to) => write!(f, "redirected in a circle, back to {to}"),
            Self::RedirectRefused(to) => write!(f, "not followed to {to}"),
            Self::BadLocation(why) => f.write_str(why),
        }
    }
}

/// Why a fetch failed, after all its attempts.
///
/// `Display` is one line: the URL, the phase, the cause and the number of attempts.
pub struct FetchError {
    inner: Box<Inner>,
}

struct Inner {
    url: Url,
    phase: Phase,
    cause: Cause,
    attempts: u32,
}

impl FetchError {
    pub(crate) fn new(url: Url, failure: Failure, attempts: u32) -> Self {
        let Failure { phase, cause } = failure;
        Self { inner: Box::new(Inner { url, phase, cause, attempts }) }
    }

    /// The URL that failed: after redirects, the last one asked for.
    pub fn url(&self) -> &Url {
        &self.inner.url
    }

    /// How far the last attempt came.
    pub fn phase(&self) -> Phase {
        self.inner.phase
    }

    /// What went wrong in the last attempt.
    pub fn cause(&self) -> &Cause {
        &self.inner.cause
    }

    /// Attempts made.
    pub fn attempts(&self) -> u32 {
        self.inner.attempts
    }

    /// The status, if the server answered but not with a success.
    pub fn status(&self) -> Option<StatusCode> {
        match self.inner.cause {
            Cause::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Where the redirect leads that was not followed.
    pub fn location(&self) -> Option<&Url> {
        match &self.inner.cause {
            Cause::TooManyRedirects(to) | Cause::RedirectLoop(to) | Cause::RedirectRefused(to) => {
                Some(to)
            }
            _ => None,
        }
    }

    /// A short stable key for counting: `dns`, `connect`, `connect-timeout`, `tls`, `reset`,
    /// `closed`, `truncated`, `bad-response`, `read-timeout`, `total-timeout`, `too-large`,
    /// `decode`, `redirect-limit`, `redirect-loop`, `redirect-refused`, `redirect-bad`, `url`, or
    /// `http-404` and the like.
    pub fn reason(&self) -> Cow<'static, str> {
        reason(self.inner.phase, &self.inner.cause)
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { url, phase, cause, attempts } = &*self.inner;
        let plural = if *attempts == 1 { "" } else { "s" };
        write!(f, "{url}: {phase}: {cause} (after {attempts} attempt{plural})")
    }
}

impl fmt::Debug for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchError")
            .field("url", &self.inner.url.as_str())
            .field("phase", &self.inner.phase)
            .field("cause", &self.inner.cause)
            .field("attempts", &self.inner.attempts)
            .finish()
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.inner.cause {
            Cause::Io(error) => Some(error),
            Cause::Tls(error) => Some(error),
            _ => None,
        }
    }
}

fn reason(phase: Phase, cause: &Cause) -> Cow<'static, str> {
    Cow::Borrowed(match cause {
        Cause::BadUrl(_) => "url",
        Cause::Dns(_) => "dns",
        Cause::Io(_) if phase == Phase::Connect => "connect",
        Cause::Io(_) if phase == Phase::Tls => "tls",
        Cause::Io(_) => "reset",
        Cause::Tls(_) => "tls",
        Cause::Closed => "closed",
        Cause::Truncated => "truncated",
        Cause::BadResponse(_) => "bad-response",
        Cause::Timeout(Timeout::Connect, _) => "connect-timeout",
        Cause::Timeout(Timeout::Read, _) => "read-timeout",
        Cause::Timeout(Timeout::Total, _) => "total-timeout",
        Cause::TooLarge(_) => "too-large",
        Cause::Decode(_) => "decode",
        Cause::TooManyRedirects(_) => "redirect-limit",
        Cause::RedirectLoop(_) => "redirect-loop",
        Cause::RedirectRefused(_) => "redirect-refused",
        Cause::BadLocation(_) => "redirect-bad",
        Cause::Status(status) => return Cow::Owned(format!("http-{}", status.as_u16())),
    })
}

/// Why one attempt failed; the URL and the count are added at the end.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) phase: Phase,
    pub(crate) cause: Cause,
}

impl Failure {
    pub(crate) fn new(phase: Phase, cause: Cause) -> Self {
        Self { phase, cause }
    }

    pub(crate) fn reason(&self) -> Cow<'static, str> {
        reason(self.phase, &self.cause)
    }

    /// Whether another attempt may go better: connection errors, silence, 429 and 5xx. The guide's
    /// client repeated a 404 three times (erratum X5); no other 4xx is repeated here.
    pub(crate) fn may_pass(&self) -> bool {
        match &self.cause {
            Cause::Io(_) | Cause::Closed | Cause::Truncated | Cause::Timeout(..) => true,
            Cause::Dns(why) => why.contains("emporary failure"),
            Cause::Status(status) => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }
}
