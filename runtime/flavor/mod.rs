//! Floor 4. Who runs the loop.
pub(crate) mod local;
