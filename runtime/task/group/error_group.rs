//! Floor 5. Everything that went wrong in a group of tasks, as one error.
//!
//! Ten tasks can fail at the same moment, and the tenth may be the one that matters. So a group
//! returns all its failures, in the order in which they happened, each with the task it comes from:
//!
//! ```text
//!   ErrorGroup ── Member ── who: task 3 `fetch`, spawned at src/main.rs:10:5; or the body
//!      │             └───── what: Failure ── Error(E)
//!      │                               ├──── Panic(payload)
//!      ├─ Member ...                   └──── Group(ErrorGroup): the task had a group of its own
//!      └─ why the rest was cancelled, if somebody asked for that
//! ```
//!
//! It is a tree, and stays one: [`split`](ErrorGroup::split) gives two trees of the same shape, one
//! with the leaves that match and one with the others; so what one level does not handle goes on to
//! the next with nothing lost.
//!
//! Rules
//! 1. A group without members means: cancelled, and nobody failed. A task that ends with one has
//!    not failed either.
//! 2. A boxed error that is an `ErrorGroup` is taken out of its box: `?` in the task of an outer
//!    group does not hide the inner one's structure.
//!
//! Real world: Python's `ExceptionGroup` and `except*` (PEP 654), whose `split` and `derive` these
//! are; trio invented them as `MultiError`. Go's `errgroup` keeps the first error and drops the
//! rest.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::iter;
use std::sync::Arc;

use crate::task::{PanicPayload, TaskInfo};

/// Any error that can cross threads; what an [`ErrorGroup`] has for members unless told otherwise.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// All failures of a [`TaskGroup`](super::TaskGroup), in the order in which they happened.
///
/// The twin of Python's `ExceptionGroup`. A [`source`](Error::source) is that of the first leaf:
/// the error itself if it was boxed, else a [`Failure`] that reads the same.
///
/// **Cost:** one vector for each level.
///
/// ```
/// use rondel::task::ErrorGroup;
/// use std::num::ParseIntError;
///
/// let parse = |text: &str| text.parse::<u8>().map_err(Into::into);
/// let errors = ["one", "2", "300"].into_iter().filter_map(|text| parse(text).err());
/// let group: ErrorGroup = errors.collect();
/// assert_eq!(group.len(), 2);
/// assert!(group.to_string().starts_with("2 failures in a task group\n"));
///
/// let (parsing, rest) = group.split_type::<ParseIntError>();
/// assert!(parsing.is_some() && rest.is_none());
/// ```
#[derive(Debug)]
pub struct ErrorGroup<E = BoxError> {
    pub(super) name: Option<Arc<str>>,
    pub(super) reason: Option<Arc<str>>,
    pub(super) members: Vec<Member<E>>,
}

/// One task of a group that failed, and how.
#[derive(Debug)]
pub struct Member<E = BoxError> {
    pub(super) who: Who,
    pub(super) failure: Failure<E>,
}

/// Whose failure it is.
#[derive(Debug, Clone)]
pub(super) enum Who {
    Task(TaskInfo),
    /// The body of the group.
    Body,
    /// Nobody's: the group was collected by hand.
    Nobody,
}

/// How a task of a group failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure<E = BoxError> {
    /// It returned an error.
    Error(E),
    /// It panicked, also if that was in a drop when it was cancelled.
    Panic(PanicPayload),
    /// It had a group of its own, in which these failed.
    Group(ErrorGroup<E>),
}

impl<E: 'static> Failure<E> {
    /// A leaf, or what was in the box (rule 2).
    pub(crate) fn of(error: E) -> Self {
        let mut failure = Self::Error(error);
        let any: &mut dyn Any = &mut failure;
        if let Some(boxed) = any.downcast_mut::<Failure<BoxError>>() {
            boxed.unbox();
        }
        failure
    }
}

impl Failure<BoxError> {
    fn unbox(&mut self) {
        // A moment's placeholder, as a box can be opened only by value.
        let placeholder = Self::Group(ErrorGroup { name: None, reason: None, members: Vec::new() });
        *self = match std::mem::replace(self, placeholder) {
            Self::Error(error) => match error.downcast() {
                Ok(group) => Self::Group(*group),
                Err(error) => Self::Error(error),
            },
            other => other,
        };
    }
}

