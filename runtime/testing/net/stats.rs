//! Floor 5. What happened on a simulated network, counted: a test of bad luck wants to know that
//! there was some.

use crate::shim::atomic::{AtomicU64, Ordering::Relaxed};

/// What happened on a [`Net`](super::Net) so far; see [`Net::stats`](super::Net::stats).
///
/// ```
/// use rondel::testing::net::{Net, NetOptions};
///
/// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
/// runtime.block_on(async {
///     let net = Net::new(NetOptions::new());
///     assert!(net.connect(([10, 0, 0, 1], 80)).await.is_err()); // nobody listens
///     assert_eq!((net.stats().refusals, net.stats().connections), (1, 0));
/// });
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetStats {
    /// Connections that came to be.
    pub connections: u64,
    /// Those that were refused, by lot or because nobody listens.
    pub refusals: u64,
    /// Requests to connect that were lost: by lot, on a cut link, or before a full backlog.
    pub drops: u64,
    /// Connections that the network reset.
    pub resets: u64,
    /// Pieces that were lost and sent again, counted once for each time.
    pub losses: u64,
    /// Reads and writes that took less than they could.
    pub partial: u64,
    /// Reads and writes that were interrupted.
    pub interruptions: u64,
    /// Bytes that were read.
    pub bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) connections: Count,
    pub(super) refusals: Count,
    pub(super) drops: Count,
    pub(super) resets: Count,
    pub(super) losses: Count,
    pub(super) partial: Count,
    pub(super) interruptions: Count,
    pub(super) bytes: Count,
}

impl Totals {
    pub(super) fn read(&self) -> NetStats {
        NetStats {
            connections: self.connections.get(),
            refusals: self.refusals.get(),
            drops: self.drops.get(),
            resets: self.resets.get(),
            losses: self.losses.get(),
            partial: self.partial.get(),
            interruptions: self.interruptions.get(),
            bytes: self.bytes.get(),
        }
    }
}

/// Relaxed throughout: figures, by which nothing is published.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
