//! What the lessons write into: each line is printed with the time since the start, and remembered.

#![allow(dead_code)] // not every lesson asks every question

use rondel::time::Instant;
use std::sync::{Arc, Mutex};

/// Clones write into the same diary.
#[derive(Clone)]
pub struct Diary {
    start: Instant,
    lines: Arc<Mutex<Vec<(u128, String)>>>,
}

impl Diary {
    /// An empty diary; its time begins now.
    pub fn new() -> Self {
        Self { start: Instant::now(), lines: Arc::default() }
    }

    /// Prints and remembers a line.
    pub fn note(&self, line: impl Into<String>) {
        let (ms, line) = (self.start.elapsed().as_millis(), line.into());
        println!("{ms:>6} ms  {line}");
        self.lines.lock().unwrap().push((ms, line));
    }

    /// When a line was written, in milliseconds since the start.
    pub fn when(&self, line: &str) -> u128 {
        let place = self.place(line);
        self.lines.lock().unwrap()[place].0
    }

    /// Whether these lines were written in this order, whatever stands between them.
    pub fn has_in_order(&self, lines: &[&str]) -> bool {
        lines.windows(2).all(|pair| self.place(pair[0]) < self.place(pair[1]))
    }

    /// How many lines begin like this.
    pub fn count(&self, beginning: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|(_, line)| line.starts_with(beginning)).count()
    }

    fn place(&self, line: &str) -> usize {
        let lines = self.lines.lock().unwrap();
        let place = lines.iter().position(|(_, written)| written == line);
        place.unwrap_or_else(|| panic!("nobody wrote `{line}`"))
    }
}
