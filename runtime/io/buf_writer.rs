//! Floor 5. buf_writer.
