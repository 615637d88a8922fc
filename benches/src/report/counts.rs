//! What was counted instead of timed: the same on every machine.

use super::bars;
use super::html::{escape, figure, ratio};
use super::line::{Line, name};
use crate::counts::Kind;

const KINDS: [Kind; 4] = [Kind::Instructions, Kind::Allocations, Kind::Bytes, Kind::SystemCalls];

/// One table of all counts, and the instructions as bars.
pub fn section(lines: &[&Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let kinds: Vec<Kind> = KINDS
        .into_iter()
        .filter(|kind| lines.iter().any(|line| line.unit == kind.unit()))
        .collect();
    let heads: String = kinds
        .iter()
        .map(|kind| {
            let unit = kind.unit().trim_end_matches("/op");
            format!("<th role=\"columnheader\" scope=\"col\" class=\"number\">{unit}</th>\n")
        })
        .collect();
    let mut names: Vec<String> = Vec::new();
    for line in lines {
        let name = name(line, lines);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let body: String = names.iter().map(|name| row(name, &kinds, lines)).collect();
    let instructions: Vec<&Line> =
        lines.iter().filter(|line| line.unit == Kind::Instructions.unit()).copied().collect();
    let bars = if instructions.is_empty() {
        String::new()
    } else {
        bars::chart("instructions", "Instructions per operation", &instructions)
    };
    format!(
        "<section aria-labelledby=\"counts\">\n<h2 id=\"counts\">Counts</h2>\n\
         <p>What the process did for one operation, counted from outside by valgrind and strace. \
         It does not depend on the machine or on its neighbours. What the kernel does inside a \
         system call is not among the instructions, and an instruction is not a nanosecond: an \
         atomic costs more than ten plain ones.</p>\n<table role=\"table\">\n<caption>Per \
         operation: Rondel / peer (ratio). A goal is for Rondel\u{2019}s own count.</caption>\n\
         <thead role=\"rowgroup\">\n<tr role=\"row\">\n\
         <th role=\"columnheader\" scope=\"col\">row</th>\n{heads}</tr>\n</thead>\n\
         <tbody role=\"rowgroup\">\n{body}</tbody>\n</table>\n{bars}</section>\n"
    )
}

fn row(wanted: &str, kinds: &[Kind], lines: &[&Line]) -> String {
    let cells: String = kinds
        .iter()
        .map(|kind| {
            let found = |line: &&&Line| line.unit == kind.unit() && name(line, lines) == wanted;
            let text = lines.iter().find(found).map_or("\u{2013}".to_string(), |line| cell(line));
            let column = kind.unit().trim_end_matches("/op");
            format!("<td role=\"cell\" class=\"number\" data-column=\"{column}\">{text}</td>\n")
        })
        .collect();
    format!(
        "<tr role=\"row\">\n<th role=\"rowheader\" scope=\"row\"><code>{}</code></th>\n{cells}</tr>\n",
        escape(wanted),
    )
}

fn cell(line: &Line) -> String {
    let goal = match line.meets_goal() {
        None => String::new(),
        Some(true) => format!("<small>goal {} reached</small>", line.goal_text()),
        Some(false) => format!("<small>goal {} <b>missed</b></small>", line.goal_text()),
    };
    format!("{} / {} ({}){goal}", figure(line.rondel), figure(line.peer_value), ratio(line.ratio),)
}
