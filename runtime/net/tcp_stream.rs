//! Floor 5. tcp_stream.
