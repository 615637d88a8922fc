//! Cost against size: rows that differ only in a number are points of one curve.
//!
//! `echo_64` and `echo_1000`, `spawn_join_1k` and `spawn_join_100k`: what grows with the number of
//! connections or tasks shows here.

use super::html::{escape, figure};
use super::line::{Line, differ};
use super::scale::{Log, round_up};

/// Height of the plot, without the axes.
const PLOT: f64 = 180.0;
const TOP: f64 = 12.0;
const LEFT: f64 = 15.0;
const RIGHT: f64 = 95.0;

/// One curve pair.
struct Curve<'a> {
    stem: &'a str,
    points: Vec<(f64, &'a Line)>,
}

/// All curves of two points or more.
pub fn section(lines: &[&Line]) -> String {
    let curves = curves(lines);
    if curves.is_empty() {
        return String::new();
    }
    let charts: String =
        curves.iter().enumerate().map(|(place, curve)| chart(curve, place, lines)).collect();
    format!(
        "<section aria-labelledby=\"sizes\">\n<h2 id=\"sizes\">Cost against size</h2>\n\
         <p>The same operation with more tasks, children or connections. A flat curve scales; \
         sideways each doubling is equally long, upwards it starts at zero.</p>\n\
         <ul class=\"legend\">\n<li><svg class=\"swatch\" width=\"36\" height=\"14\" \
         aria-hidden=\"true\"><line class=\"curve ours-line\" x1=\"0\" x2=\"36\" y1=\"7\" y2=\"7\"/>\
         <circle class=\"ours\" cx=\"18\" cy=\"7\" r=\"5\"/></svg>Rondel</li>\n\
         <li><svg class=\"swatch\" width=\"36\" height=\"14\" aria-hidden=\"true\">\
         <line class=\"curve theirs-line\" x1=\"0\" x2=\"36\" y1=\"7\" y2=\"7\"/>\
         <rect class=\"theirs-dot\" x=\"13\" y=\"2\" width=\"10\" height=\"10\"/></svg>the peer</li>\n\
         </ul>\n<div class=\"charts\">\n{charts}</div>\n</section>\n"
    )
}

/// The name without its last number, and that number.
fn size_of(row: &str) -> Option<(&str, f64)> {
    let (stem, size) = row.rsplit_once('_')?;
    let digits = size.trim_end_matches(['k', 'm', 'M']);
    let unit = match &size[digits.len()..] {
        "" => 1.0,
        "k" => 1e3,
        "m" | "M" => 1e6,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((stem, digits.parse::<f64>().ok()? * unit))
}

/// A size as a whole number.
fn size_text(size: f64) -> String {
    if size < 1_000.0 { format!("{size:.0}") } else { figure(size) }
}

fn curves<'a>(lines: &[&'a Line]) -> Vec<Curve<'a>> {
    let mut curves: Vec<Curve<'a>> = Vec::new();
    for &line in lines {
        let Some((stem, size)) = size_of(&line.row) else { continue };
        let same = |curve: &&mut Curve<'a>| {
            let other = curve.points[0].1;
            curve.stem == stem
                && (&other.peer, &other.flavour, &other.unit)
                    == (&line.peer, &line.flavour, &line.unit)
        };
        match curves.iter_mut().find(same) {
            Some(curve) => curve.points.push((size, line)),
            None => curves.push(Curve { stem, points: vec![(size, line)] }),
        }
    }
    for curve in &mut curves {
        curve.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    curves.retain(|curve| curve.points.len() > 1);
    curves
}

fn chart(curve: &Curve<'_>, place: usize, among: &[&Line]) -> String {
    let first = curve.points[0].1;
    let most = curve.points.iter().map(|(_, line)| line.rondel.max(line.peer_value));
    let (top, step) = round_up(most.fold(0.0, f64::max));
    let across = Log::of(curve.points.iter().map(|(size, _)| *size), LEFT + 3.0, RIGHT - 3.0);
    let y = |value: f64| TOP + PLOT * (1.0 - value / top);
    let mut svg = String::new();
    let mut tick = 0.0;
    while tick <= top * 1.001 {
        svg += &format!(
            "<line class=\"tick\" x1=\"{LEFT}%\" x2=\"{RIGHT}%\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>\
             <text class=\"axis\" x=\"{LEFT}%\" dx=\"-6\" y=\"{1:.1}\" text-anchor=\"end\">{2}</text>\n",
            y(tick),
            y(tick) + 4.0,
            figure(tick),
        );
        tick += step;
    }
    for (size, _) in &curve.points {
        svg += &format!(
            "<text class=\"axis\" x=\"{:.2}%\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
            across.place(*size),
            TOP + PLOT + 18.0,
            size_text(*size),
        );
    }
    svg += &series(curve, &across, y, "theirs-line", |line| line.peer_value, square);
    svg += &series(curve, &across, y, "ours-line", |line| line.rondel, circle);
    let mut title = curve.stem.to_string();
    if differ(among, |line| &line.flavour) {
        title += &format!(" \u{b7} {}", first.flavour);
    }
    if differ(among, |line| &line.peer) {
        title += &format!(" \u{b7} {}", first.peer);
    }
    let title = escape(&title);
    format!(
        "<figure>\n<svg class=\"chart\" width=\"100%\" height=\"{}\" role=\"img\" \
         aria-labelledby=\"size-{place}-title\">\n<title id=\"size-{place}-title\">{title}: {} \
         against size, Rondel and {}</title>\n{svg}</svg>\n<figcaption>{title}, {}</figcaption>\n\
         </figure>\n",
        TOP + PLOT + 26.0,
        escape(&first.unit),
        escape(&first.peer),
        escape(&first.unit),
    )
}

fn series(
    curve: &Curve<'_>,
    across: &Log,
    y: impl Fn(f64) -> f64,
    class: &str,
    value: impl Fn(&Line) -> f64,
    dot: impl Fn(f64, f64, &str) -> String,
) -> String {
    let places: Vec<(f64, f64, f64)> = curve
        .points
        .iter()
        .map(|(size, line)| (across.place(*size), y(value(line)), value(line)))
        .collect();
    let lines = places.windows(2).map(|two| {
        format!(
            "<line class=\"curve {class}\" x1=\"{:.2}%\" y1=\"{:.1}\" x2=\"{:.2}%\" y2=\"{:.1}\"/>\n",
            two[0].0, two[0].1, two[1].0, two[1].1,
        )
    });
    let dots = places.iter().map(|(x, y, value)| dot(*x, *y, &figure(*value)));
    lines.chain(dots).collect()
}

fn circle(x: f64, y: f64, value: &str) -> String {
    format!(
        "<circle class=\"ours\" cx=\"{x:.2}%\" cy=\"{y:.1}\" r=\"5\"><title>{value}</title></circle>\n"
    )
}

fn square(x: f64, y: f64, value: &str) -> String {
    format!(
        "<svg x=\"{x:.2}%\" y=\"{y:.1}\" overflow=\"visible\"><rect class=\"theirs-dot\" x=\"-5\" \
         y=\"-5\" width=\"10\" height=\"10\"><title>{value}</title></rect></svg>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show which names are points of a curve.
    /// Method: names with a size at their end, and names with something else there.
    #[test]
    fn the_size_is_the_number_at_the_end() {
        assert_eq!(size_of("spawn_join_100k"), Some(("spawn_join", 100_000.0)));
        assert_eq!(size_of("echo_64"), Some(("echo", 64.0)));
        assert_eq!(size_of("semaphore_1000x5"), None);
        assert_eq!(size_of("sleep_churn"), None);
        assert_eq!(size_of("mutex"), None);
    }
}
