//! Markdown as plain text: paragraphs of a terminal's width, code indented, no marks.

use crate::screen::without_links;

/// Most terminals are at least as wide.
const COLUMNS: usize = 80;

/// The text that a reader sees.
pub fn plain(markdown: &str) -> String {
    let mut out = String::new();
    let mut paragraph = String::new();
    let mut in_code = false;
    for line in markdown.lines() {
        let trimmed = line.trim();
        if let Some(kind) = trimmed.strip_prefix("```") {
            flush(&mut out, &mut paragraph);
            in_code = !in_code;
            if let Some((_, path)) = kind.split_once("cite=") {
                out += &format!("{path}:\n");
            }
        } else if in_code {
            out += format!("    {line}").trim_end();
            out.push('\n');
        } else if trimmed.is_empty() {
            flush(&mut out, &mut paragraph);
            out.push('\n');
        } else if trimmed.starts_with('|') {
            flush(&mut out, &mut paragraph);
            out += &format!("{}\n", without_marks(trimmed));
        } else {
            if trimmed.starts_with("- ") || trimmed.starts_with('#') {
                flush(&mut out, &mut paragraph);
            }
            paragraph += trimmed.trim_start_matches('#').trim_start();
            paragraph.push(' ');
        }
    }
    flush(&mut out, &mut paragraph);
    out.trim().to_owned()
}

/// Writes the paragraph that was collected, in lines; those of a list hang behind its dash.
fn flush(out: &mut String, paragraph: &mut String) {
    let text = without_marks(paragraph);
    paragraph.clear();
    let hang = if text.starts_with("- ") { "  " } else { "" };
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > COLUMNS && !line.trim().is_empty() {
            *out += &format!("{line}\n");
            hang.clone_into(&mut line);
            line += word;
        } else {
            let gap = if line.trim().is_empty() { "" } else { " " };
            line += &format!("{gap}{word}");
        }
    }
    if !line.is_empty() {
        *out += &format!("{line}\n");
    }
}

/// Without links, backticks and stars; what stands between backticks stays as it is.
fn without_marks(text: &str) -> String {
    // The pages lie in `docs/interview/`.
    let text = without_links(text, |address| match address.strip_prefix("../../") {
        Some(path) => path.to_owned(),
        None => address.replace("../", "docs/"),
    });
    let pieces = text.split('`').enumerate();
    let unmarked = pieces.map(|(index, piece)| match index % 2 {
        0 => without_stars(piece),
        _ => piece.to_owned(),
    });
    unmarked.collect()
}

/// `**word**` and `*word*` without their stars. A star between two gaps is a star.
fn without_stars(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_gap = |letter: Option<&char>| letter.is_none_or(|letter| letter.is_whitespace());
    let is_star = |index: usize| {
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        is_gap(before) && is_gap(letters.get(index + 1))
    };
    let kept = (0..letters.len()).filter(|&index| letters[index] != '*' || is_star(index));
    kept.map(|index| letters[index]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_go_and_code_stays() {
        let page = "**Rust:** see [`turn.rs`](../../runtime/turn.rs), *the* loop: `a ** b`, 2 * 3.\n\
                    \n### More?\n- one\n  item\n- two\n\n```rust,cite=runtime/park.rs\n*x = 1;\n```\n";
        let wanted = "Rust: see turn.rs (runtime/turn.rs), the loop: a ** b, 2 * 3.\n\nMore?\n\
                      - one item\n- two\n\nruntime/park.rs:\n    *x = 1;";
        assert_eq!(plain(page), wanted);
    }

    #[test]
    fn long_lines_are_broken_and_lists_hang() {
        let text = plain(&format!("- {}", "word ".repeat(40)));
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")), "{text}");
        assert_eq!(text.matches("word").count(), 40);
    }
}
