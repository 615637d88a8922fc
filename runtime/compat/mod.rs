//! Floor 6. Other people's traits on our streams, timers and tasks, each behind a feature of its
//! name.
//!
//! Nothing inside uses this floor. Each file is a translation, word for word: no thread, no task
//! and no copy of the bytes is added.

#[cfg(feature = "futures-io")]
pub mod futures_io;
#[cfg(feature = "hyper")]
pub mod hyper;
