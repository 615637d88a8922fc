//! The `assert_…!` macros: what they give, and what they say.

use std::task::Poll;
use std::time::Duration;

use rondel::time::{Instant, sleep};
use rondel::{
    assert_elapsed, assert_err, assert_ok, assert_pending, assert_ready, assert_ready_eq,
    assert_ready_err, assert_ready_ok,
};

use crate::panic_text;

/// Goal: show what each macro gives when all is well, also by reference and as an expression.
#[test]
fn macros_give_what_they_looked_for() {
    assert_pending!(Poll::<u8>::Pending);
    assert_pending!(Poll::<u8>::Pending, "with {}", "a message");
    assert_eq!(assert_ready!(Poll::Ready(1)) + assert_ready!(Poll::Ready(2), "message"), 3);
    assert_ready_eq!(Poll::Ready(1), 1);
    assert_ready_eq!(Poll::Ready(1), 1, "with {}", "a message");
    let good: Result<u8, String> = Ok(1);
    let bad: Result<u8, String> = Err("no".into());
    assert_eq!(*assert_ok!(&good), assert_ready_ok!(Poll::Ready(good.clone())));
    assert_eq!(*assert_err!(&bad), assert_ready_err!(Poll::Ready(bad.clone()), "{}", 1));
    assert_eq!((assert_ok!(good, "{}", 1), assert_err!(bad, "{}", 1).as_str()), (1, "no"));
}

/// Goal: show that a failed assertion shows the value, and then the message.
#[test]
fn macros_say_what_they_found() {
    let ready = || Poll::Ready(7);
    assert_eq!(panic_text(|| assert_pending!(ready())), "ready; value = 7");
    assert_eq!(panic_text(|| assert_pending!(ready(), "{}", "why")), "ready; value = 7; why");
    let pending = || Poll::<u8>::Pending;
    assert_eq!(panic_text(|| assert_ready!(pending())), "pending");
    assert_eq!(panic_text(|| assert_ready!(pending(), "{}", "why")), "pending; why");
    assert_eq!(panic_text(|| assert_ready_eq!(pending(), 7)), "pending");
    assert!(panic_text(|| assert_ready_eq!(ready(), 8, "why")).contains("why\n  left: 7\n"));

    let bad = || Err::<u8, _>("no");
    let text = "assertion failed: Err(\"no\")";
    assert_eq!(panic_text(|| assert_ok!(bad())), text);
    assert_eq!(panic_text(|| assert_ok!(bad(), "{}", "why")), format!("{text}: why"));
    assert_eq!(panic_text(|| assert_ready_ok!(Poll::Ready(bad()))), text);
    let good = || Ok::<_, u8>("yes");
    let text = "assertion failed: Ok(\"yes\")";
    assert_eq!(panic_text(|| assert_err!(good())), text);
    assert_eq!(panic_text(|| assert_err!(good(), "{}", "why")), format!("{text}: why"));
    assert_eq!(panic_text(|| assert_ready_err!(Poll::Ready(good()))), text);
    assert_eq!(panic_text(|| assert_ready_err!(Poll::<Result<u8, u8>>::Pending)), "pending");
}

/// Goal: show that `assert_elapsed!` allows for one tick, and for nothing else.
#[rondel::test(start_paused = true)]
async fn assert_elapsed_allows_for_a_tick() {
    let ms = Duration::from_millis;
    let start = Instant::now();
    sleep(ms(50)).await;
    assert_elapsed!(start, ms(50));
    assert_elapsed!(start, ms(49));
    assert_eq!(panic_text(|| assert_elapsed!(start, ms(51))), "actual = 50ms, expected = 51ms");
    assert_eq!(panic_text(|| assert_elapsed!(start, ms(48))), "actual = 50ms, expected = 48ms");
}
