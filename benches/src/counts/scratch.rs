//! A folder for what a tool writes down, gone when dropped.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{env, fs, process};

/// Numbers the folders of one process.
static NEXT: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Result<Self, String> {
        let number = NEXT.fetch_add(1, Relaxed); // only has to differ
        let folder = env::temp_dir().join(format!("rondel-counts-{}-{number}", process::id()));
        fs::create_dir(&folder)
            .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        Ok(Self(folder))
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is the temporary folder's to tidy up.
        let _ = fs::remove_dir_all(&self.0);
    }
}
