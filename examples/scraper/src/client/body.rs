//! The body: collected into one buffer, then decompressed, both within a limit.

use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use hyper::body::{Body, Incoming};

use super::Clock;
use super::error::{Cause, Failure, Phase};
use super::http1;
use super::timing::Watch;

/// The most that is reserved on the word of a `Content-Length` alone.
const RESERVE_MAX: usize = 256 << 10;

/// Reads the whole body, at most `limit` bytes.
pub(crate) async fn collect<C: Clock>(
    mut body: Incoming,
    limit: usize,
    silence: std::time::Duration,
    watch: &mut Watch<'_, C>,
) -> Result<Vec<u8>, Failure> {
    let too_large = || Failure::new(Phase::Limit, Cause::TooLarge(limit));
    let announced = body.size_hint().exact();
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    // Copied, although hyper would lend the bytes: a lent slice keeps hyper's whole read buffer
    // alive for as long as the page is, and makes it allocate a new one.
    let mut whole = Vec::new();
    if let Some(length) = announced {
        whole.reserve_exact((length as usize).min(RESERVE_MAX));
    }
    while !body.is_end_stream() {
        let frame = watch.wait(silence, poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).await;
        let frame = match frame {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(http1::failure(Phase::Body, &error)),
            Err((which, length)) => {
                return Err(Failure::new(Phase::Body, Cause::Timeout(which, length)));
            }
        };
        let Some(chunk) = frame.data_ref() else { continue };
        if chunk.len() > limit - whole.len() {
            return Err(too_large());
        }
        whole.extend_from_slice(chunk);
    }
    Ok(whole)
}

/// A compression the client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Brotli,
    Deflate,
}

/// What the client puts into `Accept-Encoding`.
pub(crate) const ACCEPT_ENCODING: &str = "gzip, br, deflate";

/// The codings of a body, in the order in which they were applied.
pub(crate) fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, Failure> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let unknown = || {
            let why = format!("unknown Content-Encoding {value:?}");
            Failure::new(Phase::Decode, Cause::Decode(why))
        };
        let text = value.to_str().map_err(|_| unknown())?;
        for name in text.split(',').map(str::trim) {
            match name.to_ascii_lowercase().as_str() {
                "" | "identity" => {}
                "gzip" | "x-gzip" => codings.push(Coding::Gzip),
                "br" => codings.push(Coding::Brotli),
                "deflate" => codings.push(Coding::Deflate),
                _ => return Err(unknown()),
            }
        }
    }
    Ok(codings)
}

/// Undoes `codings`, the last one first. Neither the result nor anything between may be larger than
/// `limit`.
pub(crate) fn decode(
    codings: &[Coding],
    mut body: Vec<u8>,
    limit: usize,
) -> Result<Vec<u8>, Failure> {
    for coding in codings.iter().rev() {
        if body.is_empty() {
            // A 204, or a server that compresses nothing to nothing.
            break;
        }
        let from = body.as_slice();
        body = match coding {
            Coding::Gzip => unpack(MultiGzDecoder::new(from), body.len(), limit),
            Coding::Brotli => {
                unpack(brotli_decompressor::Decompressor::new(from, 4096), body.len(), limit)
            }
            Coding::Deflate if is_zlib(from) => unpack(ZlibDecoder::new(from), body.len(), limit),
            Coding::Deflate => unpack(DeflateDecoder::new(from), body.len(), limit),
        }?;
    }
    Ok(body)
}

/// Whether a "deflate" body has zlib's header, as the standard wants it. Some servers send the
/// bare stream.
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [cmf, flg, ..] => {
            cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)).is_multiple_of(31)
        }
        _ => false,
    }
}

fn unpack(from: impl Read, packed_len: usize, limit: usize) -> Result<Vec<u8>, Failure> {
    // Text shrinks to about a quarter; more grows by doubling.
    let mut whole = Vec::with_capacity(packed_len.saturating_mul(4).min(limit).min(RESERVE_MAX));
    let past = (limit as u64).saturating_add(1);
    match from.take(past).read_to_end(&mut whole) {
        Ok(_) if whole.len() > limit => Err(Failure::new(Phase::Limit, Cause::TooLarge(limit))),
        Ok(_) => Ok(whole),
        Err(error) => {
            let why = match error.kind() {
                io::ErrorKind::UnexpectedEof => "the compressed body is cut short".to_owned(),
                _ => format!("the compressed body is broken: {error}"),
            };
            Err(Failure::new(Phase::Decode, Cause::Decode(why)))
        }
    }
}

/// `whole` as bytes, without its spare room if that is large.
pub(crate) fn finish(mut whole: Vec<u8>) -> Bytes {
    if whole.capacity() > whole.len() + whole.len() / 4 + 64 {
        whole.shrink_to_fit();
    }
    Bytes::from(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that the bare deflate stream is told from the one with zlib's header.
    /// Method: the first two bytes of each, as common tools write them.
    #[test]
    fn zlib_is_told_by_its_header() {
        for header in [[0x78, 0x01], [0x78, 0x5e], [0x78, 0x9c], [0x78, 0xda]] {
            assert!(is_zlib(&header));
        }
        assert!(!is_zlib(&[0x4b, 0x4c]));
        assert!(!is_zlib(&[0x78]));
    }
}
