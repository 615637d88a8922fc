//! Floor 5. registered.
