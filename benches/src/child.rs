//! Child processes that are told what to do, and answer, line by line.

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use crate::machine::{cpu_time, pin};
use crate::runtimes;

/// A copy of this program with other arguments. Killed when dropped.
#[derive(Debug)]
pub struct Talker {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Talker {
    /// Starts this program once more.
    pub fn start(arguments: &[&str]) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let input = child.stdin.take();
        Ok(Self { name: arguments.join(" "), child, input, output })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its next line. Fails if it ended instead.
    pub fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(io::Error::other(format!("the child `{}` has died", self.name)));
        }
        Ok(line.trim().to_string())
    }

    /// Says a line and waits for the answer.
    pub fn ask(&mut self, line: &str) -> io::Result<String> {
        let input = self.input.as_mut().expect("open until dropped");
        writeln!(input, "{line}")?;
        self.hear()
    }

    /// Says a line, waits for the answer and reads it as a number.
    pub fn ask_number(&mut self, line: &str) -> io::Result<f64> {
        let answer = self.ask(line)?;
        answer.parse().map_err(|_| io::Error::other(format!("`{}` said {answer}", self.name)))
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        // Killing what has already ended fails, and that is all right.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server's life as a process, pinned to the `nth` CPU: says its address, then for each line it
/// hears its CPU nanoseconds; ends with its input.
pub fn serve(runtime: &str, kind: &str, nth: usize) -> io::Result<()> {
    pin(nth);
    std::thread::spawn(|| {
        for _ in io::stdin().lock().lines() {
            println!("{}", cpu_time().as_nanos());
        }
        std::process::exit(0);
    });
    runtimes::serve(runtime, kind, |address| println!("{address}"));
    Ok(())
}

/// How a program ends: well, or with one line on stderr that names it and says what was wrong.
pub fn exit(program: &str, done: Result<(), impl Display>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}
