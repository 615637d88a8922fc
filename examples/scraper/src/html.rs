//! What a page of hypertext leads to: its links, its title.
//!
//! html5ever cuts the page into tags as a browser would (comments, scripts, broken markup and
//! character references included). A tree is not needed to find links, so none is built: that saves
//! two thirds of the time.
//!
//! What counts as a link:
//!
//! | tag                                               | where to           |
//! |---------------------------------------------------|--------------------|
//! | `a`, `area`                                       | `href`             |
//! | `frame`, `iframe`                                 | `src`              |
//! | `link rel="next\|prev\|canonical\|alternate"`, if `type` is hypertext or missing | `href` |
//! | `meta http-equiv="refresh"`                       | the `url=` in it   |
//!
//! Rules
//! 1. The first `base href` is what relative links are relative to, wherever it stands.
//! 2. `rel="nofollow"` on a link and `<meta name="robots" content="nofollow">` on a page are
//!    obeyed, unless robots are ignored altogether.
//! 3. What stands in a `template` is no link: a browser does not show it either.
//! 4. Each address once a page, in the order of its first appearance.
//!
//! Pages are read as UTF-8; in another encoding the title may suffer, links hardly ever do.

use std::cell::RefCell;
use std::collections::HashSet;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use url::Url;

use crate::urls;

/// From this size on a page is parsed on the blocking pool: 64 KiB take about a millisecond, and
/// the loop has sockets to serve meanwhile.
pub const LARGE_PAGE_BYTES: usize = 64 * 1024;

/// A longer title is cut.
const TITLE_LEN_MAX: usize = 300;

/// What was found in one page.
#[derive(Debug, Default, PartialEq)]
pub struct Page {
    /// The text of the first `title`, white space folded.
    pub title: String,
    /// Where the page leads, in the one spelling of [`urls`], each address once.
    pub links: Vec<Url>,
}

/// Finds title and links in `body`, a page that was read from `address`.
///
/// - `obey_nofollow`: see rule 2.
pub fn parse(address: &Url, body: &[u8], obey_nofollow: bool) -> Page {
    let text = String::from_utf8_lossy(body);
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(text.trim_start_matches('\u{feff}')));
    let sink = Collector { found: RefCell::default(), obey_nofollow };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    // `feed` stops where a browser would run a script; there is none to run, so go on.
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    tokenizer.sink.found.take().into_page(address)
}

/// What the tags said, before it is made sense of.
#[derive(Default)]
struct Found {
    base: Option<String>,
    hrefs: Vec<String>,
    title: Option<String>,
    in_title: bool,
    templates_open: usize,
    nofollow: bool,
}

impl Found {
    fn into_page(self, address: &Url) -> Page {
        let base = self.base.and_then(|base| address.join(base.trim()).ok());
        let base = base.as_ref().unwrap_or(address);
        let mut seen = HashSet::new();
        let links = if self.nofollow { &[][..] } else { &self.hrefs[..] };
        let links = links
            .iter()
            .filter_map(|href| urls::resolve(base, href))
            .filter(|url| seen.insert(url.as_str().to_owned()))
            .collect();
        let words: Vec<&str> = self.title.as_deref().unwrap_or("").split_whitespace().collect();
        let title = words.join(" ").chars().take(TITLE_LEN_MAX).collect();
        Page { title, links }
    }
}

struct Collector {
    found: RefCell<Found>,
    obey_nofollow: bool,
}

