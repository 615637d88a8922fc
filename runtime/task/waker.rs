//! Floor 1. waker.
