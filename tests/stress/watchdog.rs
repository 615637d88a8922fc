//! Fails a test that hangs, and says what it was doing, instead of hanging with it.

use std::io::{Write, stderr};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use super::again;
use super::program::last_pages;
use super::world::World;

/// The seed that runs, and its world.
static RUNNING: Mutex<Option<(u64, Weak<World>)>> = Mutex::new(None);

/// Notes of whom to tell if it hangs.
pub fn now_running(seed: u64, world: &Arc<World>) {
    let running = Some((seed, Arc::downgrade(world)));
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = running;
}

/// Ends the process if it is not fed or dropped for so long. (Threads that hang cannot be ended one
/// by one.)
pub struct Watchdog {
    feed: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    pub fn new(name: &'static str, patience: Duration) -> Self {
        let (feed, fed) = channel();
        let thread = std::thread::spawn(move || {
            loop {
                match fed.recv_timeout(patience) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => bark(name, patience),
                }
            }
        });
        Self { feed: Some(feed), thread: Some(thread) }
    }

    pub fn feed(&self) {
        let _ = self.feed.as_ref().map(|feed| feed.send(()));
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.feed = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn bark(name: &str, patience: Duration) -> ! {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((seed, world)) = running {
        let _ = writeln!(stderr(), "`{name}` hangs for {patience:?}; {}", again(seed, name));
        if let Some(world) = world.upgrade() {
            let (failures, pages) = (world.failures(), last_pages(&world.diary, 60));
            let _ = writeln!(stderr(), "failures before that: {failures:#?}\n{pages}");
        }
    }
    std::process::abort()
}
