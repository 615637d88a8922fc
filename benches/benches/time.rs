//! What do sleeps, timeouts and intervals cost?

mod harness;

fn main() {
    harness::ask(&[
        "sleep_bulk",
        "sleep_churn",
        "sleep_churn_near",
        "sleep_fire",
        "timeout_ready",
        "timeout_yield",
        "interval",
    ]);
}
