//! Floor 5. async_read.
