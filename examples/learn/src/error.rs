//! What can go wrong, and what to do about it.

use rondel_exercises::{catalogue, workbench};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a command could not be carried out.
#[derive(Debug)]
pub enum Error {
    /// The exercises are not complete.
    Catalogue(catalogue::Error),
    /// There is no such exercise; those whose names are near.
    UnknownSlug(String, Vec<String>),
    /// Several exercises begin like this.
    Ambiguous(String, Vec<String>),
    /// A file of the learner's cannot be read or written.
    File(PathBuf, io::Error),
    /// `--dir` lies among the exercises themselves.
    InsideTheRepository(PathBuf),
    /// The progress cannot be kept.
    State(PathBuf, io::Error),
    /// The file of the progress is not what `learn` writes.
    TornState(PathBuf, String),
    /// No home, so no place for the progress.
    NoHome,
    /// There is no verdict.
    Bench(workbench::Error),
    /// The interview questions cannot be read.
    NoQuestions(PathBuf, io::Error),
    /// An interview question has not the shape of one.
    TornQuestion(PathBuf, String),
    /// There is no such question; those whose names are near.
    UnknownQuestion(String, Vec<String>),
    /// Several questions begin like this.
    AmbiguousQuestion(String, Vec<String>),
    /// A demo did not run, or failed.
    Demo(String, String),
    /// What was typed cannot be read.
    Input(io::Error),
    /// The output cannot be written.
    Screen(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Catalogue(error) => write!(f, "the exercises are not complete: {error}"),
            Error::UnknownSlug(slug, near) if near.is_empty() => {
                write!(f, "there is no exercise `{slug}`; `learn list` shows all")
            }
            Error::UnknownSlug(slug, near) => write!(
                f,
                "there is no exercise `{slug}`; did you mean {}? `learn list` shows all",
                near.join(" or ")
            ),
            Error::Ambiguous(slug, all) => {
                write!(f, "several exercises begin with `{slug}`: {}", all.join(", "))
            }
            Error::File(path, error) => write!(f, "{}: {error}", path.display()),
            Error::InsideTheRepository(path) => write!(
                f,
                "{} is the folder of the exercises themselves; take another by --dir DIR",
                path.display()
            ),
            Error::State(path, error) => write!(
                f,
                "your progress cannot be kept in {}: {error}\nName another folder by --state DIR.",
                path.display()
            ),
            Error::TornState(path, what) => write!(
                f,
                "{} cannot be understood: {what}\nRemove it to begin anew; your files stay.",
                path.display()
            ),
            Error::NoHome => {
                write!(f, "HOME and XDG_STATE_HOME are not set; name a folder by --state DIR")
            }
            Error::NoQuestions(path, error) => write!(
                f,
                "the questions cannot be read from {}: {error}\n`learn` needs the checkout that it \
                 was built in.",
                path.display()
            ),
            Error::TornQuestion(path, what) => write!(f, "{}: {what}", path.display()),
            Error::UnknownQuestion(slug, near) => {
                write!(f, "there is no question `{slug}`; ")?;
                if !near.is_empty() {
                    write!(f, "did you mean {}? ", near.join(" or "))?;
                }
                write!(f, "`learn interview --list` shows all")
            }
            Error::AmbiguousQuestion(slug, all) => {
                write!(f, "several questions begin with `{slug}`: {}", all.join(", "))
            }
            Error::Demo(command, what) => write!(f, "the demo `{command}` failed: {what}"),
            Error::Input(error) => write!(f, "the input cannot be read: {error}"),
            Error::Bench(error) => error.fmt(f),
            Error::Screen(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<catalogue::Error> for Error {
    fn from(error: catalogue::Error) -> Self {
        Error::Catalogue(error)
    }
}

impl From<workbench::Error> for Error {
    fn from(error: workbench::Error) -> Self {
        Error::Bench(error)
    }
}
