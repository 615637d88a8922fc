//! What was solved, and how many hints were seen: a JSON file in the state folder.

use crate::error::Error;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The progress of one learner.
#[derive(Debug, Default)]
pub struct Progress {
    solved: BTreeSet<String>,
    hints: BTreeMap<String, usize>,
    folder: PathBuf,
}

/// The folder of the state, if none is named on the command line.
pub fn default_folder() -> Result<PathBuf, Error> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(state) = variable("XDG_STATE_HOME") {
        return Ok(PathBuf::from(state).join("rondel-learn"));
    }
    let home = variable("HOME").ok_or(Error::NoHome)?;
    Ok(PathBuf::from(home).join(".local/state/rondel-learn"))
}

impl Progress {
    /// Reads it; whoever begins has none.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("progress.json");
        let mut progress = match fs::read_to_string(&path) {
            Ok(text) => parse(&text).map_err(|what| Error::TornState(path, what))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Progress::default(),
            Err(error) => return Err(Error::State(folder.to_owned(), error)),
        };
        folder.clone_into(&mut progress.folder);
        Ok(progress)
    }

    pub fn is_solved(&self, slug: &str) -> bool {
        self.solved.contains(slug)
    }

    /// How many hints were shown.
    pub fn hints(&self, slug: &str) -> usize {
        self.hints.get(slug).copied().unwrap_or(0)
    }

    /// Notes that an exercise is solved.
    pub fn solve(&mut self, slug: &str) -> Result<(), Error> {
        self.solved.insert(slug.to_owned());
        self.write()
    }

    /// Notes that so many hints were shown.
    pub fn show_hints(&mut self, slug: &str, count: usize) -> Result<(), Error> {
        self.hints.insert(slug.to_owned(), count);
        self.write()
    }

    /// Forgets what is known of an exercise.
    pub fn forget(&mut self, slug: &str) -> Result<(), Error> {
        self.solved.remove(slug);
        self.hints.remove(slug);
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        store(&self.folder, "progress", &json!({ "solved": self.solved, "hints": self.hints }))
    }
}

/// Writes a value into `NAME.json`. The new file takes the place of the old one at once, so that
/// none is ever half written.
pub fn store(folder: &Path, name: &str, value: &Value) -> Result<(), Error> {
    let wrong = |error| Error::State(folder.to_owned(), error);
    fs::create_dir_all(folder).map_err(wrong)?;
    let fresh = folder.join(format!("{name}.{}.new", std::process::id()));
    fs::write(&fresh, format!("{value:#}\n")).map_err(wrong)?;
    fs::rename(&fresh, folder.join(format!("{name}.json"))).map_err(wrong)
}

/// What `write` writes.
fn parse(text: &str) -> Result<Progress, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let solved = value["solved"].as_array().ok_or("there is no list `solved`")?;
    let solved: Option<_> = solved.iter().map(|slug| slug.as_str().map(str::to_owned)).collect();
    let hints = value["hints"].as_object().ok_or("there is no table `hints`")?;
    let count = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok());
    let hints: Option<_> =
        hints.iter().map(|(slug, value)| Some((slug.clone(), count(value)?))).collect();
    Ok(Progress {
        solved: solved.ok_or("`solved` must hold names")?,
        hints: hints.ok_or("`hints` must hold counts")?,
        folder: PathBuf::new(),
    })
}
