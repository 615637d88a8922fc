//! callgrind simulates the process instruction by instruction, and counts them.
//!
//! It zeroes its counters where a batch begins and writes a numbered file where it ends, of which
//! one line matters: `totals: 1234`.

use std::fs;
use std::path::Path;

const FILE: &str = "callgrind";

pub(super) fn arguments(folder: &Path) -> Vec<String> {
    vec![
        "--tool=callgrind".to_string(),
        "-q".to_string(),
        format!("--callgrind-out-file={}", folder.join(FILE).display()),
        "--zero-before=*counts::marks::batch_begins*".to_string(),
        "--dump-before=*counts::marks::batch_ends*".to_string(),
    ]
}

/// The instructions of each batch.
pub(super) fn batches(folder: &Path) -> Result<Vec<Vec<u64>>, String> {
    let mut instructions = Vec::new();
    // What came after the last batch is in a file without a number.
    for number in 1.. {
        let path = folder.join(format!("{FILE}.{number}"));
        if !path.exists() {
            break;
        }
        let text =
            fs::read_to_string(&path).map_err(|error| format!("callgrind's file: {error}"))?;
        instructions.push(total(&text).ok_or("callgrind wrote no line `totals:`")?);
    }
    Ok(vec![instructions])
}

fn total(text: &str) -> Option<u64> {
    text.lines().rev().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that the total is read, and that nothing is made up where there is none.
    /// Method: the end of one of callgrind's files, and the same without that line.
    #[test]
    fn the_total_is_the_line_that_says_so() {
        let end = "fn=(12) core::hint::black_box\n56 1\n\ntotals: 17603412\n";
        assert_eq!(total(end), Some(17_603_412));
        assert_eq!(total("fn=(12) core::hint::black_box\n56 1\n"), None);
    }
}
