//! `verify`: one answer before the judge.

use crate::Done;
use crate::error::Error;
use crate::school::School;
use crate::screen::{Screen, Tone};
use rondel_exercises::catalogue::Exercise;
use rondel_exercises::workbench::{self, Libraries, Outcome, Verdict};
use serde_json::json;
use std::path::Path;

/// What an answer prints helps to find the mistake; 200 runs of it do not.
const PRINTED_LINES_MAX: usize = 20;

/// Judges the learner's file, or another one.
pub fn verify(
    school: &mut School,
    screen: &mut Screen,
    slug: &str,
    file: Option<&Path>,
) -> Result<Done, Error> {
    let exercise = school.find(slug)?.clone();
    let libraries = build(screen)?;
    judge(school, screen, &libraries, &exercise, file)
}

/// The engine and the kit, built if they are not yet.
pub fn build(screen: &mut Screen) -> Result<Libraries, Error> {
    if !screen.is_json() {
        screen.tell(Tone::Quiet, "Building Rondel, if that is not done yet …")?;
    }
    Ok(Libraries::build()?)
}

/// Judges an answer and shows the verdict. A file of the learner's that passes is progress, unless
/// only one schedule was tried.
pub fn judge(
    school: &mut School,
    screen: &mut Screen,
    libraries: &Libraries,
    exercise: &Exercise,
    other: Option<&Path>,
) -> Result<Done, Error> {
    let own = match other {
        Some(_) => None,
        None => Some(school.hand_out(exercise)?),
    };
    let file = other.or(own.as_deref()).unwrap_or_else(|| Path::new(""));
    let folder = school.build_folder(exercise);
    let colour = screen.has_colour();
    let verdict = workbench::verify(libraries, exercise, file, &folder, school.seed, colour)?;
    let has_passed = verdict.outcome == Outcome::Passed;
    let is_solved = has_passed && own.is_some() && school.seed.is_none();
    if screen.is_json() {
        screen.json(&json!({
            "slug": exercise.slug,
            "file": file,
            "outcome": verdict.outcome.name(),
            "check": verdict.check,
            "seed": verdict.seed,
            "text": verdict.text,
            "warnings": verdict.warnings,
            "printed": verdict.printed,
            "explanation": is_solved.then_some(&exercise.explanation),
        }))?;
    } else {
        show(screen, exercise, &verdict)?;
        match (is_solved, school.seed) {
            (true, _) => screen.text(&format!("\n{}\n", exercise.explanation))?,
            (_, Some(seed)) if has_passed => {
                screen.say(&format!("Only the schedule of seed {seed} was tried."))?;
            }
            _ => {}
        }
    }
    if is_solved {
        school.progress.solve(&exercise.slug)?;
    }
    Ok(if has_passed { Done::Well } else { Done::NotYet })
}

fn show(screen: &mut Screen, exercise: &Exercise, verdict: &Verdict) -> Result<(), Error> {
    let slug = &exercise.slug;
    match verdict.outcome {
        Outcome::Refused => {
            screen.tell(Tone::Bad, &format!("{slug} does not compile:\n"))?;
            screen.say(&verdict.text)?;
        }
        Outcome::Passed => {
            let title = &exercise.title;
            screen.tell(Tone::Good, &format!("{slug}: {title}: {}", verdict.text))?;
        }
        Outcome::Failed | Outcome::NeverEnded | Outcome::Crashed => {
            let (first, rest) = verdict.text.split_once('\n').unwrap_or((&verdict.text, ""));
            screen.tell(Tone::Bad, &format!("{slug}: {first}"))?;
            screen.say(rest)?;
        }
    }
    if !verdict.warnings.is_empty() {
        screen.say(&format!("\n{}", verdict.warnings))?;
    }
    if verdict.outcome == Outcome::Passed {
        return Ok(());
    }
    if !verdict.printed.is_empty() {
        let lines: Vec<&str> = verdict.printed.lines().collect();
        let shown = lines[..lines.len().min(PRINTED_LINES_MAX)].join("\n");
        screen.say(&format!("\nWhat your code printed, its first lines:\n{shown}"))?;
    }
    if let Some(seed) = verdict.seed {
        let again = Screen::command(&format!("verify {slug} --seed {seed}"));
        screen.tell(Tone::Quiet, &format!("\nThis schedule again: {again}"))?;
    }
    screen.tell(Tone::Quiet, &format!("Stuck? {}", Screen::command(&format!("hint {slug}"))))
}
