//! Reads from a descriptor whose readiness is told once.

use rondel::io::unix::AsyncFd;
use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;

/// Reads up to the end and returns how many bytes came. `stream` does not block.
pub async fn read_to_end(stream: UnixStream) -> usize {
    let stream = AsyncFd::new(stream).unwrap();
    let mut total = 0;
    loop {
        let mut ready = stream.readable().await.unwrap();
        let mut room = [0; 1_024];
        match stream.get_ref().read(&mut room) {
            Ok(0) => return total,
            Ok(count) => total += count,
            // Only this says that nothing is left: now, and not before, one may wait again.
            Err(error) if error.kind() == ErrorKind::WouldBlock => ready.clear_ready(),
            Err(error) => panic!("{error}"),
        }
    }
}
