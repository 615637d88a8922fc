//! The exercises: their folders, and the parts of their texts.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How many hints an exercise has, of growing clearness.
pub const HINTS: usize = 3;

/// One exercise.
#[derive(Debug, Clone)]
pub struct Exercise {
    /// The folder's name, such as `04_gather`.
    pub slug: String,
    /// The folder.
    pub folder: PathBuf,
    /// What it is called.
    pub title: String,
    /// What is to be done.
    pub task: String,
    /// What it is about, with a link to its lesson.
    pub concept: String,
    /// From a nudge to nearly everything.
    pub hints: [String; HINTS],
    /// Shown after success.
    pub explanation: String,
    /// A line that the judge's or the compiler's output has for the file as handed out.
    pub fails_with: String,
}

/// What is wrong with the catalogue.
#[derive(Debug)]
pub enum Error {
    /// A file or folder cannot be read.
    Io(PathBuf, io::Error),
    /// A text lacks a part, or has one that nobody knows.
    Text(PathBuf, String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Error::Text(path, what) => write!(f, "{}: {what}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

impl Exercise {
    /// The file that is handed out.
    #[must_use]
    pub fn handout(&self) -> PathBuf {
        self.folder.join("exercise.rs")
    }

    /// One way to do it.
    #[must_use]
    pub fn solution(&self) -> PathBuf {
        self.folder.join("solution.rs")
    }

    /// What asserts how an answer behaves.
    #[must_use]
    pub fn judge(&self) -> PathBuf {
        self.folder.join("judge.rs")
    }

    /// The number in front of the slug.
    #[must_use]
    pub fn number(&self) -> &str {
        self.slug.split('_').next().unwrap_or_default()
    }

    /// Whether the file as handed out is not meant to compile.
    #[must_use]
    pub fn is_refused_by_the_compiler(&self) -> bool {
        self.fails_with.starts_with("error")
    }

    /// Reads an exercise's folder.
    ///
    /// # Errors
    ///
    /// If a file is missing, or `text.md` has not exactly the parts of a text.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for file in ["exercise.rs", "solution.rs", "judge.rs"] {
            let path = folder.join(file);
            fs::metadata(&path).map_err(|error| Error::Io(path, error))?;
        }
        let path = folder.join("text.md");
        let text = fs::read_to_string(&path).map_err(|error| Error::Io(path.clone(), error))?;
        let wrong = |what: String| Error::Text(path.clone(), what);
        let (title, sections) = sections(&text).map_err(wrong)?;
        let names = ["Task", "Concept", "Hint 1", "Hint 2", "Hint 3", "Explanation", "Fails with"];
        let found: Vec<&str> = sections.iter().map(|(name, _)| &**name).collect();
        if found != names {
            return Err(wrong(format!("has the parts {found:?}, and not {names:?}")));
        }
        if let Some((name, _)) = sections.iter().find(|(_, text)| text.is_empty()) {
            return Err(wrong(format!("`## {name}` is empty")));
        }
        let part = |index: usize| sections[index].1.clone();
        let fails_with = part(6).trim_matches('`').to_owned();
        if fails_with.lines().count() != 1 {
            return Err(wrong("`## Fails with` must be one line".to_owned()));
        }
        Ok(Self {
            slug: name,
            folder: folder.to_owned(),
            title,
            task: part(0),
            concept: part(1),
            hints: [part(2), part(3), part(4)],
            explanation: part(5),
            fails_with,
        })
    }
}

/// The folder that holds the exercises.
#[must_use]
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All exercises, in the order of their numbers.
///
/// # Errors
///
/// If a folder cannot be read or is not complete.
pub fn catalogue() -> Result<Vec<Exercise>, Error> {
    let wrong = |error| Error::Io(folder().to_owned(), error);
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder()).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(|c: char| c.is_ascii_digit()) && path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    folders.iter().map(|folder| Exercise::read(folder)).collect()
}

/// The title, and the sections in their order.
fn sections(text: &str) -> Result<(String, Vec<(String, String)>), String> {
    let mut title = None;
    let mut sections: Vec<(String, String)> = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        in_code ^= line.starts_with("```");
        if let Some(name) = line.strip_prefix("## ").filter(|_| !in_code) {
            sections.push((name.trim().to_owned(), String::new()));
        } else if let Some(name) = line.strip_prefix("# ").filter(|_| !in_code && title.is_none()) {
            title = Some(name.trim().to_owned());
        } else if let Some((_, body)) = sections.last_mut() {
            body.push_str(line);
            body.push('\n');
        } else if !line.trim().is_empty() {
            return Err(format!("`{line}` stands before the first `## `"));
        }
    }
    for (_, body) in &mut sections {
        *body = body.trim().to_owned();
    }
    Ok((title.ok_or("has no `# ` title")?, sections))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_into_its_sections() {
        let text = "# A\n\n## Task\nx\n```rust\n# no title\n## no section\n```\n## Concept\ny\n";
        let (title, parts) = sections(text).unwrap();
        assert_eq!(title, "A");
        let task = "x\n```rust\n# no title\n## no section\n```".to_owned();
        assert_eq!(parts, [("Task".into(), task), ("Concept".into(), "y".into())]);
    }

    #[test]
    fn a_text_without_a_title_is_refused() {
        assert_eq!(sections("## Task\nx\n").unwrap_err(), "has no `# ` title");
    }
}
