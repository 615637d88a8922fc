//! The other languages: whether they are there, how they are started, what they use.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::machine::pin;

/// The scripts of the other languages are part of this program: it runs from anywhere.
pub mod scripts {
    /// An echo server, `asyncio` or `uvloop`.
    pub const PYTHON_ECHO: &str = include_str!("../../peers/python/echo.py");
    /// A JSON server: `aiohttp`, `fastapi`, `fastapi-uvloop` or `flask`.
    pub const PYTHON_WEB: &str = include_str!("../../peers/python/web.py");
    /// Waits: `sequential`, `threads`, `async` or `blocking`, how many, how many milliseconds.
    pub const PYTHON_WAITS: &str = include_str!("../../peers/python/waits.py");
    /// Memory of a `coroutine`, `task`, `thread` or `process`, and how many.
    pub const PYTHON_MEMORY: &str = include_str!("../../peers/python/memory.py");
    /// An echo server on Node.
    pub const NODE_ECHO: &str = include_str!("../../peers/node/echo.js");
    /// A JSON server on Node.
    pub const NODE_WEB: &str = include_str!("../../peers/node/web.js");
    /// `echo`, `web` or `memory COUNT` in Go.
    pub const GO: &str = include_str!("../../peers/go/main.go");
}

/// What a peer is made of.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// This very program, with these arguments.
    Own(&'static [&'static str]),
    /// Python: a script, its argument, the modules it needs.
    Python(&'static str, &'static str, &'static [&'static str]),
    /// Node: a script.
    Node(&'static str),
    /// The Go program, with this argument.
    Go(&'static str),
}

/// The tools of this machine. The Go program is built on first use and deleted at the end.
#[derive(Debug)]
pub struct Tools {
    python: String,
    go: Option<Result<PathBuf, String>>,
    folder: PathBuf,
}

impl Tools {
    /// `python`: what to run as Python.
    pub fn new(python: Option<&str>) -> Self {
        let folder = std::env::temp_dir().join(format!("guide_tables-{}", std::process::id()));
        Self { python: python.unwrap_or("python3").to_owned(), go: None, folder }
    }

    /// The command that starts a program with further arguments. `Err` says what is not installed
    /// and how to get it.
    pub fn command(&mut self, program: Program, more: &[&str]) -> Result<Command, String> {
        let mut command = match program {
            Program::Own(arguments) => {
                let exe = std::env::current_exe();
                let exe = exe.map_err(|error| format!("cannot find myself: {error}"))?;
                let mut command = Command::new(exe);
                command.args(arguments);
                command
            }
            Program::Python(script, argument, modules) => {
                self.need_python(modules)?;
                let mut command = Command::new(&self.python);
                command.args(["-c", script, argument]);
                command
            }
            Program::Node(script) => {
                need("node", &["--version"], "apt-get install nodejs")?;
                let mut command = Command::new("node");
                command.args(["-e", script]);
                command
            }
            Program::Go(argument) => {
                let mut command = Command::new(self.need_go()?);
                command.arg(argument);
                command
            }
        };
        command.args(more);
        Ok(command)
    }

    fn need_python(&self, modules: &[&str]) -> Result<(), String> {
        need(&self.python, &["--version"], "apt-get install python3, or give --python PATH")?;
        for module in modules {
            let import = format!("import {module}");
            need(&self.python, &["-c", &import], &format!("pip install {module}"))?;
        }
        Ok(())
    }

    fn need_go(&mut self) -> Result<PathBuf, String> {
        let folder = &self.folder;
        self.go.get_or_insert_with(|| build_go(folder)).clone()
    }

    /// The versions of what is installed, in one line.
    pub fn versions(&self) -> String {
        let asked = [(self.python.as_str(), "--version"), ("node", "--version"), ("go", "version")];
        let versions: Vec<String> = asked
            .into_iter()
            .filter_map(|(program, flag)| {
                let output = Command::new(program).arg(flag).output().ok()?;
                let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                Some(if program == "node" { format!("Node {text}") } else { text })
            })
            .collect();
        versions.join(", ")
    }
}

impl Drop for Tools {
    fn drop(&mut self) {
        if self.go.is_some() {
            // What cannot be deleted stays in the folder for such things.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Runs a program to see whether it is there.
fn need(program: &str, arguments: &[&str], how: &str) -> Result<(), String> {
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let there = done.is_ok_and(|output| output.status.success());
    there.then_some(()).ok_or(format!("not installed: {how}"))
}

fn build_go(folder: &Path) -> Result<PathBuf, String> {
    need("go", &["version"], "apt-get install golang-go")?;
    let (source, built) = (folder.join("main.go"), folder.join("peer"));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&source, scripts::GO));
    written.map_err(|error| format!("cannot write {}: {error}", source.display()))?;
    let output = Command::new("go").arg("build").arg("-o").arg(&built).arg(&source).output();
    let output = output.map_err(|error| format!("cannot start go: {error}"))?;
    if output.status.success() {
        return Ok(built);
    }
    Err(format!("go build failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Runs a command to its end and reads the numbers it prints.
pub fn numbers(mut command: Command) -> Result<Vec<f64>, String> {
    let output = command.output().map_err(|error| format!("cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    if numbers.is_empty() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("failed: {}", complaint.lines().last().unwrap_or("it said nothing")));
    }
    Ok(numbers)
}

/// A peer that serves: a process group of its own, killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts it on the `nth` CPU and waits for its address.
    pub fn start(mut command: Command, nth: usize) -> Result<Self, String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        // Pinned by a thread that ends: a child inherits from the thread that starts it.
        let start = std::thread::spawn(move || {
            pin(nth);
            command.spawn()
        });
        let started = start.join().map_err(|_| "the starting thread panicked".to_owned())?;
        let child = started.map_err(|error| format!("cannot be started: {error}"))?;
        let mut server = Self { child, address: String::new() };
        let output = server.child.stdout.take().ok_or("has no output")?;
        let heard = BufReader::new(output).read_line(&mut server.address);
        if heard.is_ok_and(|bytes| bytes > 0) {
            server.address.truncate(server.address.trim_end().len());
            return Ok(server);
        }
        server.kill();
        let mut complaint = String::new();
        let _ = server.child.stderr.take().map(|mut text| text.read_to_string(&mut complaint));
        Err(format!("failed: {}", complaint.lines().last().unwrap_or("it said nothing")))
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// CPU time of all its threads and of all its children's.
    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(cpu_ns(self.child.id()))
    }

    fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Killing what has already ended fails, and that is all right.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// CPU nanoseconds of a process and of its descendants. Threads that ended are not counted.
fn cpu_ns(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of_thread = |folder: PathBuf| {
        let stat = fs::read_to_string(folder.join("schedstat")).unwrap_or_default();
        let own: u64 = stat.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
        let children = fs::read_to_string(folder.join("children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        own + children.map(cpu_ns).sum::<u64>()
    };
    tasks.map(|task| of_thread(task.path())).sum()
}

/// A number of `/proc/PID/FILE`, in bytes.
pub fn proc_bytes(pid: &str, file: &str, field: &str) -> io::Result<u64> {
    let path = format!("/proc/{pid}/{file}");
    let text = fs::read_to_string(&path)?;
    let line = text.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    let kib: Option<u64> = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok());
    kib.map(|kib| kib * 1024).ok_or(io::Error::other(format!("{path} has no {field}")))
}
