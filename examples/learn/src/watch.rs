//! `watch`: judges after each save, and goes on when an answer passes.
//!
//! It looks at the file's age a few times a second, which works on every file system, also on those
//! that tell nobody when a file changes (network drives, containers).

use crate::Done;
use crate::error::Error;
use crate::hand_out;
use crate::school::School;
use crate::screen::{Screen, Tone};
use crate::verify;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

/// Nobody notices so little, and nothing is used up by it.
const LOOK: Duration = Duration::from_millis(200);

/// Begins with `slug`, or with the first that is not solved, until all are.
pub fn watch(school: &mut School, screen: &mut Screen, slug: Option<&str>) -> Result<Done, Error> {
    let mut chosen = school.choose(slug)?.cloned();
    let libraries = verify::build(screen)?;
    while let Some(exercise) = chosen {
        let file = school.hand_out(&exercise)?;
        if !screen.is_json() {
            hand_out::task(screen, &exercise, &file)?;
            screen.tell(Tone::Quiet, "I judge it after each save; Ctrl-C ends.\n")?;
        }
        loop {
            // Taken before the judge reads it: a save in the meantime is judged again.
            let stamp = stamp(&file);
            let done = verify::judge(school, screen, &libraries, &exercise, None)?;
            if done == Done::Well {
                break;
            }
            wait_for_change(&file, stamp);
            if !screen.is_json() {
                screen.say("")?;
            }
        }
        if school.seed.is_some() {
            return Ok(Done::Well);
        }
        chosen = school.choose(None)?.cloned();
    }
    hand_out::all_solved(school, screen)?;
    Ok(Done::Well)
}

/// How to see that a file has changed. `None`: it is not there.
type Stamp = Option<(SystemTime, u64)>;

fn stamp(file: &Path) -> Stamp {
    let about = fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.len()))
}

/// Some editors write a new file and then move it: for a moment there is none.
fn wait_for_change(file: &Path, before: Stamp) {
    loop {
        thread::sleep(LOOK);
        let now = stamp(file);
        if now.is_some() && now != before {
            return;
        }
    }
}
