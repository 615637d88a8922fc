//! Tasks: sets of them, their locals, their names, their budget, and their end.

mod block_in_place;
mod blocking;
mod builder;
mod cancel;
mod coop;
mod join_handle;
mod join_set;
mod local_set;
mod stress;
mod task_local;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The text of the panic that `work` ends with.
fn panic_text(work: impl FnOnce()) -> String {
    text_of(catch_unwind(AssertUnwindSafe(work)).expect_err("it must panic"))
}

fn text_of(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}
