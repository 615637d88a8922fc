//! The page of `duel --report`: what it holds, and that it needs nothing from elsewhere.
//!
//! html5ever cuts the page into tags as a browser would. How it looks is another test's business:
//! `cargo test -p benches --test page` opens it in Chromium.

mod report_page;

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::Command;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use report_page::{HOSTILE, report};
use serde_json::Value;

/// Elements that have no end tag.
const VOID: &[&str] = &["meta", "br", "img", "input", "link", "hr"];

/// What a page consists of.
#[derive(Default)]
struct Found {
    /// Elements with their attributes, in order.
    elements: Vec<(String, Vec<(String, String)>)>,
    /// Those that are open.
    open: Vec<String>,
    /// What was wrong.
    errors: Vec<String>,
    /// The text of each `script`.
    scripts: Vec<String>,
    /// The text of `style`.
    style: String,
    /// All other text.
    text: String,
}

#[derive(Default)]
struct Sink(RefCell<Found>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut found = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => return found.tag(&tag),
            Token::CharacterTokens(text) => found.text(&text),
            Token::ParseError(error) => found.errors.push(error.into_owned()),
            Token::CommentToken(text) => found.errors.push(format!("a comment: {text}")),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Found {
    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name = tag.name.to_string();
        if tag.kind == TagKind::EndTag {
            let open = self.open.pop();
            if open.as_deref() != Some(&name) {
                self.errors.push(format!("</{name}> closes {open:?}"));
            }
            return TokenSinkResult::Continue;
        }
        let attributes = tag.attrs.iter();
        let attributes = attributes
            .map(|attribute| (attribute.name.local.to_string(), attribute.value.to_string()));
        self.elements.push((name.clone(), attributes.collect()));
        if tag.self_closing || VOID.contains(&name.as_str()) {
            return TokenSinkResult::Continue;
        }
        self.open.push(name.clone());
        match name.as_str() {
            "script" => {
                self.scripts.push(String::new());
                TokenSinkResult::RawData(RawKind::ScriptData)
            }
            "style" => TokenSinkResult::RawData(RawKind::Rawtext),
            _ => TokenSinkResult::Continue,
        }
    }

    fn text(&mut self, text: &str) {
        match self.open.last().map(String::as_str) {
            Some("script") => self.scripts.last_mut().expect("just opened").push_str(text),
            Some("style") => self.style.push_str(text),
            _ => self.text.push_str(text),
        }
    }

    fn attributes<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        let all = self.elements.iter().flat_map(|(_, attributes)| attributes);
        all.filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }
}

fn parse(page: &str) -> Found {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(page));
    let tokenizer = Tokenizer::new(
        Sink::default(),
        TokenizerOpts { exact_errors: true, ..TokenizerOpts::default() },
    );
    while !input.is_empty() {
        let _ = tokenizer.feed(&input); // it stops at each script, as a browser would
    }
    tokenizer.end();
    tokenizer.sink.0.take()
}

fn assert_good_page(page: &str, rows: &[Value]) {
    let found = parse(page);
    assert_eq!(found.errors, Vec::<String>::new());
    assert_eq!(found.open, Vec::<String>::new(), "all is closed");
    assert_needs_nothing_from_elsewhere(&found);
    assert_can_be_read_aloud(&found);
    let [data] = &found.scripts[..] else { panic!("{} scripts", found.scripts.len()) };
    let embedded: Vec<Value> = serde_json::from_str(data).expect("JSON");
    assert!(embedded == rows, "the rows are embedded as they are: {data}");
    for row in rows {
        let name = row["row"].as_str().expect("a name");
        assert!(found.text.contains(name), "{name} is not shown");
    }
}

fn assert_needs_nothing_from_elsewhere(found: &Found) {
    for (element, attributes) in &found.elements {
        for (name, value) in attributes {
            let here = value.starts_with('#') || value.starts_with("data:application/json,");
            let address = ["src", "href", "srcset", "action", "poster", "data", "xlink:href"];
            assert!(!address.contains(&name.as_str()) || here, "<{element} {name}={value}>");
            assert!(!name.starts_with("on"), "<{element} {name}>: no code");
        }
    }
    for (element, attributes) in &found.elements {
        let is_data = attributes.contains(&("type".to_string(), "application/json".to_string()));
        assert!(element != "script" || is_data, "the only script is data");
    }
    let style = &found.style;
    assert!(!style.contains("@import") && !style.contains("http"), "the style loads nothing");
    for (place, _) in style.match_indices("url(") {
        assert!(style[place..].starts_with("url(#"), "{}", &style[place..place + 30]);
    }
}

