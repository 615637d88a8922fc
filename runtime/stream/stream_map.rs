//! Floor 5. `StreamMap`: streams that come and go, by their keys, as one.
//!
//! ```text
//!   [ "a": stream | "b": stream | "c": stream ]   each poll asks from another place on, in a ring;
//!            ▲ starts here, by lot                 the first that has an item is it
//! ```
//!
//! Rules
//! 1. A stream that has ended is taken out. When the last is out the map ends, until one is put in.
//! 2. Where a round starts is drawn by lot: a stream that is always ready starves nobody.
//! 3. A round asks each stream once, and all of them: O(n) a poll. For thousands, spawn tasks that
//!    send to one channel.
//!
//! Real world: tokio-stream's, with the same O(n); futures-rs' `SelectAll` has a node a stream, and
//! no keys.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::random;

/// Streams that come and go, by their keys; each item comes with its key.
///
/// The twin of `tokio_stream::StreamMap`.
///
/// Keys are compared one by one, so a key need not be hashed or ordered. If the map is empty `next`
/// gives `None`; put a stream in, and it goes on.
///
/// **Cancel-safe:** yes; no item is lost when a `next` is dropped.
/// **Cost:** a poll asks all streams; a key is found in O(n).
///
/// ```
/// use rondel::stream::{self, StreamExt, StreamMap};
///
/// rondel::run(async {
///     let mut map = StreamMap::new();
///     map.insert("a", stream::iter(vec![1, 2]));
///     map.insert("b", stream::iter(vec![3]));
///     let mut items: Vec<_> = (&mut map).collect().await;
///     items.sort();
///     assert_eq!(items, [("a", 1), ("a", 2), ("b", 3)]);
///     assert!(map.is_empty(), "streams that have ended are gone");
/// });
/// ```
pub struct StreamMap<K, V> {
    entries: Vec<(K, V)>,
}

impl<K, V> StreamMap<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// An empty map with room for so many streams.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity) }
    }

    /// Keys and streams, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.entries.iter()
    }

    /// Keys and streams, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut (K, V)> {
        self.entries.iter_mut()
    }

    /// The keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The streams, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, stream)| stream)
    }

    /// The streams, in no order.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.iter_mut().map(|(_, stream)| stream)
    }

    /// How many streams it has room for.
    pub fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// How many streams are in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no stream is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes all streams out and drops them; the room is kept.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Puts a stream in. Returns the one that was there under this key.
    ///
    /// If somebody waits in `next`, elsewhere, this is not possible: `next` holds the map.
    pub fn insert(&mut self, key: K, stream: V) -> Option<V>
    where
        K: Eq,
    {
        let before = self.remove(&key);
        self.entries.push((key, stream));
        before
    }

    /// Takes a stream out.
    pub fn remove<Q: Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let at = self.entries.iter().position(|(other, _)| other.borrow() == key)?;
        Some(self.entries.swap_remove(at).1)
    }

    /// Whether there is a stream under this key.
    pub fn contains_key<Q: Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: std::borrow::Borrow<Q>,
    {
        self.keys().any(|other| other.borrow() == key)
    }
}

impl<K: Clone + Unpin, V: Stream + Unpin> StreamMap<K, V> {
    /// Waits for an item, then takes what else is there, up to `limit` in all. Returns how many it
    /// appended to `buffer`; 0 if no stream is left, or `limit` is 0.
    ///
    /// **Cancel-safe:** yes. Nothing is taken before it is ready.
    ///
    /// ```
    /// use rondel::stream::{self, StreamMap};
    ///
    /// rondel::run(async {
    ///     let mut map: StreamMap<_, _> = [("a", stream::iter(1..=9))].into_iter().collect();
    ///     let mut items = Vec::new();
    ///     assert_eq!(map.next_many(&mut items, 3).await, 3);
    ///     assert_eq!(items, [("a", 1), ("a", 2), ("a", 3)]);
    /// });
    /// ```
    pub async fn next_many(&mut self, buffer: &mut Vec<(K, V::Item)>, limit: usize) -> usize {
        poll_fn(|cx| self.poll_next_many(cx, buffer, limit)).await
    }

    /// [`next_many`](Self::next_many) for futures written by hand.
    pub fn poll_next_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<(K, V::Item)>,
        limit: usize,
    ) -> Poll<usize> {
        let mut added = 0;
        while added < limit {
            match Pin::new(&mut *self).poll_next(cx) {
                Poll::Ready(Some(item)) => buffer.push(item),
                Poll::Pending if added == 0 => return Poll::Pending,
                _ => break,
            }
            added += 1;
        }
        Poll::Ready(added)
    }
}

impl<K: Clone + Unpin, V: Stream + Unpin> Stream for StreamMap<K, V> {
    type Item = (K, V::Item);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let entries = &mut self.entries;
        let len = entries.len();
        // Rule 2. More than 2^32 streams would be asked from one of the first 2^32 on.
        let mut at = match u32::try_from(len).unwrap_or(u32::MAX) {
            0 => return Poll::Ready(None),
            len => random::below(len) as usize,
        };
        for _ in 0..len {
            if at >= entries.len() {
                at = 0;
            }
            match Pin::new(&mut entries[at].1).poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    return Poll::Ready(Some((entries[at].0.clone(), item)));
                }
                // Not `swap_remove`: the ring goes on with the next one, and none is asked twice.
                Poll::Ready(None) => drop(entries.remove(at)),
                Poll::Pending => at += 1,
            }
        }
        if entries.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values().map(Stream::size_hint).fold((0, Some(0)), |sum, hint| {
            let most = sum.1.zip(hint.1).and_then(|(sum, most)| sum.checked_add(most));
            (sum.0.saturating_add(hint.0), most)
        })
    }
}

impl<K, V> Default for StreamMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Eq, V> FromIterator<(K, V)> for StreamMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(streams: I) -> Self {
        let mut map = Self::new();
        map.extend(streams);
        map
    }
}

impl<K: Eq, V> Extend<(K, V)> for StreamMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, streams: I) {
        for (key, stream) in streams {
            self.insert(key, stream);
        }
    }
}

impl<K: fmt::Debug, V> fmt::Debug for StreamMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}
