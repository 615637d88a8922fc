//! Judges a timer wheel against the plain truth: each timer at its own tick, and once.

use super::answer::Wheel;
use rondel_exercises::{Judge, ensure};

pub fn judge(judge: &mut Judge) {
    judge.check("a near timer fires at its tick").plain(|log| {
        let mut wheel = Wheel::default();
        for when in [1, 5, 7] {
            log.note(format!("timer {when} is set for tick {when}"));
            wheel.insert(when, u64::from(when));
        }
        for tick in 1..=8 {
            let fired = wheel.tick();
            let due: Vec<u32> = [1, 5, 7].into_iter().filter(|when| *when == tick).collect();
            ensure!(fired == due, "at tick {tick} {due:?} had to fire, and {fired:?} fired");
        }
        Ok(())
    });

    judge.check("a far timer fires at its tick, and not with its neighbours").plain(|log| {
        let mut wheel = Wheel::default();
        log.note("timer 13 is set for tick 13");
        wheel.insert(13, 13);
        for tick in 1..=16 {
            let fired = wheel.tick();
            if fired.is_empty() {
                ensure!(tick != 13, "tick 13 has passed, and the timer for it has not fired");
                continue;
            }
            ensure!(
                tick >= 13,
                "timer 13 fired at tick {tick}, {} ticks too early: its slot of the second dial \
                 holds all timers from 8 to 15",
                13 - tick
            );
            ensure!(tick == 13 && fired == [13], "at tick {tick} {fired:?} fired");
        }
        Ok(())
    });

    judge.check("any timers, at any time, some of them cancelled").plain(|log| {
        let mut random = 17_u64;
        let mut next = move |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        let mut wheel = Wheel::default();
        let mut set: Vec<(u32, u64)> = Vec::new();
        for tick in 1..=2_000_u64 {
            let now = tick - 1;
            let timer = tick as u32;
            let when = now + 1 + next(63);
            wheel.insert(timer, when);
            set.push((timer, when));
            if next(3) == 0 {
                let (timer, _) = set.remove(next(set.len() as u64) as usize);
                ensure!(wheel.cancel(timer), "timer {timer} had not fired, and was not found");
            }
            let mut fired = wheel.tick();
            fired.sort_unstable();
            let due: Vec<u32> =
                set.iter().filter(|(_, when)| *when == tick).map(|(timer, _)| *timer).collect();
            set.retain(|(_, when)| *when != tick);
            if fired != due {
                log.note(format!("timers of tick {tick}: {due:?}"));
                return Err(format!("at tick {tick} {fired:?} fired instead"));
            }
        }
        Ok(())
    });
}
