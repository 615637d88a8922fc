//! Floor 5. What a stream can be collected into.
//!
//! | into                                  | from items                                  |
//! |---------------------------------------|---------------------------------------------|
//! | `Vec`, `VecDeque`, `Box<[T]>`, sets   | any; sets of what can be compared or hashed |
//! | `HashMap`, `BTreeMap`                 | pairs                                       |
//! | `String`                              | `char`, `&str`, `String`                    |
//! | `()`                                  | `()`                                        |
//! | `Result<C, E>`                        | `Result`; the first error ends it           |
//!
//! Real world: tokio-stream has the same trait, sealed too; futures-rs takes `Default + Extend`,
//! and has `try_collect` for results.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::ops::ControlFlow;

/// What [`StreamExt::collect`](super::StreamExt::collect) can make of items of the type `T`.
///
/// The twin of `tokio_stream::FromStream`. It is sealed: only the types of the table above have it.
///
/// ```
/// use rondel::stream::{self, StreamExt};
///
/// rondel::run(async {
///     let words = stream::iter(["1", "x", "2"]).map(|word| word.parse::<u8>());
///     assert!(words.collect::<Result<Vec<_>, _>>().await.is_err());
/// });
/// ```
pub trait FromStream<T>: sealed::Gather<T> {}

impl<T, C: sealed::Gather<T>> FromStream<T> for C {}

pub(super) mod sealed {
    use std::ops::ControlFlow;

    pub trait Gather<T>: Sized {
        type Partial;

        fn begin() -> Self::Partial;
        /// `Break`: no more items are wanted.
        fn push(partial: &mut Self::Partial, item: T) -> ControlFlow<()>;
        fn end(partial: Self::Partial) -> Self;
    }
}

macro_rules! gather {
    ($($what:ty, $item:ty, [$($generics:tt)*];)*) => { $(
        impl<$($generics)*> sealed::Gather<$item> for $what {
            type Partial = Self;

            fn begin() -> Self {
                Self::default()
            }

            fn push(partial: &mut Self, item: $item) -> ControlFlow<()> {
                partial.extend([item]);
                ControlFlow::Continue(())
            }

            fn end(partial: Self) -> Self {
                partial
            }
        }
    )* };
}

gather! {
    Vec<T>, T, [T];
    VecDeque<T>, T, [T];
    HashSet<T, S>, T, [T: Eq + Hash, S: BuildHasher + Default];
    BTreeSet<T>, T, [T: Ord];
    HashMap<K, V, S>, (K, V), [K: Eq + Hash, V, S: BuildHasher + Default];
    BTreeMap<K, V>, (K, V), [K: Ord, V];
    String, char, [];
    String, &str, [];
    String, String, [];
    (), (), [];
}

impl<T> sealed::Gather<T> for Box<[T]> {
    type Partial = Vec<T>;

    fn begin() -> Vec<T> {
        Vec::new()
    }

    fn push(partial: &mut Vec<T>, item: T) -> ControlFlow<()> {
        partial.push(item);
        ControlFlow::Continue(())
    }

    fn end(partial: Vec<T>) -> Self {
        partial.into_boxed_slice()
    }
}

impl<T, E, C: sealed::Gather<T>> sealed::Gather<Result<T, E>> for Result<C, E> {
    type Partial = (C::Partial, Option<E>);

    fn begin() -> Self::Partial {
        (C::begin(), None)
    }

    fn push((partial, error): &mut Self::Partial, item: Result<T, E>) -> ControlFlow<()> {
        match item {
            Ok(item) => C::push(partial, item),
            Err(first) => {
                *error = Some(first);
                ControlFlow::Break(())
            }
        }
    }

    fn end((partial, error): Self::Partial) -> Self {
        match error {
            Some(error) => Err(error),
            None => Ok(C::end(partial)),
        }
    }
}
