//! strace stops the process at each system call and writes a line.
//!
//! ```text
//!   4242 lstat("/mark/batch-begins", 0x7ff...) = -1 ENOENT (No such file or directory)
//!   4242 epoll_wait(3, [], 1024, 0) = 0
//!   4243 futex(0x5581..., FUTEX_WAIT_PRIVATE, 0, NULL <unfinished ...>
//!   4243 <... futex resumed>) = 0                 the second half of the same call
//! ```

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::marks::{BEGIN_PATH, END_PATH};

const FILE: &str = "strace";

pub(super) fn arguments(folder: &Path) -> Vec<String> {
    let file = folder.join(FILE).display().to_string();
    ["-f", "-qq", "-e", "signal=none", "-o", &file].map(str::to_string).to_vec()
}

/// The system calls of each batch, of all threads.
pub(super) fn batches(folder: &Path) -> Result<Vec<Vec<u64>>, String> {
    let log = File::open(folder.join(FILE)).map_err(|error| format!("strace's log: {error}"))?;
    Ok(vec![read(BufReader::new(log).lines().map_while(Result::ok))])
}

fn read(lines: impl Iterator<Item = String>) -> Vec<u64> {
    let mut calls = Vec::new();
    let mut batch = None;
    for line in lines {
        if line.contains(BEGIN_PATH) {
            batch = Some(0);
        } else if line.contains(END_PATH) {
            calls.push(batch.take().unwrap_or(0));
        } else if let Some(calls) = &mut batch {
            *calls += u64::from(starts_a_call(&line));
        }
    }
    calls
}

fn starts_a_call(line: &str) -> bool {
    let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
    call.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that each call counts once, also one that another thread's interrupts.
    /// Method: a log of two threads: one call before the batch, three in it, one cut in two.
    #[test]
    fn a_call_counts_once_even_if_it_takes_two_lines() {
        let log = [
            "7 brk(NULL) = 0x5",
            "7 lstat(\"/mark/batch-begins\", 0x7f) = -1 ENOENT (No such file or directory)",
            "7 epoll_wait(3, [], 1024, 0) = 0",
            "8 futex(0x55, FUTEX_WAIT_PRIVATE, 0, NULL <unfinished ...>",
            "7 write(4, \"\\1\\0\\0\\0\\0\\0\\0\\0\", 8) = 8",
            "8 <... futex resumed>) = 0",
            "8 +++ exited with 0 +++",
            "7 lstat(\"/mark/batch-ends\", 0x7f) = -1 ENOENT (No such file or directory)",
            "7 exit_group(0) = ?",
        ];
        assert_eq!(read(log.iter().map(|line| line.to_string())), [3]);
    }
}
