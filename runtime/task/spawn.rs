//! Floor 5. Starting tasks.
