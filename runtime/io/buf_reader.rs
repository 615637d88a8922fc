//! Floor 5. buf_reader.
