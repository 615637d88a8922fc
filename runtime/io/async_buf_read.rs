//! Floor 5. async_buf_read.
