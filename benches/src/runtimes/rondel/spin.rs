//! Rondel, local flavour, on a loop that spins before it sleeps: servers only.

#[path = "../../serve.rs"]
pub mod serve;

mod rt {
    use ::rondel::time::Duration;

    pub(super) use super::super::local::rt::{
        AsyncReadExt, AsyncWriteExt, TcpListener, TcpStream, hyper_io, spawn,
    };

    /// About what a wake-up costs on a virtual machine, the other side's included.
    const SPIN_MAX: Duration = Duration::from_micros(50);

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        let builder = ::rondel::Builder::new().spin_before_park(SPIN_MAX);
        builder.build().expect("a runtime").block_on(future)
    }
}
