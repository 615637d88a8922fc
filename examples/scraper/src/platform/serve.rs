//! The platform's server: accepts, answers, and misbehaves as [`faults`](super::faults) says.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::TcpListener as StdListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use rondel::net::{TcpListener, TcpStream};
use rondel::sync::CancellationToken;
use rondel::time::{Sleep, sleep};

use super::faults::{self, Fate};
use super::{OTHERS_MAX, PROFILES_A_LISTING, Page, Shared, Verdict, listings};

/// A slow body comes in so many pieces, with this pause between two of them.
const SLOW_PIECES: usize = 8;
const SLOW_PAUSE: Duration = Duration::from_millis(60);

/// A torn body gets this much time to have its first half sent.
const LEAD: Duration = Duration::from_millis(2);

/// Serves until `stop` is cancelled.
pub(super) async fn serve(listener: StdListener, shared: Arc<Shared>, stop: CancellationToken) {
    let listener = TcpListener::from_std(listener).expect("a listening socket can be registered");
    loop {
        let accepted = rondel::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        // An accept that failed is over: the connection is gone, the next one may be fine.
        if let Ok((stream, _)) = accepted {
            drop(rondel::spawn(converse(stream, shared.clone())));
        }
    }
}

/// One connection from its first to its last request.
async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let io = Tampered { stream, reset: reset.clone() };
    let counted = Connected { shared: shared.clone(), once: AtomicBool::new(false) };
    let service = service_fn(|request: Request<Incoming>| {
        counted.count();
        answer(request, shared.clone(), reset.clone())
    });
    // Errors are what this server is for.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
}

/// Counts a connection from its first request to its end.
struct Connected {
    shared: Arc<Shared>,
    once: AtomicBool,
}

impl Connected {
    fn count(&self) {
        if !self.once.swap(true, Ordering::Relaxed) {
            self.shared.connected();
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        if *self.once.get_mut() {
            self.shared.disconnected();
        }
    }
}

/// A request in flight; ends when dropped.
struct InFlight {
    shared: Arc<Shared>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.leave();
    }
}

type Answer = Result<Response<PageBody>, io::Error>;

async fn answer(request: Request<Incoming>, shared: Arc<Shared>, reset: Arc<AtomicBool>) -> Answer {
    let verdict = shared.arrive();
    let flight = InFlight { shared: shared.clone() };
    if let Verdict::Refuse(seconds) = verdict {
        let after = HeaderValue::from(seconds);
        return refusal(StatusCode::TOO_MANY_REQUESTS, Some(after), flight);
    }
    let Some(page) = find(&request, shared.config.pages) else {
        return refusal(StatusCode::NOT_FOUND, None, flight);
    };
    let (attempt, fate) = shared.attempt(page);
    sleep(faults::latency(shared.config.seed, page.key(), attempt)).await;
    match fate {
        Fate::TooManySeconds => {
            refusal(StatusCode::TOO_MANY_REQUESTS, Some(HeaderValue::from(1)), flight)
        }
        Fate::TooManyDate => refusal(StatusCode::TOO_MANY_REQUESTS, Some(in_a_second()), flight),
        Fate::UnavailableNow => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, Some(HeaderValue::from(0)), flight)
        }
        Fate::Unavailable => refusal(StatusCode::SERVICE_UNAVAILABLE, None, flight),
        Fate::Internal => refusal(StatusCode::INTERNAL_SERVER_ERROR, None, flight),
        Fate::BadGateway => refusal(StatusCode::BAD_GATEWAY, None, flight),
        Fate::ResetBefore => {
            reset.store(true, Ordering::Relaxed);
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Fate::Deliver | Fate::DeliverSlowly | Fate::ResetWithin | Fate::Truncate => {
            let gzip = accepts_gzip(&request);
            Ok(page_answer(page, fate, gzip, flight, reset))
        }
    }
}

/// Which page a request is for.
fn find(request: &Request<Incoming>, pages: u64) -> Option<Page> {
    let uri = request.uri();
    if let Some(number) = uri.path().strip_prefix("/profile/") {
        let number = number.parse().ok().filter(|number| (1..=pages).contains(number))?;
        return Some(Page::Profile(number));
    }
    if uri.path() != "/listing" {
        return None;
    }
    let number = match uri.query() {
        Some(query) => query.strip_prefix("page=")?.parse().ok()?,
        None => 1,
    };
    (1..=listings(pages)).contains(&number).then_some(Page::Listing(number))
}

fn accepts_gzip(request: &Request<Incoming>) -> bool {
    let header = request.headers().get(ACCEPT_ENCODING);
    header.and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("gzip"))
}

/// An HTTP date up to one second away: dates know no fractions.
fn in_a_second() -> HeaderValue {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1));
    HeaderValue::from_str(&date).expect("a date is a header value")
}

fn refusal(status: StatusCode, retry_after: Option<HeaderValue>, flight: InFlight) -> Answer {
    let text = format!("{status}\n");
    let length = text.len();
    let mut response = Response::new(PageBody::new([Piece::Data(text.into())], flight, None));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(retry_after) = retry_after {
        headers.insert(RETRY_AFTER, retry_after);
    }
    Ok(response)
}

