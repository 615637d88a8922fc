//! robots.txt: what a site asks of crawlers, and how it is obeyed.
//!
//! | answer to `GET /robots.txt`     | what follows                                              |
//! |---------------------------------|-----------------------------------------------------------|
//! | 200                             | the rules in it                                           |
//! | 4xx, also 401 and 403           | everything is allowed (RFC 9309, 2.3.1.3)                 |
//! | 5xx or no answer, after retries | nothing is allowed: the site may be in trouble (2.3.1.4)  |
//!
//! Rules
//! 1. The groups that name us (product token, any case) count; without one, those of `*`.
//! 2. The longest pattern that matches decides; at equal length Allow wins. No match allows.
//! 3. `*` stands for any characters, `$` at the end for the end of the path.
//! 4. `Crawl-delay` is no standard, but a wish that costs little to fulfil; above a minute it is
//!    taken as a minute.
//!
//! Source: RFC 9309, "Robots Exclusion Protocol", 2022.

use std::time::Duration;

/// RFC 9309 asks crawlers to read at least 500 KiB; what comes after that is ignored.
const READ_BYTES_MAX: usize = 500 * 1024;

/// A longer crawl delay would let a crawl hang for days.
const CRAWL_DELAY_MAX: Duration = Duration::from_secs(60);

/// The rules of one site for us.
#[derive(Clone, Debug, Default)]
pub struct Robots {
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
    sitemaps: Vec<String>,
}

#[derive(Clone, Debug)]
struct Rule {
    allow: bool,
    pattern: String,
}

impl Robots {
    /// No rules: everything may be fetched.
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// Nothing may be fetched.
    pub fn refuse_all() -> Self {
        let rules = vec![Rule { allow: false, pattern: "/".into() }];
        Self { rules, ..Self::default() }
    }

    /// Reads a robots.txt as the crawler `product` (a token such as `rondel-scraper`) sees it.
    pub fn parse(text: &[u8], product: &str) -> Self {
        let text = String::from_utf8_lossy(&text[..text.len().min(READ_BYTES_MAX)]);
        let (mut ours, mut everyones) = (Group::default(), Group::default());
        let mut sitemaps = Vec::new();
        // Which groups the lines below speak to, and whether a name may still join them.
        let (mut to_us, mut to_all, mut naming) = (false, false, false);
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.split('#').next().unwrap_or("");
            let Some((key, value)) = line.split_once(':') else { continue };
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
            match key.as_str() {
                "user-agent" => {
                    if !naming {
                        (to_us, to_all, naming) = (false, false, true);
                    }
                    to_all |= value == "*";
                    to_us |= names_us(value, product);
                }
                "sitemap" => sitemaps.push(value.to_owned()),
                _ => {
                    naming = false;
                    if to_us {
                        ours.take(&key, value);
                    }
                    if to_all {
                        everyones.take(&key, value);
                    }
                }
            }
            ours.named |= to_us;
        }
        let group = if ours.named { ours } else { everyones };
        Self { rules: group.rules, crawl_delay: group.crawl_delay, sitemaps }
    }

    /// Whether `path_and_query` (`/a/b?c`, in the spelling of `urls`) may be fetched.
    pub fn allows(&self, path_and_query: &str) -> bool {
        if path_and_query == "/robots.txt" {
            return true;
        }
        self.rules
            .iter()
            .filter(|rule| matches(&rule.pattern, path_and_query))
            .max_by_key(|rule| (rule.pattern.len(), rule.allow))
            .is_none_or(|rule| rule.allow)
    }

    /// The pause that the site wishes between two requests.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// The sitemaps that the file names, as written there.
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }
}

/// The lines of all groups that speak to one name.
#[derive(Default)]
struct Group {
    named: bool,
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
}

impl Group {
    fn take(&mut self, key: &str, value: &str) {
        match key {
            // An empty pattern matches nothing, so the line says nothing.
            "allow" | "disallow" if !value.is_empty() => {
                let pattern = settle(value);
                self.rules.push(Rule { allow: key == "allow", pattern });
            }
            "crawl-delay" => {
                let seconds = value.parse::<f64>().ok().filter(|s| s.is_finite() && *s > 0.0);
                self.crawl_delay = seconds
                    .map(|s| Duration::from_secs_f64(s.min(CRAWL_DELAY_MAX.as_secs_f64())))
                    .or(self.crawl_delay);
            }
            _ => {}
        }
    }
}

/// `Rondel-Scraper/1.0` in a file speaks to the product `rondel-scraper`.
fn names_us(value: &str, product: &str) -> bool {
    let token = value.split(|c: char| c == '/' || c.is_whitespace()).next().unwrap_or("");
    token.eq_ignore_ascii_case(product)
}

/// Patterns are compared with normalised paths, so they get the same spelling: non-ASCII letters
/// are escaped, escapes are in capitals, and unreserved characters stand for themselves.
fn settle(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let bytes = pattern.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let digits = (bytes[at] == b'%').then(|| pattern.get(at + 1..at + 3)).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(byte as char);
                at += 3;
            }
            Some(byte) => {
                out.push_str(&format!("%{byte:02X}"));
                at += 3;
            }
            None if bytes[at].is_ascii_graphic() => {
                out.push(bytes[at] as char);
                at += 1;
            }
            None => {
                out.push_str(&format!("%{:02X}", bytes[at]));
                at += 1;
            }
        }
    }
    out
}

