//! The command line: what can be asked, and one clear line for what cannot.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use url::Url;

use crate::urls;

/// What the process returns.
pub mod exit {
    /// Everything that was to be done is done.
    pub const OK: u8 = 0;
    /// Done, but some pages had to be given up.
    pub const SOME_FAILED: u8 = 1;
    /// The command line, or a file named on it, makes no sense.
    pub const USAGE: u8 = 2;
    /// The store cannot be opened or written.
    pub const STORE: u8 = 3;
    /// The site cannot be reached, or its robots.txt does not want us.
    pub const UNREACHABLE: u8 = 4;
    /// Ctrl-C. 128 and the number of the signal, as shells have it.
    pub const INTERRUPTED: u8 = 130;
}

const ABOUT: &str = "\
Scrapes web pages with 150 workers on one thread, on the Rondel runtime.

Without a URL it starts a platform of its own on 127.0.0.1: a listing and 10,000 profile pages, with
latencies, rate limits and faults, and scrapes that. With a URL it crawls that site: all pages of the
same host that links and sitemaps lead to, as far as robots.txt allows.";

const AFTER: &str = "\
Examples:
  rondel-scraper                                    the embedded platform: 10,000 pages
  rondel-scraper --pages 500 --seed 7 --json        a smaller one, for a script
  rondel-scraper https://example.org --max-pages 500 --rate 5
                                                    500 pages at most, 5 requests a second
  rondel-scraper https://example.org --resume       go on after Ctrl-C, a crash or a limit
  sqlite3 example.org.sqlite 'SELECT url, title FROM pages LIMIT 10'
                                                    look at the pages

Ctrl-C stops: nothing new is asked for, what is in flight may finish (10 s), everything is written,
and a command to go on is printed. A second Ctrl-C stops at once; the store stays sound.

Durations are numbers with a unit: 500ms, 10s, 2m. Without a unit they are seconds.

What is stored: pages of hypertext (text/html, application/xhtml+xml). Links whose path ends like a
file (.png, .css, .pdf and so on) are not asked for; other types are left out when they
answer. With --all-types everything is fetched and stored.

Exit codes:
  0    everything that was to be done is done
  1    done, but some pages had to be given up (the report says why)
  2    the command line, or a file named on it, makes no sense
  3    the store cannot be opened or written
  4    the site cannot be reached, or its robots.txt does not want us
  130  stopped by Ctrl-C";

/// What was asked for.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "rondel-scraper",
    version,
    about = ABOUT,
    after_help = AFTER,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Options {
    /// Site to crawl; without it the embedded platform is scraped
    #[arg(value_name = "URL", value_parser = urls::parse_typed)]
    pub url: Option<Url>,

    /// Fetches at once
    #[arg(long, value_name = "N", default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub workers: u32,

    /// Requests a second, all hosts together [default: what a platform allows]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parse_rate)]
    pub rate: Option<f64>,

    /// SQLite file for the pages [default: HOST.sqlite; a temporary one]
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,

    /// Go on with what the store holds
    #[arg(long)]
    pub resume: bool,

    /// Do not store the bodies of the pages, only what is known about them
    #[arg(long)]
    pub no_bodies: bool,

    /// Print the report as one JSON object, the last line of stdout
    #[arg(long)]
    pub json: bool,

    /// Draw the latencies into this SVG file
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,

    /// No progress on stderr
    #[arg(long, short)]
    pub quiet: bool,

    /// Profile pages of the platform [default: 10000]
    #[arg(long, value_name = "N", help_heading = "Platform", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub pages: Option<u64>,

    /// What the faults follow from: same number, same faults [default: 1]
    #[arg(long, value_name = "N", help_heading = "Platform")]
    pub seed: Option<u64>,

    /// A platform without faults
    #[arg(long, help_heading = "Platform")]
    pub no_faults: bool,

    /// Follow links so many steps from the start at most
    #[arg(long, value_name = "N", help_heading = "Crawl")]
    pub max_depth: Option<u32>,

    /// Stop when the store holds so many pages
    #[arg(long, value_name = "N", help_heading = "Crawl", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_pages: Option<u64>,

    /// Follow links to other hosts, too
    #[arg(long, help_heading = "Crawl")]
    pub follow_hosts: bool,

    /// Fetch and store everything, not only hypertext
    #[arg(long, help_heading = "Crawl")]
    pub all_types: bool,

    /// Do not look for sitemaps
    #[arg(long, help_heading = "Crawl")]
    pub no_sitemaps: bool,

    /// Ignore robots.txt, crawl delays and nofollow; for sites of your own
    #[arg(long, help_heading = "Crawl")]
    pub ignore_robots: bool,

    /// Connections open at once
    #[arg(long, value_name = "N", default_value_t = 150, help_heading = "Connections", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub max_connections: u32,

    /// Connections open at once to one host [default: 30; platform: 150]
    #[arg(long, value_name = "N", help_heading = "Connections", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub per_host: Option<u32>,

    /// How long an unused connection is kept; 0: not at all
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Connections", value_parser = parse_duration)]
    pub keep_alive: Duration,

    /// Limit for one attempt as a whole
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Connections", value_parser = parse_limit)]
    pub timeout: Duration,

    /// Limit for name lookup, connecting and TLS
    #[arg(long, value_name = "TIME", default_value = "5s", help_heading = "Connections", value_parser = parse_limit)]
    pub connect_timeout: Duration,

    /// Longest silence of a server
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Connections", value_parser = parse_limit)]
    pub read_timeout: Duration,

    /// Attempts for one page, the first included
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Connections", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub attempts: u32,

    /// Trust the certificates of this PEM file, too
    #[arg(long, value_name = "FILE", help_heading = "Connections")]
    pub ca_file: Option<PathBuf>,

    /// Who we are, also for robots.txt
    #[arg(long, value_name = "TEXT", default_value = concat!("rondel-scraper/", env!("CARGO_PKG_VERSION")), help_heading = "Connections", value_parser = parse_user_agent)]
    pub user_agent: String,

    /// Which library asks the kernel about sockets
    #[arg(
        long,
        value_name = "mio|polling",
        default_value = "mio",
        help_heading = "Connections",
        value_parser = parse_reactor
    )]
    pub reactor: rondel::Reactor,

    /// Hold up each transaction of the store: a slow disk to try out
    #[arg(long, value_name = "TIME", default_value = "0s", hide = true, value_parser = parse_duration)]
    pub store_delay: Duration,
}

