//! The command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Exercises with a judge: learn async by mending small programs.
///
/// Without a command it watches: it shows the next exercise, and judges your file after each save.
#[derive(Debug, Parser)]
#[command(name = "learn", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to do it.
    #[command(flatten)]
    pub options: Options,
}

/// What all commands take.
#[derive(Debug, Args)]
pub struct Options {
    /// Your folder: the exercises are copied to it.
    #[arg(long, global = true, value_name = "DIR", default_value = "rondel-exercises")]
    pub dir: PathBuf,
    /// Where your progress is kept [default: $XDG_STATE_HOME/rondel-learn, or
    /// ~/.local/state/rondel-learn].
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Answers for machines: one JSON value a line.
    #[arg(long, global = true)]
    pub json: bool,
    /// Judges only under the schedule of this seed, to replay a failure.
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,
}

/// The commands. A slug is an exercise's name (`04_gather`), its number, or how either begins.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judges your file after each save, and goes on to the next exercise when it passes.
    Watch {
        /// Where to begin [default: the first that is not solved].
        slug: Option<String>,
    },
    /// Shows the first exercise that is not solved.
    Next,
    /// Lists all exercises, and which are solved.
    List,
    /// Judges one answer: exit code 0 if it passes, 1 if not, 2 if it could not be judged.
    Verify {
        /// Which exercise.
        slug: String,
        /// Judges this file instead of yours; your progress does not change.
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
    },
    /// Shows a hint; the next call shows a clearer one, three in all.
    Hint {
        /// Which exercise [default: the first that is not solved].
        slug: Option<String>,
    },
    /// Hands an exercise out anew. Your file is kept beside it.
    Reset {
        /// Which exercise.
        slug: String,
    },
    /// Shows one way to do it.
    Solution {
        /// Which exercise.
        slug: String,
    },
}
