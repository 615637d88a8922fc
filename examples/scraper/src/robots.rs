//! robots.txt.
