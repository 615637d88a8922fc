//! Floor 5. join.
