//! Floor 1. The timer wheel.
