//! Floor 1. cell.
