//! Floor 4. Builder.
