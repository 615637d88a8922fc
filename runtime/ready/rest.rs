//! Floor 2. Who of the workers is at rest, who is to be woken when there is work, and who watches.
//!
//! ```text
//!   works ──nothing of its own──▶ searches ──nothing anywhere──▶ lies down ──▶ asleep
//!     ▲                              │ finds some                    │ a last look: there is some
//!     └──────────────────────────────┴───────────────────────────────┘
//! ```
//!
//! Who puts work into a queue wakes one sleeper, unless somebody is searching already: that one
//! will find it. A searcher that finds work wakes the next one, for there may be more; so a burst
//! of work wakes workers one after the other and not all at once, and the last wake is in vain.
//!
//! The race is the oldest one: work is put down while a worker lies down.
//!
//! ```text
//!   worker:    says that it rests      fence     looks at all queues
//!   another:   puts work down          fence     looks who rests
//! ```
//!
//! Whichever fence comes second, what follows it sees what came before the other one: the worker
//! finds the work, or the other one finds the worker.
//!
//! One of the sleepers is the *watchman*. It sleeps for some milliseconds only, and looks whether
//! its neighbours get on (`steal.rs`). When all have slept for a while it sleeps as they do; then
//! the first to get up calls another one to the watch.
//!
//! | asleep | how long | gets up |
//! |---|---|---|
//! | as the watchman | 5 ms; 1 ms while one is stuck | by itself, then looks around |
//! | as the listener: the first to lie down | until a socket is ready, or as below | for work |
//! | as any other | until it is called, or its own timer is due | for work, or to the watch |
//!
//! The listener gets up for each socket. Were it the watchman, too, it would each time have to call
//! another one to the watch, so it leaves the watch to the next who lies down. (Two watchmen would
//! do as well; but a sleep with a limit costs a microsecond more: the kernel has to set a timer.)
//!
//! Rules
//! 1. A worker is on the list of sleepers from `lie_down` until it is taken off: by others, who
//!    also count it as searching, or by itself in `get_up`.
//! 2. Whoever has said that it rests looks at all queues once more, after a fence.
//! 3. At most half of the workers search at once: more would only be in each other's way.
//! 4. While one works and another sleeps there is a watchman, or one on its way to the watch. A
//!    watchman that gets up calls nobody: mostly it only looks around and lies down again. If it
//!    finds work it calls another one then (`call_watchman`).
//!
//! Real world: tokio's `Idle` and Go's spinning Ms, with rules 1 to 3; Go's `sysmon` is the
//! watchman, on a thread of its own.

use crate::shim::atomic::{AtomicU32, Ordering, fence};
use crate::shim::{Mutex, lock};

/// How many are awake, in the upper half of the word; each of them counts this much.
const AWAKE: u32 = 1 << 16;
/// And how many of those search, in the lower half.
const SEARCHING: u32 = AWAKE - 1;

pub(crate) struct Rest {
    counts: AtomicU32,
    sleepers: Mutex<Sleepers>,
    total: u32,
}

#[derive(Default)]
struct Sleepers {
    /// All but the watchman.
    list: Vec<usize>,
    watchman: Option<usize>,
    /// The one that found nobody listening when it lay down.
    listener: Option<usize>,
}

impl Sleepers {
    /// The watchman last: to wake it leaves the others unwatched.
    fn pop(&mut self) -> Option<usize> {
        let sleeper = self.list.pop().or_else(|| self.watchman.take());
        self.listener.take_if(|listener| Some(*listener) == sleeper);
        sleeper
    }

    fn remove(&mut self, worker: usize) -> bool {
        self.listener.take_if(|listener| *listener == worker);
        if self.watchman.take_if(|watchman| *watchman == worker).is_some() {
            return true;
        }
        let at = self.list.iter().position(|sleeper| *sleeper == worker);
        at.map(|at| self.list.swap_remove(at)).is_some()
    }
}

/// How a worker got up.
#[must_use]
pub(crate) struct GotUp {
    /// Others woke it, and count it as searching.
    pub(crate) searching: bool,
    /// This one is to be woken for the watch (rule 4).
    pub(crate) watchman: Option<usize>,
}