/// What the command line comes to.
#[derive(Debug)]
pub enum Asked {
    /// Do this.
    Run(Box<Options>),
    /// Print this on stdout: help or version.
    Print(String),
    /// Print this line on stderr.
    Wrong(String),
}

impl Options {
    /// Reads a command line, the name of the program first.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Asked {
        let parsed = Self::command().try_get_matches_from(args);
        let options = parsed.and_then(|matches| Self::from_arg_matches(&matches));
        match options {
            Ok(options) => match options.contradiction() {
                None => Asked::Run(Box::new(options)),
                Some(line) => Asked::Wrong(line),
            },
            Err(error)
                if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
            {
                Asked::Print(error.render().to_string())
            }
            Err(error) => Asked::Wrong(one_line(&error)),
        }
    }

    /// Flags that do nothing together; saying so is kinder than ignoring one of them.
    fn contradiction(&self) -> Option<String> {
        let platforms = [
            ("--pages", self.pages.is_some()),
            ("--seed", self.seed.is_some()),
            ("--no-faults", self.no_faults),
        ];
        let crawls = [
            ("--max-depth", self.max_depth.is_some()),
            ("--max-pages", self.max_pages.is_some()),
            ("--follow-hosts", self.follow_hosts),
            ("--all-types", self.all_types),
            ("--no-sitemaps", self.no_sitemaps),
            ("--ignore-robots", self.ignore_robots),
            ("--ca-file", self.ca_file.is_some()),
        ];
        let given =
            |flags: &[(&'static str, bool)]| flags.iter().find(|flag| flag.1).map(|flag| flag.0);
        match &self.url {
            Some(_) => given(&platforms).map(|flag| {
                format!("{flag} is about the embedded platform; with a URL it does nothing")
            }),
            None if self.resume && self.store.is_none() => {
                Some("--resume needs --store FILE when the embedded platform is scraped".into())
            }
            None => given(&crawls)
                .map(|flag| format!("{flag} is about a crawl; without a URL it does nothing")),
        }
    }

    /// The name that robots.txt files know us by.
    #[must_use]
    pub fn product(&self) -> &str {
        let end = |c: char| c == '/' || c.is_whitespace();
        self.user_agent.split(end).next().unwrap_or(&self.user_agent)
    }

    /// What is done, in words; a store keeps to one job.
    #[must_use]
    pub fn job(&self) -> String {
        match &self.url {
            Some(url) => format!("crawl of {url}"),
            None => {
                let faults = if self.no_faults { ", no faults" } else { "" };
                format!("embedded platform, {} pages, seed {}{faults}", self.pages(), self.seed())
            }
        }
    }

    /// Pages of the embedded platform.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.pages.unwrap_or(10_000)
    }

    /// Seed of the embedded platform.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }
}

/// The command that goes on with the store `store`, to be pasted into a shell.
pub fn resume_command(args: impl IntoIterator<Item = OsString>, store: &std::path::Path) -> String {
    let mut words: Vec<String> =
        args.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if !words.iter().any(|word| word == "--store" || word.starts_with("--store=")) {
        words.extend(["--store".to_owned(), store.to_string_lossy().into_owned()]);
    }
    if !words.iter().any(|word| word == "--resume") {
        words.push("--resume".to_owned());
    }
    let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
    words.join(" ")
}

