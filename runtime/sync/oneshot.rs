//! Floor 5. oneshot.
