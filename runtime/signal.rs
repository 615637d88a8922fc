//! Floor 5. Signals.
