//! What does a task cost: to start, to join, to abort, to yield? And a runtime?

mod harness;

fn main() {
    harness::ask(&[
        "spawn_join_1k",
        "spawn_await_each",
        "spawn_detached_1k",
        "spawn_inside_1k",
        "spawn_chain",
        "abort_100k",
        "join_set",
        "yield_1",
        "yield_1k",
        "await_chain",
        "start_stop",
    ]);
}
