//! Floor 5. cancellation_token.
