//! Floor 1. home.