impl<E> Member<E> {
    /// The task that failed; `None` if it was the body of the group.
    pub fn task(&self) -> Option<&TaskInfo> {
        if let Who::Task(task) = &self.who { Some(task) } else { None }
    }

    /// How it failed.
    pub fn failure(&self) -> &Failure<E> {
        &self.failure
    }

    /// How it failed, by value.
    pub fn into_failure(self) -> Failure<E> {
        self.failure
    }
}

impl<E> ErrorGroup<E> {
    /// The name of the group of tasks, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Why the group was cancelled, if it was asked to end: by
    /// [`TaskGroup::cancel`](super::TaskGroup::cancel) or by the token above it. `None` if its own
    /// failures ended it.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether nobody failed: the group was only cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.members.is_empty()
    }

    /// The tasks that failed, those of nested groups not among them.
    ///
    /// The twin of Python's `ExceptionGroup.exceptions`.
    pub fn members(&self) -> &[Member<E>] {
        &self.members
    }

    /// The leaves: all errors and panics, those of nested groups in the place of their group.
    pub fn iter(&self) -> impl Iterator<Item = &Member<E>> {
        let mut levels = vec![self.members.iter()];
        iter::from_fn(move || {
            loop {
                match levels.last_mut()?.next() {
                    None => _ = levels.pop(),
                    Some(Member { failure: Failure::Group(group), .. }) => {
                        levels.push(group.members.iter());
                    }
                    leaf => return leaf,
                }
            }
        })
    }

    /// The errors among the leaves, without the panics.
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        self.iter().filter_map(|member| match &member.failure {
            Failure::Error(error) => Some(error),
            _ => None,
        })
    }

    /// How many leaves there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no leaf; the same as [`is_cancelled`](Self::is_cancelled).
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Lets the first panic among the leaves go on from here; if there is none, returns the group.
    ///
    /// Whoever treats errors as values should not treat a bug as one: put this before the handling.
    ///
    /// # Panics
    ///
    /// With that panic. The other failures are dropped.
    ///
    /// ```
    /// use rondel::task::TaskGroup;
    ///
    /// let caught = std::panic::catch_unwind(|| {
    ///     rondel::run(async {
    ///         let group = TaskGroup::<String>::run(async |_| panic!("a bug"));
    ///         let outcome: Result<(), _> = group.await;
    ///         outcome.map_err(|error| error.resume_panic().to_string())
    ///     })
    /// });
    /// assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"a bug"));
    /// ```
    pub fn resume_panic(self) -> Self {
        if !self.iter().any(|leaf| matches!(leaf.failure, Failure::Panic(_))) {
            return self;
        }
        match self.into_first_panic() {
            Some(payload) => payload.resume(),
            None => unreachable!("a panic was among the leaves a line ago"),
        }
    }

    fn into_first_panic(self) -> Option<PanicPayload> {
        self.members.into_iter().find_map(|member| match member.failure {
            Failure::Panic(payload) => Some(payload),
            Failure::Group(group) => group.into_first_panic(),
            Failure::Error(_) => None,
        })
    }

    // --- dividing -------------------------------------------------------------------------------

    /// Divides the group in two: the errors of which `matches` says true, and the rest with all
    /// panics. `None` is an empty half.
    ///
    /// Both halves have the shape of the whole: nested groups stay nested, in both halves if they
    /// have leaves in both, and name, reason and tasks are kept. The twin of Python's
    /// `ExceptionGroup.split`, and with a `match` on both halves of `except*`.
    ///
    /// ```
    /// use rondel::task::ErrorGroup;
    ///
    /// let group: ErrorGroup<i32> = [404, 500, 503].into_iter().collect();
    /// let (server, rest) = group.split(|code| *code >= 500);
    /// assert_eq!(server.unwrap().errors().collect::<Vec<_>>(), [&500, &503]);
    /// assert_eq!(rest.unwrap().len(), 1);
    /// ```
    pub fn split(self, mut matches: impl FnMut(&E) -> bool) -> (Option<Self>, Option<Self>) {
        self.divide(&mut |failure| matches!(failure, Failure::Error(error) if matches(error)))
    }

    /// [`split`](Self::split) by type: matches are the errors that are an `X`, by themselves or in
    /// a [`BoxError`].
    pub fn split_type<X: Error + 'static>(self) -> (Option<Self>, Option<Self>)
    where
        E: 'static,
    {
        self.split(|error| {
            let error: &dyn Any = error;
            let boxed = error.downcast_ref::<BoxError>();
            error.is::<X>() || boxed.is_some_and(|error| error.is::<X>())
        })
    }

    /// [`split`](Self::split) into the panics and the errors.
    pub fn split_panics(self) -> (Option<Self>, Option<Self>) {
        self.divide(&mut |failure| matches!(failure, Failure::Panic(_)))
    }

    /// Keeps the errors of which `matches` says true, and drops the rest, panics included. `None`
    /// if nothing is left. The twin of Python's `ExceptionGroup.subgroup`.
    pub fn filter(self, matches: impl FnMut(&E) -> bool) -> Option<Self> {
        self.split(matches).0
    }

    fn divide(self, test: &mut dyn FnMut(&Failure<E>) -> bool) -> (Option<Self>, Option<Self>) {
        if self.members.is_empty() {
            return (None, Some(self)); // nobody failed: nothing matches, and the reason stays
        }
        let Self { name, reason, members } = self;
        let (mut yes, mut no) = (Vec::new(), Vec::new());
        for Member { who, failure } in members {
            match failure {
                Failure::Group(group) => {
                    let (matched, rest) = group.divide(test);
                    let member =
                        |group| Member { who: who.clone(), failure: Failure::Group(group) };
                    yes.extend(matched.map(member));
                    no.extend(rest.map(member));
                }
                leaf if test(&leaf) => yes.push(Member { who, failure: leaf }),
                leaf => no.push(Member { who, failure: leaf }),
            }
        }
        let derive = |members: Vec<_>| {
            let (name, reason) = (name.clone(), reason.clone());
            (!members.is_empty()).then_some(Self { name, reason, members })
        };
        (derive(yes), derive(no))
    }
}

