//! Floor 5. Who hears of what goes wrong in a callback.
//!
//! A callback has no caller who could catch its panic: the loop calls it, and goes on. So the loop
//! reports. By default that is one line on stderr; a program may set a handler of its own.
//!
//! ```text
//!   callback panics ──────────────────────┐      handler of this loop? ── yes ─▶ it is called
//!   error of a promise, never looked at ──┴─▶ report ──── no, or it panics ────▶ stderr
//! ```
//!
//! Rules
//! 1. The handler belongs to the loop it was set in; a thread keeps one, that of the last loop.
//! 2. It is called with nothing borrowed: it may schedule callbacks, or set another handler.
//!
//! Real world: asyncio's `call_exception_handler` with its dict of things; a thread's panic hook.

use crate::current::here;
use crate::task::home::HomeRef;
use crate::task::{self, JoinError};
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

type Handler = Rc<dyn Fn(&ExceptionContext)>;

thread_local! {
    static HANDLER: RefCell<Option<(HomeRef, Handler)>> = const { RefCell::new(None) };
}

/// What went wrong, and where.
///
/// The twin of the `context` that an exception handler of asyncio gets. As text it is the line that
/// the default handler writes.
#[derive(Clone, Debug)]
pub struct ExceptionContext {
    message: &'static str,
    error: Arc<dyn Error + Send + Sync>,
    location: &'static Location<'static>,
}

impl ExceptionContext {
    /// What happened, in a few words.
    pub fn message(&self) -> &str {
        self.message
    }

    /// The error. If it was a panic, this is a [`JoinError`] that tells its text.
    pub fn error(&self) -> &Arc<dyn Error + Send + Sync> {
        &self.error
    }

    /// Where the callback was scheduled, or the promise or task made.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl fmt::Display for ExceptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (made at {}): {}", self.message, self.location, self.error)
    }
}

/// Has `handler` called for what goes wrong in callbacks of this loop, in place of a line on
/// stderr.
///
/// It is called for a callback that panicked, and for a [`Promise`](super::Promise) or
/// [`Task`](super::Task) that is dropped with an error nobody has looked at. If it panics itself,
/// stderr hears of the context. The twin of `loop.set_exception_handler`.
///
/// A thread keeps one handler, and it serves the loop it was set in.
///
/// # Panics
///
/// Panics outside a loop.
///
/// ```
/// use rondel::callbacks::{call_soon, set_exception_handler};
/// use std::cell::RefCell;
/// use std::rc::Rc;
///
/// rondel::run(async {
///     let heard = Rc::new(RefCell::new(Vec::new()));
///     let log = heard.clone();
///     set_exception_handler(move |context| log.borrow_mut().push(context.to_string()));
///     call_soon(|| panic!("oh no"));
///     rondel::task::yield_now().await;
///     assert!(heard.borrow()[0].contains("oh no"));
/// });
/// ```
#[track_caller]
pub fn set_exception_handler(handler: impl Fn(&ExceptionContext) + 'static) {
    let Some(home) = here(|lp| lp.home.clone()) else {
        panic!("`set_exception_handler` was called on a thread that is inside no loop")
    };
    replace(Some((home, Rc::new(handler))));
}

/// Has stderr hear of what goes wrong in callbacks again.
///
/// The twin of `loop.set_exception_handler(None)`.
///
/// ```
/// use rondel::callbacks::{call_soon, clear_exception_handler, set_exception_handler};
///
/// rondel::run(async {
///     set_exception_handler(|_| unreachable!("it was taken back"));
///     clear_exception_handler();
///     call_soon(|| panic!("one line on stderr"));
///     rondel::task::yield_now().await;
/// });
/// ```
pub fn clear_exception_handler() {
    replace(None);
}

fn replace(handler: Option<(HomeRef, Handler)>) {
    // An error means that the thread is ending: nobody will be called any more.
    let before = HANDLER.try_with(|current| current.replace(handler));
    drop(before); // after the borrow (rule 2)
}

/// What happens without a handler: one line on stderr.
///
/// For handlers that want to do a little more. The twin of `loop.default_exception_handler`.
///
/// ```
/// use rondel::callbacks::{call_soon, default_exception_handler, set_exception_handler};
/// use std::{cell::Cell, rc::Rc};
///
/// rondel::run(async {
///     let count = Rc::new(Cell::new(0));
///     let failures = count.clone();
///     set_exception_handler(move |context| {
///         failures.set(failures.get() + 1);
///         default_exception_handler(context);
///     });
///     call_soon(|| panic!("one line on stderr"));
///     rondel::task::yield_now().await;
///     assert_eq!(count.get(), 1);
/// });
/// ```
pub fn default_exception_handler(context: &ExceptionContext) {
    // Not `eprintln!`, which panics where stderr takes nothing more.
    let _ = writeln!(io::stderr(), "rondel: {context}");
}

/// Tells the handler of this loop, or stderr.
pub(super) fn report(
    message: &'static str,
    error: Arc<dyn Error + Send + Sync>,
    location: &'static Location<'static>,
) {
    let context = ExceptionContext { message, error, location };
    let handler = HANDLER.try_with(|current| {
        let current = current.borrow();
        let (home, handler) = current.as_ref()?;
        home.is_here().then(|| handler.clone()) // rule 1
    });
    let told = match handler.ok().flatten() {
        Some(handler) => catch_unwind(AssertUnwindSafe(|| handler(&context))).is_ok(),
        None => false,
    };
    if !told {
        default_exception_handler(&context);
    }
}

/// Calls a callback, in the task that it is, and reports its panic.
pub(super) fn guarded(location: &'static Location<'static>, call: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
        let error = JoinError::panicked(task::id(), panic);
        report("a callback panicked", Arc::new(error), location);
    }
}
