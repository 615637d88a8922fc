//! The ratios, family by family, on one logarithmic scale around 1.
//!
//! ```text
//!   spawn_join_1k                              0.28 ◀ faster
//!            ├─█████████████████│                              bar from 1 to the ratio
//!            ◇                  1                              whisker: the interval; ◇ the goal
//! ```

use super::families::{self, FAMILIES};
use super::html::{escape, ratio};
use super::line::{Line, Verdict, name};
use super::scale::Log;

/// Height of one line of the chart, in pixels.
const LINE: usize = 46;
/// Height of the axis above the lines.
const AXIS: usize = 30;

/// All families that have a line.
pub fn section(lines: &[&Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let values = lines.iter().flat_map(|line| {
        [line.ratio, line.low, line.high, line.goal_ratio(), Some(0.5), Some(2.0)]
            .into_iter()
            .flatten()
    });
    let scale = Log::of(values, 3.0, 97.0);
    let charts: String = FAMILIES
        .iter()
        .map(|family| {
            let here = |line: &&&Line| families::of(&line.row) == *family;
            let members: Vec<&Line> = lines.iter().filter(here).copied().collect();
            if members.is_empty() { String::new() } else { chart(family, &members, lines, &scale) }
        })
        .collect();
    format!(
        "<section aria-labelledby=\"charts\">\n<h2 id=\"charts\">Ratios</h2>\n\
         <p>Each bar starts at 1, where both cost the same, and goes left as far as Rondel is \
         cheaper or right as far as it is dearer; each doubling is equally long. The whisker is \
         the 95\u{a0}% interval. The figures are in the <a href=\"#table\">table</a>.</p>\n{}\
         <div class=\"charts\">\n{charts}</div>\n</section>\n",
        legend(),
    )
}

fn legend() -> String {
    let swatch = |verdict: Verdict, words: &str| {
        format!(
            "<li><svg class=\"swatch\" width=\"36\" height=\"14\" aria-hidden=\"true\">\
             <rect class=\"bar {}\" x=\"1\" y=\"1\" width=\"34\" height=\"12\"/></svg>{} {}</li>\n",
            verdict.word(),
            verdict.sign(),
            words,
        )
    };
    format!(
        "<ul class=\"legend\">\n{}{}{}<li><svg class=\"swatch\" width=\"14\" height=\"14\" \
         aria-hidden=\"true\"><path class=\"goal\" d=\"M7 1 13 7 7 13 1 7Z\"/></svg>the goal</li>\n\
         </ul>\n",
        swatch(Verdict::Faster, "faster: the whole interval is below 1"),
        swatch(Verdict::Same, "same: the interval contains 1"),
        swatch(Verdict::Slower, "slower: the whole interval is above 1"),
    )
}

fn chart(family: &str, lines: &[&Line], among: &[&Line], scale: &Log) -> String {
    let height = AXIS + LINE * lines.len() + 4;
    let id = family.to_lowercase().replace(' ', "-");
    let bars: String = lines
        .iter()
        .enumerate()
        .map(|(place, line)| bar(line, &name(line, among), AXIS + place * LINE, scale))
        .collect();
    format!(
        "<figure>\n<svg class=\"chart\" width=\"100%\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"chart-{id}-title\">\n<title id=\"chart-{id}-title\">{family}: ratios of \
         {} rows on a logarithmic scale</title>\n{}{bars}</svg>\n<figcaption>{family}</figcaption>\n\
         </figure>\n",
        lines.len(),
        axis(height, scale),
    )
}

fn axis(height: usize, scale: &Log) -> String {
    let ticks = scale.ticks().into_iter().map(|tick| {
        let (x, one) = (scale.place(tick), (tick - 1.0).abs() < 1e-9);
        let class = if one { "one" } else { "tick" };
        format!(
            "<line class=\"{class}\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"22\" y2=\"{height}\"/>\
             <text class=\"axis {class}-label\" x=\"{x:.2}%\" y=\"14\" text-anchor=\"middle\">\
             {tick}</text>\n"
        )
    });
    ticks.collect()
}

fn bar(line: &Line, name: &str, top: usize, scale: &Log) -> String {
    let (one, middle) = (scale.place(1.0), top + 30);
    let mut svg = format!(
        "<g><title>{}: {} [{}, {}], {}</title>\n<text class=\"name\" x=\"0\" y=\"{}\">{}</text>\n\
         <text class=\"value\" x=\"100%\" y=\"{}\" text-anchor=\"end\">{} {} {}</text>\n",
        escape(name),
        ratio(line.ratio),
        ratio(line.low),
        ratio(line.high),
        line.verdict.word(),
        top + 15,
        escape(name),
        top + 15,
        ratio(line.ratio),
        line.verdict.sign(),
        line.verdict.word(),
    );
    if let Some(at) = line.ratio.map(|ratio| scale.place(ratio)) {
        let (left, width) = (at.min(one), (at - one).abs());
        svg += &format!(
            "<rect class=\"bar {}\" x=\"{left:.2}%\" y=\"{}\" width=\"{width:.2}%\" \
             height=\"12\"/>\n",
            line.verdict.word(),
            middle - 6,
        );
        svg += &dot(at, middle, line.verdict);
    }
    if let Some((low, high)) = line.low.zip(line.high) {
        svg += &whisker(scale.place(low), scale.place(high), middle);
    }
    if let Some(goal) = line.goal_ratio() {
        svg += &format!(
            "<svg x=\"{:.2}%\" y=\"{middle}\" overflow=\"visible\"><path class=\"goal\" \
             d=\"M0-9 5 0 0 9-5 0Z\"><title>goal: {}</title></path></svg>\n",
            scale.place(goal),
            line.goal_text(),
        );
    }
    svg + "</g>\n"
}

/// So that a ratio of exactly 1 is seen too.
fn dot(at: f64, middle: usize, verdict: Verdict) -> String {
    if verdict == Verdict::Same {
        format!("<circle class=\"dot\" cx=\"{at:.2}%\" cy=\"{middle}\" r=\"4\"/>\n")
    } else {
        String::new()
    }
}

fn whisker(low: f64, high: f64, middle: usize) -> String {
    let line = |x1: f64, x2: f64, y1: usize, y2: usize| {
        format!("<line x1=\"{x1:.2}%\" x2=\"{x2:.2}%\" y1=\"{y1}\" y2=\"{y2}\"/>")
    };
    format!(
        "<g class=\"whisker\">{}{}{}</g>\n",
        line(low, high, middle, middle),
        line(low, low, middle - 4, middle + 4),
        line(high, high, middle - 4, middle + 4),
    )
}
