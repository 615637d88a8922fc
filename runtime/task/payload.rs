//! Floor 1. What a panic carries, once it was caught.
//!
//! A panic is a value that travels up the stack. Whoever catches it can look at it, keep it, and
//! let it travel on: [`JoinError`](super::JoinError) keeps one, and so does a member of an
//! [`ErrorGroup`](super::ErrorGroup).
//!
//! Real world: Python's exceptions are such values all the time; std's `catch_unwind` hands out the
//! same box.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Mutex;

/// The payload of a panic that was caught.
///
/// ```
/// use rondel::task::{Failure, TaskGroup};
///
/// rondel::run(async {
///     let group = TaskGroup::<String>::run(async |group| {
///         group.spawn(async { if true { panic!("boom") } else { Ok(()) } });
///         Ok(())
///     });
///     let error = group.await.unwrap_err();
///     let Failure::Panic(payload) = error.members()[0].failure() else { panic!("it panicked") };
///     assert_eq!(payload.message().as_deref(), Some("boom"));
/// });
/// ```
// The lock makes the payload `Sync`; nobody ever waits for it.
pub struct PanicPayload(Mutex<Box<dyn Any + Send>>);

impl PanicPayload {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        Self(Mutex::new(payload))
    }

    /// The panic's text, if it is text: `panic!` makes one of two types, `&str` of a literal and
    /// `String` of a format. `resume_unwind` may bring anything.
    pub fn message(&self) -> Option<String> {
        let payload = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
    }

    /// The payload itself, as `std::panic::catch_unwind` gives it.
    pub fn into_inner(self) -> Box<dyn Any + Send> {
        self.0.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Lets the panic go on from here. The panic hook is not called again.
    pub fn resume(self) -> ! {
        resume_unwind(self.into_inner())
    }
}

impl fmt::Display for PanicPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(text) => write!(f, "panicked with message {text:?}"),
            None => f.write_str("panicked"),
        }
    }
}

impl fmt::Debug for PanicPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PanicPayload").field(&self.message()).finish()
    }
}
