//! Floor 5. Nobody succeeded: the error of whatever tries several ways and needs only one.
//!
//! Each way failed for a reason of its own, and the one that matters may be any of them. So all
//! are kept, in the order in which the ways were given, not in that of their ends.
//!
//! Real world: JavaScript's `AggregateError`; `asyncio.staggered` returns a list of exceptions;
//! futures-rs' `select_ok` keeps the last error and drops the others.

use std::error::Error;
use std::fmt;
use std::vec;

/// All futures of a [`race_ok`](super::race_ok), a [`hedge`](super::hedge()) or a
/// [`staggered`](super::staggered) failed.
///
/// The twin of JavaScript's `AggregateError`. It is an error of its own, whatever `E` is, as long
/// as that can be displayed.
///
/// ```
/// rondel::run(async {
///     let tries = [async { Err::<(), _>("refused") }];
///     let error = rondel::combine::race_ok(tries).await.unwrap_err();
///     assert_eq!(error.to_string(), "all of 1 failed: refused");
///     assert_eq!(error.into_errors(), ["refused"]);
/// });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllFailed<E> {
    errors: Vec<E>,
}

impl<E> AllFailed<E> {
    pub(super) fn new(errors: Vec<E>) -> Self {
        Self { errors }
    }

    /// The errors, in the order in which the futures were given. Empty if there were no futures.
    pub fn errors(&self) -> &[E] {
        &self.errors
    }

    /// The errors themselves, in the same order.
    pub fn into_errors(self) -> Vec<E> {
        self.errors
    }
}

impl<E> IntoIterator for AllFailed<E> {
    type Item = E;
    type IntoIter = vec::IntoIter<E>;

    fn into_iter(self) -> Self::IntoIter {
        self.errors.into_iter()
    }
}

impl<E: fmt::Display> fmt::Display for AllFailed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.errors.split_first() else {
            return f.write_str("there was nothing to try");
        };
        write!(f, "all of {} failed: {first}", self.errors.len())?;
        rest.iter().try_for_each(|error| write!(f, "; {error}"))
    }
}

impl<E: fmt::Debug + fmt::Display> Error for AllFailed<E> {}
