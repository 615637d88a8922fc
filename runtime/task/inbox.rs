//! Floor 1. inbox.
