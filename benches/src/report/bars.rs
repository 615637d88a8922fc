//! Bars in pairs, Rondel's and the peer's, from zero: latency, memory, instructions.

use super::html::{escape, figure};
use super::line::{Line, name};

/// Height of the two bars of a line and its name.
const LINE: usize = 58;

/// How late: rows in microseconds.
pub fn latency(lines: &[&Line]) -> String {
    let late: Vec<&Line> =
        lines.iter().filter(|line| line.unit.starts_with("us")).copied().collect();
    section("latency", "Latency", "Microseconds; a row's unit says which percentile.", &late)
}

/// How large: rows in bytes.
pub fn memory(lines: &[&Line]) -> String {
    let large: Vec<&Line> =
        lines.iter().filter(|line| line.unit.starts_with("bytes")).copied().collect();
    section("memory", "Memory", "Resident bytes for each task or connection.", &large)
}

fn section(id: &str, title: &str, words: &str, lines: &[&Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>\n<p>{words}</p>\n{}\
         </section>\n",
        chart(id, title, lines),
    )
}

/// The chart alone: each line against the largest figure of its own unit.
pub fn chart(id: &str, title: &str, lines: &[&Line]) -> String {
    let height = LINE * lines.len() + 4;
    let pairs: String = lines
        .iter()
        .enumerate()
        .map(|(place, line)| {
            let same_unit = lines.iter().filter(|other| other.unit == line.unit);
            let most =
                same_unit.fold(0.0_f64, |most, line| most.max(line.rondel).max(line.peer_value));
            pair(line, &name(line, lines), most, place * LINE)
        })
        .collect();
    format!(
        "<ul class=\"legend\">\n<li><svg class=\"swatch\" width=\"36\" height=\"14\" \
         aria-hidden=\"true\"><rect class=\"ours\" width=\"36\" height=\"14\"/></svg>Rondel</li>\n\
         <li><svg class=\"swatch\" width=\"36\" height=\"14\" aria-hidden=\"true\">\
         <rect class=\"theirs\" x=\"1\" y=\"1\" width=\"34\" height=\"12\"/></svg>the peer</li>\n\
         </ul>\n<figure>\n<svg class=\"chart\" width=\"100%\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"bars-{id}-title\">\n<title id=\"bars-{id}-title\">{title}: Rondel beside \
         its peer, {} rows</title>\n{pairs}</svg>\n</figure>\n",
        lines.len(),
    )
}

fn pair(line: &Line, name: &str, most: f64, top: usize) -> String {
    // The names of the units stand with the first words, the figures behind the bars.
    let bar = |class: &str, who: &str, value: f64, y: usize| {
        let width = if most > 0.0 { value / most * 72.0 } else { 0.0 };
        format!(
            "<rect class=\"{class}\" x=\"0\" y=\"{y}\" width=\"{width:.2}%\" height=\"12\">\
             <title>{who}: {}</title></rect>\n<text class=\"value\" x=\"{:.2}%\" y=\"{}\" \
             dx=\"6\">{}</text>\n",
            figure(value),
            width,
            y + 11,
            figure(value),
        )
    };
    format!(
        "<g>\n<text class=\"name\" x=\"0\" y=\"{}\">{} <tspan class=\"unit\">{}</tspan></text>\n\
         {}{}</g>\n",
        top + 15,
        escape(name),
        escape(&line.unit),
        bar("ours", "Rondel", line.rondel, top + 22),
        bar("theirs", &escape(&line.peer), line.peer_value, top + 37),
    )
}
