//! What the commands share: the exercises, the learner's files, the progress.

use crate::cli::Options;
use crate::error::Error;
use crate::names;
use crate::progress::{self, Progress};
use rondel_exercises::catalogue::{self, Exercise};
use std::fs;
use std::path::{Path, PathBuf};

/// The exercises, and one learner.
#[derive(Debug)]
pub struct School {
    pub exercises: Vec<Exercise>,
    pub progress: Progress,
    pub seed: Option<u64>,
    dir: PathBuf,
    state: PathBuf,
}

impl School {
    /// Reads the exercises and the progress; writes nothing.
    pub fn open(options: &Options) -> Result<Self, Error> {
        let exercises = catalogue::catalogue()?;
        let state = match &options.state {
            Some(state) => state.clone(),
            None => progress::default_folder()?,
        };
        let progress = Progress::read(&state)?;
        let dir = std::path::absolute(&options.dir)
            .map_err(|error| Error::File(options.dir.clone(), error))?;
        let real = dir.canonicalize().unwrap_or_else(|_| dir.clone());
        if real.starts_with(catalogue::folder()) {
            return Err(Error::InsideTheRepository(dir));
        }
        Ok(Self { exercises, progress, seed: options.seed, dir, state })
    }

    /// The exercise that is meant; without a name the first that is not solved.
    pub fn choose(&self, slug: Option<&str>) -> Result<Option<&Exercise>, Error> {
        match slug {
            Some(slug) => names::find(&self.exercises, slug).map(Some),
            None => Ok(self.exercises.iter().find(|one| !self.progress.is_solved(&one.slug))),
        }
    }

    /// The exercise with this name.
    pub fn find(&self, slug: &str) -> Result<&Exercise, Error> {
        names::find(&self.exercises, slug)
    }

    /// Where the progress is kept.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The learner's file.
    pub fn file(&self, exercise: &Exercise) -> PathBuf {
        self.dir.join(format!("{}.rs", exercise.slug))
    }

    /// Where a judge is compiled.
    pub fn build_folder(&self, exercise: &Exercise) -> PathBuf {
        self.state.join("build").join(&exercise.slug)
    }

    /// Copies an exercise to the learner, unless it is there.
    pub fn hand_out(&self, exercise: &Exercise) -> Result<PathBuf, Error> {
        let file = self.file(exercise);
        if !file.exists() {
            copy(&exercise.handout(), &file)?;
        }
        Ok(file)
    }

    /// How many are solved.
    pub fn solved(&self) -> usize {
        self.exercises.iter().filter(|one| self.progress.is_solved(&one.slug)).count()
    }
}

/// Copies the text only: a file of a read-only checkout becomes one that can be edited.
pub fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let text = fs::read(from).map_err(|error| Error::File(from.to_owned(), error))?;
    let wrong = |error| Error::File(to.to_owned(), error);
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(wrong)?;
    }
    fs::write(to, text).map_err(wrong)
}
