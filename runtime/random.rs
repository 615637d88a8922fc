//! Floor 1. Seeded random numbers, one stream a thread.
