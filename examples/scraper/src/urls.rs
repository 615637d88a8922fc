//! One page, one spelling: how addresses are made comparable.
//!
//! A crawler that is to find every page exactly once must know that
//! `HTTP://Example.org:80/a/../b#top` and `http://example.org/b` are one page. It must not go
//! further than the standards do: `/b` and `/b/` may be two pages, and so may `?x=1&y=2` and
//! `?y=2&x=1`.
//!
//! | rule                                   | example                     | why it is safe          |
//! |----------------------------------------|-----------------------------|-------------------------|
//! | scheme and host in lower case          | `HTTP://A.org` = `http://a.org` | RFC 3986, 6.2.2.1   |
//! | the default port goes                  | `http://a.org:80/`          | RFC 3986, 6.2.3         |
//! | dot segments go                        | `/a/../b` = `/b`            | RFC 3986, 6.2.2.3       |
//! | an empty path is `/`                   | `http://a.org`              | RFC 3986, 6.2.3         |
//! | `%2f` is `%2F`, `%7e` is `~`           | only unreserved characters  | RFC 3986, 6.2.2.2       |
//! | the fragment goes                      | `/b#top`                    | it never reaches a server |
//! | an empty query goes                    | `/b?`                       | servers see no difference |
//! | user name and password go              | `http://me:pw@a.org/`       | secrets stay out of the store |
//!
//! The first four are the work of the `url` crate, the others of this file.
//! Source: RFC 3986, section 6; WHATWG URL.

use url::Url;

/// Longer addresses are traps (endless calendars, sessions in the path), not pages.
const URL_LEN_MAX: usize = 4096;

/// What is certainly not a page of hypertext, by the ending of its path. Such links are not even
/// asked for, unless `--all-types` is set.
#[rustfmt::skip]
const NOT_HYPERTEXT: &[&str] = &[
    "7z", "aac", "apk", "atom", "avi", "avif", "bin", "bmp", "br", "bz2", "css", "csv", "deb",
    "dmg", "doc", "docx", "eot", "epub", "exe", "flac", "gif", "gz", "ico", "iso", "jar", "jpeg",
    "jpg", "js", "json", "m4a", "m4v", "map", "md", "mjs", "mkv", "mov", "mp3", "mp4", "mpeg",
    "mpg", "msi", "odp", "ods", "odt", "ogg", "ogv", "otf", "pdf", "png", "ppt", "pptx", "ps",
    "rar", "rpm", "rs", "rss", "svg", "svgz", "tar", "tgz", "tif", "tiff", "toml", "ttf", "txt",
    "wasm", "wav", "webm", "webmanifest", "webp", "woff", "woff2", "xls", "xlsx", "xml", "xz",
    "yaml", "yml", "zip", "zst",
];

/// Resolves `href` against `base` and brings it into the one spelling.
///
/// `None`: not an address that a crawler can fetch (`mailto:`, `javascript:`, unreadable, too
/// long).
pub fn resolve(base: &Url, href: &str) -> Option<Url> {
    let href = href.trim_matches(|c: char| c.is_ascii_whitespace());
    normalise(base.join(href).ok()?)
}

/// Brings an absolute address into the one spelling; `None` as in [`resolve`].
pub fn normalise(mut url: Url) -> Option<Url> {
    if !matches!(url.scheme(), "http" | "https") || url.as_str().len() > URL_LEN_MAX {
        return None;
    }
    url.host_str().filter(|host| !host.is_empty())?;
    url.set_fragment(None);
    if url.query() == Some("") {
        url.set_query(None);
    }
    if !url.username().is_empty() || url.password().is_some() {
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
    }
    if url.path().contains('%') {
        let path = settle_percents(url.path());
        url.set_path(&path);
    }
    if let Some(query) = url.query().filter(|query| query.contains('%')) {
        let query = settle_percents(query);
        url.set_query(Some(&query));
    }
    Some(url)
}

/// Reads what a person typed: `example.org` means `http://example.org/`.
///
/// # Errors
///
/// One sentence that says what is wrong with it.
pub fn parse_typed(typed: &str) -> Result<Url, String> {
    let with_scheme =
        if typed.contains("://") { typed.to_owned() } else { format!("http://{typed}") };
    let url =
        Url::parse(&with_scheme).map_err(|error| format!("{typed:?} is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "{typed:?} has the scheme {:?}: only http and https work",
            url.scheme()
        ));
    }
    normalise(url).ok_or_else(|| format!("{typed:?} is not a URL that can be fetched"))
}

/// Scheme, host and port: what robots.txt and connection limits go by. `http://a.org:8080`.
pub fn origin(url: &Url) -> String {
    match url.port() {
        Some(port) => format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or("")),
        None => format!("{}://{}", url.scheme(), url.host_str().unwrap_or("")),
    }
}

/// The site an address belongs to, for the same-host rule: host and port, but not the scheme, so
/// that a site which moves its visitors from http to https stays one site.
pub fn site(url: &Url) -> String {
    match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or("")),
        None => url.host_str().unwrap_or("").to_owned(),
    }
}

