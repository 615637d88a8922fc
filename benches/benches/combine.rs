//! What does it cost to wait for many futures at once?

mod harness;

fn main() {
    harness::ask(&["gather_ready", "gather_yield", "gather_tasks", "select_2", "select_8"]);
}
