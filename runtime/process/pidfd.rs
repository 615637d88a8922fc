//! Floor 5. A descriptor for a process, which becomes readable when the process ends. Linux 5.3.
//!
//! Real world: also what Go's `os.Process` and systemd use.

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;

/// The descriptor of a child that was not waited for yet, so that its number is still its own.
pub(super) fn open(child: &Child) -> io::Result<OwnedFd> {
    let pid = Pid::from_child(child);
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}
