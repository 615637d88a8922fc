//! Floor 5. children.
