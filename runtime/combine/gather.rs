//! Floor 5. gather.
