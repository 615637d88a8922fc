//! `Event`: nothing is handed out, so nothing can be lost but the place.

use rondel::sync::Event;
use rondel::testing::cancel;

use super::{now, shared, waiting};

#[test]
fn wait() {
    let awaits = cancel::at_every_await(
        || shared(Event::new()),
        async |event| event.wait().await,
        |event, _| {
            event.set();
            event.clear();
        },
        |_, event, cut| {
            assert_eq!((event.is_set(), cut.wakers_kept), (false, 0));
            let next = waiting(event.wait());
            event.set();
            assert!(next.is_woken());
            now(event.wait());
        },
    );
    assert_eq!(awaits, 1);
}
