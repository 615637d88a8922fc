//! `interview`: questions that are asked again just before they would be forgotten.
//!
//! ```text
//!   a question ─▶ you answer aloud ─▶ Enter ─▶ the answer of 30 seconds ─▶ your mark ─▶ the next day
//! ```
//!
//! Nobody waits for Enter where no terminal is; then `--grade` is the mark.

mod page;
mod plain;
mod schedule;

use crate::Done;
use crate::cli::{Grade, Interview};
use crate::error::Error;
use crate::school::School;
use crate::screen::{Screen, Tone};
use clap::ValueEnum;
use page::Page;
use plain::plain;
use schedule::{Card, Schedule, today};
use serde_json::{Value, json};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, IsTerminal};
use std::process::{Command, Stdio};

/// What `--deep` shows, in this order.
const DEEP: &[&str] = &["In depth", "Pitfalls", "On the whiteboard", "In Python, in Rust"];

/// Asks a question, or shows the part of it that is wished for.
pub fn interview(school: &School, screen: &mut Screen, wish: &Interview) -> Result<Done, Error> {
    let pages = page::pages(wish.pages.as_deref())?;
    let mut schedule = Schedule::read(school.state())?;
    if wish.list {
        return list(screen, &pages, &schedule);
    }
    if wish.reset {
        return reset(screen, &pages, &mut schedule, wish.slug.as_deref());
    }
    let page = match wish.slug.as_deref() {
        Some(slug) if slug != "random" => page::find(&pages, slug)?,
        _ => match draw(&pages, &schedule, school.seed) {
            Some(page) => page,
            None => return nothing_is_due(screen, &pages, &schedule),
        },
    };
    if wish.demo {
        demo(screen, page)
    } else if wish.deep {
        deep(screen, page)
    } else if wish.follow_up {
        follow_up(screen, page)
    } else {
        ask(screen, page, &mut schedule, wish.grade)
    }
}

/// One of those that are due; if there are none, a new one.
fn draw<'a>(pages: &'a [Page], schedule: &Schedule, seed: Option<u64>) -> Option<&'a Page> {
    let today = today();
    let is_due = |page: &&Page| schedule.card(&page.slug).is_some_and(|card| card.due_day <= today);
    let is_new = |page: &&Page| schedule.card(&page.slug).is_none();
    let mut drawn: Vec<&Page> = pages.iter().filter(is_due).collect();
    if drawn.is_empty() {
        drawn = pages.iter().filter(is_new).collect();
    }
    // Without a seed: a number that differs from run to run. The factor spreads seeds 0, 1, 2, ….
    let lot = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    let lot = lot.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let count = u64::try_from(drawn.len()).ok().filter(|count| *count > 0)?;
    usize::try_from(lot % count).ok().map(|place| drawn[place])
}

fn nothing_is_due(screen: &mut Screen, pages: &[Page], schedule: &Schedule) -> Result<Done, Error> {
    let cards = pages.iter().filter_map(|page| Some((page, schedule.card(&page.slug)?)));
    let next = cards.min_by_key(|(_, card)| card.due_day);
    let days = next.map(|(_, card)| card.due_day.saturating_sub(today()));
    if screen.is_json() {
        let slug = next.map(|(page, _)| &page.slug);
        screen.json(&json!({ "is_due": false, "next": slug, "due_in_days": days }))?;
    } else if let Some((page, _)) = next {
        let when = in_days(days.unwrap_or(0));
        screen.say(&format!("Nothing is due. The next one is {}, {when}.", page.slug))?;
    } else {
        screen.say("There are no questions.")?;
    }
    Ok(Done::Well)
}

