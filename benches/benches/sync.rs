//! What do messages, permits, locks and signals cost?

mod harness;

fn main() {
    harness::ask(&[
        "ping_pong_mpsc",
        "ping_pong_oneshot",
        "mpsc_100",
        "mpsc_100_4x1",
        "mpsc_unbounded",
        "queue_100",
        "oneshot",
        "notify",
        "broadcast_1x4",
        "watch",
        "recv_budget",
        "recv_no_budget",
        "semaphore",
        "semaphore_1000x5",
        "mutex",
        "mutex_1000",
    ]);
}
