//! Floor 5. select.
