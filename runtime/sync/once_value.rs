//! Floor 5. A value that is there from the start, or comes once.
//!
//! `OnceCell` and `SetOnce` are this and a wait list. std's `OnceLock` is nearly enough; only it
//! cannot be made with a value in it where a `static` needs it.
//!
//! Real world: tokio writes both out of a flag and uninitialised memory.

use std::sync::OnceLock;

#[derive(Debug)]
pub(crate) enum OnceValue<T> {
    /// Made with its value.
    Given(T),
    /// Made empty.
    Later(OnceLock<T>),
}

impl<T> OnceValue<T> {
    /// An empty one.
    pub(crate) const fn new() -> Self {
        Self::Later(OnceLock::new())
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Later(value) => value.get(),
        }
    }

    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Later(value) => value.get_mut(),
        }
    }

    /// Puts the value in, or gives it back if there is one.
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        match self {
            Self::Given(_) => Err(value),
            Self::Later(place) => place.set(value),
        }
    }

    pub(crate) fn into_inner(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Later(value) => value.into_inner(),
        }
    }
}
