//! Floor 5. copy.
