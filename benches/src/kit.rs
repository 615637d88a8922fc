//! What several bodies share.

use std::time::Duration;

/// Long enough never to fire during a row.
pub const AN_HOUR: Duration = Duration::from_secs(3600);

/// Small batches are repeated inside the clocks, so that reading these does not count.
pub const REPEATS: usize = 10;

/// Numbers that look random and are the same for every runtime.
pub fn numbers(count: usize, from: u64, below: u64) -> Vec<u64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        from + state % (below - from)
    };
    (0..count).map(|_| next()).collect()
}
