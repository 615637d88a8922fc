//! What is tried again, how often, and what the error says in the end.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rondel_scraper::client::{ClientConfig, Phase, RondelNet};
use rondel_scraper::limits::{Limiter, Limits};
use url::Url;

use super::server::{Reply, SOON, Server, answer, client, config, fetch, ms, page, status};

/// Goal: show that a client error is final (erratum X5: the guide's client asked three times for a
/// 404).
/// Method: each 4xx but 429; the server counts.
#[rondel::test]
async fn a_client_error_is_not_tried_again() {
    for code in ["400 Bad Request", "401 No", "403 No", "404 Not Found", "410 Gone", "418 Tea"] {
        let server = Server::start(move |_| status(code, "retry-after: 0\r\n"));
        let error = fetch(config(), &server.url("/x")).await.unwrap_err();
        assert_eq!(server.requests().len(), 1);
        assert_eq!(error.reason(), format!("http-{}", &code[..3]));
        assert_eq!(error.status().map(|status| status.as_u16()), code[..3].parse().ok());
        assert_eq!((error.attempts(), error.phase()), (1, Phase::Status));
    }
}

/// Goal: show that a server error is tried again as often as the settings say, and that the error
/// tells everything in one line.
/// Method: a server that always says 503; the text of the error.
#[rondel::test]
async fn a_server_error_is_tried_again_and_the_error_says_how_often() {
    let server = Server::start(|_| status("503 Service Unavailable", ""));
    let (client, diary) = client(config());
    let error = client.fetch(&server.url("/x")).await.unwrap_err();
    assert_eq!(server.requests().len(), 3);
    assert_eq!(diary.reasons(), ["http-503", "http-503"]);
    let bounds: Vec<_> = diary.notes().iter().map(|note| note.delay <= ms(4)).collect();
    assert_eq!(bounds, [true, true]);
    let expected =
        format!("http://{}/x: status: 503 Service Unavailable (after 3 attempts)", server.addr);
    assert_eq!(error.to_string(), expected);
    // The refusals' bodies were read, so one connection was enough.
    assert_eq!(server.connections(), 1);
}

/// Goal: show that a later success is a success, and counts its attempts.
/// Method: 500, then 502, then a page.
#[rondel::test]
async fn a_page_that_comes_in_the_end_is_a_success() {
    let server = Server::start(|request| match request.number {
        0 => status("500 Oops", ""),
        1 => status("502 Bad Gateway", ""),
        _ => page("at last"),
    });
    let (client, diary) = client(config());
    let response = client.fetch(&server.url("/")).await.unwrap();
    assert_eq!((&response.body[..], response.attempts), (&b"at last"[..], 3));
    assert!(response.elapsed >= response.latency);
    assert_eq!(diary.reasons(), ["http-500", "http-502"]);
}

/// Goal: show that `Retry-After` is obeyed in both forms, and cut down to the limit (erratum X5:
/// the date form crashed the guide's client).
/// Method: 429 with seconds, with a date, with zero; what the client notes.
#[rondel::test]
async fn retry_after_is_obeyed_in_both_forms() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
    let server = Server::start(move |request| match request.number {
        0 => status("429 Too Many Requests", "retry-after: 7\r\n"),
        1 => status("429 Too Many Requests", &format!("retry-after: {date}\r\n")),
        2 => status("503 Later", "retry-after: 0\r\n"),
        _ => page("now"),
    });
    let (client, diary) = client(ClientConfig { attempts: 4, ..config() });
    assert_eq!(client.fetch(&server.url("/")).await.unwrap().attempts, 4);
    let notes = diary.notes();
    assert_eq!(diary.reasons(), ["http-429", "http-429", "http-503"]);
    assert_eq!(notes[0].retry_after, Some(Duration::from_secs(7)));
    let until_date = notes[1].retry_after.expect("the date is understood");
    assert!(until_date > Duration::from_secs(50) && until_date <= Duration::from_secs(100));
    assert_eq!(notes[2].retry_after, Some(Duration::ZERO));
    for cut in &notes[..2] {
        assert!(cut.delay >= ms(20) && cut.delay <= ms(22), "20 ms and the jitter: {cut:?}");
    }
    assert!(notes[2].delay <= ms(2));
}

