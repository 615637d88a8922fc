//! Floor 1. id.
