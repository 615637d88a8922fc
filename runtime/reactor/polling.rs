//! Floor 1. polling.
