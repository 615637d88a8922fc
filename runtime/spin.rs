//! Floor 3. Spinning: to look again for a while instead of sleeping at once.
//!
//! To fall asleep in the kernel is cheap; to be woken is not. Between the moment when a request is
//! there and the moment when the thread runs again lie some microseconds, on a virtual machine
//! some tens of them. Who answers one request after the other pays that each time. A loop that
//! looks again and again finds the request at once, and pays with the CPU that it does not give
//! back. Measured: a request over one connection takes 20 µs instead of 32 (`servers spin`).
//!
//! Spinning in vain is only waste, so each loop keeps an account of how it went:
//!
//! ```text
//!   a spell that paid        doubt becomes doubt / 2       the next sleep begins with a spell
//!   a spell in vain          doubt becomes 2 doubt + 1     so many sleeps begin without one
//! ```
//!
//! Where at least every other spell pays, doubt stays small and the loop spins; where nothing ever
//! comes in time, it tries again at every 64th sleep.
//!
//! Rules
//! 1. A spell stands between the announcement of the sleep and the sleep (`turn.rs`), so for
//!    everybody else the loop sleeps: strangers ring, neighbours call it up, the watchman watches.
//!    What would end the sleep ends the spell.
//! 2. A loop whose time is virtual does not spin: it has nothing to wait for.
//!
//! Real world: glommio's `spin_before_park`; Go's spinning Ms; Seastar's idle polling; Linux has
//! it for sockets (`net.core.busy_poll`) and for virtual CPUs (KVM's `halt_poll_ns`, which learns
//! its limit as we learn the odds). asyncio, libuv and tokio always sleep at once.
//! Source: Karlin, Li, Manasse, Owicki, "Empirical Studies of Competitive Spinning", 1991: who
//! spins for as long as a wake-up costs never pays more than twice what the best choice costs.

use crate::turn::Loop;
use std::cell::Cell;
use std::hint;
use std::io;
use std::time::{Duration, Instant};

/// With most doubt, a loop tries again after so many sleeps: spells in vain then cost each sleep
/// a 64th of the limit.
const DOUBT_MAX: u32 = 63;

/// Whether a loop spins before it sleeps, and how that went so far.
pub(crate) struct Spin {
    /// How long a spell lasts at most. Zero: never spin.
    limit: Duration,
    /// How many sleeps begin without a spell after the next one in vain.
    doubt: Cell<u32>,
    /// How many of them are left.
    skip: Cell<u32>,
}

impl Spin {
    /// Full of hope at first.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, doubt: Cell::new(0), skip: Cell::new(0) }
    }

    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        !self.limit.is_zero()
    }

    /// Looks again and again, if a spell is worth trying. True if that did for the sleep: `look`
    /// says that something came, or `sleep_limit` has passed.
    fn run(
        &self,
        sleep_limit: Option<Duration>,
        mut look: impl FnMut() -> io::Result<bool>,
    ) -> io::Result<bool> {
        if !self.begin() {
            return Ok(false);
        }
        let begun = Instant::now();
        loop {
            if look()? {
                self.paid();
                return Ok(true);
            }
            let spent = begun.elapsed();
            if sleep_limit.is_some_and(|limit| spent >= limit) {
                return Ok(true); // tells nothing of the odds: the sleep was to be as short as that
            }
            if spent >= self.limit {
                self.failed();
                return Ok(false);
            }
            hint::spin_loop();
        }
    }

    /// Whether this sleep begins with a spell.
    fn begin(&self) -> bool {
        let skip = self.skip.get();
        self.skip.set(skip.saturating_sub(1));
        skip == 0
    }

    fn paid(&self) {
        self.doubt.set(self.doubt.get() / 2);
    }

    fn failed(&self) {
        self.doubt.set((2 * self.doubt.get() + 1).min(DOUBT_MAX));
        self.skip.set(self.doubt.get());
    }
}

impl Loop {
    /// Looks out awake, as long as it is found worth while. True if that did for the sleep.
    pub(crate) fn spin_outside(&self, next_ticks: Option<u64>) -> io::Result<bool> {
        let is_due = |ticks| ticks <= self.clock.ticks_down(self.clock.now());
        self.spin.run(self.ready.watch(), || {
            let rung = self.look_at_sockets()? || self.home.inbox().is_rung();
            Ok(rung || next_ticks.is_some_and(is_due))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `sleeps` begin with a spell, if `pays` says of each spell how it goes.
    fn spells(spin: &Spin, sleeps: u32, mut pays: impl FnMut(u32) -> bool) -> u32 {
        let mut spells = 0;
        for _ in 0..sleeps {
            if spin.begin() {
                spells += 1;
                if pays(spells) { spin.paid() } else { spin.failed() }
            }
        }
        spells
    }

    /// Goal: show that a loop which is never called in time soon stops spinning, and never quite.
    /// Method: 64,000 sleeps, each spell in vain; then one that pays each time.
    #[test]
    fn spells_in_vain_become_rare_and_never_end() {
        let spin = Spin::new(Duration::from_micros(50));
        let tried = spells(&spin, 64_000, |_| false);
        assert!((1_000..1_010).contains(&tried), "{tried} spells");
        // At most one pause, and it spins again each time.
        assert!(spells(&spin, 1_000, |_| true) >= 1_000 - DOUBT_MAX);
    }

    /// Goal: show that a loop goes on spinning where two of three spells pay, and hardly spins
    /// where one of three does.
    /// Method: 64,000 sleeps of each kind.
    #[test]
    fn the_odds_decide() {
        let spin = || Spin::new(Duration::from_micros(50));
        let mostly = spells(&spin(), 64_000, |spell| !spell.is_multiple_of(3));
        assert!(mostly > 32_000, "{mostly} spells");
        let seldom = spells(&spin(), 64_000, |spell| spell.is_multiple_of(3));
        assert!(seldom < 6_400, "{seldom} spells");
    }

    /// Goal: show what ends a spell. Method: a look that says so at its third time, a sleep of no
    /// length, and a limit of no length beside an endless sleep.
    #[test]
    fn a_spell_ends_with_the_look_the_sleep_or_the_limit() {
        let patient = Spin::new(Duration::from_secs(3600));
        let mut looks = 0;
        let over = patient.run(None, || {
            looks += 1;
            Ok(looks == 3)
        });
        assert!(over.unwrap());
        assert_eq!(looks, 3);
        assert!(patient.run(Some(Duration::ZERO), || Ok(false)).unwrap());
        assert!(!Spin::new(Duration::from_nanos(1)).run(None, || Ok(false)).unwrap());
        assert!(patient.run(None, || Err(io::ErrorKind::Other.into())).is_err());
    }
}
