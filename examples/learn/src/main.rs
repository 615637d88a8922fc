//! `learn`: hands out exercises, judges the answers, and gives hints.
//!
//! ```text
//!   cargo run -p learn                 watch: says what is to be done, judges after each save
//!   cargo run -p learn -- list         what there is, and what is solved
//!   cargo run -p learn -- hint         one hint, then a clearer one
//!   cargo run -p learn -- interview    an interview question that is due, or a new one
//! ```
//!
//! The learner's files are copies in a folder of their own; nothing in the repository changes. Each
//! command is a function in a module of its own name; what they share is the [`School`].

mod cli;
mod error;
mod hand_out;
mod hint;
mod interview;
mod list;
mod names;
mod progress;
mod school;
mod screen;
mod verify;
mod watch;

use clap::Parser;
use cli::{Arguments, Command};
use error::Error;
use school::School;
use screen::Screen;
use std::process::ExitCode;

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// All is well.
    Well,
    /// The answer does not pass.
    NotYet,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut screen = Screen::new(arguments.options.json);
    match run(&arguments, &mut screen) {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::NotYet) => ExitCode::from(1),
        // Whoever read our output has seen enough.
        Err(Error::Screen(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            screen.error(&error);
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments, screen: &mut Screen) -> Result<Done, Error> {
    let mut school = School::open(&arguments.options)?;
    match arguments.command.as_ref().unwrap_or(&Command::Watch { slug: None }) {
        Command::Watch { slug } => watch::watch(&mut school, screen, slug.as_deref()),
        Command::Next => hand_out::next(&school, screen),
        Command::List => list::list(&school, screen),
        Command::Verify { slug, file } => {
            verify::verify(&mut school, screen, slug, file.as_deref())
        }
        Command::Hint { slug } => hint::hint(&mut school, screen, slug.as_deref()),
        Command::Reset { slug } => hand_out::reset(&mut school, screen, slug),
        Command::Solution { slug } => hint::solution(&school, screen, slug),
        Command::Interview(wish) => interview::interview(&school, screen, wish),
    }
}
