//! Which exercise is meant.

use crate::error::Error;
use rondel_exercises::catalogue::Exercise;

/// A name with so many wrong letters may still be meant.
const SLIPS_MAX: usize = 3;
/// More than that is no help.
const NEAR_MAX: usize = 3;

/// A thing that can be meant.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    pub slug: &'a str,
    pub number: &'a str,
    /// The slug without its number.
    pub name: &'a str,
}

/// Why nothing was found.
#[derive(Debug)]
pub enum Missed {
    /// Nothing has this name; these are near.
    Unknown(Vec<String>),
    /// Several begin like this.
    Several(Vec<String>),
}

/// The exercise with this slug, this number, or the only one that begins like this.
pub fn find<'a>(exercises: &'a [Exercise], wanted: &str) -> Result<&'a Exercise, Error> {
    let name = |exercise: &'a Exercise| exercise.slug.split_once('_').map_or("", |(_, name)| name);
    let named: Vec<Named<'a>> = exercises
        .iter()
        .map(|one| Named { slug: &one.slug, number: one.number(), name: name(one) })
        .collect();
    match place(&named, wanted) {
        Ok(place) => Ok(&exercises[place]),
        Err(Missed::Unknown(near)) => Err(Error::UnknownSlug(wanted.to_owned(), near)),
        Err(Missed::Several(all)) => Err(Error::Ambiguous(wanted.to_owned(), all)),
    }
}

/// Where that with this slug or this number stands, or the only one that begins like this.
pub fn place(all: &[Named<'_>], wanted: &str) -> Result<usize, Missed> {
    let number: Option<u32> = wanted.parse().ok();
    let is_exact = |one: &Named<'_>| {
        let same_number = number.is_some() && one.number.parse().ok() == number;
        one.slug == wanted || same_number
    };
    if let Some(place) = all.iter().position(is_exact) {
        return Ok(place);
    }
    let begins = |one: &Named<'_>| one.slug.starts_with(wanted) || one.name.starts_with(wanted);
    let found: Vec<usize> = (0..all.len()).filter(|&place| begins(&all[place])).collect();
    match found[..] {
        [place] if !wanted.is_empty() => Ok(place),
        [] => Err(Missed::Unknown(near(all, wanted))),
        _ => Err(Missed::Several(found.iter().map(|&place| all[place].slug.to_owned()).collect())),
    }
}

/// The slugs that look like it, the nearest first.
fn near(all: &[Named<'_>], wanted: &str) -> Vec<String> {
    let distance = |one: &Named<'_>| {
        if !wanted.is_empty() && one.slug.contains(wanted) {
            return 0;
        }
        slips(one.slug, wanted).min(slips(one.name, wanted))
    };
    let mut found: Vec<(usize, &str)> = all.iter().map(|one| (distance(one), one.slug)).collect();
    found.retain(|(slips, _)| *slips <= SLIPS_MAX);
    found.sort_unstable();
    found.into_iter().take(NEAR_MAX).map(|(_, slug)| slug.to_owned()).collect()
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