/// A group of errors that come from no task.
impl<E: 'static> FromIterator<E> for ErrorGroup<E> {
    fn from_iter<I: IntoIterator<Item = E>>(errors: I) -> Self {
        let member = |error| Member { who: Who::Nobody, failure: Failure::of(error) };
        Self { name: None, reason: None, members: errors.into_iter().map(member).collect() }
    }
}

/// The tasks that failed, those of nested groups not among them.
impl<E> IntoIterator for ErrorGroup<E> {
    type Item = Member<E>;
    type IntoIter = std::vec::IntoIter<Member<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}

// --- for people ---------------------------------------------------------------------------------

impl<E: Display> Display for ErrorGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match self.members.len() {
            0 => String::new(),
            1 => "1 failure in ".to_owned(),
            many => format!("{many} failures in "),
        };
        match &self.name {
            Some(name) => write!(f, "{count}task group `{name}`")?,
            None => write!(f, "{count}a task group")?,
        }
        match (self.members.is_empty(), &self.reason) {
            (true, Some(reason)) => write!(f, " was cancelled: {reason}")?,
            (true, None) => f.write_str(" was cancelled")?,
            (false, Some(reason)) => write!(f, " (cancelled: {reason})")?,
            (false, None) => {}
        }
        for member in &self.members {
            // Two more columns for each level: a member that is a group has lines of its own.
            write!(f, "\n  {}", member.to_string().replace('\n', "\n  "))?;
        }
        Ok(())
    }
}

impl<E: Display> Display for Member<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Who::Task(task) => write!(f, "{task}: {}", self.failure),
            Who::Body => write!(f, "the body: {}", self.failure),
            Who::Nobody => Display::fmt(&self.failure, f),
        }
    }
}

impl<E: Display> Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => Display::fmt(error, f),
            Self::Panic(payload) => Display::fmt(payload, f),
            Self::Group(group) => Display::fmt(group, f),
        }
    }
}

// Not `E: Error`, which `BoxError` is not: a group of boxed errors must be an error, too.
impl<E: Debug + Display + 'static> Error for ErrorGroup<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let first = &self.iter().next()?.failure;
        let Failure::Error(error) = first else { return Some(first) };
        let boxed = (error as &dyn Any).downcast_ref::<BoxError>();
        boxed.map_or(Some(first), |error| Some(&**error))
    }
}

impl<E: Debug + Display + 'static> Error for Failure<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Group(group) => group.source(),
            _ => None,
        }
    }
}
