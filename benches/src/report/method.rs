//! The method in plain words, and how to repeat it.

use super::html::escape;

/// How it was measured and how to do it again.
pub fn section(command: &str) -> String {
    format!(
        "<section aria-labelledby=\"method\">\n<h2 id=\"method\">Method</h2>\n\
         <ul class=\"method\">\n\
         <li><b>One body for all.</b> A row is written once and compiled once for each runtime, \
         with the same release settings. Only the names of the runtime\u{2019}s own functions \
         differ.</li>\n\
         <li><b>Same guarantees.</b> Both sides use thread-safe primitives, isolate panics, can be \
         aborted and give way to others. tokio runs as <code>#[tokio::main]</code> builds it, with \
         all drivers on.</li>\n\
         <li><b>In turn.</b> Each run is a process of its own; the runtimes take turns, A B, then \
         B A, so that a noisy minute hits both. A pair is two runs side by side.</li>\n\
         <li><b>CPU time.</b> Where the unit is not another, the figure is CPU time of the process, \
         user and system, per operation, the median of its batches after one that warms up. Wall \
         time stands beside it: on a shared machine it shows the scheduler more than the program.</li>\n\
         <li><b>Ratio and interval.</b> The ratio is the median of the pairs\u{2019} ratios Rondel / \
         peer, and lower is better. The interval is the 95\u{a0}% interval of that median by the \
         sign test; with fewer than six pairs it is the lowest and the highest ratio.</li>\n\
         <li><b>Verdict.</b> <i>Faster</i> or <i>slower</i> only if the whole interval lies on one \
         side of 1, else <i>same</i>.</li>\n\
         <li><b>Counts.</b> The program that is counted is the program that is timed. A tool watches \
         it from outside between marks that the meter sets: callgrind counts instructions, memcheck \
         allocations, strace system calls; set-up is left out.</li>\n</ul>\n</section>\n\
         <section aria-labelledby=\"repeat\">\n<h2 id=\"repeat\">Repeat it</h2>\n\
         <p>In a clone of the repository, with Rust installed, this made the page:</p>\n\
         <pre><code>{}</code></pre>\n<p>Other ways to ask:</p>\n\
         <pre><code>{OTHERS}</code></pre>\n</section>\n",
        escape(command),
    )
}

const OTHERS: &str = "\
cargo run --release -p benches --bin duel -- --quick            # a first look
cargo run --release -p benches --bin duel -- spawn --reps 20    # some rows, more pairs
cargo run --release -p benches --bin duel -- --counts --no-time # needs valgrind and strace
cargo run --release -p benches --bin duel -- --list             # the rows
cargo run --release -p benches --no-default-features --bin pins # the pinned counts";
