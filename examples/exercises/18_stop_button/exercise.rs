//! Prints tokens until somebody presses Stop.

use rondel::sync::Notify;
use rondel::time::{Duration, sleep};
use std::rc::Rc;

/// A button that several may watch.
#[derive(Clone, Default)]
pub struct StopButton {
    pressed: Rc<Notify>,
}

impl StopButton {
    /// Stops all who watch it, now and later.
    pub fn press(&self) {
        self.pressed.notify_waiters();
    }

    /// Returns once the button has been pressed.
    pub async fn wait(&self) {
        self.pressed.notified().await;
    }
}

/// Shows a token every 10 ms until the button is pressed.
pub async fn stream(button: StopButton, show: impl Fn(u32)) {
    for token in 0.. {
        rondel::select! {
            () = button.wait() => return,
            () = sleep(Duration::from_millis(10)) => show(token),
        }
    }
}
