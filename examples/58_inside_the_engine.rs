//! Lesson 58. In which order does one read an async runtime?
//!
//! Run it: `cargo run --example 58_inside_the_engine`
//! Covers: 1, 5, 15, 18.
//!
//! Python: asyncio is read from `base_events.py`, from `_run_once`. Rust: here the parts stand on
//! floors, and a file uses only its own floor and those below. So read upwards, in twelve sittings.
//!
//! Predict. Where does one begin?
//!
//! a) With the loop: everything hangs on it.
//! b) With the sockets: they are what it is for.
//! c) With a future that waits on a thread, without any loop: the loop is made of what is missing.

/// One sitting: a file, words in it to look for, and what you should be able to answer after it.
struct Sitting {
    file: &'static str,
    source: &'static str,
    look_for: &'static str,
    question: &'static str,
}

macro_rules! sitting {
    ($file:literal, $look_for:literal, $question:literal) => {
        Sitting {
            file: $file,
            source: include_str!(concat!("../runtime/", $file)),
            look_for: $look_for,
            question: $question,
        }
    };
}

/// From the ground up.
const TOUR: [Sitting; 12] = [
    sitting!("park.rs", "keeps one token", "Why is an unpark before the park not lost?"),
    sitting!("task/mod.rs", "| RUNNING | finish | DONE |", "Who wakes the one that joins?"),
    sitting!("task/state.rs", "woken meanwhile: once more", "What if a task is woken in its poll?"),
    sitting!("ready/local.rs", "goes to the back", "Why is there no slot for the last one woken?"),
    sitting!("turn.rs", "const BATCH: usize = 61", "What would happen without a bound?"),
    sitting!("time/wheel.rs", "dial", "What does a timer cost that never fires?"),
    sitting!("time/sleep.rs", "impl Drop for Sleep", "Who disarms a timer that is not needed?"),
    sitting!(
        "task/inbox.rs",
        "rings the doorbell only if",
        "Why may a stranger not push into the ready queue?"
    ),
    sitting!("reactor/mod.rs", "const EVENTS_MAX: usize = 256", "What happens to event 257?"),
    sitting!("net/registered.rs", "WouldBlock", "When does a read go to sleep, and who wakes it?"),
    sitting!("wait_list.rs", "queue.front", "Why are waiters served in their order?"),
    sitting!("ready/steal.rs", "at most 3 in a row", "What changes when there is a second worker?"),
];

/// `//! Floor 1. …` says which floor a file is on.
fn floor(source: &str) -> u32 {
    let number = source.strip_prefix("//! Floor ").and_then(|rest| rest.split('.').next());
    number.and_then(|number| number.parse().ok()).expect("the first line of a file says its floor")
}

fn main() {
    for (number, sitting) in (1..).zip(&TOUR) {
        let (file, floor) = (sitting.file, floor(sitting.source));
        println!("sitting {number:>2}, floor {floor}: runtime/{file}");
        println!("            look for `{}`", sitting.look_for);
        println!("            {}", sitting.question);
    }

    for sitting in &TOUR {
        let Sitting { file, source, look_for, .. } = sitting;
        assert!(source.contains(look_for), "runtime/{file} does not say `{look_for}` any more");
        assert!(source.lines().count() <= 600, "runtime/{file} is too long for one sitting");
    }
    assert_eq!(floor(TOUR[0].source), 1, "the tour begins on the ground");
    let turn = TOUR.iter().position(|sitting| sitting.file == "turn.rs").unwrap();
    assert!(TOUR[..turn].iter().all(|sitting| floor(sitting.source) <= 3), "all it is made of");
    let (_, body) = TOUR[turn].source.split_once("pub(crate) fn turn<").unwrap();
    let lines = body.lines().take_while(|line| *line != "}").count();
    println!("the loop itself: {lines} lines");
    assert!(lines <= 40, "the loop fits on one screen: {lines} lines");
}

// Explain
//
// c) is right. `park.rs` is an executor for one future: poll, sleep, poll again. A loop is that for
// many: a queue in place of a flag, and the kernel's wait in place of `park`. After the first four
// sittings each word in `turn.rs` is known. What comes after is who wakes: a timer, a stranger, a
// socket, another task; and last, what many workers change.
//
// An answer to each question stands in the header of its file, or in the map (`docs/00-map.md`),
// whose walks follow one wake, one read and one sleep through the files.
//
// What real runtimes do
//
// asyncio's loop is `_run_once`, some seventy lines. tokio's is spread over workers, drivers and
// time; begin with its `current_thread` scheduler. libuv's is `uv_run`, which is one function.
//
// Where to read next
//
// All of it is there for these lines, the first step of a turn:
//
// ```rust,cite=runtime/turn.rs
// match ready.pop() {
//     Some(Job::Task(task)) => lp.run(task, ready),
//     Some(Job::Root) if root() => return Ok(Turned::RootDone),
//     Some(Job::Root) => {}
//     None => break,
// }
// ```
