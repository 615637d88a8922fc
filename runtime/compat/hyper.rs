//! Floor 6. hyper.
