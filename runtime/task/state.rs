//! Floor 1. state.
