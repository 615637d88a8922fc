//! Floor 5. Waiting for a moment.
