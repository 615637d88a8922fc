//! Sitemaps: a site's own list of its pages.
//!
//! Three forms: an XML list of pages (`urlset`), an XML list of further lists (`sitemapindex`), and
//! plain text with an address a line. Each may be packed with gzip, whatever its name says.
//! Source: <https://www.sitemaps.org/protocol.html>.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use quick_xml::Reader;
use quick_xml::events::Event;
use url::Url;

use crate::urls;

/// The protocol's own limits: 50 MiB unpacked and 50,000 addresses. What comes after is ignored, so
/// that a file that unpacks to terabytes does no harm.
const UNPACKED_BYTES_MAX: u64 = 50 * 1024 * 1024;
const ADDRESSES_MAX: usize = 50_000;

/// What a sitemap holds.
#[derive(Debug, PartialEq)]
pub enum Sitemap {
    /// Addresses of pages.
    Pages(Vec<Url>),
    /// Addresses of further sitemaps.
    Index(Vec<Url>),
}

/// Reads a sitemap that came from `address`. Rubbish is an empty list of pages.
pub fn parse(address: &Url, bytes: &[u8]) -> Sitemap {
    let unpacked = unpack(bytes);
    let text = String::from_utf8_lossy(&unpacked);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        return parse_xml(address, text);
    }
    let lines = text.lines().map(str::trim).filter(|line| line.contains("://"));
    Sitemap::Pages(
        lines.filter_map(|line| urls::resolve(address, line)).take(ADDRESSES_MAX).collect(),
    )
}

fn unpack(bytes: &[u8]) -> Vec<u8> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes.to_vec();
    }
    let mut unpacked = Vec::new();
    // A torn file still gives what could be read of it.
    let _ = MultiGzDecoder::new(bytes).take(UNPACKED_BYTES_MAX).read_to_end(&mut unpacked);
    unpacked
}

/// `loc` inside `url` or `sitemap`, whatever namespace prefix they carry; an image's `loc` is
/// another element's child and no page.
fn parse_xml(address: &Url, text: &str) -> Sitemap {
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut loc = String::new();
    let (mut is_index, mut found) = (false, Vec::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                let name = tag.local_name().as_ref().to_owned();
                is_index |= path.is_empty() && name == "sitemapindex";
                path.push(name);
                loc.clear();
            }
            Ok(Event::End(_)) => {
                if is_loc(&path) && found.len() < ADDRESSES_MAX {
                    found.extend(urls::resolve(address, loc.trim()));
                }
                path.pop();
            }
            Ok(Event::Text(text)) if is_loc(&path) => {
                loc.push_str(&text);
            }
            Ok(Event::CData(text)) if is_loc(&path) => {
                loc.push_str(&text);
            }
            Ok(Event::GeneralRef(reference)) if is_loc(&path) => {
                loc.push_str(&unescape(&reference));
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    if is_index { Sitemap::Index(found) } else { Sitemap::Pages(found) }
}

fn is_loc(path: &[String]) -> bool {
    matches!(path, [.., parent, name] if name == "loc" && (parent == "url" || parent == "sitemap"))
}

/// `amp` is `&`; an unknown reference stays as it was.
fn unescape(reference: &str) -> String {
    let whole = format!("&{reference};");
    quick_xml::escape::unescape(&whole).map(|text| text.into_owned()).unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: &[u8]) -> Sitemap {
        parse(&Url::parse("http://a.org/maps/sitemap.xml").unwrap(), bytes)
    }

    fn urls(list: &[&str]) -> Vec<Url> {
        list.iter().map(|url| Url::parse(url).unwrap()).collect()
    }

    const PAGES: &str = "<?xml version='1.0' encoding='UTF-8'?>
        <urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' xmlns:image='x'>
          <url><loc> http://a.org/one?x=1&amp;y=2 </loc><lastmod>2026-01-01</lastmod>
               <image:image><image:loc>http://a.org/no.png</image:loc></image:image></url>
          <url><loc><![CDATA[http://a.org/two#part]]></loc></url>
          <url><loc>mailto:nobody</loc></url>
        </urlset>";

    /// Goal: a list of pages is read, references and CDATA included, pictures left out.
    /// Method: a file with all of them, then the same file packed.
    #[test]
    fn a_list_of_pages_is_read_packed_or_not() {
        let wanted = Sitemap::Pages(urls(&["http://a.org/one?x=1&y=2", "http://a.org/two"]));
        assert_eq!(read(PAGES.as_bytes()), wanted);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(PAGES.as_bytes()).unwrap();
        assert_eq!(read(&packed.finish().unwrap()), wanted);
    }

    /// Goal: an index is told from a list of pages.
    /// Method: a small index with a namespace prefix.
    #[test]
    fn an_index_leads_to_further_maps() {
        let index = "<s:sitemapindex xmlns:s='x'><s:sitemap><s:loc>http://a.org/1.xml.gz</s:loc></s:sitemap>
                     <s:sitemap><s:loc>2.xml</s:loc></s:sitemap></s:sitemapindex>";
        let wanted = urls(&["http://a.org/1.xml.gz", "http://a.org/maps/2.xml"]);
        assert_eq!(read(index.as_bytes()), Sitemap::Index(wanted));
    }

    /// Goal: plain text works, and rubbish is an empty list.
    /// Method: one of each.
    #[test]
    fn plain_text_is_read_and_rubbish_is_empty() {
        let wanted = urls(&["http://a.org/x", "http://a.org/y"]);
        assert_eq!(read(b"http://a.org/x\r\n\r\nhttp://a.org/y\n"), Sitemap::Pages(wanted));
        for rubbish in
            [&b""[..], b"hello", b"<urlset><url><loc>http://a.org/", b"\x1f\x8b\x00torn", b"<<<>>>"]
        {
            assert_eq!(read(rubbish), Sitemap::Pages(Vec::new()));
        }
    }
}