/// Goal: show that each single request asks the limiter, retries and redirects too.
/// Method: a redirect, a 503 and a page; the limiter counts.
#[rondel::test]
async fn every_single_request_asks_the_limiter() {
    let server = Server::start(|request| match request.number {
        0 => status("302 Found", "location: /list/2\r\n"),
        1 => status("503 Later", ""),
        _ => page("now"),
    });
    let limiter = Arc::new(Limiter::new(RondelNet, Limits::default()));
    let (client, _) = client(config());
    let client = client.limited(limiter.clone(), |url| url.path());
    client.fetch(&server.url("/list/1")).await.unwrap();
    assert_eq!(limiter.stats().granted, 3);
}

/// Goal: show that a refused connection is tried again, and named.
/// Method: a port nobody listens on.
#[rondel::test]
async fn a_closed_port_is_a_connect_error() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/", free.local_addr().unwrap())).unwrap();
    drop(free);
    let (client, diary) = client(config());
    let error = client.fetch(&url).await.unwrap_err();
    assert_eq!((error.phase(), error.reason().as_ref()), (Phase::Connect, "connect"));
    assert_eq!(error.attempts(), 3);
    assert_eq!(diary.reasons(), ["connect", "connect"]);
    let text = error.to_string();
    assert!(text.starts_with(&format!("{url}: connect: ")), "{text}");
    assert!(text.contains("Connection refused"), "{text}");
    assert_eq!((client.stats().open, client.stats().opened), (0, 0));
}

/// Goal: show that a name that does not exist is named as such.
/// Method: a name of the reserved domain `.invalid`.
#[rondel::test]
async fn an_unknown_host_is_a_dns_error() {
    let url = Url::parse("http://no-such-host.invalid/").unwrap();
    let error = fetch(ClientConfig { attempts: 1, ..config() }, &url).await.unwrap_err();
    assert_eq!((error.phase(), error.reason().as_ref()), (Phase::Dns, "dns"));
}

/// Goal: show that a URL that is no web address is refused without a packet.
/// Method: other schemes.
#[rondel::test]
async fn other_schemes_are_refused() {
    for url in ["ftp://127.0.0.1/x", "mailto:a@b", "file:///etc/passwd", "data:,x"] {
        let error = fetch(config(), &Url::parse(url).unwrap()).await.unwrap_err();
        assert_eq!((error.reason().as_ref(), error.attempts()), ("url", 1));
    }
}

/// Goal: show that a server that hangs up without an answer is tried again.
/// Method: the first two connections are closed at once.
#[rondel::test]
async fn a_server_that_hangs_up_is_tried_again() {
    let server = Server::start(|request| match request.number {
        0 | 1 => Reply::SendAndClose(Vec::new()),
        _ => page("now"),
    });
    let (client, diary) = client(config());
    assert_eq!(client.fetch(&server.url("/")).await.unwrap().attempts, 3);
    assert_eq!(diary.reasons(), ["closed", "closed"]);
}

