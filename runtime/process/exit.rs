//! Floor 5. Waiting for the end of one child.
//!
//! | way | wakes | costs |
//! |---|---|---|
//! | pidfd | when this child has ended | a descriptor and a registration |
//! | `SIGCHLD` | when some child has ended | a pipe; a `waitpid` of each waiter for each signal |
//!
//! Rules
//! 1. Look first, wait then: the watch is made before the first look, so no end falls in between.
//! 2. The status is asked of the standard library's `Child`, which remembers it: whoever looks
//!    first reaps, and all later looks say the same.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};

use super::pidfd;
use crate::net::registered::Registered;
use crate::reactor::Direction;
use crate::signal::unix::{Signal, SignalKind, signal};

/// What tells that a child may have ended.
#[derive(Debug)]
pub(super) enum ExitWatch {
    Pidfd(Registered<OwnedFd>),
    SigChld(Signal),
}

impl ExitWatch {
    /// By a pidfd if the kernel has them and a sandbox does not forbid them.
    pub(super) fn new(child: &Child) -> io::Result<Self> {
        match pidfd::open(child) {
            Ok(pidfd) => Ok(Self::Pidfd(Registered::new(pidfd)?)),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
                ) =>
            {
                Self::by_signal()
            }
            Err(error) => Err(error),
        }
    }

    fn by_signal() -> io::Result<Self> {
        signal(SignalKind::child()).map(Self::SigChld)
    }

    /// Waits for the end of `child`, the one that this was made for.
    pub(super) async fn wait(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        match self {
            Self::Pidfd(pidfd) => {
                let look = |_: &OwnedFd| match child.try_wait()? {
                    Some(status) => Ok((status, false)),
                    None => Err(io::ErrorKind::WouldBlock.into()),
                };
                pidfd.io(Direction::Read, look).await
            }
            Self::SigChld(signal) => loop {
                if let Some(status) = child.try_wait()? {
                    return Ok(status);
                }
                signal.heard().await?;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn child() -> Child {
        Command::new("cat").stdin(Stdio::piped()).spawn().unwrap()
    }

    /// Goal: both ways see an end that is there before they wait, and one that comes while they do.
    #[test]
    fn both_ways_see_an_end_before_and_during_the_wait() {
        let ways: [fn(&Child) -> io::Result<ExitWatch>; 2] =
            [ExitWatch::new, |_| ExitWatch::by_signal()];
        crate::run(async {
            for way in ways {
                let mut early = child();
                let mut watch = way(&early).unwrap();
                early.kill().unwrap();
                assert!(!watch.wait(&mut early).await.unwrap().success());

                let mut late = child();
                let mut watch = way(&late).unwrap();
                let stdin = late.stdin.take();
                let wait = crate::spawn(async move { watch.wait(&mut late).await });
                crate::task::yield_now().await; // it waits
                drop(stdin);
                assert!(wait.await.unwrap().unwrap().success());
            }
        });
    }
}
