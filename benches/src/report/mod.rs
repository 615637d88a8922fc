//! The report: one page that can be sent to anybody, and that holds all that it claims.
//!
//! ```text
//!   rows, as in --json ──▶ lines ──▶ summary, charts, tables ──▶ one file of HTML
//!            └────────── embedded as they are, to be downloaded ──┘
//! ```
//!
//! Rules
//! 1. The page loads nothing: no script, no font, no picture from elsewhere. Its own security
//!    policy forbids it.
//! 2. What is shown is computed from the rows that are embedded, and from nothing else.
//! 3. A loss takes as much room as a win. What is not there is not drawn.
//! 4. Nothing is told by colour alone: shapes, hatching and words say it too.
//! 5. All text passes through [`html::escape`].
//!
//! Charts are SVG whose horizontal places are percentages: the same chart fills a screen, a
//! telephone and a sheet of paper, and its letters keep their size.

mod bars;
mod counts;
mod families;
mod from_run;
pub mod html;
mod line;
mod method;
mod ratios;
mod scale;
mod sizes;
mod summary;
mod table;

pub use line::{Goal, Line, Verdict};

use serde_json::Value;

use html::escape;

const STYLE: &str = include_str!("style.css");

/// What a run has to say for itself.
#[derive(Debug)]
pub struct Report {
    /// Machine, versions, how it was run: name and value.
    pub facts: Vec<(String, String)>,
    /// Whether the machine was quiet, in a sentence.
    pub noise: String,
    /// Whether that sentence is a warning.
    pub noisy: bool,
    /// What was not measured, and why: a sentence each.
    pub left_out: Vec<String>,
    /// The command that made this report.
    pub command: String,
    /// The rows as the JSON file has them.
    pub rows: Vec<Value>,
}

impl Report {
    /// The whole page.
    ///
    /// Fails if a row lacks a field that every row has.
    pub fn page(&self) -> Result<String, String> {
        let lines: Result<Vec<Line>, String> = self.rows.iter().map(Line::from_json).collect();
        let lines = lines?;
        let (counted, timed): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| line.counts);
        let sections = [
            self.head(&timed),
            summary::section(&timed),
            ratios::section(&timed),
            bars::latency(&timed),
            sizes::section(&timed),
            bars::memory(&timed),
            counts::section(&counted),
            table::section(&timed),
            self.left_out(),
            method::section(&self.command),
            self.raw()?,
        ];
        Ok(format!(
            "<!doctype html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'\">\n\
             <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{}\n</body>\n</html>\n",
            escape(&title(&lines)),
            sections.concat(),
        ))
    }

    fn head(&self, timed: &[&Line]) -> String {
        let facts: String = self
            .facts
            .iter()
            .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value)))
            .collect();
        let (class, sign) = if self.noisy { ("noise loud", "\u{26a0} ") } else { ("noise", "") };
        let links: String = [("charts", "Charts"), ("table", "Table"), ("counts", "Counts")]
            .iter()
            .filter(|(id, _)| *id != "charts" || !timed.is_empty())
            .filter(|(id, _)| *id != "table" || !timed.is_empty())
            .filter(|(id, _)| *id != "counts" || self.rows.len() > timed.len())
            .chain(&[("method", "Method"), ("repeat", "Repeat it"), ("raw", "Raw figures")])
            .map(|(id, name)| format!("<a href=\"#{id}\">{name}</a>\n"))
            .collect();
        format!(
            "{}<header>\n<h1>{}</h1>\n<p class=\"lead\">Lower is better everywhere on this page. A \
             ratio is Rondel divided by its peer: 0.50 means half the cost.</p>\n\
             <nav aria-label=\"Sections\">\n{links}</nav>\n</header>\n<main>\n\
             <section aria-labelledby=\"machine\">\n<h2 id=\"machine\">Machine and build</h2>\n\
             <dl class=\"facts\">\n{facts}</dl>\n<p class=\"{class}\">{sign}{}</p>\n</section>\n",
            html::PATTERNS,
            escape(&title_of(timed)),
            escape(&self.noise),
        )
    }

    fn left_out(&self) -> String {
        if self.left_out.is_empty() {
            return String::new();
        }
        let items: String =
            self.left_out.iter().map(|why| format!("<li>{}</li>\n", escape(why))).collect();
        format!(
            "<section aria-labelledby=\"left-out\">\n<h2 id=\"left-out\">Left out</h2>\n\
             <ul>\n{items}</ul>\n</section>\n"
        )
    }

    fn raw(&self) -> Result<String, String> {
        let text = serde_json::to_string_pretty(&self.rows).map_err(|error| error.to_string())?;
        Ok(format!(
            "<section aria-labelledby=\"raw\">\n<h2 id=\"raw\">Raw figures</h2>\n\
             <p>All {} rows as <code>duel --json</code> writes them: \
             <a download=\"duel.json\" href=\"data:application/json,{}\">download duel.json</a>. \
             They are also in this page's source, in the element <code>#data</code>.</p>\n\
             <script type=\"application/json\" id=\"data\">\n{}\n</script>\n</section>\n</main>",
            self.rows.len(),
            html::percent(&text),
            html::script(&text),
        ))
    }
}

fn title(lines: &[Line]) -> String {
    title_of(&lines.iter().collect::<Vec<_>>())
}

fn title_of(lines: &[&Line]) -> String {
    let mut peers: Vec<&str> = Vec::new();
    for line in lines {
        if !peers.contains(&line.peer.as_str()) {
            peers.push(&line.peer);
        }
    }
    if peers.is_empty() {
        return "Rondel, counted".to_string();
    }
    format!("Rondel against {}", peers.join(", "))
}
