//! Floor 4. Runtime.
