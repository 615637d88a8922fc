//! Floor 5. read_buf.
