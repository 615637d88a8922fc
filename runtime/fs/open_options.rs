//! Floor 5. `OpenOptions`: how a file is opened.
//!
//! Real world: the standard library's builder; Python's mode strings: `"r"` is `read`, `"w"` is
//! `write`, `create` and `truncate`, `"a"` is `append` and `create`, `"x"` is `create_new`.

use super::File;
use crate::io::named::with_path;
use crate::io::offload::offload;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How a file is opened. Nothing is on unless said.
///
/// Twin of `tokio::fs::OpenOptions` and of Python's `open(path, mode)`.
///
/// ```
/// use rondel::fs::{self, OpenOptions};
/// use rondel::io::AsyncWriteExt;
/// # rondel::run(async {
/// # let path = std::env::temp_dir().join(format!("rondel-options-{}", std::process::id()));
/// for line in ["one\n", "two\n"] {
///     let mut log = OpenOptions::new().append(true).create(true).open(&path).await?;
///     log.write_all(line.as_bytes()).await?;
///     log.flush().await?;
/// }
/// assert_eq!(fs::read_to_string(&path).await?, "one\ntwo\n");
/// # fs::remove_file(&path).await?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct OpenOptions(fs::OpenOptions);

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl From<fs::OpenOptions> for OpenOptions {
    fn from(std: fs::OpenOptions) -> Self {
        Self(std)
    }
}

macro_rules! switches {
    ($($name:ident: $what:literal;)*) => {$(
        #[doc = $what]
        pub fn $name(&mut self, $name: bool) -> &mut Self {
            self.0.$name($name);
            self
        }
    )*};
}

impl OpenOptions {
    /// Nothing is on.
    pub fn new() -> Self {
        Self(fs::OpenOptions::new())
    }

    switches! {
        read: "To be read.";
        write: "To be written, from the start, over what is there.";
        append: "To be written at the end only, wherever the position is.";
        truncate: "What is there is thrown away; needs `write`.";
        create: "Made if it is not there; needs `write` or `append`.";
        create_new: "Made; an error if it is there. `create` and `truncate` mean nothing then.";
    }

    /// The permissions of a file that is made, before the process's mask; `0o666` unless said.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.0.mode(mode);
        self
    }

    /// More flags for `open(2)`; the access mode in them is ignored.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.0.custom_flags(flags);
        self
    }

    /// Opens the file at `path`.
    ///
    /// - Errors: no such file, no right to it, the file system is read-only, switches that
    ///   contradict each other (`InvalidInput`).
    /// - Panics outside a runtime.
    ///
    /// **Cancel-safe:** yes, but for a file that is made or truncated all the same.
    /// **Cost:** one trip to the pool.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (path, options) = (path.as_ref().to_owned(), self.0.clone());
        let open =
            move || options.open(&path).map_err(|error| with_path("cannot open", &path, error));
        Ok(File::from_std(offload(open).await?))
    }
}
