//! The command line of the duel.

use std::path::PathBuf;

use crate::counts::Tool;
use crate::meter::Size;
use crate::rows::{self, Flavour, Row};
use crate::runtimes::{self, NOT_BUILT_IN, Runtime};
use crate::servers::rows::is_for_the_full_duel;

/// What `--help` says.
pub const HELP: &str = "\
duel: Rondel against its peers, row by row, in processes that take turns

usage: duel [FILTER ...] [--peers P,P,...] [--flavour F] [--reps N] [--quick] [--json FILE]
            [--report FILE] [--write-table FILE] [--no-pin] [--list]
            [--counts | --instructions --allocations --syscalls] [--no-time]

  FILTER       rows whose name contains one of these words; all without
  --peers P,P  against whom (default tokio); --list names them. Others than tokio, and the row
               scrape_50, are built in by `cargo run --features peers`
  --flavour F  local (default): one thread each. stealing: a worker for each CPU, in the rows that
               mean something there; never pinned. both: one after the other
  --reps N     rounds a row (default 10; with --quick 5)
  --quick      smaller batches and fewer rounds, for a first look
  --json FILE  also write the rows as a JSON array
  --report FILE   also write a page of HTML with charts, tables and the rows
  --write-table FILE  also put the tables of all rows into a document, between its lines
               `<!-- duel:FLAVOUR -->` and `<!-- /duel -->`
  --instructions  also count instructions per operation, by callgrind (valgrind)
  --allocations   also count allocations and their bytes, by memcheck (valgrind)
  --syscalls      also count system calls, by strace
  --counts        all three
  --no-time       only count
  --no-pin     let the kernel choose the CPU
  --list       name the rows, what their operation is, and the peers

In a round each contestant runs once; who is first changes. The figure is CPU time of the process
per operation (or what the unit says). The ratio Rondel / peer is the median over the rounds, lower
is better, with its 95 % interval (fewer than six rounds: lowest and highest). The verdict is `same`
when the interval contains 1.";

/// What is to be measured.
#[derive(Debug)]
pub struct Options {
    /// Rows whose name contains one of these; all if empty.
    pub filters: Vec<String>,
    /// In which flavours.
    pub flavours: Vec<Flavour>,
    /// Against whom, as `--peers` calls them.
    pub peers: Vec<String>,
    /// Rounds a row.
    pub reps: usize,
    /// How large a run is.
    pub size: Size,
    /// Where to write the rows.
    pub json: Option<PathBuf>,
    /// Where to write the page.
    pub report: Option<PathBuf>,
    /// The document whose tables are to be written anew.
    pub document: Option<PathBuf>,
    /// Who counts.
    pub counts: Vec<Tool>,
    /// Whether to measure time.
    pub time: bool,
    /// Whether to pin what has one thread.
    pub pin: bool,
    /// The command line.
    pub words: Vec<String>,
}

impl Options {
    /// The rows to measure in that flavour.
    pub fn rows(&self, flavour: Flavour) -> impl Iterator<Item = &'static Row> {
        // A row that is asked for by its whole name is measured also in a quick duel.
        let has_time = |row: &Row| {
            self.size == Size::Full
                || !is_for_the_full_duel(row)
                || self.filters.iter().any(|word| word == row.name)
        };
        rows::all().filter(move |row| row.is_in(flavour) && self.wants(row.name) && has_time(row))
    }

    fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|word| name.contains(word.as_str()))
    }

    /// Who runs in that flavour: Rondel first, then the peers that have it.
    pub fn contestants(&self, flavour: Flavour) -> Vec<&'static Runtime> {
        let peers = self.peers.iter().map(String::as_str);
        let names = std::iter::once("rondel").chain(peers);
        names.filter_map(|name| runtimes::peer(name, flavour)).collect()
    }
}

/// Prints the rows and the peers.
pub fn list() {
    for row in rows::all() {
        let many = if row.is_in(Flavour::Stealing) { "*" } else { " " };
        println!("{:18}{many} {:12} {}", row.name, row.unit, row.what);
    }
    println!();
    println!("*: also in the stealing flavour");
    for flavour in [Flavour::Local, Flavour::Stealing] {
        println!("peers, {}: {}", flavour.name(), runtimes::peers(flavour).join(", "));
    }
    if let Some(more) = NOT_BUILT_IN.strip_prefix("; ") {
        println!("{more}");
    }
}

