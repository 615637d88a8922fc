//! Floor 5. mutex.
