//! Floor 5. tcp_split.
