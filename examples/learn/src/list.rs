//! `list`: what there is, and what is solved.

use crate::Done;
use crate::error::Error;
use crate::school::School;
use crate::screen::{Screen, Tone};
use serde_json::json;

/// A line for each exercise; `>` stands before the next one.
pub fn list(school: &School, screen: &mut Screen) -> Result<Done, Error> {
    let next = school.choose(None)?.map(|exercise| exercise.slug.clone());
    if screen.is_json() {
        let rows: Vec<_> = school
            .exercises
            .iter()
            .map(|exercise| {
                json!({
                    "slug": exercise.slug,
                    "title": exercise.title,
                    "solved": school.progress.is_solved(&exercise.slug),
                    "hints_shown": school.progress.hints(&exercise.slug),
                    "file": school.file(exercise),
                    "is_next": next.as_ref() == Some(&exercise.slug),
                })
            })
            .collect();
        screen.json(&json!(rows))?;
        return Ok(Done::Well);
    }
    let width = school.exercises.iter().map(|one| one.slug.len()).max().unwrap_or(0);
    for exercise in &school.exercises {
        let (slug, title) = (&exercise.slug, &exercise.title);
        let is_solved = school.progress.is_solved(slug);
        let pointer = if next.as_ref() == Some(slug) { '>' } else { ' ' };
        let mark = if is_solved { 'x' } else { ' ' };
        let line = format!("{pointer} [{mark}] {slug:width$}  {title}");
        if is_solved { screen.tell(Tone::Good, &line)? } else { screen.say(&line)? }
    }
    screen.say(&format!("\n{} of {} solved", school.solved(), school.exercises.len()))?;
    Ok(Done::Well)
}
