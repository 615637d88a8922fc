//! Floor 1. The one place where anybody waits.
