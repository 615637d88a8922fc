//! Child processes that are told what to do, and answer, line by line.

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::str::FromStr;

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

    /// Waits for its next line and reads the numbers in it. Fails if there are not `N`.
    pub fn hear_numbers<const N: usize>(&mut self) -> io::Result<[f64; N]> {
        let line = self.hear()?;
        let numbers: Vec<f64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().map_err(|_| io::Error::other(format!("`{}` said {line}", self.name)))
    }

    /// Says a line, waits for the answer and reads the numbers in it.
    pub fn ask<const N: usize>(&mut self, line: &str) -> io::Result<[f64; N]> {
        let input = self.input.as_mut().expect("open until dropped");
        writeln!(input, "{line}")?;
        self.hear_numbers()
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        // Killing what has already ended fails, and that is all right.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number that `word` spells, or an error that names the word.
pub fn number<N: FromStr>(word: &str) -> io::Result<N> {
    word.parse().map_err(|_| io::Error::other(format!("{word} is not a number that fits here")))
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
