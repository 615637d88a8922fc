//! The watchdog: sees that each player gets on, and says all there is to say if one does not.

use std::fs;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::stage::{Player, Stage};

/// How often the watchdog looks. So many looks, and not so much time, are its patience: where the
/// whole process gets no CPU it does not look either.
pub const LOOK: Duration = Duration::from_millis(500);
/// After how many looks without a wake a player is stuck.
pub const LOOKS_MAX: u32 = 20;

/// What is remembered of each player.
#[derive(Debug, Default)]
pub struct Watch {
    seen: Vec<Seen>,
    /// The longest that a player stood still, in looks.
    longest: u32,
}

#[derive(Debug, Default, Clone)]
struct Seen {
    wakes: u64,
    still: u32,
}

impl Watch {
    pub fn longest_silence(&self) -> Duration {
        LOOK * self.longest
    }

    /// Looks at each player; returns those who are stuck.
    pub fn look(&mut self, players: &[Arc<Player>]) -> Vec<Arc<Player>> {
        self.seen.resize(players.len(), Seen::default());
        let mut stuck = Vec::new();
        for (player, seen) in players.iter().zip(&mut self.seen) {
            let wakes = player.wakes();
            let stands = wakes == seen.wakes && !player.is_over();
            *seen = Seen { wakes, still: if stands { seen.still + 1 } else { 0 } };
            self.longest = self.longest.max(seen.still);
            if seen.still >= LOOKS_MAX {
                stuck.push(player.clone());
            }
        }
        stuck
    }
}

/// Says who is stuck, what the threads do, and whether a wake from outside gets them going: then
/// the wake of a worker was lost, else the wake of a task.
pub fn report(stage: &Stage, stuck: &[Arc<Player>]) -> String {
    let total = stage.players().len();
    let mut text = format!(
        "STUCK: {} of {total} players were not woken for {:?}; {} are not over\n",
        stuck.len(),
        LOOK * LOOKS_MAX,
        stage.left(),
    );
    for player in stuck.iter().take(40) {
        let (name, step) = (&player.name, player.step());
        text += &format!("  {name}: {step:?}, after {} wakes\n", player.wakes());
    }
    text += "threads (name, state, kernel function, CPU ticks in user and system mode):\n";
    text += &threads();
    let before: Vec<u64> = stuck.iter().map(|player| player.wakes()).collect();
    let (tx, rx) = mpsc::channel();
    drop(stage.handle().spawn(async move {
        let _ = tx.send(()); // nobody listens if it took too long
    }));
    let ran = rx.recv_timeout(Duration::from_secs(3)).is_ok();
    thread::sleep(Duration::from_secs(1));
    let moved = stuck.iter().zip(before).filter(|(player, before)| player.wakes() > *before);
    text += &format!(
        "a task spawned from outside {}; {} of them go on since\n",
        if ran { "ran" } else { "did not run either" },
        moved.count(),
    );
    text
}

/// One line for each thread of this process.
fn threads() -> String {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return "  (this system does not tell)\n".to_owned();
    };
    let mut lines: Vec<String> = tasks
        .flatten()
        .map(|task| {
            let read = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            let stat = read("stat");
            let fields: Vec<&str> =
                stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            let field = |nth: usize| fields.get(nth).copied().unwrap_or("?");
            let (state, user, system) = (field(0), field(11), field(12));
            format!("  {} {state} {} {user} {system}\n", read("comm").trim(), read("wchan").trim())
        })
        .collect();
    lines.sort();
    lines.concat()
}
