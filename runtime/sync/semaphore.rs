//! Floor 5. semaphore.