/// Whether the ending of the path says that this cannot be hypertext.
pub fn looks_like_a_file(url: &Url) -> bool {
    let name = url.path().rsplit('/').next().unwrap_or("");
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    let ending = ending.to_ascii_lowercase();
    !stem.is_empty() && NOT_HYPERTEXT.binary_search(&ending.as_str()).is_ok()
}

/// `%7e` becomes `~` (an unreserved character needs no escape), `%2f` becomes `%2F`.
fn settle_percents(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(byte as char);
                at += 3;
            }
            Some(byte) => {
                out.push_str(&format!("%{byte:02X}"));
                at += 3;
            }
            None => {
                let next = text[at..].chars().next().unwrap_or('%');
                out.push(next);
                at += next.len_utf8();
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(base: &str, href: &str) -> Option<String> {
        resolve(&Url::parse(base).unwrap(), href).map(String::from)
    }

    /// Goal: the table of the header, row by row.
    /// Method: each pair must come out the same.
    #[test]
    fn spellings_of_one_page_become_one_address() {
        let base = "http://example.org/docs/book/index.html?old=1#x";
        for (href, wanted) in [
            ("HTTP://EXAMPLE.org/A", "http://example.org/A"),
            ("http://example.org:80/b", "http://example.org/b"),
            ("https://example.org:443/b", "https://example.org/b"),
            ("http://example.org:8080/b", "http://example.org:8080/b"),
            ("../a/./b/../c.html", "http://example.org/docs/a/c.html"),
            ("/../../up.html", "http://example.org/up.html"),
            ("http://example.org", "http://example.org/"),
            ("/x%2fy%7ez%C3%a9", "http://example.org/x%2Fy~z%C3%A9"),
            ("/é", "http://example.org/%C3%A9"),
            ("/100%", "http://example.org/100%"),
            ("page.html#part", "http://example.org/docs/book/page.html"),
            ("#part", "http://example.org/docs/book/index.html?old=1"),
            ("", "http://example.org/docs/book/index.html?old=1"),
            ("page.html?", "http://example.org/docs/book/page.html"),
            ("?page=2", "http://example.org/docs/book/index.html?page=2"),
            ("?q=%c3%a4%41", "http://example.org/docs/book/index.html?q=%C3%A4A"),
            ("//other.org/x", "http://other.org/x"),
            (" \n page.html\t", "http://example.org/docs/book/page.html"),
            ("http://me:secret@example.org/in", "http://example.org/in"),
        ] {
            assert_eq!(resolved(base, href).as_deref(), Some(wanted), "{href:?}");
        }
    }

    /// Goal: bringing an address into the one spelling twice changes nothing.
    /// Method: normalise some nasty ones a second time.
    #[test]
    fn the_one_spelling_is_stable() {
        for url in ["http://a.org/%25%37%65", "http://a.org/%2e%2E/x", "http://a.org/a%2?x=%zz"] {
            let Some(once) = normalise(Url::parse(url).unwrap()) else { panic!("{url} refused") };
            let twice = normalise(once.clone()).unwrap();
            assert_eq!(once, twice, "{url}");
        }
    }

    /// Goal: what nobody can fetch is no link.
    /// Method: the usual suspects.
    #[test]
    fn other_schemes_and_monsters_are_refused() {
        for href in
            ["mailto:me@example.org", "javascript:void(0)", "data:text/html,x", "http://", "tel:1"]
        {
            assert_eq!(resolved("http://example.org/", href), None, "{href:?}");
        }
        assert_eq!(resolved("http://example.org/", &"x/".repeat(4000)), None);
    }

    /// Goal: the list of endings can be searched by halves, and endings are not mistaken.
    /// Method: order, then examples of both kinds.
    #[test]
    fn files_are_told_from_pages_by_their_ending() {
        assert!(NOT_HYPERTEXT.is_sorted(), "binary_search needs order");
        let is_file =
            |path: &str| looks_like_a_file(&Url::parse(&format!("http://a.org{path}")).unwrap());
        assert!(is_file("/logo.PNG") && is_file("/a/b.tar.gz") && is_file("/x.css?v=3"));
        assert!(!is_file("/") && !is_file("/a.html") && !is_file("/v1.2/") && !is_file("/.png"));
        assert!(!is_file("/profile.php") && !is_file("/struct.Vec"));
    }

    /// Goal: typed addresses work without a scheme, and wrong ones get one sentence.
    /// Method: both kinds.
    #[test]
    fn typed_addresses_are_read_kindly() {
        assert_eq!(parse_typed("example.org/a").unwrap().as_str(), "http://example.org/a");
        assert_eq!(parse_typed("https://example.org").unwrap().as_str(), "https://example.org/");
        assert!(parse_typed("ftp://example.org").unwrap_err().contains("only http and https"));
        assert!(parse_typed("http://").unwrap_err().contains("is not a URL"));
        assert!(!parse_typed("http://a b").unwrap_err().contains('\n'));
    }
}