/// The question, then the answer, then the mark.
fn ask(
    screen: &mut Screen,
    page: &Page,
    schedule: &mut Schedule,
    grade: Option<Grade>,
) -> Result<Done, Error> {
    let answer = plain(page.section("In 30 seconds")?);
    if screen.is_json() {
        let card = match grade {
            Some(grade) => Some(schedule.mark(&page.slug, grade, today())?),
            None => schedule.card(&page.slug),
        };
        screen.json(&json!({
            "slug": page.slug,
            "question": page.question,
            "answer": answer,
            "demo": page.demo,
            "due_in_days": card.map(days_left),
        }))?;
        return Ok(Done::Well);
    }
    screen.tell(Tone::Title, &format!("{}: {}\n", page.slug, page.question))?;
    // Whoever brings the mark along has answered.
    if grade.is_none() {
        wait(screen, "Say it aloud, in 30 seconds. Then press Enter.")?;
    }
    screen.say(&format!("\n{answer}\n"))?;
    let grade = match grade {
        Some(grade) => Some(grade),
        None if io::stdin().is_terminal() => read_grade(screen, &mut io::stdin().lock())?,
        None => None,
    };
    let slug = &page.slug;
    match grade {
        Some(grade) => {
            let card = schedule.mark(slug, grade, today())?;
            screen
                .tell(Tone::Good, &format!("\nIt comes again {}.", in_days(card.interval_days)))?;
        }
        None => {
            let mark = Screen::command(&format!("interview {slug} --grade good"));
            screen.tell(Tone::Quiet, &format!("\nNot marked. To mark it: {mark}"))?;
        }
    }
    let more = Screen::command(&format!("interview {slug}"));
    screen.tell(Tone::Quiet, &format!("More: {more} --demo | --deep | --follow-up"))?;
    Ok(Done::Well)
}

/// Waits for Enter, if there is somebody to press it.
fn wait(screen: &mut Screen, invitation: &str) -> Result<(), Error> {
    if io::stdin().is_terminal() {
        screen.tell(Tone::Quiet, invitation)?;
        io::stdin().lock().read_line(&mut String::new()).map_err(Error::Input)?;
    }
    Ok(())
}

/// Asks until it gets a mark. `None`: an empty line, or the end of the input.
fn read_grade(screen: &mut Screen, input: &mut impl BufRead) -> Result<Option<Grade>, Error> {
    loop {
        screen.tell(
            Tone::Quiet,
            "How was it? again, hard, good, easy (or a, h, g, e); Enter: no mark",
        )?;
        let mut line = String::new();
        input.read_line(&mut line).map_err(Error::Input)?;
        let word = line.trim().to_lowercase();
        if word.is_empty() {
            return Ok(None);
        }
        let is_meant = |grade: &&Grade| name(**grade).starts_with(&word);
        if let Some(grade) = Grade::value_variants().iter().find(is_meant) {
            return Ok(Some(*grade));
        }
    }
}

fn name(grade: Grade) -> String {
    grade.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn days_left(card: Card) -> u64 {
    card.due_day.saturating_sub(today())
}

fn in_days(days: u64) -> String {
    match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        days => format!("in {days} days"),
    }
}

