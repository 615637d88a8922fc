//! Floor 5. Ticks.
