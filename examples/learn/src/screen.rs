//! What the learner sees: plain lines, coloured only on a terminal, or JSON.

use crate::error::Error;
use serde_json::Value;
use std::io::{self, IsTerminal, Write};

/// The few colours, by what they mean.
#[derive(Debug, Clone, Copy)]
pub enum Tone {
    Title,
    Good,
    Bad,
    Quiet,
}

/// Stdout.
#[derive(Debug)]
pub struct Screen {
    is_json: bool,
    has_colour: bool,
}

impl Screen {
    /// Looks at the terminal and at NO_COLOR (<https://no-color.org>).
    pub fn new(is_json: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let has_colour = !is_json && io::stdout().is_terminal() && !set("NO_COLOR") && !is_dumb;
        Self { is_json, has_colour }
    }

    pub fn is_json(&self) -> bool {
        self.is_json
    }

    pub fn has_colour(&self) -> bool {
        self.has_colour
    }

    /// How the learner calls us, with these words behind.
    pub fn command(words: &str) -> String {
        // Cargo sets it for what it runs.
        let by_cargo = std::env::var_os("CARGO").is_some();
        format!("{} {words}", if by_cargo { "cargo run -q -p learn --" } else { "learn" })
    }

    /// Writes some lines.
    pub fn say(&mut self, text: &str) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
        written.map_err(Error::Screen)
    }

    /// Writes some lines in a colour.
    pub fn tell(&mut self, tone: Tone, text: &str) -> Result<(), Error> {
        if !self.has_colour {
            return self.say(text);
        }
        let code = match tone {
            Tone::Title => "1",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Quiet => "2",
        };
        self.say(&format!("\x1b[{code}m{}\x1b[0m", text.trim_end()))
    }

    /// Writes a part of a text, with its links in words.
    pub fn text(&mut self, text: &str) -> Result<(), Error> {
        let place = |address: &str| address.replace("../../../", "").replace("../../", "examples/");
        self.say(&without_links(text, place))
    }

    /// Writes a JSON value on a line.
    pub fn json(&mut self, value: &Value) -> Result<(), Error> {
        self.say(&value.to_string())
    }

    /// Says why a command failed. There is nobody left to tell if that fails as well.
    pub fn error(&mut self, error: &Error) {
        if self.is_json {
            let _ = self.json(&serde_json::json!({ "error": error.to_string() }));
        }
        let _ = writeln!(io::stderr(), "learn: {error}");
    }
}

/// `[name](address)` becomes `name (place)`.
pub fn without_links(text: &str, place: impl Fn(&str) -> String) -> String {
    let mut pieces = text.split("](");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let link = piece.split_once(')').zip(plain.rfind('['));
        let Some(((address, rest), open)) = link else {
            plain = plain + "](" + piece;
            continue;
        };
        plain.remove(open);
        plain = format!("{plain} ({}){rest}", place(address));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_put_into_words() {
        let text = "Lesson: [18_gather](../18_gather.rs), [map](../docs/00-map.md). a](b";
        let plain = "Lesson: 18_gather (18_gather.rs), map (docs/00-map.md). a](b";
        assert_eq!(without_links(text, |address| address.replace("../", "")), plain);
    }
}
