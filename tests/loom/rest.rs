//! Who rests while work comes: no wake is lost, and none is sent twice.
//!
//! The queue of these models is a bare number, read and written `Relaxed`: nothing but the fences
//! of `rest.rs` may carry the news of it. A wake is a bell that stays rung, as a nudge does. A
//! worker that is never woken, though there is work, is a deadlock to loom.

use crate::ready::rest::{GotUp, Rest};
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::sync::{Arc, Notify};
use loom::thread;
use std::collections::BTreeSet;

/// Workers at rest or not, and their queue.
struct Crew {
    rest: Rest,
    work: AtomicUsize,
    bells: Vec<Notify>,
}

impl Crew {
    fn new(total: usize) -> Arc<Self> {
        let bells = (0..total).map(|_| Notify::new()).collect();
        Arc::new(Self { rest: Rest::new(total), work: AtomicUsize::new(0), bells })
    }

    fn nudge(&self, worker: Option<usize>) {
        if let Some(worker) = worker {
            self.bells[worker].notify();
        }
    }

    fn put(&self) {
        self.work.fetch_add(1, Relaxed);
        self.nudge(self.rest.wake_one());
    }

    fn take(&self) -> bool {
        self.work.fetch_update(Relaxed, Relaxed, |work| work.checked_sub(1)).is_ok()
    }

    /// Works until it has done one piece, and then leaves for good, awake.
    fn work_once(&self, worker: usize) {
        self.work_on(worker, false);
    }

    /// The same for one that sleeps already.
    fn sleep_and_work_once(&self, worker: usize) {
        self.bells[worker].wait();
        let got_up = self.rest.get_up(worker);
        self.nudge(got_up.watchman);
        self.work_on(worker, got_up.searching);
    }

    fn work_on(&self, worker: usize, mut searching: bool) {
        loop {
            searching = searching || self.rest.begin_search();
            let found = self.take();
            if found {
                if searching && self.rest.end_search() {
                    self.nudge(self.rest.wake_one());
                }
                return;
            }
            let _ = self.rest.lie_down(worker, searching, false);
            if self.work.load(Relaxed) == 0 {
                self.bells[worker].wait();
            }
            let got_up = self.rest.get_up(worker);
            searching = got_up.searching;
            self.nudge(got_up.watchman);
        }
    }
}

/// Work comes while the only worker lies down.
#[test]
fn a_worker_lies_down_while_work_comes() {
    crate::model::check(|| {
        let crew = Crew::new(1);
        let worker = {
            let crew = crew.clone();
            thread::spawn(move || crew.work_once(0))
        };
        crate::model::let_others_first();
        crew.put();
        worker.join().unwrap();
        assert_eq!(crew.rest.wake_one(), None, "nobody sleeps");
    });
}

/// Two pieces of work are one wake if somebody searches already: whoever finds one hands on.
#[test]
fn a_searcher_that_finds_work_wakes_the_next() {
    crate::model::check(|| {
        let crew = Crew::new(2);
        let _ = crew.rest.lie_down(0, false, false);
        assert!(crew.rest.begin_search());
        crew.work.store(1, Relaxed);
        let sleeper = {
            let crew = crew.clone();
            thread::spawn(move || crew.sleep_and_work_once(0))
        };
        let searcher = {
            let crew = crew.clone();
            thread::spawn(move || crew.work_on(1, true))
        };
        crate::model::let_others_first();
        crew.put();
        sleeper.join().unwrap();
        searcher.join().unwrap();
    });
}

/// Who puts work down for itself does so without a fence, and once more with one at the end of its
/// batch (rule 2 of `steal.rs`).
#[test]
fn what_was_missed_without_a_fence_is_made_good_by_the_next_one() {
    crate::model::check(|| {
        let crew = Crew::new(2);
        let thief = {
            let crew = crew.clone();
            thread::spawn(move || crew.work_once(1))
        };
        crate::model::let_others_first();
        crew.work.fetch_add(1, Relaxed);
        crew.nudge(crew.rest.wake_one_at_once());
        crew.nudge(crew.rest.wake_one());
        thief.join().unwrap();
    });
}

/// All asleep: worker 0 listens, worker 1 is the watchman.
fn asleep(total: usize) -> Arc<Crew> {
    let crew = Crew::new(total);
    for worker in 0..total {
        assert_eq!(crew.rest.lie_down(worker, false, true), worker < 2, "the second has the watch");
    }
    crew
}

#[test]
fn two_pieces_of_work_at_once_wake_one() {
    crate::model::check(|| {
        let crew = asleep(2);
        let other = {
            let crew = crew.clone();
            thread::spawn(move || {
                crew.work.fetch_add(1, Relaxed);
                crew.rest.wake_one()
            })
        };
        crate::model::let_others_first();
        crew.work.fetch_add(1, Relaxed);
        let ours = crew.rest.wake_one();
        let theirs = other.join().unwrap();
        let woken: Vec<usize> = ours.into_iter().chain(theirs).collect();
        assert_eq!(woken, [0], "one, and not the watchman");
        let GotUp { searching, watchman } = crew.rest.get_up(0);
        assert!(searching, "it was woken by others");
        assert_eq!(watchman, None, "there is one");
        assert!(crew.rest.end_search(), "it was the last");
        assert_eq!(crew.rest.wake_one(), Some(1), "then that one");
    });
}

