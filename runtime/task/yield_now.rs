//! Floor 5. Letting the others go first.