impl Rest {
    /// All `total` workers are awake at first.
    pub(crate) fn new(total: usize) -> Self {
        let total = u32::try_from(total).expect("fewer workers than 2^16");
        Self { counts: AtomicU32::new(total * AWAKE), sleepers: Mutex::default(), total }
    }

    /// Takes the sleeper off the list who is to be woken, now that there is work.
    pub(crate) fn wake_one(&self) -> Option<usize> {
        // Pairs with the fence in `lie_down` (head of the file).
        fence(Ordering::SeqCst);
        self.wake_one_at_once()
    }

    /// The same, if the work was put down before a fence. Without one it may miss who lies down
    /// just now.
    #[inline]
    pub(crate) fn wake_one_at_once(&self) -> Option<usize> {
        // Relaxed: ordered by the fence.
        let counts = self.counts.load(Ordering::Relaxed);
        if counts / AWAKE >= self.total || counts & SEARCHING > 0 {
            return None;
        }
        self.take_sleeper()
    }

    #[cold]
    fn take_sleeper(&self) -> Option<usize> {
        let mut sleepers = lock(&self.sleepers);
        // Relaxed, here and below: `counts` is only read after a fence, or as a hint.
        if self.counts.load(Ordering::Relaxed) & SEARCHING > 0 {
            return None; // somebody was quicker
        }
        let sleeper = sleepers.pop()?;
        self.counts.fetch_add(AWAKE + 1, Ordering::Relaxed);
        Some(sleeper)
    }

    /// Whether one more may search (rule 3); it is counted then.
    #[must_use]
    pub(crate) fn begin_search(&self) -> bool {
        let searching = self.counts.load(Ordering::Relaxed) & SEARCHING;
        if 2 * searching >= self.total {
            return false; // a hint: two at once may both get in
        }
        self.counts.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// A searcher has found work. True if it was the last: it wakes one more.
    #[must_use]
    pub(crate) fn end_search(&self) -> bool {
        self.counts.fetch_sub(1, Ordering::Relaxed) & SEARCHING == 1
    }

    /// `worker` is about to sleep; it must look at all queues after this. True if it is to watch
    /// over those that are awake, and if `lingers` even if nobody is.
    #[must_use]
    pub(crate) fn lie_down(&self, worker: usize, searching: bool, lingers: bool) -> bool {
        let mut sleepers = lock(&self.sleepers);
        let before = self.counts.fetch_sub(AWAKE + u32::from(searching), Ordering::Relaxed);
        let is_needed = (before / AWAKE > 1 || lingers) && self.total > 1;
        let Sleepers { list, watchman, listener } = &mut *sleepers;
        let is_vacant = watchman.is_none() || *watchman == *listener;
        let watches = is_needed && is_vacant;
        list.extend(if watches { watchman.replace(worker) } else { Some(worker) });
        listener.get_or_insert(worker);
        drop(sleepers);
        // Pairs with the fence in `wake_one`.
        fence(Ordering::SeqCst);
        watches
    }

    /// `worker` is awake again.
    pub(crate) fn get_up(&self, worker: usize) -> GotUp {
        let mut sleepers = lock(&self.sleepers);
        let watched = sleepers.watchman == Some(worker);
        let searching = !sleepers.remove(worker);
        if !searching {
            self.counts.fetch_add(AWAKE, Ordering::Relaxed);
        }
        let is_left_alone = !watched && !searching;
        let watchman = if is_left_alone { self.call(&mut sleepers) } else { None };
        GotUp { searching, watchman }
    }

    /// Takes a sleeper off the list who is to be woken for the watch, if there is no watchman.
    pub(crate) fn call_watchman(&self) -> Option<usize> {
        self.call(&mut lock(&self.sleepers))
    }

    fn call(&self, sleepers: &mut Sleepers) -> Option<usize> {
        if sleepers.watchman.is_some() {
            return None;
        }
        let sleeper = sleepers.pop()?;
        self.counts.fetch_add(AWAKE + 1, Ordering::Relaxed);
        Some(sleeper)
    }

    /// Whether everybody but the caller sleeps.
    pub(crate) fn is_alone(&self) -> bool {
        self.counts.load(Ordering::Relaxed) / AWAKE <= 1
    }
}
