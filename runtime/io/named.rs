//! Floor 5. Errors that say what could not be done, and with what.
//!
//! "No such file or directory" does not help whoever reads the log: which one? So what is opened,
//! connected or started by its name tells the name when that fails:
//!
//! ```text
//!   cannot read "settings.toml": No such file or directory (os error 2)
//!   └ what └──── whom ────────┘  └ source
//! ```
//!
//! Rules
//! 1. The [`ErrorKind`](io::ErrorKind) stays.
//! 2. The error of the kernel is the `source`. The outer one has no `raw_os_error`: the standard
//!    library keeps either a number or a text.
//!
//! Real world: Python's `OSError` has a `filename`; tokio and the standard library leave the name
//! to the program.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

/// Found inside the `io::Error`.
#[derive(Debug)]
struct Named {
    what: String,
    source: io::Error,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.source)
    }
}

impl Error for Named {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// `what` could not be done with `whom`, because of `source`.
pub(crate) fn named(what: &str, whom: impl fmt::Display, source: io::Error) -> io::Error {
    io::Error::new(source.kind(), Named { what: format!("{what} {whom}"), source })
}

/// The same with a path, in quotes.
pub(crate) fn with_path(what: &str, path: &Path, source: io::Error) -> io::Error {
    named(what, format_args!("{path:?}"), source)
}
