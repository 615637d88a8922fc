//! Floor 5. The orphanage: children whose handle was dropped are waited for, so that none stays a
//! zombie.
//!
//! One thread for the process, which is there only as long as there are orphans:
//!
//! ```text
//!   drop(Child) ──▶ ended already? ── yes ──▶ reaped here
//!                        └── no ──▶ the list ──▶ thread: look at all, sleep until SIGCHLD ──▶ …
//!                                                    └── list empty: the thread ends
//! ```
//!
//! It does not belong to a loop, because orphans outlive loops.
//!
//! Rules
//! 1. The thread listens before it looks, so an end in between wakes it.
//! 2. No thread (none can be started, no descriptors): the list stays, and each drop of a child
//!    looks at all of it and tries again.
//!
//! Real world: tokio keeps a queue that a driver of some runtime looks at after a `SIGCHLD`.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::{Mutex, MutexGuard};
use std::thread;

use signal_hook::SigId;
use signal_hook::consts::SIGCHLD;
use signal_hook::low_level;

/// A static, so not of the shim: loom's locks are born at run time, and it models no processes.
static ORPHANAGE: Mutex<Orphanage> = Mutex::new(Orphanage { children: Vec::new(), button: None });

struct Orphanage {
    /// As many as were dropped and have not ended: the kernel's limit on processes is theirs.
    children: Vec<Child>,
    /// Wakes the thread. `None`: there is none.
    button: Option<UnixStream>,
}

fn orphanage() -> MutexGuard<'static, Orphanage> {
    ORPHANAGE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Has it ended, or is it no child of ours any more (somebody else has waited for it)?
fn is_gone(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

/// Sees to it that `child` is waited for. Does not block.
pub(super) fn adopt(mut child: Child) {
    if is_gone(&mut child) {
        return;
    }
    let mut home = orphanage();
    home.children.push(child);
    if let Some(mut button) = home.button.as_ref() {
        // A full pipe is as good: the thread has not looked since.
        let _ = button.write(&[0]);
    } else if let Ok(button) = start() {
        home.button = Some(button);
    } else {
        home.children.retain_mut(|child| !is_gone(child)); // rule 2
    }
}

/// Starts the thread; returns its button.
fn start() -> io::Result<UnixStream> {
    let (bell, button) = UnixStream::pair()?;
    button.set_nonblocking(true)?;
    let handler = Handler(low_level::pipe::register(SIGCHLD, button.try_clone()?)?);
    let serve = move || serve(bell, handler);
    thread::Builder::new().name("rondel-orphans".to_owned()).spawn(serve)?;
    Ok(button)
}

/// The life of the thread.
fn serve(mut bell: UnixStream, _handler: Handler) {
    loop {
        let mut home = orphanage();
        home.children.retain_mut(|child| !is_gone(child));
        if home.children.is_empty() {
            home.button = None;
            return;
        }
        drop(home);
        let read = bell.read(&mut [0; 128]);
        let interrupted = |error: &io::Error| error.kind() == io::ErrorKind::Interrupted;
        if read.is_err_and(|error| !interrupted(&error)) {
            orphanage().button = None; // the next drop starts another one
            return;
        }
    }
}

/// Takes its action out of the signal handler when dropped.
struct Handler(SigId);

impl Drop for Handler {
    fn drop(&mut self) {
        low_level::unregister(self.0);
    }
}
