//! What does it cost to cross from one thread to another?

mod harness;

fn main() {
    harness::ask(&["spawn_outside", "spawn_across", "spawn_blocking", "wake_across"]);
}
