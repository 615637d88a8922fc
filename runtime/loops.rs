//! Floor 2. The loops of a pinned runtime: which one am I inside of, and whose turn is it?
//!
//! ```text
//!   spawn inside loop 1 ─────────────────▶ loop 1: its tasks stay, and beget tasks there
//!   spawn from anywhere else ──in turn──▶ loop 0, loop 1, loop 2, loop 0, …
//! ```
//!
//! In turn and not to the one that has least to do: nobody counts that, and counting would be what
//! loops without anything in common do not need to do.
//!
//! Real world: Gunicorn's workers compete for `accept`; actix gives its arbiters work in turn;
//! `tokio_util::task::LocalPoolHandle` counts the tasks of each thread.

use crate::outlook::Watched;
use crate::ready::crew::Crew;
use crate::shim::Arc;
use crate::shim::atomic::{AtomicUsize, Ordering};
use crate::task::home::HomeRef;

/// Whom a loop works with.
#[derive(Clone)]
pub(crate) enum Team {
    /// The workers of the stealing flavour.
    Crew(Workers),
    /// The loops of the pinned flavour.
    Loops(Arc<Loops>),
}

/// What the workers of a runtime share, and each handle knows: by it a task finds its timers and
/// sockets from whatever worker it runs on, and a thread beside the workers finds theirs.
#[derive(Clone)]
pub(crate) struct Workers {
    pub(crate) crew: Arc<Crew>,
    /// The home of the tasks.
    pub(crate) commons: HomeRef,
    pub(crate) outlooks: Arc<[Watched]>,
}

impl Workers {
    /// What the worker with that home looks out for.
    pub(crate) fn watched(&self, home: &HomeRef) -> Option<&Watched> {
        self.outlooks.iter().find(|watched| watched.home().is(home))
    }
}

/// See the head of the file.
pub(crate) struct Loops {
    homes: Box<[HomeRef]>,
    next: AtomicUsize,
}

impl Loops {
    pub(crate) fn new(homes: Box<[HomeRef]>) -> Self {
        Self { homes, next: AtomicUsize::new(0) }
    }

    pub(crate) fn homes(&self) -> &[HomeRef] {
        &self.homes
    }

    /// The loop that this thread is inside of, or the one whose turn it is.
    pub(crate) fn here_or_next(&self) -> &HomeRef {
        self.homes.iter().find(|home| home.is_here()).unwrap_or_else(|| self.next())
    }

    /// The one whose turn it is.
    pub(crate) fn next(&self) -> &HomeRef {
        // Relaxed: any order will do.
        &self.homes[self.next.fetch_add(1, Ordering::Relaxed) % self.homes.len()]
    }
}
