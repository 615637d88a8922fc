//! Floor 5. addr.
