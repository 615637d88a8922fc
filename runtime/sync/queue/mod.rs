//! Floor 5. asyncio's queues: many who put, many who get, and somebody who waits until all is done.
//!
//! | file    | what is in it                                                                    |
//! |---------|----------------------------------------------------------------------------------|
//! | `kinds` | `Queue`, `PriorityQueue`, `LifoQueue`: three names for one thing                 |
//! | `base`  | [`QueueOf`], that thing: who waits for what, and how it shuts down               |
//! | `store` | [`Store`] and its three kinds: what is got next, the only difference             |
//! | `item`  | [`Item`]: an item in hand that says `task_done` by itself                        |
//! | `error` | what can go wrong; items that were not put come back inside                      |
//!
//! Which one? A [`mpsc`](super::mpsc) channel ends by itself, when its last sender is dropped, and
//! has one receiver. A queue is one object that all share; it has many who get, it counts what is
//! not done yet, and it ends when somebody says so.

mod base;
pub mod error;
mod item;
pub(super) mod kinds;
mod store;

pub use base::QueueOf;
pub use item::Item;
pub use store::{Fifo, Lifo, Smallest, Store};
