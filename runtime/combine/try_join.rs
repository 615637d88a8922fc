//! Floor 5. try_join.
