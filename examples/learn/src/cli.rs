//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
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
    /// Judges only under the schedule of this seed, to replay a failure; for `interview random`:
    /// decides which question.
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
    /// Asks an interview question; how well you knew it decides when it comes again.
    Interview(Interview),
}

/// What is wanted of an interview question. Without a flag it is asked.
#[derive(Debug, Args)]
pub struct Interview {
    /// A question (`q-44-pin`), its number, how its name begins, or `random`: one that is due, or a
    /// new one [default: random].
    pub slug: Option<String>,
    /// Runs what proves the answer.
    #[arg(long, group = "part")]
    pub demo: bool,
    /// Shows the long answer, the pitfalls and the picture for the whiteboard.
    #[arg(long, group = "part")]
    pub deep: bool,
    /// Asks what an interviewer asks next, one by one.
    #[arg(long, group = "part")]
    pub follow_up: bool,
    /// Lists all questions, and when each is due.
    #[arg(long, group = "part")]
    pub list: bool,
    /// Forgets how well you knew this one; without a name, all of them.
    #[arg(long, group = "part")]
    pub reset: bool,
    /// How well you knew it; without it you are asked, on a terminal.
    #[arg(long, group = "part", value_enum)]
    pub grade: Option<Grade>,
    /// Reads the questions from here.
    #[arg(long, hide = true, value_name = "DIR")]
    pub pages: Option<PathBuf>,
}

/// How well an answer was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Grade {
    /// Not known: it stays due.
    Again,
    /// Known with an effort.
    Hard,
    /// Known.
    Good,
    /// Known at once.
    Easy,
}