/// Reads the command line.
///
/// Fails with what is wrong and what there is instead.
pub fn parse(words: &[&str]) -> Result<Options, String> {
    let (mut filters, mut peers, mut reps) = (Vec::new(), vec!["tokio".to_string()], None);
    let (mut flavours, mut size) = (vec![Flavour::Local], Size::Full);
    let (mut json, mut report, mut document, mut pin) = (None, None, None, true);
    let (mut counts, mut time) = (Vec::new(), true);
    let mut rest = words.iter();
    while let Some(&word) = rest.next() {
        let mut value = || {
            let next = rest.next().filter(|next| !next.starts_with("--"));
            next.copied().ok_or(format!("{word} wants a value; see --help"))
        };
        match word {
            "--peers" => peers = value()?.split(',').map(|peer| peer.trim().to_string()).collect(),
            "--reps" => {
                let number = value()?.parse().ok().filter(|&reps: &usize| reps > 0);
                reps = Some(number.ok_or("--reps wants a number from 1 on")?);
            }
            "--flavour" | "--flavor" => flavours = parse_flavour(value()?)?,
            "--json" => json = Some(PathBuf::from(value()?)),
            "--report" => report = Some(PathBuf::from(value()?)),
            "--write-table" => document = Some(PathBuf::from(value()?)),
            "--instructions" => counts.push(Tool::Callgrind),
            "--allocations" => counts.push(Tool::Memcheck),
            "--syscalls" => counts.push(Tool::Strace),
            "--counts" => counts.extend(Tool::ALL),
            "--no-time" => time = false,
            "--quick" => size = Size::Quick,
            "--no-pin" => pin = false,
            _ if word.starts_with('-') => return Err(unknown(word)),
            _ => filters.push(word.to_string()),
        }
    }
    let reps = reps.unwrap_or(if size == Size::Quick { 5 } else { 10 });
    let words = words.iter().map(|word| (*word).to_string()).collect();
    if counts.is_empty() && !time {
        return Err("--no-time leaves nothing to do: add --counts".to_string());
    }
    if document.is_some() && !(filters.is_empty() && time) {
        return Err(
            "--write-table wants all rows, and their times: a part of them would take the \
                    place of all; leave out the filter and --no-time"
                .to_string(),
        );
    }
    let counts = Tool::ALL.into_iter().filter(|tool| counts.contains(tool)).collect();
    let options = Options {
        filters,
        flavours,
        peers,
        reps,
        size,
        json,
        report,
        document,
        counts,
        time,
        pin,
        words,
    };
    check(&options)?;
    Ok(options)
}

fn parse_flavour(word: &str) -> Result<Vec<Flavour>, String> {
    match word {
        "local" | "current_thread" => Ok(vec![Flavour::Local]),
        "stealing" | "multi_thread" => Ok(vec![Flavour::Stealing]),
        "both" => Ok(vec![Flavour::Local, Flavour::Stealing]),
        _ => Err(format!("no flavour is called {word}; there are local, stealing and both")),
    }
}

fn unknown(option: &str) -> String {
    format!(
        "unknown option {option}; there are --peers, --flavour, --reps, --quick, --json, --report, \
         --write-table, --counts, --instructions, --allocations, --syscalls, --no-time, --no-pin, \
         --list and --help"
    )
}

/// Whether everything that was asked for is there.
fn check(options: &Options) -> Result<(), String> {
    for peer in &options.peers {
        let of_any = |flavour: &Flavour| runtimes::peer(peer, *flavour);
        let there: Vec<&str> = options.flavours.iter().flat_map(|f| runtimes::peers(*f)).collect();
        let Some(runtime) = options.flavours.iter().find_map(of_any).filter(|_| peer != "rondel")
        else {
            return Err(format!(
                "no peer is called `{peer}` here; there are {}{NOT_BUILT_IN}",
                one_each(&there)
            ));
        };
        if let Some(why) = (runtime.why_not_here)() {
            return Err(format!("{peer} cannot run here: {why}"));
        }
    }
    for filter in &options.filters {
        let found = |flavour: &Flavour| {
            rows::all().any(|row| row.is_in(*flavour) && row.name.contains(filter.as_str()))
        };
        if !options.flavours.iter().any(found) {
            let there: Vec<&str> = rows::all()
                .filter(|row| options.flavours.iter().any(|flavour| row.is_in(*flavour)))
                .map(|row| row.name)
                .collect();
            return Err(format!("no row matches `{filter}`; there are {}", there.join(", ")));
        }
    }
    Ok(())
}

fn one_each(names: &[&str]) -> String {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that a command line that cannot be obeyed is refused with what there is.
    /// Method: a wrong peer, row, flag, flavour and number; look for the choice in the answer.
    #[test]
    fn what_is_not_there_is_refused_with_what_is() {
        let complaint = |words: &[&str]| parse(words).expect_err("refused");
        assert!(complaint(&["--peers", "tokyo"]).contains("tokio"));
        assert!(complaint(&["--peers", "rondel"]).contains("tokio"));
        assert!(complaint(&["spwan"]).contains("spawn_join_1k"));
        assert!(complaint(&["spawn", "spwan"]).contains("`spwan`"), "each word must match");
        assert!(complaint(&["--fast"]).contains("--quick"));
        assert!(complaint(&["--flavour", "sour"]).contains("stealing"));
        assert!(complaint(&["--reps", "0"]).contains("from 1 on"));
        assert!(complaint(&["--json"]).contains("wants a value"));
        assert!(complaint(&["spawn", "--write-table", "a.md"]).contains("all rows"));
        assert!(complaint(&["--no-time"]).contains("--counts"));
        assert!(complaint(&["--json", "--quick"]).contains("wants a value"));
    }

    /// Goal: show that the rows and contestants follow the flavour.
    /// Method: a row of one thread only, and one of both, in each flavour.
    #[test]
    fn the_flavour_decides_what_runs() {
        let options = parse(&["--flavour", "both", "--quick"]).expect("a good command line");
        let names = |flavour| options.rows(flavour).map(|row| row.name).collect::<Vec<_>>();
        assert!(names(Flavour::Local).contains(&"spawn_detached_1k"));
        assert!(!names(Flavour::Stealing).contains(&"spawn_detached_1k"));
        assert!(names(Flavour::Stealing).contains(&"yield_1k"));
        let names =
            |flavour| options.contestants(flavour).iter().map(|c| c.name).collect::<Vec<_>>();
        assert_eq!(names(Flavour::Local), ["rondel", "tokio"]);
        assert_eq!(names(Flavour::Stealing), ["rondel_stealing", "tokio_multi_thread"]);
    }
}