/// Matches a pattern from the start of the path. The star is found greedily from the left, which is
/// enough because only the last piece can be tied to the end.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, to_the_end) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or("");
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    let mut last = None;
    for piece in pieces {
        if let Some(piece) = last.replace(piece) {
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
    }
    match (last, to_the_end) {
        (None, true) => rest.is_empty(),
        (None, false) => true,
        (Some(piece), true) => rest.ends_with(piece),
        (Some(piece), false) => rest.contains(piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Robots {
        Robots::parse(text.as_bytes(), "rondel-scraper")
    }

    /// Goal: the examples of RFC 9309 (2.2.2 and 5.2) and the wildcards.
    /// Method: one pattern, paths that match and paths that do not.
    #[test]
    fn patterns_match_as_the_standard_says() {
        for (pattern, hits, misses) in [
            ("/fish", vec!["/fish", "/fish.html", "/fish/x", "/fishheads"], vec!["/Fish", "/cat"]),
            ("/fish/", vec!["/fish/", "/fish/a?b"], vec!["/fish", "/fish.html"]),
            ("/*.php", vec!["/a.php", "/d/a.php5", "/a.php?x"], vec!["/", "/a.PHP"]),
            ("/*.php$", vec!["/a.php", "/d/a.php", "/a.php.php"], vec!["/a.php?x", "/a.php5"]),
            ("/a*b*c", vec!["/abc", "/axxbyyc", "/abbcc/d"], vec!["/acb", "/ab"]),
            ("/$", vec!["/"], vec!["/a"]),
            ("/*?", vec!["/a?b"], vec!["/a"]),
            ("*", vec!["/", "/a"], vec![]),
        ] {
            for path in hits {
                assert!(matches(pattern, path), "{pattern} should match {path}");
            }
            for path in misses {
                assert!(!matches(pattern, path), "{pattern} should not match {path}");
            }
        }
    }

    /// Goal: the longest pattern decides, and Allow wins a tie.
    /// Method: the order of the lines is turned round; nothing may change.
    #[test]
    fn the_longest_match_decides_whatever_the_order() {
        for text in [
            "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/c\nAllow: /t\nDisallow: /t",
            "User-agent: *\nDisallow: /t\nAllow: /t\nDisallow: /a/b/c\nAllow: /a/b\nDisallow: /a",
        ] {
            let robots = rules(text);
            assert!(!robots.allows("/a") && !robots.allows("/a/x"));
            assert!(robots.allows("/a/b") && robots.allows("/a/b/x"));
            assert!(!robots.allows("/a/b/c") && robots.allows("/t") && robots.allows("/other"));
        }
    }

    /// Goal: our own group hides the general one, several groups of one name are one, and several
    /// names may stand over one group.
    /// Method: a file with all of that.
    #[test]
    fn the_group_that_names_us_counts_alone() {
        let robots = rules(
            "# hello\nUser-agent: *\nDisallow: /\n\nUser-Agent: other\nuser-agent: RONDEL-scraper/2.0\n\
             Disallow: /one # not here\nCrawl-delay: 0.5\n\nUser-agent: rondel-scraper\nDisallow: /two\n\
             Sitemap: http://a.org/map.xml\n",
        );
        assert!(robots.allows("/") && robots.allows("/x"));
        assert!(!robots.allows("/one") && !robots.allows("/two"));
        assert_eq!(robots.crawl_delay(), Some(Duration::from_millis(500)));
        assert_eq!(robots.sitemaps(), ["http://a.org/map.xml"]);
    }

    /// Goal: a group of ours without rules frees us from the general one.
    /// Method: an empty Disallow.
    #[test]
    fn an_empty_disallow_allows_everything() {
        let robots = rules("User-agent: *\nDisallow: /\nUser-agent: rondel-scraper\nDisallow:\n");
        assert!(robots.allows("/anything"));
    }

    /// Goal: spelling does not matter, and rubbish does no harm.
    /// Method: escapes, a byte order mark, bytes that are no text, a silly delay.
    #[test]
    fn odd_files_are_read_all_the_same() {
        let robots = rules(
            "\u{feff}user-agent:*\ndisallow:/caf\u{e9}\ndisallow:/%7euser\nfoo\n:\nCrawl-delay: 1e9",
        );
        assert!(!robots.allows("/caf%C3%A9") && !robots.allows("/~user"));
        assert_eq!(robots.crawl_delay(), Some(CRAWL_DELAY_MAX));
        assert!(Robots::parse(&[0xff, 0xfe, 0, 1, 2], "x").allows("/"));
        assert_eq!(rules("user-agent: *\ncrawl-delay: -1").crawl_delay(), None);
    }

    /// Goal: a site in trouble is left alone, a site without a file is open.
    /// Method: the two fixed answers.
    #[test]
    fn the_two_fixed_answers_say_all_or_nothing() {
        assert!(Robots::allow_all().allows("/x") && !Robots::refuse_all().allows("/x"));
        assert!(Robots::refuse_all().allows("/robots.txt"));
    }
}
