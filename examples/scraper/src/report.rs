//! The report at the end.
