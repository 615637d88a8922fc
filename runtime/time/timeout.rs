//! Floor 5. Waiting, but not for ever.