/// A word as a shell wants it.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// clap explains at length; the first paragraph says it.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.split("\n\n").next().unwrap_or(&text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    format!("{line} (try --help)")
}

/// `500ms`, `10s`, `2m`, `10`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let found = units.iter().find_map(|&(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (digits, factor) = found.unwrap_or((text, 1.0));
    let number = digits.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let seconds =
        number.map(|number| number * factor).filter(|seconds| *seconds <= 86_400.0 * 365.0);
    let seconds = seconds.ok_or("a duration is a number with a unit, such as 500ms, 10s or 2m")?;
    Ok(Duration::from_secs_f64(seconds))
}

/// A duration that is not zero: a limit of nothing would refuse everything.
fn parse_limit(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.is_zero() {
        Err("a time limit must be more than zero".into())
    } else {
        Ok(duration)
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.001);
    rate.filter(|rate| *rate <= 1e6)
        .ok_or_else(|| "a rate is a number of requests a second, from 0.001 to 1000000".into())
}

fn parse_reactor(text: &str) -> Result<rondel::Reactor, String> {
    match text {
        "mio" => Ok(rondel::Reactor::Mio),
        "polling" => Ok(rondel::Reactor::Polling),
        _ => Err("there are two reactors: mio and polling".into()),
    }
}

fn parse_user_agent(text: &str) -> Result<String, String> {
    let fits = !text.trim().is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    fits.then(|| text.to_owned()).ok_or_else(|| "a user agent is printable ASCII text".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Asked {
        Options::read(
            std::iter::once("rondel-scraper").chain(line.split_whitespace()).map(OsString::from),
        )
    }

    fn wrong(line: &str) -> String {
        match read(line) {
            Asked::Wrong(text) => text,
            other => panic!("{line:?} was taken as {other:?}"),
        }
    }

    fn right(line: &str) -> Options {
        match read(line) {
            Asked::Run(options) => *options,
            other => panic!("{line:?} was taken as {other:?}"),
        }
    }

    /// Goal: nonsense gets one line that names what is wrong.
    /// Method: one nonsense of each kind.
    #[test]
    fn nonsense_gets_one_line() {
        for (line, words) in [
            ("--workers 0", "--workers"),
            ("--workers lots", "lots"),
            ("--nonsense", "--nonsense"),
            ("a.org b.org", "b.org"),
            ("ftp://a.org", "only http and https"),
            ("--rate -1", "--rate"),
            ("--rate=0", "requests a second"),
            ("--timeout 0", "more than zero"),
            ("--timeout soon", "500ms"),
            ("--reactor epoll", "mio"),
            ("--max-depth 3", "without a URL"),
            ("a.org --pages 3", "with a URL"),
            ("--resume", "needs --store"),
            ("--user-agent=", "user agent"),
            ("--pages 0", "--pages"),
        ] {
            let text = wrong(line);
            assert!(!text.contains('\n') && text.contains(words), "{line:?}: {text}");
        }
    }

    /// Goal: the defaults are those of the help, and values arrive.
    /// Method: an empty line and a full one.
    #[test]
    fn values_arrive() {
        let options = right("");
        assert_eq!(
            (options.workers, options.pages(), options.seed(), options.attempts),
            (150, 10_000, 1, 4)
        );
        assert_eq!(options.job(), "embedded platform, 10000 pages, seed 1");
        let options = right(
            "Example.org/a --rate 2.5 --keep-alive 0 --timeout 1.5s --read-timeout 250ms --user-agent Bot/1",
        );
        assert_eq!(options.url.as_ref().unwrap().as_str(), "http://example.org/a");
        assert_eq!((options.rate, options.keep_alive), (Some(2.5), Duration::ZERO));
        assert_eq!((options.timeout.as_millis(), options.read_timeout.as_millis()), (1500, 250));
        assert_eq!((options.product(), &*options.job()), ("Bot", "crawl of http://example.org/a"));
    }

    /// Goal: help and version go to stdout and say what matters.
    /// Method: look for exit codes and examples.
    #[test]
    fn the_help_names_exit_codes_and_examples() {
        let Asked::Print(help) = read("--help") else { panic!("help is to be printed") };
        assert!(
            help.contains("Exit codes:") && help.contains("Examples:") && help.contains("--resume")
        );
        assert!(
            matches!(read("--version"), Asked::Print(text) if text.starts_with("rondel-scraper "))
        );
    }

    /// Goal: the command to go on can be pasted into a shell.
    /// Method: words with blanks and quotes; flags that are there already.
    #[test]
    fn the_command_to_go_on_can_be_pasted() {
        let command = |line: &[&str]| {
            resume_command(line.iter().map(OsString::from), std::path::Path::new("my store.db"))
        };
        assert_eq!(command(&["rs", "a.org"]), "rs a.org --store 'my store.db' --resume");
        assert_eq!(
            command(&["rs", "--store=x", "it's", "--resume"]),
            r"rs --store=x 'it'\''s' --resume"
        );
    }
}
