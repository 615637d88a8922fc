//! A service that takes its time, and remembers who overlapped whom.

use crate::log::Log;
use rondel::time::sleep;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Calls that an answer makes. Each has a number from 1 in the order in which they start; the log
/// says when it starts, ends, or is dropped half way. Clones share the list.
///
/// ```
/// use rondel_exercises::{Calls, Log};
/// use std::time::Duration;
///
/// let log = Log::default();
/// let calls = Calls::new(&log, "call");
/// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
/// runtime.block_on(async {
///     calls.call(Duration::from_millis(100)).await;
///     calls.call(Duration::from_millis(100)).await;
/// });
/// assert_eq!(log.steps(), ["call 1 starts", "call 1 ends", "call 2 starts", "call 2 ends"]);
/// let text = calls.one_after_another().unwrap();
/// assert!(text.starts_with("your 2 calls ran one after another: call 2 started at "));
/// ```
#[derive(Clone, Debug)]
pub struct Calls {
    noun: String,
    log: Log,
    list: Arc<Mutex<Vec<Call>>>,
}

#[derive(Debug)]
struct Call {
    start: Duration,
    end: Option<End>,
}

#[derive(Debug, Clone, Copy)]
struct End {
    at: Duration,
    was_dropped: bool,
}

impl Calls {
    /// No calls yet; `noun` is what one is called in the log, such as `"call"`.
    #[must_use]
    pub fn new(log: &Log, noun: &str) -> Self {
        Self { noun: noun.to_owned(), log: log.clone(), list: Arc::default() }
    }

    /// Makes a call, which takes so long. Returns its number.
    pub async fn call(&self, takes: Duration) -> usize {
        self.call_named("", takes).await
    }

    /// Makes a call that the log calls by its number and by `name`.
    pub async fn call_named(&self, name: &str, takes: Duration) -> usize {
        let mut running = self.begin(name);
        sleep(takes).await;
        running.end(false);
        running.number
    }

    /// Begins a call that ends with [`Running::finish`]: for work that is no `sleep`.
    #[must_use]
    pub fn begin(&self, name: &str) -> Running {
        let start = self.log.now();
        let mut list = self.list();
        list.push(Call { start, end: None });
        let number = list.len();
        drop(list);
        let space = if name.is_empty() { "" } else { " " };
        let title = format!("{} {number}{space}{name}", self.noun);
        self.log.note(format!("{title} starts"));
        Running { calls: self.clone(), number, title, has_ended: false }
    }

    /// How many were started.
    #[must_use]
    pub fn started(&self) -> usize {
        self.list().len()
    }

    /// How many came to their end.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.list().iter().filter(|call| call.end.is_some_and(|end| !end.was_dropped)).count()
    }

    /// How many were dropped half way.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.list().iter().filter(|call| call.end.is_some_and(|end| end.was_dropped)).count()
    }

    /// How many are under way now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.list().iter().filter(|call| call.end.is_none()).count()
    }

    /// How many were under way at once, at most. One that starts at the moment at which another
    /// ends does not overlap it.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        let list = self.list();
        let at = |moment: Duration| {
            let open =
                |call: &&Call| call.start <= moment && call.end.is_none_or(|end| end.at > moment);
            list.iter().filter(open).count()
        };
        list.iter().map(|call| at(call.start)).max().unwrap_or(0)
    }

    /// If no two of several calls overlapped: the sentence that says so.
    #[must_use]
    pub fn one_after_another(&self) -> Option<String> {
        let list = self.list();
        let waited = |pair: &[Call]| pair[0].end.is_some_and(|end| end.at <= pair[1].start);
        let one_by_one = list.len() > 1 && list.windows(2).all(waited);
        one_by_one.then(|| {
            format!(
                "your {} {noun}s ran one after another: {noun} 2 started at {} ms, \
                 after {noun} 1 had ended",
                list.len(),
                list[1].start.as_millis(),
                noun = self.noun,
            )
        })
    }

    fn list(&self) -> MutexGuard<'_, Vec<Call>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is under way; see [`Calls::begin`]. If it is dropped before it
/// [finishes](Running::finish), it counts as dropped half way.
#[derive(Debug)]
pub struct Running {
    calls: Calls,
    number: usize,
    title: String,
    has_ended: bool,
}

impl Running {
    /// The call's number, from 1.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// The call has come to its end.
    pub fn finish(mut self) {
        self.end(false);
    }

    fn end(&mut self, was_dropped: bool) {
        self.has_ended = true;
        let at = self.calls.log.now();
        self.calls.list()[self.number - 1].end = Some(End { at, was_dropped });
        let what = if was_dropped { "is dropped half way" } else { "ends" };
        self.calls.log.note(format!("{} {what}", self.title));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end(true);
        }
    }
}
