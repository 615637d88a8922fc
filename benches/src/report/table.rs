//! The table: every row, every figure.
//!
//! On a narrow screen each row becomes a card; the roles keep it a table for those who listen.

use super::html::{escape, figure, ratio};
use super::line::{Line, differ};

/// One cell: its column's name, which a narrow screen shows before it, its class and its text.
struct Cell(&'static str, &'static str, String);

/// The table of everything that was timed.
pub fn section(lines: &[&Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let (flavours, peers) = (differ(lines, |line| &line.flavour), differ(lines, |line| &line.peer));
    let walls = lines.iter().any(|line| line.wall.is_some());
    let cells = |line: &Line| cells(line, flavours, peers, walls);
    let heads: String = cells(lines[0])
        .iter()
        .map(|Cell(name, class, _)| {
            format!("<th role=\"columnheader\" scope=\"col\" class=\"{class}\">{name}</th>\n")
        })
        .collect();
    let body: String = lines
        .iter()
        .map(|line| {
            let cells: String = cells(line)
                .iter()
                .map(|Cell(name, class, text)| {
                    format!(
                        "<td role=\"cell\" class=\"{class}\" data-column=\"{name}\">{text}</td>\n"
                    )
                })
                .collect();
            format!(
                "<tr role=\"row\" class=\"{}-row\">\n<th role=\"rowheader\" scope=\"row\">\
                 <code>{}</code><small>{}</small></th>\n{cells}</tr>\n",
                line.verdict.word(),
                escape(&line.row),
                escape(&line.what),
            )
        })
        .collect();
    format!(
        "<section aria-labelledby=\"table\">\n<h2 id=\"table\">Table</h2>\n\
         <table role=\"table\">\n<caption>Rondel and its peer, row by row. The figure is the median \
         of the runs, the ratio the median of the pairs\u{2019} ratios. A goal that is missed bears \
         the word.</caption>\n<thead role=\"rowgroup\">\n<tr role=\"row\">\n\
         <th role=\"columnheader\" scope=\"col\">row</th>\n{heads}</tr>\n</thead>\n\
         <tbody role=\"rowgroup\">\n{body}</tbody>\n</table>\n</section>\n"
    )
}

fn cells(line: &Line, flavours: bool, peers: bool, walls: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    if flavours {
        cells.push(Cell("flavour", "", escape(&line.flavour)));
    }
    if peers {
        cells.push(Cell("peer", "", escape(&line.peer)));
    }
    let missed = line.meets_goal() == Some(false);
    let goal = line.goal_text() + if missed { " <b>missed</b>" } else { "" };
    cells.extend([
        Cell("unit", "", escape(&line.unit)),
        Cell("Rondel", "number", figure(line.rondel)),
        Cell(if peers { "value" } else { "peer" }, "number", figure(line.peer_value)),
        Cell("ratio", "number strong", ratio(line.ratio)),
        Cell(
            "95\u{a0}% interval",
            "number",
            format!("{}\u{2013}{}", ratio(line.low), ratio(line.high)),
        ),
        Cell("verdict", "nowrap", format!("{} {}", line.verdict.sign(), line.verdict.word())),
        Cell("goal", "number nowrap", goal),
    ]);
    if walls {
        let text = line.wall.map_or("\u{2013}".to_string(), |(ours, theirs)| {
            format!("{} / {}", figure(ours), figure(theirs))
        });
        cells.push(Cell("wall ns, Rondel / peer", "number nowrap", text));
    }
    cells.push(Cell("pairs", "number", line.reps.to_string()));
    cells
}
