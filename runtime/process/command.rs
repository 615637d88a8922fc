//! Floor 5. `Command`: what to run, and how.
//!
//! The standard library's builder with one more switch. `fork` and `exec` are its job, and take a
//! millisecond at most, so they are done on the loop's own thread.
//!
//! Real world: tokio wraps the same builder; asyncio has keywords instead.

use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, ExitStatus, Output, Stdio};

use super::Child;
use crate::io::named::named;

/// A process that is to be started.
///
/// Twin of `tokio::process::Command` and of `asyncio.create_subprocess_exec`. Not here is
/// `pre_exec`: it is `unsafe`, and so for the caller to say, on [`as_std_mut`](Self::as_std_mut).
///
/// ```
/// use rondel::io::AsyncWriteExt;
/// use rondel::process::{Command, Stdio};
/// # rondel::run(async {
/// let mut command = Command::new("tr");
/// command.args(["a-z", "A-Z"]).stdin(Stdio::piped()).stdout(Stdio::piped());
/// let mut child = command.spawn()?;
/// let mut stdin = child.stdin.take().expect("it is piped");
/// stdin.write_all(b"hello").await?;
/// drop(stdin); // the end of its input
/// assert_eq!(child.wait_with_output().await?.stdout, b"HELLO");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Command {
    std: process::Command,
    kill_on_drop: bool,
}

impl From<process::Command> for Command {
    fn from(std: process::Command) -> Self {
        Self { std, kill_on_drop: false }
    }
}

impl Command {
    /// To run `program`, which is looked for in `PATH` unless it has a slash in it; without
    /// arguments, with the parent's environment, directory and standard streams.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Self {
        process::Command::new(program).into()
    }

    /// The builder inside.
    pub fn as_std(&self) -> &process::Command {
        &self.std
    }

    /// The builder inside: for what is not here.
    pub fn as_std_mut(&mut self) -> &mut process::Command {
        &mut self.std
    }

    /// The builder inside, without `kill_on_drop`.
    pub fn into_std(self) -> process::Command {
        self.std
    }

    /// One more argument. No shell looks at it.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Self {
        self.std.arg(arg);
        self
    }

    /// More arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// What the process sees as its own name.
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Self {
        self.std.arg0(arg);
        self
    }

    /// Sets a variable of the environment.
    pub fn env<K: AsRef<OsStr>, V: AsRef<OsStr>>(&mut self, key: K, val: V) -> &mut Self {
        self.std.env(key, val);
        self
    }

    /// Sets variables of the environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Leaves a variable of the environment out.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Self {
        self.std.env_remove(key);
        self
    }

    /// Leaves the parent's whole environment out.
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// The directory to start in.
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Self {
        self.std.current_dir(dir);
        self
    }

    /// What its standard input is: inherited unless said.
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stdin(cfg);
        self
    }

    /// What its standard output is: inherited unless said, but piped with [`output`](Self::output).
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stdout(cfg);
        self
    }

    /// What its standard error is: inherited unless said, but piped with [`output`](Self::output).
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stderr(cfg);
        self
    }

    /// Whether the process is killed when its [`Child`] is dropped before it was waited for. Not
    /// unless said.
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Self {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// What [`kill_on_drop`](Self::kill_on_drop) was set to.
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// The user to run as; needs the right to change it.
    pub fn uid(&mut self, id: u32) -> &mut Self {
        self.std.uid(id);
        self
    }

    /// The group to run as; needs the right to change it.
    pub fn gid(&mut self, id: u32) -> &mut Self {
        self.std.gid(id);
        self
    }

    /// The process group to join; 0 makes a new one, which Ctrl-C in the terminal does not reach.
    pub fn process_group(&mut self, pgroup: i32) -> &mut Self {
        self.std.process_group(pgroup);
        self
    }

    /// Starts the process.
    ///
    /// - Errors: those of `fork` and `exec` (no such program, no right to run it, too many
    ///   processes), and no descriptors left. They name the program, and have the kernel's error as
    ///   their `source`. After an error no process is left behind.
    /// - Panics if no loop runs on this thread.
    ///
    /// **Cost:** a `fork`, and a registration for the process and for each pipe.
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.spawn_with(process::Command::spawn)
    }

    /// As [`spawn`](Self::spawn), by a function of your own: one that counts, or that does more
    /// around the start. It must start the process as the standard library's `spawn` does.
    ///
    /// ```
    /// use rondel::process::Command;
    /// # rondel::run(async {
    /// let mut starts = 0;
    /// let mut child = Command::new("true").spawn_with(|command| {
    ///     starts += 1;
    ///     command.spawn()
    /// })?;
    /// assert!(child.wait().await?.success());
    /// assert_eq!(starts, 1);
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    pub fn spawn_with(
        &mut self,
        with: impl FnOnce(&mut process::Command) -> io::Result<process::Child>,
    ) -> io::Result<Child> {
        let child = with(&mut self.std).and_then(|child| Child::new(child, self.kill_on_drop));
        child.map_err(|error| {
            let program = self.std.get_program();
            match self.std.get_current_dir() {
                None => named("cannot start", format_args!("{program:?}"), error),
                // Perhaps it is the directory that is not there.
                Some(dir) => named("cannot start", format_args!("{program:?} in {dir:?}"), error),
            }
        })
    }

    /// Starts the process at once, waits for its end, and says how it ended. A pipe that was asked
    /// for is closed at once.
    ///
    /// Errors and panics as [`spawn`](Self::spawn).
    ///
    /// **Cancel-safe:** no. **The child is dropped**: it lives on, or is killed if
    /// [`kill_on_drop`](Self::kill_on_drop) was said.
    ///
    /// ```
    /// use rondel::process::Command;
    /// # rondel::run(async {
    /// assert_eq!(Command::new("sh").args(["-c", "exit 3"]).status().await?.code(), Some(3));
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        async {
            let mut child = child?;
            drop((child.stdout.take(), child.stderr.take()));
            child.wait().await
        }
    }

    /// Starts the process at once, with its standard output and error piped, reads both to the end,
    /// and says how it ended. See [`Child::wait_with_output`].
    ///
    /// Errors and panics as [`spawn`](Self::spawn).
    ///
    /// **Cancel-safe:** no. **What was read is lost, and the child is dropped**: it lives on, or is
    /// killed with `kill_on_drop`.
    ///
    /// ```
    /// use rondel::process::Command;
    /// # rondel::run(async {
    /// let output = Command::new("sh").args(["-c", "echo out; echo err >&2"]).output().await?;
    /// assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.std.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.spawn();
        async { child?.wait_with_output().await }
    }
}