impl TokenSink for Collector {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut found = self.found.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                self.start(&mut found, &tag);
                return how_to_read_on(&tag.name);
            }
            Token::TagToken(tag) => match &*tag.name {
                "title" => found.in_title = false,
                "template" => found.templates_open = found.templates_open.saturating_sub(1),
                _ => {}
            },
            Token::CharacterTokens(text) if found.in_title => {
                found.title.get_or_insert_default().push_str(&text);
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Collector {
    fn start(&self, found: &mut Found, tag: &Tag) {
        if &*tag.name == "template" {
            found.templates_open += 1;
        }
        if found.templates_open > 0 {
            return;
        }
        match &*tag.name {
            "a" | "area" if !(self.obey_nofollow && has_word(tag, "rel", &["nofollow"])) => {
                found.hrefs.extend(attribute(tag, "href").map(str::to_owned));
            }
            "frame" | "iframe" => found.hrefs.extend(attribute(tag, "src").map(str::to_owned)),
            "link" if leads_to_hypertext(tag) => {
                found.hrefs.extend(attribute(tag, "href").map(str::to_owned));
            }
            "base" if found.base.is_none() => {
                found.base = attribute(tag, "href").map(str::to_owned);
            }
            "meta" => self.meta(found, tag),
            "title" if found.title.is_none() => found.in_title = true,
            _ => {}
        }
    }

    fn meta(&self, found: &mut Found, tag: &Tag) {
        let content = attribute(tag, "content").unwrap_or("");
        if attribute(tag, "http-equiv").is_some_and(|kind| kind.eq_ignore_ascii_case("refresh")) {
            found.hrefs.extend(refresh_target(content));
        }
        let speaks_to_robots =
            attribute(tag, "name").is_some_and(|name| name.eq_ignore_ascii_case("robots"));
        if self.obey_nofollow && speaks_to_robots {
            let asks = |word: &str| {
                let word = word.trim();
                word.eq_ignore_ascii_case("nofollow") || word.eq_ignore_ascii_case("none")
            };
            found.nofollow |= content.split(',').any(asks);
        }
    }
}

/// The text inside these tags is no markup; the tokenizer must be told, because it is the tree
/// builder that usually does.
fn how_to_read_on(name: &str) -> TokenSinkResult<()> {
    match name {
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
            TokenSinkResult::RawData(RawKind::Rawtext)
        }
        "textarea" | "title" => TokenSinkResult::RawData(RawKind::Rcdata),
        "plaintext" => TokenSinkResult::Plaintext,
        _ => TokenSinkResult::Continue,
    }
}

fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    tag.attrs.iter().find(|attr| &*attr.name.local == name).map(|attr| &*attr.value)
}

fn has_word(tag: &Tag, name: &str, words: &[&str]) -> bool {
    let value = attribute(tag, name).unwrap_or("");
    value.split_whitespace().any(|have| words.iter().any(|word| have.eq_ignore_ascii_case(word)))
}

fn leads_to_hypertext(tag: &Tag) -> bool {
    let hypertext = attribute(tag, "type").is_none_or(is_hypertext);
    hypertext
        && has_word(tag, "rel", &["next", "prev", "canonical", "alternate"])
        && !has_word(tag, "rel", &["stylesheet"])
}

/// Whether a content type such as `text/html; charset=utf-8` is one that has links.
pub fn is_hypertext(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or("").trim();
    kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
}

