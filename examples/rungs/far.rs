//! The far side of the wire: it answers each request after the delay that the request names.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Answers every request on every connection, until the process ends. Returns the address, and the
/// most requests that were on their way at one time.
pub fn far_side() -> io::Result<(SocketAddr, Arc<AtomicUsize>)> {
    let ear = TcpListener::bind("127.0.0.1:0")?;
    let address = ear.local_addr()?;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let told = most.clone();
    thread::spawn(move || {
        for line in ear.incoming() {
            let (line, now, most) = (line.expect("a client"), now.clone(), most.clone());
            // An error here is a client that went away: that one is served no more.
            thread::spawn(move || answer(line, &now, &most));
        }
    });
    Ok((address, told))
}

fn answer(mut line: TcpStream, now: &AtomicUsize, most: &AtomicUsize) -> io::Result<()> {
    let mut request = [0];
    while line.read(&mut request)? == 1 {
        most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(request[0].into()));
        now.fetch_sub(1, Ordering::Relaxed);
        line.write_all(&request)?;
    }
    Ok(())
}
