//! The summary: how many rows are faster, the same, slower; by name; and which goals are missed.

use super::html::{escape, figure, ratio};
use super::line::{Goal, Line, Verdict, name};
use crate::pair::PAIRS_MIN;

/// Wins, draws and losses side by side, each as large as the others.
pub fn section(lines: &[&Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let cards: String = [Verdict::Slower, Verdict::Same, Verdict::Faster]
        .into_iter()
        .map(|verdict| card(verdict, lines))
        .collect();
    let few = lines.iter().filter(|line| line.reps < PAIRS_MIN as u64).count();
    let few = match few {
        0 => String::new(),
        _ => format!(
            "<p class=\"noise loud\">Of {few} rows there are fewer than {PAIRS_MIN} pairs, which \
             show nothing: they stand under <i>same</i>, whatever their ratio.</p>\n"
        ),
    };
    format!(
        "<section aria-labelledby=\"summary\">\n<h2 id=\"summary\">Summary</h2>\n{few}\
         <div class=\"cards\">\n{cards}</div>\n{}</section>\n",
        goals(lines),
    )
}

fn card(verdict: Verdict, lines: &[&Line]) -> String {
    let mut members: Vec<&Line> =
        lines.iter().filter(|line| line.verdict == verdict).copied().collect();
    // What is worst for us stands first.
    members.sort_by(|a, b| b.ratio.unwrap_or(f64::MAX).total_cmp(&a.ratio.unwrap_or(f64::MAX)));
    let items: String = members
        .iter()
        .map(|line| {
            format!(
                "<li><span>{}</span> <b>{}</b></li>\n",
                escape(&name(line, lines)),
                ratio(line.ratio),
            )
        })
        .collect();
    let list = if members.is_empty() {
        "<p>no row</p>\n".to_string()
    } else {
        format!("<ul>\n{items}</ul>\n")
    };
    let (word, sign, many) = (verdict.word(), verdict.sign(), members.len());
    format!(
        "<div class=\"card {word}-card\">\n<h3><span class=\"number\">{many}</span> \
         <span aria-hidden=\"true\">{sign}</span> {word}</h3>\n{list}</div>\n"
    )
}

fn goals(lines: &[&Line]) -> String {
    let judged: Vec<&&Line> = lines.iter().filter(|line| line.meets_goal().is_some()).collect();
    if judged.is_empty() {
        return String::new();
    }
    let missed: Vec<&&&Line> =
        judged.iter().filter(|line| line.meets_goal() == Some(false)).collect();
    let reached = judged.len() - missed.len();
    let list: String = missed
        .iter()
        .map(|line| format!("<li>{}</li>\n", shortfall(line, &name(line, lines))))
        .collect();
    let list =
        if missed.is_empty() { list } else { format!("<ul class=\"missed\">\n{list}</ul>\n") };
    let end = if missed.is_empty() { "." } else { "; missed are:" };
    format!(
        "<p>There is a goal for {} of these rows: {reached} reached, {} missed{end}</p>\n{list}",
        judged.len(),
        missed.len(),
    )
}

/// What is and what was wanted, in the measure that the goal is set in.
fn shortfall(line: &Line, name: &str) -> String {
    let is = match line.goal {
        Goal::Figure(_) => format!("{} {}", figure(line.rondel), escape(&line.unit)),
        Goal::Open | Goal::Ratio(_) => ratio(line.ratio),
    };
    format!("<span>{}</span> <b>{is}</b>, wanted {}", escape(name), line.goal_text())
}
