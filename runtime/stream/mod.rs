//! Floor 5. Streams: what comes one after the other, and not all at once.
//!
//! ```text
//!   a source ───────▶ adapters ─────────▶ an end
//!   iter, generate,   map, filter, merge,  next, collect, fold,
//!   paginate,         buffered, throttle,  any, all
//!   wrappers::*       timeout, …           `while let Some(x) = s.next().await`
//! ```
//!
//! Nothing runs but while somebody waits in an end: a stream is pulled. That is the back-pressure.
//! `async for` is a `while let` around [`StreamExt::next`]; `anext` is `next` itself; `async def …
//! yield` is [`generate()`]; `aclosing` is the drop, which comes without being asked for.
//!
//! ```
//! use rondel::stream::{self, StreamExt};
//!
//! rondel::run(async {
//!     let mut odd = stream::iter(1..=5).filter(|n| n % 2 == 1).map(|n| n * 10);
//!     while let Some(number) = odd.next().await {
//!         print!("{number} "); // 10 30 50
//!     }
//! });
//! ```
//!
//! Real world: tokio-stream has this trait; futures-util has one whose closures return futures.

pub mod adapters;
mod collect;
mod ext;
mod generate;
mod paginate;
mod sources;
mod step;
mod stream_map;
mod timed;
pub mod wrappers;

pub use collect::FromStream;
pub use ext::StreamExt;
pub use futures_core::Stream;
pub use generate::{Emitter, Generate, TryGenerate, generate, try_generate};
pub use paginate::{Paginate, paginate};
pub use sources::{
    Empty, Iter, Once, Pending, Repeat, RepeatWith, empty, iter, once, pending, repeat, repeat_with,
};
pub use stream_map::StreamMap;
pub use timed::TimedExt;
