//! Floor 5. A set of tasks, joined as they end.
