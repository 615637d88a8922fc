//! Floor 5. async_write.
