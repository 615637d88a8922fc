//! Soaks the stealing flavour: does it ever lose a wake-up?
//!
//! Players wake each other for ever, on more workers than there are CPUs; a watchdog looks at each
//! of them. Every now and then a gate sends all to rest, so that every worker falls asleep, and
//! lets them go again. Each repetition is a new runtime with another number of players: with few
//! of them workers sleep and wake all the time, with many they rob each other.

mod mixes;
mod stage;
mod watch;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use benches::child::exit;
use benches::machine::{cpu_time, raise_open_files};
use mixes::Mix;
use rondel::Builder;
use stage::{Player, Stage};
use watch::{LOOK, Watch};

const HELP: &str = "\
soak: does the stealing flavour ever lose a wake-up?

usage: soak [--wakes N] [--workers N] [--mix pingpong|timers|io|storm|all] [--reps N] [--seconds N]

  --wakes N    ends after so many wakes (default 20000000)
  --workers N  workers of each runtime (default twice the CPUs, and 1 more)
  --mix NAME   who plays: pingpong (mpsc, oneshot, Notify, threads), timers, io (TCP echo),
               storm (spawn, abort, join), all of them and a task that blocks (default all)
  --reps N     runtimes, one after the other, that share the wakes (default 8)
  --seconds N  ends after so many seconds, whatever the wakes (default: no limit)

A wake is counted when a player is polled for it. If a player is not woken for 10 s, the watchdog
says who is stuck and what the threads do, and the exit code is 1; also if the runtime's end takes
as long.";

/// How many players of each kind, in turn.
const SIZES: [usize; 4] = [1, 3, 16, 64];

#[derive(Debug)]
struct Options {
    wakes: u64,
    workers: usize,
    mix: Mix,
    reps: u64,
    seconds: Option<u64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--help" | "-h"] = words[..] {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    raise_open_files();
    exit("soak", parse(&words).and_then(|options| soak(&options)))
}

fn parse(words: &[&str]) -> io::Result<Options> {
    let wrong = |what: String| io::Error::other(format!("{what}; see --help"));
    let cpus = thread::available_parallelism().map_or(1, |cpus| cpus.get());
    let mut options =
        Options { wakes: 20_000_000, workers: 2 * cpus + 1, mix: Mix::All, reps: 8, seconds: None };
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        if !["--wakes", "--workers", "--mix", "--reps", "--seconds"].contains(&word) {
            return Err(wrong(format!("there is no option `{word}`")));
        }
        let value = words.next().ok_or_else(|| wrong(format!("{word} wants a value")))?;
        if word == "--mix" {
            options.mix = Mix::named(value).ok_or_else(|| {
                let names = Mix::NAMES.map(|(name, _)| name).join(", ");
                wrong(format!("there is no mix `{value}`; there are {names}"))
            })?;
            continue;
        }
        let number: u64 = value
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| wrong(format!("{word} wants a number from 1, not `{value}`")))?;
        match word {
            "--wakes" => options.wakes = number,
            "--reps" => options.reps = number,
            "--seconds" => options.seconds = Some(number),
            _ if number < 1 << 15 => options.workers = number as usize,
            _ => return Err(wrong(format!("{number} workers are more than there can be"))),
        }
    }
    Ok(options)
}

fn soak(options: &Options) -> io::Result<()> {
    let (start, cpu_start) = (Instant::now(), cpu_time());
    let end = options.seconds.map(|seconds| start + Duration::from_secs(seconds));
    let is_late = || end.is_some_and(|end| Instant::now() >= end);
    let mut wakes = 0;
    for rep in 0..options.reps {
        if is_late() {
            break;
        }
        let size = SIZES[rep as usize % SIZES.len()];
        let share = (options.wakes - options.wakes.min(wakes)) / (options.reps - rep);
        wakes += play(options, size, share.max(1), &is_late)?;
    }
    let (wall, cpu) = (start.elapsed(), cpu_time() - cpu_start);
    let each = cpu.as_nanos() as u64 / wakes.max(1);
    println!("{wakes} wakes in {wall:.1?}, {cpu:.1?} of CPU ({each} ns a wake): nobody was stuck");
    Ok(())
}

/// One runtime, until its players were woken `wanted` times. Returns how often they were.
fn play(
    options: &Options,
    size: usize,
    wanted: u64,
    is_late: &dyn Fn() -> bool,
) -> io::Result<u64> {
    let start = Instant::now();
    let runtime = Builder::new().workers(options.workers).build()?;
    let stage = Stage::new(runtime.handle().clone());
    options.mix.start(&stage, size);
    let players = stage.players();
    let total = || players.iter().map(|player| player.wakes()).sum::<u64>();
    let mut watch = Watch::default();
    let mut looks = 0;
    while total() < wanted && !is_late() {
        rest(&stage, looks);
        look(&stage, &players, &mut watch)?;
        looks += 1;
    }
    stage.end();
    while stage.left() > 0 {
        look(&stage, &players, &mut watch)?;
    }
    stage.join_threads();
    end(runtime)?;
    println!(
        "{} workers, {:?} x {size}: {} players were woken {} times in {:.1?}; \
         the longest silence of one: {:?}",
        options.workers,
        options.mix,
        players.len(),
        total(),
        start.elapsed(),
        watch.longest_silence(),
    );
    Ok(total())
}

/// Every now and then all rest for a while: shorter than the patience, and sometimes longer than
/// the workers watch over each other in their sleep.
fn rest(stage: &Stage, looks: u64) {
    if looks % 4 == 3 {
        stage.set_gate(false);
        thread::sleep(Duration::from_millis(1 + 37 * (looks % 7)));
        stage.set_gate(true);
    }
}

fn look(stage: &Stage, players: &[Arc<Player>], watch: &mut Watch) -> io::Result<()> {
    thread::sleep(LOOK);
    let stuck = watch.look(players);
    if !stuck.is_empty() {
        return Err(io::Error::other(watch::report(stage, &stuck)));
    }
    match players.iter().find(|player| player.broke()) {
        Some(player) => Err(io::Error::other(format!("the player `{}` has panicked", player.name))),
        None => Ok(()),
    }
}

/// Ends the runtime, within the patience of the watchdog.
fn end(runtime: rondel::Runtime) -> io::Result<()> {
    let report = runtime.shutdown_report(LOOK * watch::LOOKS_MAX);
    if report.workers_running() > 0 {
        return Err(io::Error::other(format!("STUCK: the end of the runtime: {report}")));
    }
    Ok(())
}
