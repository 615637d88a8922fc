//! Who wants to know about retries and redirects.

use std::time::Duration;

use url::Url;

/// A retry that is about to be slept for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Retry<'a> {
    /// What failed, as [`FetchError::reason`](super::FetchError::reason) says it.
    pub reason: &'a str,
    /// The URL that failed, after redirects.
    pub url: &'a Url,
    /// Number of the attempt that failed, from 1.
    pub attempt: u32,
    /// How long the client waits now.
    pub delay: Duration,
    /// What the server asked for, before it was cut down.
    pub retry_after: Option<Duration>,
}

/// Told about what a fetch does inside. All methods do nothing unless overridden.
///
/// Called from the fetching task: must not block.
pub trait Observer: Send + Sync + 'static {
    /// An attempt failed and will be repeated.
    fn retry(&self, retry: &Retry<'_>) {
        let _ = retry;
    }

    /// A redirect is followed.
    fn redirect(&self, from: &Url, to: &Url) {
        let _ = (from, to);
    }
}
