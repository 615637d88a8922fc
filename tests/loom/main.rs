//! The engine's own source files under loom: every interleaving, not a lucky few.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test --release --test loom` (with a target directory of its
//! own, as the flag rebuilds everything). Without the flag this crate is empty.
//!
//! The modules below are the files that ship, compiled a second time; `shim` gives them loom's
//! atomics, locks and cells. Rule: an engine module that is listed here may use `crate::shim` and
//! other modules of this list, nothing else.

#![cfg(loom)]
#![allow(dead_code, unused_imports, unreachable_pub)] // not every model uses every part

mod model;
mod shim;

#[path = "../../runtime/budget.rs"]
mod budget;
#[path = "../../runtime/leaf.rs"]
mod leaf;
#[path = "../../runtime/park.rs"]
mod park;
#[path = "../../runtime/roll_call.rs"]
mod roll_call;
#[path = "../../runtime/services.rs"]
mod services;
#[path = "../../runtime/wait_list.rs"]
mod wait_list;
#[path = "../../runtime/wakes.rs"]
mod wakes;

/// The files of `runtime/combine` that touch shared memory.
#[path = "../../runtime/combine"]
mod combine {
    pub mod buffered;
    pub mod children;
    pub mod gather;
    pub mod maybe_done;
}

/// The files of `runtime/sync`, where they expect each other.
#[path = "../../runtime/sync"]
mod sync {
    pub mod barrier;
    pub mod broadcast;
    pub mod cancellation_token;
    pub mod capacity_limiter;
    pub mod condition;
    pub mod event;
    pub mod guard;
    pub mod mpsc;
    pub mod mutex;
    pub mod notify;
    pub mod once_cell;
    pub mod once_slot;
    pub mod once_value;
    pub mod oneshot;
    pub mod park;
    pub mod permit_cell;
    pub mod queue;
    pub mod rwlock;
    pub mod semaphore;
    pub mod senders;
    pub mod set_once;
    pub mod unless;
    pub mod watch;
}

/// The files of `runtime/task` that strangers reach into.
#[path = "../../runtime/task"]
mod task {
    pub mod abort_on_drop;
    pub mod bells;
    pub mod cell;
    pub mod closure;
    pub mod elsewhere;
    pub mod home;
    pub mod id;
    pub mod inbox;
    pub mod info;
    pub mod join;
    pub mod local_set;
    pub mod local_work;
    pub mod output;
    pub mod payload;
    pub mod purse;
    mod spare;
    mod stage;
    pub mod state;
    pub mod tally;
    pub mod waker;

    pub mod group {
        pub mod handshake;
        pub mod roster;

        /// Why a real group would refuse a child.
        #[derive(Debug)]
        pub struct GroupClosed;

        impl std::fmt::Display for GroupClosed {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("closed")
            }
        }
    }

    pub mod scope {
        pub mod crew;
    }

    pub use abort_on_drop::AbortOnDrop;
    pub use info::TaskInfo;
    pub use join::{AbortHandle, JoinError, JoinHandle};
    pub use payload::PanicPayload;

    /// The loop of a model runs a task at once, on the thread that spawns it.
    pub struct Builder;

    impl Builder {
        pub fn new() -> Self {
            Self
        }

        pub fn spawn_on<F: Future>(
            self,
            future: F,
            _: &crate::current::Handle,
        ) -> std::io::Result<F::Output> {
            Ok(crate::model::block_on(future))
        }
    }
}

/// The files of `runtime/callbacks` that any thread may use.
#[path = "../../runtime/callbacks"]
mod callbacks {
    pub mod promise;

    /// Nothing goes wrong in a callback of a model.
    pub mod exception {
        use std::error::Error;
        use std::panic::Location;
        use std::sync::Arc;

        pub fn guarded(_: &'static Location<'static>, call: impl FnOnce()) {
            call();
        }

        pub fn report(_: &str, _: Arc<dyn Error + Send + Sync>, _: &'static Location<'static>) {}
    }
}

/// Who runs next, of both flavours.
#[path = "../../runtime/ready/mod.rs"]
mod ready;

/// A model draws no lots: it tries all.
mod random {
    pub fn below(_limit: u32) -> u32 {
        0
    }
}

/// The test kit's task, which any thread may wake.
#[path = "../../runtime/testing"]
mod testing {
    pub mod task;
}

/// What the floors above would offer.
mod current {
    /// No loop runs in a model.
    pub fn forbid_blocking(_what: &str) {}

    #[derive(Debug)]
    pub struct Handle;

    impl Handle {
        pub fn current() -> Self {
            Self
        }
    }
}

/// A pool that is always quiet, for `services.rs`; its own lock is std's.
mod blocking {
    pub struct Pool;

    impl Pool {
        pub fn busy(&self) -> usize {
            0
        }
    }
}

/// A clock that no model looks at, for `services.rs`.
mod time {
    pub mod clock {
        pub struct Clock;
    }
}

/// An executor by the name that `LocalSet::block_on` wants.
mod runtime {
    pub struct Runtime;

    impl Runtime {
        pub fn block_on<F: std::future::Future>(&self, future: F) -> F::Output {
            crate::model::block_on(future)
        }
    }
}

/// `run_until_cancelled` wants it; no model runs it, as it touches no shared memory of its own.
macro_rules! select {
    (biased; $output:ident = $future:ident => $some:expr, $($others:tt)*) => {{
        let $output = $future.await;
        $some
    }};
}
pub(crate) use select;

mod barrier;
mod broadcast;
mod cancellation_token;
mod capacity_limiter;
mod channels;
mod children;
mod closures;
mod condition;
mod desk;
mod event;
mod kit;
mod local_set;
mod mutex;
mod notify;
mod nudge;
mod once;
mod outside;
mod promise;
mod queue;
mod rest;
mod ring;
mod rwlock;
mod semaphore;
mod shared_tasks;
mod structured;
mod tasks;
mod waiting;
mod watch;
mod workers;
