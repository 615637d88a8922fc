//! `SetOnce`: who goes away while it waits takes nothing with it.

use rondel::sync::SetOnce;
use rondel::testing::cancel;

use super::shared;

#[test]
fn wait() {
    let awaits = cancel::at_every_await(
        || shared(SetOnce::new()),
        async |once| assert_eq!(*once.wait().await, 1),
        |once, _| once.set(1).unwrap(),
        |_, once, cut| {
            assert_eq!((once.set(2).is_err(), cut.wakers_kept), (cut.woken, 0));
            assert_eq!(once.get(), Some(if cut.woken { &1 } else { &2 }));
        },
    );
    assert_eq!(awaits, 1);
}
