//! Floor 1. mio.
