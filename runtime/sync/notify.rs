//! Floor 5. notify.
