//! Floor 1. A value that only the holder of a permit may touch.
