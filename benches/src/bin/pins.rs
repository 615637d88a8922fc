//! Counts the instructions of Rondel's hot operations and compares them with their pins.

use std::process::{Command, ExitCode};

use benches::child::exit;
use benches::counts::{self, Missing, Tool, pins};
use benches::{rows, runtimes};

const HELP: &str = "\
pins: instructions per operation of Rondel's hot rows, against benches/pins.json

usage: cargo run --release -p benches --no-default-features --bin pins

It fails if a count is more than 3 % from its pin, either way. With RONDEL_BLESS=1 it writes the
counts down as the new pins instead. It needs valgrind.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        [counts::CHILD_FLAG, runtime, row] => counts::child(runtime, row),
        [] => compare(),
        ["--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(format!("unknown arguments {words:?}; see --help")),
    };
    exit("pins", done)
}

fn compare() -> Result<(), String> {
    if cfg!(debug_assertions) {
        return Err("counts of a debug build mean nothing: cargo run --release".to_string());
    }
    Tool::Callgrind.check()?;
    let pinned = pins::read()?;
    println!("{:18} {:>9} {:>9} {:>8}", "instructions/op", "pinned", "counted", "change");
    let mut counted = pins::Counts::new();
    for name in pins::HOT {
        let row = rows::find(name).ok_or(format!("no row is called {name}"))?;
        let is = count(row)?;
        let was = pinned.counts.get(*name);
        let change =
            was.map_or("new".to_string(), |was| format!("{:+.1} %", 100.0 * (is / was - 1.0)));
        let was = was.map_or("-".to_string(), |was| format!("{was:.1}"));
        println!("{name:18} {was:>9} {is:>9.1} {change:>8}");
        counted.insert((*name).to_string(), is);
    }
    if std::env::var_os("RONDEL_BLESS").is_some() {
        pins::write(&pins::Pins { rustc: rustc(), counts: counted })?;
        println!("\nwritten to {}", pins::file().display());
        return Ok(());
    }
    let complaints = pins::complaints(&pinned.counts, &counted);
    if complaints.is_empty() {
        println!("\nall within {:.0} % of their pins", 100.0 * pins::MARGIN);
        return Ok(());
    }
    let compiler = rustc();
    let other = if pinned.counts.is_empty() || compiler == pinned.rustc {
        String::new()
    } else {
        format!("\npinned with {}, this is {compiler}: that alone may be it", pinned.rustc)
    };
    Err(format!("\n{}{other}", complaints.join("\n")))
}

fn count(row: &rows::Row) -> Result<f64, String> {
    let rondel = runtimes::find("rondel").ok_or("no runtime is called rondel")?;
    match Tool::Callgrind.count(rondel, row) {
        Ok(counts) => Ok(counts[0].mean),
        Err(Missing::Uncounted(reason)) => Err(format!("{} cannot be pinned: {reason}", row.name)),
        Err(Missing::Failed(message)) => Err(message),
    }
}

/// The compiler on the path, which is the one that cargo has just used.
fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version = output.ok().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    version.map_or("an unknown rustc".to_string(), |version| {
        version.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    })
}
