//! `next` and `reset`: an exercise comes to the learner.

use crate::Done;
use crate::error::Error;
use crate::school::{self, School};
use crate::screen::{Screen, Tone};
use rondel_exercises::catalogue::Exercise;
use serde_json::json;
use std::fs;
use std::path::Path;

/// Shows the first exercise that is not solved.
pub fn next(school: &School, screen: &mut Screen) -> Result<Done, Error> {
    let Some(exercise) = school.choose(None)? else {
        all_solved(school, screen)?;
        return Ok(Done::Well);
    };
    let file = school.hand_out(exercise)?;
    if screen.is_json() {
        let (slug, title, task) = (&exercise.slug, &exercise.title, &exercise.task);
        screen.json(&json!({ "slug": slug, "title": title, "task": task, "file": file }))?;
        return Ok(Done::Well);
    }
    task(screen, exercise, &file)?;
    let verify = Screen::command(&format!("verify {}", exercise.slug));
    screen.say(&format!("When you have changed it: {verify}"))?;
    Ok(Done::Well)
}

/// Shows what is to be done, and where.
pub fn task(screen: &mut Screen, exercise: &Exercise, file: &Path) -> Result<(), Error> {
    screen.tell(Tone::Title, &format!("{}: {}", exercise.slug, exercise.title))?;
    screen.text(&format!("\n{}\n\n{}\n", exercise.task, exercise.concept))?;
    screen.say(&format!("\nYour file: {}", file.display()))
}

/// Says that nothing is left.
pub fn all_solved(school: &School, screen: &mut Screen) -> Result<(), Error> {
    let count = school.exercises.len();
    if screen.is_json() {
        return screen.json(&json!({ "all_solved": true, "count": count }));
    }
    screen.tell(Tone::Good, &format!("All {count} exercises are solved."))
}

/// Hands an exercise out anew, and forgets what is known of it.
pub fn reset(school: &mut School, screen: &mut Screen, slug: &str) -> Result<Done, Error> {
    let exercise = school.find(slug)?.clone();
    let file = school.file(&exercise);
    let kept = file.with_extension("rs.before-reset");
    let is_there = file.exists();
    if is_there {
        fs::rename(&file, &kept).map_err(|error| Error::File(file.clone(), error))?;
    }
    school::copy(&exercise.handout(), &file)?;
    school.progress.forget(&exercise.slug)?;
    let kept = is_there.then_some(kept);
    if screen.is_json() {
        screen.json(&json!({ "slug": exercise.slug, "file": file, "kept": kept }))?;
        return Ok(Done::Well);
    }
    screen.say(&format!("{} is as handed out.", file.display()))?;
    if let Some(kept) = kept {
        screen.say(&format!("What you had written is in {}.", kept.display()))?;
    }
    Ok(Done::Well)
}
