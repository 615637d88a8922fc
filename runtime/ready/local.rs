//! Floor 2. The local ring.
