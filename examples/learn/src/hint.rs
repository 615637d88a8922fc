//! `hint` and `solution`: help, one step clearer each time.

use crate::Done;
use crate::error::Error;
use crate::hand_out;
use crate::school::School;
use crate::screen::{Screen, Tone};
use rondel_exercises::catalogue::HINTS;
use serde_json::json;
use std::fs;

/// Shows the next hint; the last one again if all were shown.
pub fn hint(school: &mut School, screen: &mut Screen, slug: Option<&str>) -> Result<Done, Error> {
    let Some(exercise) = school.choose(slug)?.cloned() else {
        hand_out::all_solved(school, screen)?;
        return Ok(Done::Well);
    };
    let level = (school.progress.hints(&exercise.slug) + 1).min(HINTS);
    let (slug, text) = (&exercise.slug, &exercise.hints[level - 1]);
    if screen.is_json() {
        screen.json(&json!({ "slug": slug, "level": level, "of": HINTS, "hint": text }))?;
    } else {
        screen.tell(Tone::Title, &format!("{slug}, hint {level} of {HINTS}"))?;
        screen.text(&format!("\n{text}\n"))?;
        let more = match level {
            HINTS => {
                "There are no more hints: ".to_owned()
                    + &Screen::command(&format!("solution {slug}"))
            }
            _ => "A clearer one: ".to_owned() + &Screen::command(&format!("hint {slug}")),
        };
        screen.tell(Tone::Quiet, &format!("\n{more}"))?;
    }
    school.progress.show_hints(slug, level)?;
    Ok(Done::Well)
}

/// Shows one way to do it.
pub fn solution(school: &School, screen: &mut Screen, slug: &str) -> Result<Done, Error> {
    let exercise = school.find(slug)?;
    let path = exercise.solution();
    let text = fs::read_to_string(&path).map_err(|error| Error::File(path, error))?;
    if screen.is_json() {
        screen.json(&json!({ "slug": exercise.slug, "solution": text }))?;
    } else {
        screen.say(&text)?;
    }
    Ok(Done::Well)
}
