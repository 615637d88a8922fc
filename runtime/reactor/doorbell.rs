//! Floor 1. doorbell.