/// The answer with the page, whole or torn.
fn page_answer(
    page: Page,
    fate: Fate,
    gzip: bool,
    flight: InFlight,
    reset: Arc<AtomicBool>,
) -> Response<PageBody> {
    let config = &flight.shared.config;
    let rules = config.rules;
    let (body, content_type) = match page {
        Page::Profile(number) => {
            (faults::profile(config.seed, number, config.pages), "text/html; charset=utf-8")
        }
        Page::Listing(number) => (listing(number, config.pages), "application/json"),
    };
    let gzip = gzip && page.key().is_multiple_of(4);
    let body = if gzip { pack(body.as_bytes()) } else { Bytes::from(body) };
    let length = body.len();
    let half = body.slice(..length / 2);
    let pieces: Vec<Piece> = match fate {
        Fate::ResetWithin => {
            vec![Piece::Data(half), Piece::Pause(LEAD), Piece::Reset(reset)]
        }
        Fate::Truncate => vec![Piece::Data(half), Piece::Pause(LEAD), Piece::Close],
        Fate::DeliverSlowly => slowly(&body),
        _ => vec![Piece::Data(body)],
    };
    let delivered = fate.delivers().then_some(page);
    let mut response = Response::new(PageBody::new(pieces, flight, delivered));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert("x-ratelimit-limit", HeaderValue::from(rules.per_second as u64));
    headers.insert("x-concurrency-limit", HeaderValue::from(rules.in_flight_max));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    // Every third page is sent in chunks: a torn one is told by the missing last chunk then.
    if !page.key().is_multiple_of(3) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

fn listing(number: u64, pages: u64) -> String {
    let first = (number - 1) * PROFILES_A_LISTING + 1;
    let last = (number * PROFILES_A_LISTING).min(pages);
    let profiles: Vec<String> = (first..=last).map(|number| format!("/profile/{number}")).collect();
    let next = (number < listings(pages)).then(|| format!("/listing?page={}", number + 1));
    let others = if number == 1 { listings(pages).min(OTHERS_MAX) } else { 0 };
    let others: Vec<String> = (2..=others).map(|other| format!("/listing?page={other}")).collect();
    let listing = serde_json::json!({
        "pages": pages, "profiles": profiles, "next": next, "others": others,
    });
    listing.to_string()
}

fn pack(body: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything").into()
}

fn slowly(body: &Bytes) -> Vec<Piece> {
    let size = body.len().div_ceil(SLOW_PIECES).max(1);
    let mut pieces = Vec::new();
    for start in (0..body.len()).step_by(size) {
        pieces.push(Piece::Pause(SLOW_PAUSE));
        pieces.push(Piece::Data(body.slice(start..(start + size).min(body.len()))));
    }
    pieces
}

/// A part of an answer.
enum Piece {
    Data(Bytes),
    Pause(Duration),
    /// RST now.
    Reset(Arc<AtomicBool>),
    /// FIN now.
    Close,
}

/// A body that follows a plan.
struct PageBody {
    pieces: VecDeque<Piece>,
    pause: Option<Pin<Box<Sleep>>>,
    /// Given up with the last piece, before hyper writes it: see rule 1 of the platform.
    flight: Option<InFlight>,
    delivers: Option<Page>,
}

impl PageBody {
    fn new(
        pieces: impl IntoIterator<Item = Piece>,
        flight: InFlight,
        delivers: Option<Page>,
    ) -> Self {
        let pieces = pieces.into_iter().collect();
        Self { pieces, pause: None, flight: Some(flight), delivers }
    }

    fn settle(&mut self) {
        let Some(flight) = self.flight.take() else { return };
        if let Some(page) = self.delivers.take() {
            flight.shared.delivered(page);
        }
    }
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(pause) = &mut self.pause {
                std::task::ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match self.pieces.pop_front() {
                Some(Piece::Pause(time)) => self.pause = Some(Box::pin(sleep(time))),
                Some(Piece::Data(data)) => {
                    if self.pieces.is_empty() {
                        self.settle();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Piece::Reset(reset)) => {
                    reset.store(true, Ordering::Relaxed);
                    self.flight = None;
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
                }
                Some(Piece::Close) => {
                    self.flight = None;
                    return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                }
                None => {
                    self.settle();
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.pause.is_none()
    }
}

/// A stream that can end with a reset.
struct Tampered {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Tampered {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // Closing with a linger time of zero sends RST instead of FIN.
            let _ = self.stream.set_linger(Some(Duration::ZERO));
        }
    }
}

impl hyper::rt::Read for Tampered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        hyper::rt::Read::poll_read(Pin::new(&mut self.stream), cx, buf)
    }
}

impl hyper::rt::Write for Tampered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        hyper::rt::Write::poll_write(Pin::new(&mut self.stream), cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        hyper::rt::Write::poll_flush(Pin::new(&mut self.stream), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        hyper::rt::Write::poll_shutdown(Pin::new(&mut self.stream), cx)
    }

    fn is_write_vectored(&self) -> bool {
        hyper::rt::Write::is_write_vectored(&self.stream)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        hyper::rt::Write::poll_write_vectored(Pin::new(&mut self.stream), cx, bufs)
    }
}
