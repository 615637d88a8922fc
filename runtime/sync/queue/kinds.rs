//! Floor 5. The three queues by their names.
//!
//! They are aliases of [`QueueOf`], so all that is said there holds for each of them.
//!
//! Real world: in asyncio the last two are subclasses that override three methods.

use super::base::QueueOf;
use super::store::{Fifo, Lifo, Smallest};

/// First in, first out. See [`QueueOf`] for what it can do.
///
/// The twin of `asyncio.Queue`; tokio has [`mpsc`](crate::sync::mpsc) channels, with one receiver.
///
/// ```
/// use rondel::sync::Queue;
/// use std::sync::Arc;
///
/// rondel::run(async {
///     let queue = Arc::new(Queue::new(2)); // room for two; 0 is without limit
///     for _ in 0..3 {
///         let queue = queue.clone();
///         rondel::spawn(async move {
///             while let Ok(number) = queue.get().await {
///                 println!("{number} squared is {}", number * number);
///                 queue.task_done().unwrap();
///             }
///         });
///     }
///     for number in 0..10 {
///         queue.put(number).await.unwrap();
///     }
///     queue.join().await; // all ten are done
///     queue.shutdown(false); // ends the three workers
/// });
/// ```
pub type Queue<T> = QueueOf<Fifo<T>>;

/// The smallest comes first; of equal ones that which was put first. See [`QueueOf`] for what it
/// can do.
///
/// The twin of `asyncio.PriorityQueue`, where equal items come in no particular order. Items need
/// `Ord`: put tuples of priority and item, or wrap them in [`Reverse`](std::cmp::Reverse) if the
/// greatest shall come first. They are compared under the queue's lock, so `Ord` must not use the
/// queue itself. If it panics, so does the call: an item that was put is in the queue all the same,
/// one that was about to be got is lost.
///
/// ```
/// use rondel::sync::PriorityQueue;
///
/// rondel::run(async {
///     let queue = PriorityQueue::new(0);
///     for visitor in [(3, "window"), (1, "fire"), (2, "door")] {
///         queue.put(visitor).await.unwrap();
///     }
///     assert_eq!(queue.get().await, Ok((1, "fire")));
///     assert_eq!(queue.get().await, Ok((2, "door")));
/// });
/// ```
pub type PriorityQueue<T> = QueueOf<Smallest<T>>;

/// Last in, first out. See [`QueueOf`] for what it can do.
///
/// The twin of `asyncio.LifoQueue`.
///
/// ```
/// use rondel::sync::LifoQueue;
///
/// rondel::run(async {
///     let plates = LifoQueue::new(0);
///     for plate in ["first", "second"] {
///         plates.put(plate).await.unwrap();
///     }
///     assert_eq!(plates.get().await, Ok("second"));
/// });
/// ```
pub type LifoQueue<T> = QueueOf<Lifo<T>>;
