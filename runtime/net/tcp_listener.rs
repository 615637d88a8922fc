//! Floor 5. tcp_listener.
