//! Floor 6. futures-io.
