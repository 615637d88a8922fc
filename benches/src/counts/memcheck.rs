//! memcheck stands in for the allocator, and says each time what it was asked for.
//!
//! Its log is read from mark to mark:
//!
//! ```text
//!   --4242-- malloc(72) = 0x5DB2F20            one allocation of 72 bytes
//!   --4242-- calloc(3, 24) = 0x5DB2FB0         one of 72
//!   --4242-- memalign(al 128, size 256) = ...  one of 256
//!   --4242-- realloc(0x5DB2F20,144)malloc(144) = 0x5DB3010    one of 144
//!   --4242-- free(0x5DB3010)
//! ```

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::marks::{BEGIN_BYTES, END_BYTES};

const FILE: &str = "memcheck";

pub(super) fn arguments(folder: &Path) -> Vec<String> {
    vec![
        "--tool=memcheck".to_string(),
        "--leak-check=no".to_string(),
        "--undef-value-errors=no".to_string(),
        "--trace-malloc=yes".to_string(),
        format!("--log-file={}", folder.join(FILE).display()),
    ]
}

/// The allocations of each batch, and their bytes.
pub(super) fn batches(folder: &Path) -> Result<Vec<Vec<u64>>, String> {
    let log = File::open(folder.join(FILE)).map_err(|error| format!("memcheck's log: {error}"))?;
    let lines = BufReader::new(log).lines().map_while(Result::ok);
    let (allocations, bytes) = read(lines);
    Ok(vec![allocations, bytes])
}

fn read(lines: impl Iterator<Item = String>) -> (Vec<u64>, Vec<u64>) {
    let (mut allocations, mut bytes) = (Vec::new(), Vec::new());
    let mut batch = None;
    for asked in lines.filter_map(|line| asked_for(&line)) {
        if asked == BEGIN_BYTES as u64 {
            batch = Some((0, 0));
        } else if asked == END_BYTES as u64 {
            let (calls, sum) = batch.take().unwrap_or_default();
            allocations.push(calls);
            bytes.push(sum);
        } else if let Some((calls, sum)) = &mut batch {
            *calls += 1;
            *sum += asked;
        }
    }
    (allocations, bytes)
}

/// The bytes that a line of the log tells were asked for; `None` if it tells something else.
fn asked_for(line: &str) -> Option<u64> {
    let (_, call) = line.strip_prefix("--")?.split_once("-- ")?;
    let (name, rest) = call.split_once('(')?;
    let arguments = rest.split_once(')')?.0;
    let last = || arguments.rsplit([',', ' ']).next()?.parse().ok();
    match name {
        "calloc" => {
            let (count, size) = arguments.split_once(',')?;
            let (count, size): (u64, u64) = (count.parse().ok()?, size.trim().parse().ok()?);
            Some(count * size)
        }
        "malloc" | "memalign" | "realloc" => last(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that each kind of allocation counts once, and only between the marks.
    /// Method: a log with one of each kind inside a batch, and one before and one after.
    #[test]
    fn what_lies_between_the_marks_is_counted() {
        let log = format!(
            "==1== Memcheck, a memory error detector\n--1-- malloc(5) = 0x1\n\
             --1-- malloc({BEGIN_BYTES}) = 0x2\n--1-- free(0x2)\n\
             --1-- malloc(72) = 0x3\n--1-- calloc(3, 24) = 0x4\n\
             --1-- memalign(al 128, size 256) = 0x5\n\
             --1-- realloc(0x3,144)malloc(144) = 0x6\n--1-- free(0x6)\n\
             --1-- malloc({END_BYTES}) = 0x7\n--1-- malloc(6) = 0x8\n"
        );
        let lines = log.lines().map(str::to_string);
        assert_eq!(read(lines), (vec![4], vec![72 + 72 + 256 + 144]));
    }
}
