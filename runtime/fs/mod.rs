//! Floor 5. Files and directories, by way of the blocking pool.
//!
//! The kernel has no "this file is ready": a read of a file waits for the disk inside the call. So
//! every call here is a closure on the pool: some microseconds to another thread and back.
//!
//! ```text
//!   read("x").await ──▶ closure ──▶ [ pool thread: std::fs::read ] ──▶ wake ──▶ bytes
//! ```
//!
//! One trip for a whole file is cheap; one for each small read is not: use [`read`], or a
//! [`BufReader`](crate::io::BufReader) around a [`File`].
//!
//! Rules
//! 1. A call that has begun is not called off by dropping its future: a file may still be written,
//!    renamed or removed. What has not begun when the runtime ends, does not happen.
//! 2. Errors have the kind of the standard library's function of the same name, and name the path.
//!    That function's own error, with the kernel's number, is the `source`.
//! 3. Everything panics outside a runtime.
//!
//! Real world: tokio and Python's aiofiles do the same; io_uring needs no threads.

mod dir;
mod file;
mod open_options;
mod paths;

pub use dir::{DirBuilder, DirEntry, ReadDir, read_dir};
pub use file::File;
pub use open_options::OpenOptions;
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read, read_link,
    read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink,
    symlink_metadata, try_exists, write,
};

#[doc(no_inline)]
pub use std::fs::{FileTimes, FileType, Metadata, Permissions};
