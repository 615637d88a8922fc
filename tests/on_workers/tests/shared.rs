//! The tests of the local flavour, on workers.

#![allow(dead_code, unused_imports)] // what only the tests that are left out need
#![allow(clippy::duplicate_mod)] // two files of tests have the same support

extern crate rondel_on_workers as rondel;

#[path = "../../cancel_safety/main.rs"]
mod cancel_safety;
#[path = "../../cancellation_token.rs"]
mod cancellation_token;
#[path = "../../combine/main.rs"]
mod combine;
#[path = "../../faults.rs"]
mod faults;
#[path = "../../fs.rs"]
mod fs;
#[path = "../../hostile.rs"]
mod hostile;
#[path = "../../moved.rs"]
mod moved;
#[path = "../../net.rs"]
mod net;
#[path = "../../net_abroad.rs"]
mod net_abroad;
#[path = "../../process.rs"]
mod process;
#[path = "../../runtime.rs"]
mod runtime;
#[path = "../../smol_cases.rs"]
mod smol_cases;
#[path = "../../sockets.rs"]
mod sockets;
#[path = "../../stdio.rs"]
mod stdio;
#[path = "../../stream/main.rs"]
mod stream;
#[path = "../../stress/main.rs"]
mod stress;
#[path = "../../structured/main.rs"]
mod structured;
#[path = "../../sync/main.rs"]
mod sync;
#[path = "../../task/main.rs"]
mod task;
#[path = "../../time/main.rs"]
mod time;
