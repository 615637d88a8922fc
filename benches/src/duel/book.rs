//! The figures of a document, written anew by the run that measured them.
//!
//! ```text
//!   <!-- duel:local -->                 a place for each flavour; `--write-table` puts date,
//!   date, machine, command, table       machine, command and table of this run there
//!   <!-- /duel -->
//! ```

use std::fmt::Write;
use std::fs;
use std::ops::Range;
use std::path::Path;

use super::table::{balance, figure, goal_text, left_out, verdict_text};
use super::{COMMAND, Options, Run, RunRow, result::version_line};
use crate::date;
use crate::pair::median;
use crate::rows::Flavour;

const END: &str = "<!-- /duel -->";
const HEAD: &str =
    "| row | one operation | unit | Rondel | peer | its | ratio | interval | | goal |
|---|---|---|---:|---|---:|---:|---|---|---:|
";

/// Whether the document is there, with a place for each flavour: asked before anything is measured.
pub fn check(path: &Path, flavours: &[Flavour]) -> Result<(), String> {
    let text = read(path)?;
    flavours.iter().try_for_each(|&flavour| place(&text, flavour).map(drop))
}

/// Puts the tables of this run into their places.
pub fn write(path: &Path, options: &Options, run: &Run) -> Result<(), String> {
    let mut text = read(path)?;
    for &flavour in &options.flavours {
        let table = table(options, run, flavour);
        text.replace_range(place(&text, flavour)?, &table);
    }
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn place(text: &str, flavour: Flavour) -> Result<Range<usize>, String> {
    let mark = format!("<!-- duel:{} -->\n", flavour.name());
    let start = text.find(&mark).map(|at| at + mark.len());
    let end = start.and_then(|start| text[start..].find(END).map(|at| start + at));
    start.zip(end).map(|(start, end)| start..end).ok_or(format!(
        "--write-table: the document lacks the lines `{}` and `{END}`, where the table goes",
        mark.trim()
    ))
}

fn table(options: &Options, run: &Run, flavour: Flavour) -> String {
    let rows: Vec<&RunRow> = run.rows.iter().filter(|row| row.flavour == flavour).collect();
    let versions: Vec<String> =
        options.contestants(flavour).iter().map(|runtime| version_line(runtime)).collect();
    let (waited, stolen) = (run.noise.wait_share * 100.0, run.noise.steal_share * 100.0);
    let mut text = format!(
        "{}; {}; {}; {} rounds a row. {} machine: a run waited for its CPU {waited:.1} % of its \
         CPU time, the hypervisor took {stolen:.1} %.\n\n```sh\n{}\n```\n\n",
        date::today(),
        run.machine,
        versions.join(" against "),
        run.reps,
        if run.noise.is_loud() { "Noisy" } else { "Quiet" },
        command(&run.options),
    );
    for line in balance(rows.iter().copied()) {
        let _ = write!(text, "{}\n\n", line.trim());
    }
    text += HEAD;
    for row in &rows {
        let (Some((figures, _)), Some(ratio)) = (row.measured(), row.ratio()) else { continue };
        let (name, unit, what) = (row.row.name, row.row.unit, row.row.what);
        let (ours, theirs) = (figure(median(&figures.ours)), figure(median(&figures.theirs)));
        let (peer, goal, verdict) = (row.peer, goal_text(row), verdict_text(row));
        let _ = writeln!(
            text,
            "| `{name}` | {what} | {unit} | {ours} | {peer} | {theirs} | {:.3} | {:.3}-{:.3} | \
             {verdict} | {} |",
            ratio.median,
            ratio.low,
            ratio.high,
            goal.trim(),
        );
    }
    for line in left_out(rows) {
        let _ = write!(text, "\n{line}\n");
    }
    text
}

fn command(words: &[String]) -> String {
    let mut words = words.iter().map(String::as_str);
    let mut kept = vec![COMMAND];
    while let Some(word) = words.next() {
        match word {
            "--json" | "--report" | "--write-table" => drop(words.next()),
            word => kept.push(word),
        }
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that only what stands between the marks is replaced.
    /// Method: find the place of each flavour in a document with text around both.
    #[test]
    fn a_table_has_its_place_between_the_marks() {
        let text = "a\n<!-- duel:local -->\nold\n<!-- /duel -->\nb\n<!-- duel:stealing -->\n\
                    <!-- /duel -->\nc\n";
        assert_eq!(&text[place(text, Flavour::Local).unwrap()], "old\n");
        assert_eq!(&text[place(text, Flavour::Stealing).unwrap()], "");
        assert!(place("nothing", Flavour::Local).unwrap_err().contains("<!-- duel:local -->"));
    }
}
