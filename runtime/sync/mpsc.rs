//! Floor 5. mpsc.
