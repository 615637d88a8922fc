//! Floor 4. One thread.
