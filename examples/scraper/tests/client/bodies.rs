//! Bodies: every framing, every coding, and every limit.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use rondel_scraper::client::{ClientConfig, Phase};

use super::server::{Reply, Server, answer, config, fetch};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bare_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A brotli stream that stores `bytes` (at most 64 KiB) uncompressed, by RFC 7932, section 9.2: no
/// large window, one stored block, one empty last block.
fn stored_brotli(bytes: &[u8]) -> Vec<u8> {
    let header = (bytes.len() as u32 - 1) << 4 | 1 << 20;
    let mut stream = header.to_le_bytes()[..3].to_vec();
    stream.extend_from_slice(bytes);
    stream.push(0b11);
    stream
}

/// A server whose every answer is this.
fn serves(headers: &str, body: Vec<u8>) -> Server {
    let reply = answer("200 OK", headers, body);
    Server::start(move |_| Reply::Send(reply.clone()))
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(5);
    std::iter::repeat_with(|| random.u8(..)).take(len).collect()
}

/// Goal: show that every coding the client asks for is undone, alone and one on top of the other.
/// Method: the same text through each; what went over the wire is counted.
#[rondel::test]
async fn every_coding_is_undone() {
    let text = "all work and no play ".repeat(200).into_bytes();
    let cases = [
        ("gzip", gzip(&text)),
        ("x-gzip", gzip(&text)),
        ("GZip", gzip(&text)),
        ("deflate", zlib(&text)),
        ("deflate", bare_deflate(&text)),
        ("br", stored_brotli(&text)),
        ("identity", text.clone()),
        ("deflate, gzip", gzip(&zlib(&text))),
        ("gzip", [gzip(&text[..1_000]), gzip(&text[1_000..])].concat()),
    ];
    for (coding, body) in cases {
        let wire_bytes = body.len();
        let server = serves(&format!("content-encoding: {coding}\r\n"), body);
        let response = fetch(config(), &server.url("/")).await.expect(coding);
        assert_eq!(response.body, text, "{coding}");
        assert_eq!(response.wire_bytes, wire_bytes);
    }
}

/// Goal: show that a large compressed body, unpacked on the blocking pool, comes out whole.
/// Method: 300 KB of noise, which stays as large when compressed.
#[rondel::test]
async fn a_large_compressed_body_comes_out_whole() {
    let noise = noise(300_000);
    let server = serves("content-encoding: gzip\r\n", gzip(&noise));
    let response = fetch(config(), &server.url("/")).await.unwrap();
    assert_eq!(response.body, noise);
}

/// Goal: show that an empty body is empty, whatever its coding says.
/// Method: no bytes with each coding, and a 204.
#[rondel::test]
async fn an_empty_body_is_empty() {
    for headers in ["", "content-encoding: gzip\r\n", "content-encoding: br\r\n"] {
        let server = serves(headers, Vec::new());
        assert_eq!(fetch(config(), &server.url("/")).await.unwrap().body, "");
    }
    let server = Server::start(|_| Reply::Send(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()));
    assert_eq!(fetch(config(), &server.url("/")).await.unwrap().status.as_u16(), 204);
}

/// Goal: show that a broken, a cut and an unknown coding are errors that are not tried again.
/// Method: one body of each kind.
#[rondel::test]
async fn a_body_that_cannot_be_unpacked_is_an_error() {
    let text = b"some text that is long enough to be cut".to_vec();
    let whole = gzip(&text);
    let cases = [
        ("gzip", whole[..whole.len() / 2].to_vec(), "cut short"),
        ("gzip", b"no gzip at all".to_vec(), "broken"),
        ("br", b"\xff\xff\xff\xff no brotli".to_vec(), "broken"),
        ("deflate", zlib(&text)[..10].to_vec(), "cut short"),
        ("zstd", text.clone(), "unknown Content-Encoding \"zstd\""),
    ];
    for (coding, body, why) in cases {
        let server = serves(&format!("content-encoding: {coding}\r\n"), body);
        let error = fetch(config(), &server.url("/")).await.unwrap_err();
        assert_eq!((error.phase(), error.reason().as_ref()), (Phase::Decode, "decode"));
        assert_eq!(error.attempts(), 1);
        assert!(error.to_string().contains(why), "{coding}: {error}");
    }
}

/// Goal: show that the limit holds on the wire and after unpacking: no body, announced, chunked or
/// packed, gets past it.
/// Method: exactly the limit passes; one byte more does not, in each form. A bomb of 50 MB in 50
/// KB.
#[rondel::test]
async fn a_body_is_never_larger_than_the_limit() {
    let limit = 100_000;
    let limited = || ClientConfig { body_max: limit, ..config() };
    let chunked = |len: usize| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
        let mut reply = head.into_bytes();
        for chunk in vec![b'x'; len].chunks(7_000) {
            reply.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            reply.extend([chunk, b"\r\n"].concat());
        }
        reply.extend(b"0\r\n\r\n");
        reply
    };
    let packed = |bytes: &[u8]| answer("200 OK", "content-encoding: gzip\r\n", gzip(bytes));
    let fits = [answer("200 OK", "", vec![b'x'; limit]), chunked(limit), packed(&vec![0; limit])];
    for reply in fits {
        let server = Server::start(move |_| Reply::Send(reply.clone()));
        assert_eq!(fetch(limited(), &server.url("/")).await.unwrap().body.len(), limit);
    }
    let too_large = [
        answer("200 OK", "", vec![b'x'; limit + 1]),
        chunked(limit + 1),
        packed(&vec![0; limit + 1]),
        packed(&vec![0; 50_000_000]),
        answer("200 OK", "content-encoding: gzip, gzip\r\n", gzip(&gzip(&vec![0; 50_000_000]))),
    ];
    for reply in too_large {
        let server = Server::start(move |_| Reply::Send(reply.clone()));
        let error = fetch(limited(), &server.url("/")).await.unwrap_err();
        assert_eq!((error.phase(), error.reason().as_ref()), (Phase::Limit, "too-large"));
        assert_eq!((error.attempts(), server.requests().len()), (1, 1));
    }
}

/// Goal: show that a body without a length ends with the connection, in old HTTP.
/// Method: an HTTP/1.0 answer.
#[rondel::test]
async fn a_body_without_a_length_ends_with_the_connection() {
    let reply = b"HTTP/1.0 200 OK\r\n\r\nto the end".to_vec();
    let server = Server::start(move |_| Reply::SendAndClose(reply.clone()));
    assert_eq!(fetch(config(), &server.url("/")).await.unwrap().body, "to the end");
}
