//! Floor 5. What stands for `pidfd.rs` where the kernel has no descriptors for processes.
//!
//! Real world: BSD's kqueue can watch a process (`EVFILT_PROC`), by its number.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;

/// Always [`Unsupported`](io::ErrorKind::Unsupported): the caller listens for `SIGCHLD`.
pub(super) fn open(_child: &Child) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}