/// Goal: show that a body shorter than announced is an error, is tried again, and is never taken
/// for a page.
/// Method: 50 of 100 bytes, then the end; first once, then always. The same for a chunked body.
#[rondel::test]
async fn a_truncated_body_is_never_taken_for_a_page() {
    let short = [&b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"[..], &[b'x'; 50]].concat();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n".to_vec();
    for broken in [short, chunked] {
        let copy = broken.clone();
        let once = Server::start(move |request| match request.number {
            0 => Reply::SendAndClose(copy.clone()),
            _ => page("whole"),
        });
        let (client, diary) = client(config());
        let response = client.fetch(&once.url("/")).await.unwrap();
        assert_eq!((&response.body[..], response.attempts), (&b"whole"[..], 2));
        assert_eq!(diary.reasons(), ["truncated"]);

        let always = Server::start(move |_| Reply::SendAndClose(broken.clone()));
        let error = client.fetch(&always.url("/")).await.unwrap_err();
        assert_eq!((error.phase(), error.reason().as_ref()), (Phase::Body, "truncated"));
        assert_eq!((error.attempts(), always.requests().len()), (3, 3));
        assert_eq!(client.stats().in_use, 0);
    }
}

/// Goal: show that what is not HTTP is an error of its own, and final.
/// Method: a greeting of another protocol, and a broken chunk.
#[rondel::test]
async fn a_server_that_speaks_something_else_is_not_tried_again() {
    let strange: [&[u8]; 2] = [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    ];
    for bytes in strange {
        let server = Server::start(|_| Reply::SendAndClose(bytes.to_vec()));
        let error = fetch(config(), &server.url("/")).await.unwrap_err();
        assert_eq!((error.reason().as_ref(), error.attempts()), ("bad-response", 1), "{error}");
    }
}

/// Goal: show that silence is cut off, before the head and within the body, is tried again, and
/// closes the connection.
/// Method: servers that stop in both places, with 300 ms of patience.
#[rondel::test]
async fn silence_is_cut_off_by_the_read_timeout() {
    let impatient = || ClientConfig { read_timeout: ms(300), attempts: 2, ..config() };
    let server = Server::start(|_| Reply::Silence);
    let (head, diary) = client(impatient());
    let error = head.fetch(&server.url("/")).await.unwrap_err();
    assert_eq!((error.phase(), error.reason().as_ref()), (Phase::Headers, "read-timeout"));
    assert_eq!(diary.reasons(), ["read-timeout"]);
    assert!(error.to_string().contains("no byte for 300ms"), "{error}");

    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec();
    let server = Server::start(move |request| match request.number {
        0 => Reply::Drip(vec![half.clone()], SOON / 4),
        _ => page("whole"),
    });
    let (body, diary) = client(impatient());
    assert_eq!(body.fetch(&server.url("/")).await.unwrap().attempts, 2);
    assert_eq!(diary.reasons(), ["read-timeout"]);
    assert_eq!(server.connections(), 2, "a connection that was cut off is not used again");
}

/// Goal: show that a slow but steady body passes the read timeout, but not the total one.
/// Method: 80 bytes, one each 10 ms; 5 s of patience for a byte; once 300 ms for all, once 20 s.
#[rondel::test]
async fn a_dripping_body_is_cut_off_by_the_total_timeout() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 80\r\n\r\n".to_vec();
    let server = Server::start(move |_| {
        let mut pieces = vec![b"x".to_vec(); 81];
        pieces[0].clone_from(&head);
        Reply::Drip(pieces, ms(10))
    });
    let patient = ClientConfig { read_timeout: SOON / 2, attempts: 1, ..config() };
    let hasty = ClientConfig { total_timeout: ms(300), ..patient.clone() };
    assert_eq!(fetch(patient, &server.url("/")).await.unwrap().body.len(), 80);
    let error = fetch(hasty, &server.url("/")).await.unwrap_err();
    assert_eq!((error.phase(), error.reason().as_ref()), (Phase::Body, "total-timeout"));
}

/// Goal: show that a TLS handshake nobody answers falls under the connect timeout.
/// Method: https to a server that only listens.
#[rondel::test]
async fn a_handshake_nobody_answers_is_a_connect_timeout() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("https://{}/", server.local_addr().unwrap())).unwrap();
    let (client, _) = client(ClientConfig { connect_timeout: ms(30), attempts: 1, ..config() });
    let error = client.fetch(&url).await.unwrap_err();
    assert_eq!(error.reason(), "connect-timeout");
    assert_eq!(client.stats().open, 0);
}

/// Goal: show that a refusal whose page is cut short or endless is still that refusal.
/// Method: a 404 with half its body, and one that announces a gigabyte.
#[rondel::test]
async fn a_refusal_is_a_refusal_whatever_its_page() {
    for length in [100, 1 << 30] {
        let mut reply = answer("404 Not Found", "", "");
        let text = String::from_utf8(reply).unwrap();
        reply = text.replace("length: 0", &format!("length: {length}")).into_bytes();
        let server = Server::start(move |_| Reply::SendAndClose(reply.clone()));
        let error = fetch(config(), &server.url("/")).await.unwrap_err();
        assert_eq!((error.reason().as_ref(), error.attempts()), ("http-404", 1));
    }
}
