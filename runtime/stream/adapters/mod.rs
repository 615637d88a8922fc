//! Floor 5. The types that the methods of [`StreamExt`](super::StreamExt) return.
//!
//! As in `tokio_stream::adapters`, one seldom names them: a field of a struct is the reason. None
//! has a buffer but [`Buffered`], [`BufferUnordered`], [`Peekable`] and [`ChunksTimeout`], and
//! dropping one drops the stream in it.

mod buffered;
mod combined;
mod each;
mod part;

pub use crate::stream::timed::{ChunksTimeout, Throttle, Timeout, TimeoutRepeating};
pub use buffered::{BufferUnordered, Buffered};
pub use combined::{Chain, Merge, Zip};
pub use each::{Enumerate, Filter, FilterMap, Map, MapWhile, Then};
pub use part::{Fuse, Peekable, Skip, SkipWhile, Take, TakeWhile};
