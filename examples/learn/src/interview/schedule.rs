//! When a question comes again: spaced repetition, in whole days.
//!
//! ```text
//!   again   stays due, and grows more slowly from now on
//!   hard    1 day, then x 1.2
//!   good    1 day, 3 days, then x ease
//!   easy    4 days, then x ease x 1.3
//! ```
//!
//! The ease of a question begins at 2.5 and moves with each mark, as in SM-2.
//! Source: Wozniak, "Optimization of learning", 1990.

use crate::cli::Grade;
use crate::error::Error;
use crate::progress;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_A_DAY: u64 = 24 * 60 * 60;
const EASE_START_PERCENT: u64 = 250;
/// Below that a question comes so often that it is only a nuisance; SM-2's limit.
const EASE_MIN_PERCENT: u64 = 130;
/// Whoever has an interview has it within a year.
const INTERVAL_MAX_DAYS: u64 = 365;

/// What is known of one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    pub interval_days: u64,
    pub ease_percent: u64,
    /// Days since 1970, in UTC.
    pub due_day: u64,
    pub marks: u64,
}

impl Card {
    /// What a mark makes of a card. `None`: it is the first one.
    pub fn marked(card: Option<Card>, grade: Grade, today: u64) -> Card {
        let fresh =
            Card { interval_days: 0, ease_percent: EASE_START_PERCENT, due_day: today, marks: 0 };
        let old = card.unwrap_or(fresh);
        let (days, ease) = (old.interval_days, old.ease_percent);
        let (interval_days, ease_percent) = match grade {
            Grade::Again => (0, ease.saturating_sub(20)),
            Grade::Hard => ((days * 12 / 10).max(1), ease.saturating_sub(15)),
            Grade::Good if days == 0 => (1, ease),
            Grade::Good => ((days * ease / 100).max(3), ease),
            Grade::Easy => ((days * ease * 13 / 1000).max(4), ease + 15),
        };
        let interval_days = interval_days.min(INTERVAL_MAX_DAYS);
        let due_day = today + interval_days;
        let ease_percent = ease_percent.max(EASE_MIN_PERCENT);
        Card { interval_days, ease_percent, due_day, marks: old.marks + 1 }
    }

    fn json(self) -> Value {
        json!({
            "interval_days": self.interval_days,
            "ease_percent": self.ease_percent,
            "due_day": self.due_day,
            "marks": self.marks,
        })
    }

    fn parse(value: &Value) -> Option<Card> {
        let number = |name: &str| value[name].as_u64();
        let bounded = |name: &str, max: u64| number(name).filter(|number| *number <= max);
        Some(Card {
            interval_days: bounded("interval_days", INTERVAL_MAX_DAYS)?,
            // Far above what marks can make of it, and far below what would overflow.
            ease_percent: bounded("ease_percent", 1_000_000)?,
            due_day: number("due_day")?,
            marks: bounded("marks", u64::MAX - 1)?,
        })
    }
}

/// Today, in days since 1970 in UTC. A clock before that says day 0.
pub fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() / SECONDS_A_DAY)
}

/// The cards of one learner: `interview.json` in the state folder.
#[derive(Debug)]
pub struct Schedule {
    cards: BTreeMap<String, Card>,
    folder: PathBuf,
}

impl Schedule {
    /// Reads it; whoever begins has none.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("interview.json");
        let cards = match fs::read_to_string(&path) {
            Ok(text) => parse(&text).map_err(|what| Error::TornState(path, what))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(Error::State(folder.to_owned(), error)),
        };
        Ok(Self { cards, folder: folder.to_owned() })
    }

    /// `None`: it was never marked.
    pub fn card(&self, slug: &str) -> Option<Card> {
        self.cards.get(slug).copied()
    }

    /// Notes how well a question was known.
    pub fn mark(&mut self, slug: &str, grade: Grade, today: u64) -> Result<Card, Error> {
        let card = Card::marked(self.card(slug), grade, today);
        self.cards.insert(slug.to_owned(), card);
        self.write()?;
        Ok(card)
    }

    /// Forgets one question, or all.
    pub fn forget(&mut self, slug: Option<&str>) -> Result<(), Error> {
        match slug {
            Some(slug) => drop(self.cards.remove(slug)),
            None => self.cards.clear(),
        }
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        let cards: Map<String, Value> =
            self.cards.iter().map(|(slug, card)| (slug.clone(), card.json())).collect();
        progress::store(&self.folder, "interview", &json!({ "cards": cards }))
    }
}

/// What `write` writes.
fn parse(text: &str) -> Result<BTreeMap<String, Card>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let cards = value["cards"].as_object().ok_or("there is no table `cards`")?;
    let card = |(slug, value): (&String, &Value)| Some((slug.clone(), Card::parse(value)?));
    let cards: Option<_> = cards.iter().map(card).collect();
    cards.ok_or_else(|| "a card must hold interval_days, ease_percent, due_day, marks".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks a new card on the day it is due, each time.
    fn intervals(grades: &[Grade]) -> Vec<u64> {
        let (mut card, mut today, mut days) = (None, 20_000, Vec::new());
        for grade in grades {
            let next = Card::marked(card, *grade, today);
            assert_eq!(next.due_day, today + next.interval_days);
            (card, today) = (Some(next), next.due_day);
            days.push(next.interval_days);
        }
        days
    }

    #[test]
    fn what_is_known_comes_more_and_more_seldom() {
        use Grade::{Again, Easy, Good, Hard};
        assert_eq!(intervals(&[Good, Good, Good, Good]), [1, 3, 7, 17]);
        assert_eq!(intervals(&[Easy, Easy]), [4, 13]);
        assert_eq!(intervals(&[Hard, Hard, Good]), [1, 1, 3]);
        assert_eq!(intervals(&[Good, Good, Again, Good, Good]), [1, 3, 0, 1, 3]);
        assert_eq!(intervals(&[Easy; 12]).last(), Some(&INTERVAL_MAX_DAYS));
    }

    #[test]
    fn what_is_hard_grows_slowly_and_not_ever_more_slowly() {
        let mut card = None;
        for _ in 0..20 {
            card = Some(Card::marked(card, Grade::Again, 20_000));
        }
        let card = card.unwrap();
        assert_eq!((card.ease_percent, card.due_day), (EASE_MIN_PERCENT, 20_000));
        assert_eq!(card.marks, 20);
    }

    #[test]
    fn a_torn_file_is_told() {
        for text in ["{", "{}", "{\"cards\": {\"q-44-pin\": {\"marks\": -1}}}"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