fn assert_can_be_read_aloud(found: &Found) {
    let count = |name: &str| found.elements.iter().filter(|(element, _)| element == name).count();
    assert_eq!(count("h1"), 1);
    assert_eq!(count("caption"), count("table"), "each table has a caption");
    let ids: Vec<&str> = found.attributes("id").collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "each id stands once: {ids:?}");
    for wanted in found.attributes("aria-labelledby") {
        assert!(ids.contains(&wanted), "nothing has the id {wanted}");
    }
    for link in found.attributes("href").filter_map(|link| link.strip_prefix('#')) {
        assert!(ids.contains(&link), "a link leads to #{link}, which is not there");
    }
    let labelled = found.elements.iter().filter(|(element, attributes)| {
        element == "svg" && attributes.iter().any(|(name, value)| name == "role" && value == "img")
    });
    for (_, attributes) in labelled {
        assert!(
            attributes.iter().any(|(name, _)| name == "aria-labelledby"),
            "a chart has a title"
        );
    }
    let mut level = 1;
    for (element, _) in &found.elements {
        let heading = element.strip_prefix('h').and_then(|level| level.parse::<u32>().ok());
        let Some(next) = heading else { continue };
        assert!(next <= level + 1, "a heading h{next} under h{level}");
        level = next;
    }
}

/// Goal: show that the page is whole and holds what it claims, whatever the rows contain.
/// Method: a made-up run with one of everything, and text in it that would like to be code.
#[test]
fn a_made_up_run_becomes_a_page_that_needs_nothing_from_elsewhere() {
    let report = report();
    let page = report.page().expect("a page");
    assert_good_page(&page, &report.rows);
    let text = parse(&page).text;
    assert!(text.contains(HOSTILE), "hostile text is shown as text");
    for part in ["Cost against size", "Latency", "Memory", "Counts", "Left out", "missed"] {
        assert!(text.contains(part), "`{part}` is missing");
    }
}

/// Goal: show that nothing is drawn of which there is nothing.
/// Method: a run of two rows: no curve, no memory, no latency, no counts.
#[test]
fn what_is_not_there_is_not_drawn() {
    let mut report = report();
    report
        .rows
        .retain(|row| ["spawn_await_each", "select_2"].iter().any(|name| row["row"] == *name));
    report.left_out.clear();
    let page = report.page().expect("a page");
    assert_good_page(&page, &report.rows);
    let text = parse(&page).text;
    for part in ["Cost against size", "Latency", "Memory", "Left out"] {
        assert!(!text.contains(part), "`{part}` of nothing");
    }
    assert!(!parse(&page).attributes("id").any(|id| id == "counts"), "counts of nothing");
}

/// Goal: show that wins, draws and losses are told, and counted rightly.
/// Method: the numbers in the cards against the verdicts of the rows.
#[test]
fn the_summary_counts_what_the_rows_say() {
    let report = report();
    let text = parse(&report.page().expect("a page")).text;
    for verdict in ["slower", "same", "faster"] {
        let timed = report.rows.iter().filter(|row| row["what"].is_string());
        let many = timed
            .filter(|row| {
                !row["unit"].as_str().unwrap().ends_with("/op") || row["unit"] == "cpu ns/op"
            })
            .filter(|row| row["verdict"] == verdict)
            .count();
        let sign = match verdict {
            "slower" => "\u{25b6}",
            "same" => "\u{25cf}",
            _ => "\u{25c0}",
        };
        let card = format!("{many} {sign} {verdict}");
        assert!(text.contains(&card), "no card `{card}`");
    }
}

/// Goal: show that what a duel measures is what its page shows.
/// Method: a short real one of two rows, with its JSON beside the page.
#[test]
fn a_real_run_becomes_a_page_too() {
    let place = |name: &str| Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (page, json) = (place("report-real.html"), place("report-real.json"));
    let output = Command::new(env!("CARGO_BIN_EXE_duel"))
        .args(["timeout_ready", "select_2", "--quick", "--reps", "1", "--no-pin"])
        .arg("--report")
        .arg(&page)
        .arg("--json")
        .arg(&json)
        .output()
        .expect("the duel starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json = fs::read_to_string(json).expect("the rows");
    let rows: Vec<Value> = serde_json::from_str(&json).expect("JSON");
    assert_eq!(rows.len(), 2, "a row each");
    let page = fs::read_to_string(page).expect("the page");
    assert_good_page(&page, &rows);
    let command = "duel -- timeout_ready select_2 --quick --reps 1 --no-pin";
    assert!(parse(&page).text.contains(command), "how to repeat it");
}

/// Goal: show that a row without what every row has is an error and not an empty place.
/// Method: take the unit away from one.
#[test]
fn a_row_without_a_unit_is_an_error() {
    let mut report = report();
    report.rows[0].as_object_mut().expect("a row").remove("unit");
    let error = report.page().expect_err("no page");
    assert!(error.contains("spawn_join_1k") && error.contains("unit"), "{error}");
}
