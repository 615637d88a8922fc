//! Floor 5. seek.
