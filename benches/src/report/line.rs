//! A row of the JSON file, as the page sees it.

use serde_json::Value;

use super::html;
use crate::counts::Kind;
use crate::pair::median;

/// Ratio against 1, with the whole interval in mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval lies below 1.
    Faster,
    /// The interval contains 1.
    Same,
    /// The whole interval lies above 1.
    Slower,
}

impl Verdict {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Same => "same",
            Self::Slower => "slower",
        }
    }

    /// The same for those who see no colour: it points to where the bar goes.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Faster => "\u{25c0}",
            Self::Same => "\u{25cf}",
            Self::Slower => "\u{25b6}",
        }
    }
}

/// What was wanted of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Nothing.
    Open,
    /// The ratio at most.
    Ratio(f64),
    /// Rondel's own figure at most.
    Figure(f64),
}

/// One row against one peer.
#[derive(Clone, Debug)]
pub struct Line {
    /// The row's name.
    pub row: String,
    /// What one operation is.
    pub what: String,
    /// `local` or `stealing`.
    pub flavour: String,
    /// Whom Rondel is compared with.
    pub peer: String,
    /// The unit of both figures.
    pub unit: String,
    /// Rondel's figure.
    pub rondel: f64,
    /// The peer's figure.
    pub peer_value: f64,
    /// Rondel / peer; `None` beside nothing.
    pub ratio: Option<f64>,
    /// The interval's lower end.
    pub low: Option<f64>,
    /// The interval's upper end.
    pub high: Option<f64>,
    /// What that says.
    pub verdict: Verdict,
    /// How many pairs.
    pub reps: u64,
    /// Wall time in nanoseconds, Rondel's and the peer's.
    pub wall: Option<(f64, f64)>,
    /// What was wanted.
    pub goal: Goal,
    /// Whether it was counted and not timed.
    pub counts: bool,
}

impl Line {
    /// Reads a row.
    ///
    /// Fails if a field that every row has is missing or is something else.
    pub fn from_json(json: &Value) -> Result<Self, String> {
        let missing = |field: &str| format!("the row {} has no {field}", json["row"]);
        let text = |field: &str| json[field].as_str().ok_or_else(|| missing(field));
        let number = |field: &str| json[field].as_f64().ok_or_else(|| missing(field));
        let row = text("row")?.to_string();
        let unit = text("unit")?.to_string();
        let counts = [Kind::Instructions, Kind::Allocations, Kind::Bytes, Kind::SystemCalls]
            .iter()
            .any(|kind| kind.unit() == unit);
        Ok(Self {
            what: json["what"].as_str().unwrap_or_default().to_string(),
            flavour: text("flavour")?.to_string(),
            peer: text("peer")?.to_string(),
            rondel: number("rondel")?,
            peer_value: number("peer_value")?,
            ratio: json["ratio"].as_f64(),
            low: json["low"].as_f64(),
            high: json["high"].as_f64(),
            verdict: match text("verdict")? {
                "faster" => Verdict::Faster,
                "same" => Verdict::Same,
                "slower" => Verdict::Slower,
                other => return Err(format!("{row} has a verdict that nobody knows: {other}")),
            },
            reps: json["reps"].as_u64().ok_or_else(|| missing("reps"))?,
            wall: wall(json),
            goal: goal(json),
            counts,
            row,
            unit,
        })
    }

    /// Whether the goal is reached; `None` without one.
    pub fn meets_goal(&self) -> Option<bool> {
        match self.goal {
            Goal::Open => None,
            Goal::Ratio(most) => self.ratio.map(|ratio| ratio <= most),
            Goal::Figure(most) => Some(self.rondel <= most),
        }
    }

    /// The goal as a ratio, to be marked on a scale of ratios.
    pub fn goal_ratio(&self) -> Option<f64> {
        match self.goal {
            Goal::Open => None,
            Goal::Ratio(most) => Some(most),
            Goal::Figure(most) => Some(most / self.peer_value).filter(|ratio| ratio.is_finite()),
        }
    }

    /// The goal in words.
    pub fn goal_text(&self) -> String {
        match self.goal {
            Goal::Open => "\u{2013}".to_string(),
            Goal::Ratio(most) => format!("\u{2264} {}", html::ratio(Some(most))),
            Goal::Figure(most) => format!("\u{2264} {}", html::figure(most)),
        }
    }
}

fn goal(json: &Value) -> Goal {
    match (json["goal"].as_f64(), json["goal_figure"].as_f64()) {
        (Some(most), _) => Goal::Ratio(most),
        (_, Some(most)) => Goal::Figure(most),
        _ => Goal::Open,
    }
}

/// The medians of the runs' wall times, if they were taken.
fn wall(json: &Value) -> Option<(f64, f64)> {
    let median_of = |field: &str| {
        let walls = json[field].as_array()?.iter().filter_map(Value::as_f64);
        Some(median(&walls.collect::<Vec<_>>())).filter(|wall| *wall > 0.0)
    };
    median_of("rondel_wall").zip(median_of("peer_wall"))
}

/// Whether the lines differ in something, so that each has to say which it is.
pub fn differ<'a, T: PartialEq>(lines: &[&'a Line], field: impl Fn(&'a Line) -> T) -> bool {
    lines.windows(2).any(|two| field(two[0]) != field(two[1]))
}

/// A line's name among others: the row, and its flavour and peer where these differ.
pub fn name(line: &Line, among: &[&Line]) -> String {
    let mut name = line.row.clone();
    if differ(among, |line| &line.flavour) {
        name += &format!(" \u{b7} {}", line.flavour);
    }
    if differ(among, |line| &line.peer) {
        name += &format!(" \u{b7} {}", line.peer);
    }
    name
}
