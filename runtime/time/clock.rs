//! Floor 1. What time it is: real or virtual.
