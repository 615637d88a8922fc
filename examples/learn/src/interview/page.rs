//! The walk-throughs of `docs/interview/`, one page for each question.

use crate::error::Error;
use crate::names::{self, Missed, Named};
use std::fs;
use std::path::{Path, PathBuf};

/// One question and all that belongs to it.
#[derive(Debug)]
pub struct Page {
    /// Its file's name, `q-44-pin`.
    pub slug: String,
    pub question: String,
    /// The command that proves the answer.
    pub demo: String,
    path: PathBuf,
    text: String,
}

/// The repository that this was built in.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All pages, by their numbers.
pub fn pages(folder: Option<&Path>) -> Result<Vec<Page>, Error> {
    let folder = folder.map_or_else(|| root().join("docs/interview"), Path::to_owned);
    let wrong = |error| Error::NoQuestions(folder.clone(), error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|ending| ending == "md") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(Page::read).collect()
}

/// The page that is meant: its name, its number, or the only one that begins like this.
pub fn find<'a>(pages: &'a [Page], wanted: &str) -> Result<&'a Page, Error> {
    let named: Vec<Named<'a>> = pages.iter().map(Page::named).collect();
    // `q44`, `Q44` and `q-44` are the number as well.
    let digits = wanted.trim_start_matches(['q', 'Q', '-']);
    let meant = if digits.parse::<u32>().is_ok() { digits } else { wanted };
    match names::place(&named, meant) {
        Ok(place) => Ok(&pages[place]),
        Err(Missed::Unknown(near)) => Err(Error::UnknownQuestion(wanted.to_owned(), near)),
        Err(Missed::Several(all)) => Err(Error::AmbiguousQuestion(wanted.to_owned(), all)),
    }
}

impl Page {
    fn read(path: PathBuf) -> Result<Self, Error> {
        let text =
            fs::read_to_string(&path).map_err(|error| Error::NoQuestions(path.clone(), error))?;
        let slug = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let torn = |what: &str| Error::TornQuestion(path.clone(), what.to_owned());
        let title = text.lines().next().and_then(|line| line.strip_prefix("# "));
        let title = title.ok_or_else(|| torn("its first line must be `# QNN. the question?`"))?;
        let question = title.split_once(". ").map_or(title, |(_, question)| question).to_owned();
        let cut =
            |line: &str| line.strip_prefix("<!-- demo: ")?.strip_suffix(" -->").map(str::to_owned);
        let demo = text.lines().find_map(cut);
        let demo = demo.ok_or_else(|| torn("there is no line `<!-- demo: command -->`"))?;
        Ok(Self { slug, question, demo, path, text })
    }

    /// `44` of `q-44-pin`.
    pub fn number(&self) -> &str {
        self.slug.split('-').nth(1).unwrap_or("")
    }

    fn named(&self) -> Named<'_> {
        let name = self.slug.splitn(3, '-').nth(2).unwrap_or("");
        Named { slug: &self.slug, number: self.number(), name }
    }

    /// What stands under `## heading`.
    pub fn section(&self, heading: &str) -> Result<&str, Error> {
        let found = self.text.split_once(&format!("\n## {heading}\n"));
        let (_, rest) = found.ok_or_else(|| {
            Error::TornQuestion(self.path.clone(), format!("there is no heading `## {heading}`"))
        })?;
        Ok(rest.split_once("\n## ").map_or(rest, |(section, _)| section).trim())
    }

    /// The follow-ups, each with its answer.
    pub fn follow_ups(&self) -> Result<Vec<(&str, &str)>, Error> {
        let section = self.section("Follow-ups")?;
        let pieces = section.split("### ").skip(1);
        let pairs = pieces.map(|piece| piece.split_once('\n').unwrap_or((piece, "")));
        Ok(pairs.map(|(question, answer)| (question.trim(), answer.trim())).collect())
    }
}
