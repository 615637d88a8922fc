//! Hashes a password, which takes the processor a while.

/// The hash of `password`, by a function that computes for long.
pub async fn hash_password<H>(password: String, hash: H) -> u64
where
    H: FnOnce(&str) -> u64 + Send + 'static,
{
    hash(&password)
}
