//! Floor 1. source.