/// Shows the command, and runs it in the repository.
fn demo(screen: &mut Screen, page: &Page) -> Result<Done, Error> {
    let failed = |what: String| Error::Demo(page.demo.clone(), what);
    let words = page.demo.strip_prefix("cargo ").map(str::split_whitespace);
    let words = words.ok_or_else(|| failed("it is no command of cargo".to_owned()))?;
    // Cargo sets it for what it runs: the same toolchain for the demo.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(words).current_dir(page::root()).stdin(Stdio::null());
    let cannot = |error: io::Error| failed(format!("{error}; install Rust from https://rustup.rs"));
    let (status, printed) = if screen.is_json() {
        let output = command.stderr(Stdio::inherit()).output().map_err(cannot)?;
        (output.status, String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        screen.tell(Tone::Title, &format!("{}: {}\n", page.slug, page.question))?;
        screen.tell(Tone::Quiet, &format!("$ {}", page.demo))?;
        (command.status().map_err(cannot)?, String::new())
    };
    if !status.success() {
        return Err(failed(format!("{status}\n{printed}").trim_end().to_owned()));
    }
    if screen.is_json() {
        screen.json(&json!({ "slug": page.slug, "demo": page.demo, "printed": printed }))?;
    }
    Ok(Done::Well)
}

/// The long answer and what belongs to it.
fn deep(screen: &mut Screen, page: &Page) -> Result<Done, Error> {
    let mut parts = Vec::new();
    for heading in DEEP {
        parts.push((*heading, plain(page.section(heading)?)));
    }
    if screen.is_json() {
        let parts = parts.into_iter().map(|(heading, text)| (heading.to_owned(), text.into()));
        let parts: serde_json::Map<String, Value> = parts.collect();
        screen.json(&json!({ "slug": page.slug, "question": page.question, "parts": parts }))?;
        return Ok(Done::Well);
    }
    screen.tell(Tone::Title, &format!("{}: {}", page.slug, page.question))?;
    for (heading, text) in parts {
        screen.tell(Tone::Title, &format!("\n{heading}\n"))?;
        screen.say(&text)?;
    }
    Ok(Done::Well)
}

/// What is asked next; each answer comes when Enter is pressed.
fn follow_up(screen: &mut Screen, page: &Page) -> Result<Done, Error> {
    let follow_ups = page.follow_ups()?;
    if screen.is_json() {
        let rows: Vec<_> = follow_ups
            .iter()
            .map(|(question, answer)| json!({ "question": plain(question), "answer": plain(answer) }))
            .collect();
        screen.json(&json!({ "slug": page.slug, "follow_ups": rows }))?;
        return Ok(Done::Well);
    }
    let count = follow_ups.len();
    for (index, (question, answer)) in follow_ups.iter().enumerate() {
        let title = format!("\n{} of {count}: {}\n", index + 1, plain(question));
        screen.tell(Tone::Title, &title)?;
        wait(screen, "Answer aloud. Then press Enter.")?;
        screen.say(&plain(answer))?;
    }
    Ok(Done::Well)
}

fn list(screen: &mut Screen, pages: &[Page], schedule: &Schedule) -> Result<Done, Error> {
    if screen.is_json() {
        let row = |page: &Page| {
            let card = schedule.card(&page.slug);
            json!({
                "slug": page.slug,
                "question": page.question,
                "is_new": card.is_none(),
                "due_in_days": card.map(days_left),
                "marks": card.map_or(0, |card| card.marks),
            })
        };
        screen.json(&pages.iter().map(row).collect())?;
        return Ok(Done::Well);
    }
    let width = pages.iter().map(|page| page.slug.len()).max().unwrap_or(0);
    let mut due = 0;
    for page in pages {
        let (slug, question) = (&page.slug, &page.question);
        let when = match schedule.card(slug).map(days_left) {
            None => "new".to_owned(),
            Some(0) => "due".to_owned(),
            Some(days) => format!("{days} d"),
        };
        due += usize::from(when == "due");
        let tone = if when == "due" { Tone::Title } else { Tone::Quiet };
        screen.tell(tone, &format!("{when:>5}  {slug:width$}  {question}"))?;
    }
    screen.say(&format!("\n{} questions, {due} due", pages.len()))?;
    Ok(Done::Well)
}

fn reset(
    screen: &mut Screen,
    pages: &[Page],
    schedule: &mut Schedule,
    slug: Option<&str>,
) -> Result<Done, Error> {
    let slug = match slug {
        Some(slug) => Some(page::find(pages, slug)?.slug.as_str()),
        None => None,
    };
    schedule.forget(slug)?;
    if screen.is_json() {
        screen.json(&json!({ "forgotten": slug.unwrap_or("all") }))?;
    } else {
        screen.say(&format!("Forgotten: {}.", slug.unwrap_or("all marks")))?;
    }
    Ok(Done::Well)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_may_be_one_letter_and_nonsense_is_asked_again() {
        let mut screen = Screen::new(false);
        let mut read = |text: &str| read_grade(&mut screen, &mut text.as_bytes()).unwrap();
        assert_eq!(read("g\n"), Some(Grade::Good));
        assert_eq!(read("Easy\n"), Some(Grade::Easy));
        assert_eq!(read("perhaps\nhard\n"), Some(Grade::Hard));
        assert_eq!(read("\n"), None);
        assert_eq!(read(""), None, "the end of the input");
        assert_eq!(read("perhaps"), None, "the end after nonsense");
    }
}
