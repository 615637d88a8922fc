//! Floor 4. The blocking pool.
