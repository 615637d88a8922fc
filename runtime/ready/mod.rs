//! Floor 2. The ready queue.
mod local;
