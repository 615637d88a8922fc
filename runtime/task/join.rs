//! Floor 1. join.
