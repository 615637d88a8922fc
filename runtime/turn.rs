//! Floor 3. One turn of the loop.
