//! The test kit itself: does it find what it is there to find?

mod asserts;
mod cancel;
mod diary;
mod explore;
mod io;
mod net;
mod task;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `f` panics with.
fn panic_text<T>(f: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).err().expect("this was expected to panic");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}
