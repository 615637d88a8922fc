//! A timer wheel of two dials: 8 slots of one tick, and 8 slots of 8 ticks.

const SLOTS: u64 = 8;

/// Timers are numbers here, each with the tick at which it has to fire.
#[derive(Default)]
pub struct Wheel {
    now: u64,
    dials: [[Vec<(u32, u64)>; SLOTS as usize]; 2],
}

impl Wheel {
    /// Sets a timer. `when` lies in the future, and less than 64 ticks away.
    pub fn insert(&mut self, timer: u32, when: u64) {
        let dial = if when - self.now < SLOTS { 0 } else { 1 };
        let slot = if dial == 0 { when % SLOTS } else { when / SLOTS % SLOTS };
        self.dials[dial][slot as usize].push((timer, when));
    }

    /// Takes a timer out again; says whether it was there.
    pub fn cancel(&mut self, timer: u32) -> bool {
        for slot in self.dials.iter_mut().flatten() {
            if let Some(place) = slot.iter().position(|entry| entry.0 == timer) {
                slot.remove(place);
                return true;
            }
        }
        false
    }

    /// One tick passes. Returns the timers that fire.
    pub fn tick(&mut self) -> Vec<u32> {
        self.now += 1;
        if self.now % SLOTS == 0 {
            // The other dial goes on by one slot. What is in it is near now: it moves to the first
            // dial, where each timer has a slot of its own tick.
            let near = std::mem::take(&mut self.dials[1][(self.now / SLOTS % SLOTS) as usize]);
            for (timer, when) in near {
                self.insert(timer, when);
            }
        }
        let fired = std::mem::take(&mut self.dials[0][(self.now % SLOTS) as usize]);
        fired.into_iter().map(|(timer, _)| timer).collect()
    }
}
