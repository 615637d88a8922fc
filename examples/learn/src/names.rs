//! Which exercise is meant.

use crate::error::Error;
use rondel_exercises::catalogue::Exercise;

/// A name with so many wrong letters may still be meant.
const SLIPS_MAX: usize = 3;
/// More than that is no help.
const NEAR_MAX: usize = 3;

/// The exercise with this slug, this number, or the only one that begins like this.
pub fn find<'a>(exercises: &'a [Exercise], wanted: &str) -> Result<&'a Exercise, Error> {
    let name = |exercise: &'a Exercise| exercise.slug.split_once('_').map_or("", |(_, name)| name);
    let number: Option<u32> = wanted.parse().ok();
    let is_exact = |exercise: &&Exercise| {
        let same_number = number.is_some() && exercise.number().parse().ok() == number;
        exercise.slug == wanted || same_number
    };
    if let Some(exercise) = exercises.iter().find(is_exact) {
        return Ok(exercise);
    }
    let begins = |exercise: &&'a Exercise| {
        exercise.slug.starts_with(wanted) || name(exercise).starts_with(wanted)
    };
    let found: Vec<&Exercise> = exercises.iter().filter(begins).collect();
    match found[..] {
        [exercise] if !wanted.is_empty() => Ok(exercise),
        [] => Err(Error::UnknownSlug(wanted.to_owned(), near(exercises, wanted))),
        _ => {
            let all = found.iter().map(|exercise| exercise.slug.clone()).collect();
            Err(Error::Ambiguous(wanted.to_owned(), all))
        }
    }
}

/// The slugs that look like it, the nearest first.
fn near(exercises: &[Exercise], wanted: &str) -> Vec<String> {
    let distance = |slug: &str| {
        let name = slug.split_once('_').map_or("", |(_, name)| name);
        if !wanted.is_empty() && slug.contains(wanted) {
            return 0;
        }
        slips(slug, wanted).min(slips(name, wanted))
    };
    let mut all: Vec<(usize, &str)> =
        exercises.iter().map(|exercise| (distance(&exercise.slug), &*exercise.slug)).collect();
    all.retain(|(slips, _)| *slips <= SLIPS_MAX);
    all.sort();
    all.into_iter().take(NEAR_MAX).map(|(_, slug)| slug.to_owned()).collect()
}

/// How many letters must be put in, taken out or changed to make one of the other (Levenshtein).
fn slips(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = index + 1;
        for column in 1..row.len() {
            let changed = corner + usize::from(letter != other[column - 1]);
            corner = row[column];
            row[column] = changed.min(row[column] + 1).min(row[column - 1] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        assert_eq!(slips("gather", "gather"), 0);
        assert_eq!(slips("gather", "gahter"), 2);
        assert_eq!(slips("gather", ""), 6);
        assert_eq!(slips("kitten", "sitting"), 3);
    }
}
