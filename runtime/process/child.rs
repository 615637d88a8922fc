//! Floor 5. `Child`: a process that was started here.
//!
//! | state | `id` | `wait`, `try_wait` | `start_kill` | drop |
//! |---|---|---|---|---|
//! | not waited for yet | `Some` | the status once it has ended | sends it | see below |
//! | waited for | `None` | the same status again | nothing | nothing |
//!
//! Dropped before it was waited for, a child lives on (or is killed, with `kill_on_drop`), and the
//! orphanage waits for it.
//!
//! Real world: tokio's is the same; asyncio's `Process` warns when it is dropped.

use std::io;
use std::process::{self, ExitStatus, Output};

use super::exit::ExitWatch;
use super::orphans;
use super::pipes::{ChildStderr, ChildStdin, ChildStdout};
use crate::io::{AsyncRead, AsyncReadExt};

/// A child process; made by [`Command::spawn`](super::Command::spawn).
///
/// Dropping it does not end the process, unless
/// [`kill_on_drop`](super::Command::kill_on_drop) was said; either way no zombie stays: the
/// process is waited for by a thread of its own kind, which is there as long as there are such
/// orphans.
///
/// Twin of `tokio::process::Child` and of `asyncio.subprocess.Process`.
///
/// ```
/// use rondel::process::Command;
/// # rondel::run(async {
/// let mut child = Command::new("sleep").arg("1000").spawn()?;
/// assert!(child.id().is_some());
/// assert!(child.try_wait()?.is_none());
/// child.kill().await?; // and waits for its end
/// assert!(child.id().is_none());
/// assert!(!child.wait().await?.success());
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Child {
    // Before the process: whoever is told of its end shall not outlive it.
    exit: Option<ExitWatch>,
    process: Process,
    /// Its standard input, if it was [`piped`](process::Stdio::piped). Take it, to write and drop
    /// it while the child is waited for; [`wait`](Self::wait) closes it.
    pub stdin: Option<ChildStdin>,
    /// Its standard output, if it was piped.
    pub stdout: Option<ChildStdout>,
    /// Its standard error, if it was piped.
    pub stderr: Option<ChildStderr>,
}

/// The process, which must be waited for by somebody.
#[derive(Debug)]
struct Process {
    /// `None` only while it is being dropped.
    child: Option<process::Child>,
    status: Option<ExitStatus>,
    kill_on_drop: bool,
}

impl Process {
    fn get(&mut self) -> &mut process::Child {
        self.child.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if self.status.is_some() {
            return;
        }
        if self.kill_on_drop {
            // An error says that it has ended already.
            let _ = child.kill();
        }
        orphans::adopt(child);
    }
}

impl Child {
    /// Takes a process over. If that fails, it is killed: nobody would have a handle to it.
    pub(super) fn new(child: process::Child, kill_on_drop: bool) -> io::Result<Self> {
        let mut process = Process { child: Some(child), status: None, kill_on_drop: true };
        let child = process.get();
        let exit = Some(ExitWatch::new(child)?);
        let stdin = child.stdin.take().map(ChildStdin::from_std).transpose()?;
        let stdout = child.stdout.take().map(ChildStdout::from_std).transpose()?;
        let stderr = child.stderr.take().map(ChildStderr::from_std).transpose()?;
        process.kill_on_drop = kill_on_drop;
        Ok(Self { exit, process, stdin, stdout, stderr })
    }

    /// The number of the process; `None` once it was waited for, as the kernel may give the number
    /// to another one then.
    pub fn id(&self) -> Option<u32> {
        if self.process.status.is_some() {
            return None;
        }
        self.process.child.as_ref().map(process::Child::id)
    }

    /// Sends `SIGKILL` and does not wait. Nothing happens to a child that was waited for.
    ///
    /// Twin of tokio's `start_kill` and of asyncio's `Process.kill`.
    pub fn start_kill(&mut self) -> io::Result<()> {
        if self.process.status.is_some() { Ok(()) } else { self.process.get().kill() }
    }

    /// Sends `SIGKILL` and waits for the end.
    ///
    /// Twin of tokio's `kill`.
    ///
    /// **Cancel-safe:** yes. The signal was sent; wait again for the end.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Waits for the end. Closes the child's standard input first, so that a child which reads to
    /// the end of it is not waited for in vain.
    ///
    /// - Returns the status; to wait again returns the same at once.
    /// - Its output is not read: a child that writes more than a pipe holds (64 KiB) never ends.
    ///   Use [`wait_with_output`](Self::wait_with_output), or read in another task.
    /// - Errors: somebody else has waited for the process.
    ///
    /// Twin of tokio's `wait` and of asyncio's `Process.wait`.
    ///
    /// **Cancel-safe:** yes, but the standard input stays closed; take it before, if you need it.
    /// **Cost:** one `waitpid`, and the wake of a socket.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        if let Some(status) = self.process.status {
            return Ok(status);
        }
        let exit = self.exit.as_mut().expect("it is there until there is a status");
        let status = exit.wait(self.process.get()).await?;
        self.note(status);
        Ok(status)
    }

    /// The status, if it has ended. Does not wait, and leaves the standard input open.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.process.status.is_none()
            && let Some(status) = self.process.get().try_wait()?
        {
            self.note(status);
        }
        Ok(self.process.status)
    }

    /// It was waited for: what only the wait needed can go.
    fn note(&mut self, status: ExitStatus) {
        self.process.status = Some(status);
        self.exit = None;
    }

    /// Waits for the end and reads all of standard output and standard error meanwhile, as far as
    /// they are piped. Closes the standard input first.
    ///
    /// All that comes is kept in memory: there is no limit. For a child that may write without end,
    /// read from [`stdout`](Self::stdout) through [`take`](AsyncReadExt::take).
    ///
    /// Twin of tokio's `wait_with_output` and of asyncio's `Process.communicate`.
    ///
    /// **Cancel-safe:** no. **What was read is lost, and the child is dropped.**
    ///
    /// ```
    /// use rondel::process::{Command, Stdio};
    /// # rondel::run(async {
    /// let child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
    /// let output = child.wait_with_output().await?;
    /// assert!(output.status.success());
    /// assert_eq!(output.stdout, b"hello\n");
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        let (mut stdout, mut stderr) = (self.stdout.take(), self.stderr.take());
        let (status, stdout, stderr) =
            crate::try_join!(self.wait(), read_all(&mut stdout), read_all(&mut stderr))?;
        Ok(Output { status, stdout, stderr })
    }
}

/// Reads a pipe to its end. It stays open until the others are done as well: a child that is still
/// writing shall not be hit by `SIGPIPE`.
async fn read_all<R: AsyncRead + Unpin>(pipe: &mut Option<R>) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    if let Some(pipe) = pipe {
        pipe.read_to_end(&mut all).await?;
    }
    Ok(all)
}
