//! The deadlock report asks every child what it waits for, in whichever combinator it waits.

use std::future::Future;
use std::pin::Pin;

use rondel::combine::{
    ReturnWhen, as_completed, buffer_unordered, buffered, gather, race, race_ok, staggered, wait,
};
use rondel::sync::Notify;

/// A child that waits for ever, and can say what for.
async fn waits(change: &Notify) -> Result<(), ()> {
    change.notified().await;
    Ok(())
}

/// What the report says of `whole`, which waits for ever.
fn report(whole: impl Future) -> Vec<String> {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    let deadlock = runtime.try_block_on(async {
        whole.await;
    });
    deadlock.unwrap_err().root().iter().map(ToString::to_string).collect()
}

/// Goal: show that a roll call reaches those that nobody has woken. Method: three children each, of
/// which two have rooms where rooms are few; what was not started has nothing to say.
#[test]
fn every_child_that_runs_says_what_it_waits_for() {
    let change = Notify::new();
    let three = || [(); 3].map(|()| waits(&change));
    type Whole<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
    let wholes: Vec<(usize, Whole<'_>)> = vec![
        (3, Box::pin(async { _ = gather(three()).await })),
        (3, Box::pin(async { _ = race(three()).await })),
        (3, Box::pin(async { _ = race_ok(three()).await })),
        (3, Box::pin(async { _ = wait(three().map(Box::pin), ReturnWhen::AllCompleted).await })),
        (3, Box::pin(async { _ = as_completed(three()).next().await })),
        (2, Box::pin(async { _ = buffered(three(), 2).next().await })),
        (2, Box::pin(async { _ = buffer_unordered(three(), 2).next().await })),
        (1, Box::pin(async { _ = staggered(None, three()).await })),
    ];
    for (number, (count, whole)) in wholes.into_iter().enumerate() {
        assert_eq!(report(whole), vec!["Notify::notified"; count], "number {number}");
    }
}
