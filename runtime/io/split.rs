//! Floor 5. split.