/// Two who search leave at the same time, one with work and one without: the last of them hands on
/// if it has found some, and if it has not, it looks after the other one.
#[test]
fn the_last_searcher_hands_on() {
    crate::model::check(|| {
        let crew = Crew::new(4);
        assert!(crew.rest.begin_search());
        assert!(crew.rest.begin_search());
        assert!(!crew.rest.begin_search(), "half of them search already");
        let other = {
            let crew = crew.clone();
            thread::spawn(move || crew.rest.end_search())
        };
        crate::model::let_others_first();
        let ours = crew.rest.end_search();
        let theirs = other.join().unwrap();
        assert!(ours != theirs, "one of the two was the last");
    });
}

/// The watchman gets up by itself while others wake somebody: each sleeper is woken once, and
/// whoever is awake now, somebody watches over it or is on its way.
#[test]
fn the_watchman_gets_up_while_work_comes() {
    crate::model::check(|| {
        let crew = asleep(2);
        let other = {
            let crew = crew.clone();
            thread::spawn(move || crew.rest.wake_one())
        };
        crate::model::let_others_first();
        let GotUp { searching, watchman } = crew.rest.get_up(1);
        let woken = other.join().unwrap();
        assert!(!searching, "there was another one to be woken");
        let called: Vec<usize> = watchman.into_iter().chain(woken).collect();
        assert_eq!(called, [0], "once, whoever called it");
        let GotUp { searching, watchman } = crew.rest.get_up(0);
        assert!(searching, "it was called");
        assert_eq!(watchman, None);
        assert_eq!(crew.rest.wake_one(), None, "nobody is left");
        assert!(crew.rest.end_search());
        assert!(!crew.rest.is_alone());
    });
}

/// The only sleeper gets up while it is woken: it counts as searching if the other was quicker.
#[test]
fn a_sleeper_gets_up_while_it_is_woken() {
    crate::model::check(|| {
        let crew = asleep(1 + 1);
        let _ = crew.rest.get_up(0);
        assert_eq!(crew.rest.call_watchman(), None, "there is one");
        assert_eq!(crew.rest.wake_one(), Some(1));
        let _ = crew.rest.get_up(1);
        assert!(crew.rest.end_search());
        let _ = crew.rest.lie_down(1, false, false);
        let other = {
            let crew = crew.clone();
            thread::spawn(move || crew.rest.wake_one())
        };
        crate::model::let_others_first();
        let GotUp { searching, watchman } = crew.rest.get_up(1);
        let woken = other.join().unwrap();
        assert_eq!(watchman, None);
        assert_eq!(searching, woken == Some(1));
        if searching {
            assert!(crew.rest.end_search(), "counted once");
        }
        assert!(crew.rest.begin_search());
        assert!(crew.rest.end_search(), "and nobody else is counted");
    });
}

/// Rule 4: two lie down, and the watchman gets up and finds work, all at once. Then a sleeper watches
/// or is on its way to the watch.
#[test]
fn somebody_watches_while_one_is_awake_and_another_asleep() {
    crate::model::check(|| {
        let crew = Crew::new(3);
        assert!(crew.rest.lie_down(0, false, false));
        let others = [1, 2].map(|worker| {
            let crew = crew.clone();
            thread::spawn(move || crew.rest.lie_down(worker, false, false))
        });
        crate::model::let_others_first();
        let GotUp { searching, watchman } = crew.rest.get_up(0);
        assert_eq!(watchman, None, "it calls nobody before it has work");
        let called = crew.rest.call_watchman();
        let watch = others.map(|other| other.join().unwrap());
        assert!(!searching);
        // Who was called is no longer at rest, and may have been the watchman.
        let on_watch: BTreeSet<usize> = [1, 2]
            .into_iter()
            .zip(watch)
            .filter(|(_, watches)| *watches)
            .map(|(it, _)| it)
            .collect();
        assert!(!on_watch.is_empty() || called.is_some(), "nobody watches over worker 0");
    });
}

/// Who lies down watches over those that are awake; over nobody only if it lingers; and a lone
/// worker never.
#[test]
fn who_lies_down_watches_over_those_that_are_awake() {
    crate::model::check(|| {
        for lingers in [false, true] {
            let crew = Crew::new(2);
            assert!(crew.rest.lie_down(0, false, lingers), "1 is awake");
            assert_eq!(crew.rest.lie_down(1, false, lingers), lingers, "nobody is awake");
            let woken = crew.rest.wake_one().unwrap();
            assert_eq!(woken, usize::from(!lingers), "not the watchman, if there is one");
            assert!(crew.rest.get_up(woken).searching);
            assert_eq!(crew.rest.get_up(1 - woken).watchman, None, "nobody else sleeps");
            let _ = crew.rest.lie_down(0, false, false);
            assert_eq!(crew.rest.lie_down(1, true, lingers), lingers, "nobody is awake");
        }
        assert!(!Crew::new(1).rest.lie_down(0, false, true), "there is nobody to watch over");
    });
}

/// Who was called to the watch calls nobody: it watches itself when it lies down again.
#[test]
fn who_was_called_to_the_watch_calls_nobody() {
    crate::model::check(|| {
        let crew = asleep(3);
        assert_eq!(crew.rest.get_up(1).watchman, None, "it was the watchman");
        assert_eq!(crew.rest.call_watchman(), Some(2), "it has found work");
        let GotUp { searching, watchman } = crew.rest.get_up(2);
        assert!(searching);
        assert_eq!(watchman, None);
        assert!(crew.rest.lie_down(2, searching, false), "it has the watch now");
    });
}
