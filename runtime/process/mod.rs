//! Floor 5. Child processes: start one, talk to it, wait for its end, leave no zombie.
//!
//! The standard library forks and executes; this is about waiting without a thread for each child.
//!
//! ```text
//!   Command ── spawn ──▶ Child ── stdin, stdout, stderr   pipes in the reactor, like sockets
//!                          │── wait   a pidfd in the reactor; without pidfds a SIGCHLD listener
//!                          └── drop   not waited for: adopted by the orphanage, which waits for it
//! ```
//!
//! A process that ended and was not waited for is a zombie: it holds its number and a row in the
//! kernel's table. So a dropped [`Child`] must be waited for by somebody, and a kernel that can say
//! "this one has ended" (Linux, by a pidfd) spares asking all of them after each `SIGCHLD`.
//!
//! In virtual time the clock jumps while a child works, as it does while a socket's peer does.
//!
//! Real world: tokio does the same; asyncio's child watchers were a thread for each child, then
//! became pidfds; libuv asks every child after each `SIGCHLD`.

mod child;
mod command;
mod exit;
mod orphans;
mod pipes;

#[cfg(target_os = "linux")]
mod pidfd;
#[path = "no_pidfd.rs"]
#[cfg(not(target_os = "linux"))]
mod pidfd;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};

#[doc(no_inline)]
pub use std::process::{ExitStatus, Output, Stdio};