/// `5; URL='next.html'` leads to `next.html`; `5` alone leads nowhere.
fn refresh_target(content: &str) -> Option<String> {
    let (_, rest) = content.split_once([';', ','])?;
    let rest = rest.trim_start();
    let target = match rest.get(..3) {
        Some(start) if start.eq_ignore_ascii_case("url") => {
            let rest = rest[3..].trim_start();
            rest.strip_prefix('=')?.trim()
        }
        _ => rest.trim(),
    };
    let quote = target.chars().next().filter(|first| matches!(first, '\'' | '"'));
    let target = match quote {
        Some(quote) => target[1..].split(quote).next().unwrap_or(""),
        None => target,
    };
    (!target.is_empty()).then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(html: &str) -> Vec<String> {
        let address = Url::parse("http://a.org/docs/page.html").unwrap();
        parse(&address, html.as_bytes(), true).links.into_iter().map(String::from).collect()
    }

    /// Goal: every kind of link of the table is found, once, in order.
    /// Method: one page with all of them and some doubles.
    #[test]
    fn every_kind_of_link_is_found_once_and_in_order() {
        let found = links(
            "<title> A \n page </title><a href=one.html>1</a><A HREF='/two?x=1&amp;y=2#z'>2</A>
             <map><area href=\"../three\"></map><iframe src=four></iframe><a href=one.html#again>
             <link rel=next href=five><link rel=stylesheet href=no.css>
             <link rel='alternate' type='application/rss+xml' href=no.rss>
             <link rel=alternate type='text/html' hreflang=de href=six>
             <meta http-equiv=Refresh content=\"0; URL='seven.html'\"><a name=no><a href='mailto:x@y'>",
        );
        let wanted = [
            "docs/one.html",
            "two?x=1&y=2",
            "three",
            "docs/four",
            "docs/five",
            "docs/six",
            "docs/seven.html",
        ];
        assert_eq!(found, wanted.map(|path| format!("http://a.org/{path}")));
    }

    /// Goal: what only looks like a link is none.
    /// Method: links in comments, scripts, styles, text areas and templates, and one true link.
    #[test]
    fn links_in_comments_scripts_and_templates_are_none() {
        let found = links(
            "<!-- <a href=c> --><script>var s = '<a href=s>';</script><style>/*<a href=y>*/</style>
             <textarea><a href=t></textarea><template><a href=p></template>
             <noscript><a href=true></a></noscript>",
        );
        assert_eq!(found, ["http://a.org/docs/true"]);
    }

    /// Goal: `base` holds for links before and after it, and only the first one does.
    /// Method: two of them, the first relative itself.
    #[test]
    fn the_first_base_holds_for_all_links() {
        let found =
            links("<a href=x></a><base href='/other/'><base href='/no/'><a href='y#z'></a>");
        assert_eq!(found, ["http://a.org/other/x", "http://a.org/other/y"]);
    }

    /// Goal: nofollow is obeyed on a link and on a page, and can be ignored.
    /// Method: the same markup both ways.
    #[test]
    fn nofollow_is_obeyed_unless_told_otherwise() {
        assert_eq!(
            links("<a rel='x NoFollow' href=no></a><a href=yes></a>"),
            ["http://a.org/docs/yes"]
        );
        let html = "<meta name=ROBOTS content='noindex, nofollow'><a href=x>";
        assert!(links(html).is_empty());
        let address = Url::parse("http://a.org/").unwrap();
        assert_eq!(parse(&address, html.as_bytes(), false).links.len(), 1);
    }

    /// Goal: titles are folded, references are read, broken pages do no harm.
    /// Method: one of each.
    #[test]
    fn titles_and_broken_pages_are_read_with_patience() {
        let address = Url::parse("http://a.org/").unwrap();
        let title = |html: &[u8]| parse(&address, html, true).title;
        assert_eq!(
            title(b"<title>\n Fish &amp;\tchips </title><svg><title>no</title>"),
            "Fish & chips"
        );
        assert_eq!(title(b"<title>caf\xe9"), "caf\u{fffd}");
        assert_eq!(title(b""), "");
        assert_eq!(links("<a href=x"), Vec::<String>::new());
        assert_eq!(links("<a href='http://['></a><a href=ok>").len(), 1);
    }

    /// Goal: the odd grammar of `refresh`.
    /// Method: the forms seen in the wild.
    #[test]
    fn a_refresh_is_a_link_in_any_of_its_forms() {
        for (content, wanted) in [
            ("0;url=a.html", Some("a.html")),
            ("0; URL = 'a.html'", Some("a.html")),
            ("3, \"a.html\"", Some("a.html")),
            ("0;a.html", Some("a.html")),
            ("5", None),
            ("5;", None),
            ("5; url=", None),
        ] {
            assert_eq!(refresh_target(content).as_deref(), wanted, "{content:?}");
        }
    }

    /// Goal: content types are told apart whatever their parameters.
    /// Method: a few.
    #[test]
    fn hypertext_is_known_by_its_type() {
        assert!(is_hypertext("text/html") && is_hypertext("Text/HTML;charset=utf-8"));
        assert!(is_hypertext("application/xhtml+xml ; x") && !is_hypertext("text/plain"));
    }
}
