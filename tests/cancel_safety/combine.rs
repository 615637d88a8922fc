//! Combinators drop their children where they are. So nothing is lost that the children do not
//! lose, but for outputs of those that had ended.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;

use futures_core::Stream;
use rondel::combine::{
    ReturnWhen, as_completed, buffer_unordered, buffered, for_each_concurrent, gather, race,
    race_ok, try_for_each_concurrent, try_gather, wait,
};
use rondel::sync::mpsc::{self, Receiver, Sender};
use rondel::testing::cancel;

use super::now;

/// Two channels; what came out of them; the sending ends.
#[derive(Debug)]
struct Pair {
    a: Receiver<usize>,
    b: Receiver<usize>,
    got: Vec<usize>,
}

fn pair() -> (Pair, [Sender<usize>; 2]) {
    let ((ta, a), (tb, b)) = (mpsc::channel(8), mpsc::channel(8));
    (Pair { a, b, got: Vec::new() }, [ta, tb])
}

/// Sends the number of the await, to `a` if it is odd and to `b` if it is even.
fn send_in_turn(senders: &mut [Sender<usize>; 2], nth: usize) {
    senders[(nth + 1) % 2].try_send(nth).unwrap();
}

/// All that was sent: received, or still there.
fn all(pair: &mut Pair) -> Vec<usize> {
    let Pair { a, b, got } = pair;
    got.extend(std::iter::from_fn(|| a.try_recv().ok()));
    got.extend(std::iter::from_fn(|| b.try_recv().ok()));
    got.sort_unstable();
    got.clone()
}

#[track_caller]
fn assert_nothing_lost(pair: &mut Pair, sent: usize) {
    assert!((1..=sent).eq(all(pair)), "{sent} were sent; there are {:?}", pair.got);
}

#[test]
fn select_of_two_receivers() {
    let awaits = cancel::at_every_await(
        pair,
        async |Pair { a, b, got }| {
            while got.len() < 6 {
                rondel::select! {
                    Some(item) = a.recv() => got.push(item),
                    Some(item) = b.recv() => got.push(item),
                }
            }
        },
        send_in_turn,
        |pair, _, cut| assert_nothing_lost(pair, cut.given),
    );
    assert_eq!(awaits, 6);
}

/// Two senders wait for the same place: the loser's turn goes on to the winner.
#[test]
fn select_of_two_senders() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = mpsc::channel(1);
            tx.try_send(0).unwrap();
            (tx, rx)
        },
        async |tx| {
            for _ in 0..3 {
                rondel::select! {
                    place = tx.reserve() => place.unwrap().send(1),
                    place = tx.reserve() => place.unwrap().send(2),
                }
            }
        },
        |rx, _| assert!(rx.try_recv().is_ok()),
        |tx, rx, cut| {
            assert_eq!((tx.capacity() + rx.len(), cut.wakers_kept), (1, 0));
            assert_eq!(rx.len(), 1 - usize::from(cut.woken));
        },
    );
    assert_eq!(awaits, 3);
}

/// Receives two items, and puts each down before it waits for the next.
async fn receive_two(rx: &mut Receiver<usize>, got: &RefCell<Vec<usize>>) -> Result<(), ()> {
    for _ in 0..2 {
        let item = rx.recv().await.ok_or(())?;
        got.borrow_mut().push(item);
    }
    Ok(())
}

type Child<'a> = Pin<Box<dyn Future<Output = Result<(), ()>> + 'a>>;

/// What a child has done before it waits is done, in whichever combinator it waits.
#[test]
fn children_that_keep_nothing_lose_nothing() {
    type Whole = for<'a> fn(Child<'a>, Child<'a>) -> Child<'a>;
    let wholes: [Whole; 7] = [
        |a, b| Box::pin(async { rondel::join!(a, b).0 }),
        |a, b| Box::pin(async { rondel::try_join!(a, b).map(|_| ()) }),
        |a, b| Box::pin(async { gather([a, b]).await.into_iter().collect() }),
        |a, b| Box::pin(async { try_gather([a, b]).await.map(|_| ()) }),
        |a, b| Box::pin(try_for_each_concurrent([a, b], None, |child| child)),
        |a, b| {
            let both = for_each_concurrent([a, b], 2, async |child| child.await.unwrap());
            Box::pin(async {
                both.await;
                Ok(())
            })
        },
        |a, b| Box::pin(async { wait([a, b], ReturnWhen::AllCompleted).await.done.remove(1).1 }),
    ];
    for whole in wholes {
        let got = RefCell::new(Vec::new());
        let awaits = cancel::at_every_await(
            || {
                got.borrow_mut().clear();
                pair()
            },
            async |Pair { a, b, .. }| {
                let (a, b) = (receive_two(a, &got), receive_two(b, &got));
                whole(Box::pin(a), Box::pin(b)).await.unwrap();
            },
            send_in_turn,
            |pair, _, cut| {
                pair.got = got.take();
                assert_nothing_lost(pair, cut.given);
            },
        );
        assert_eq!(awaits, 4);
    }
}

/// **The output of a child that had ended is lost with the whole**: nobody else has it.
#[test]
fn join_of_children_that_return_what_they_took() {
    let awaits = cancel::at_every_await(
        pair,
        async |Pair { a, b, .. }| {
            assert_eq!(rondel::join!(a.recv(), b.recv()), (Some(1), Some(2)));
        },
        send_in_turn,
        |pair, _, cut| {
            let expected: &[usize] = match (cut.nth, cut.woken) {
                (1, false) => &[],
                (1, true) => &[1],
                (_, false) => &[],
                (_, true) => &[2],
            };
            assert_eq!(all(pair), expected, "{cut}");
        },
    );
    assert_eq!(awaits, 2);
}

/// The first failure ends the whole; the others are dropped while they wait, and lose nothing.
#[test]
fn try_gather_of_receivers() {
    let awaits = cancel::at_every_await(
        pair,
        async |Pair { a, b, .. }| {
            let one = async |rx: &mut Receiver<usize>| match rx.recv().await {
                Some(2) => Err("two"),
                other => Ok(other),
            };
            assert_eq!(try_gather([one(b), one(a)]).await, Err("two"));
        },
        |senders, _| senders[1].try_send(2).unwrap(),
        |pair, [first, _], cut| {
            first.try_send(1).unwrap();
            assert_eq!(all(pair), if cut.woken { vec![1, 2] } else { vec![1] });
        },
    );
    assert_eq!(awaits, 1);
}

/// The losers of a race are dropped while they wait, so nothing is lost with them: what they would
/// have received is still in their channels.
#[test]
fn races_of_two_receivers() {
    for is_ok in [false, true] {
        let awaits = cancel::at_every_await(
            pair,
            async |Pair { a, b, got }| {
                while got.len() < 6 {
                    let item = if is_ok {
                        let one = async |rx: &mut Receiver<usize>| rx.recv().await.ok_or(());
                        race_ok([one(a), one(b)]).await.ok()
                    } else {
                        let one = async |rx: &mut Receiver<usize>| rx.recv().await;
                        race([one(a), one(b)]).await
                    };
                    got.extend(item);
                }
            },
            send_in_turn,
            |pair, _, cut| assert_nothing_lost(pair, cut.given),
        );
        assert_eq!(awaits, 6);
    }
}

type Numbers = Pin<Box<dyn Stream<Item = usize>>>;

/// A stream of four items that are sent one by one, and what came out of it.
type Items = (Numbers, Vec<usize>);

async fn next(stream: &mut Items) -> Option<usize> {
    poll_fn(|cx| stream.0.as_mut().poll_next(cx)).await
}

/// A `next` that is dropped loses no output, whatever stream it is of, and the stream goes on.
#[test]
fn next_of_the_streams() {
    type Futures = std::vec::IntoIter<Pin<Box<dyn Future<Output = usize>>>>;
    let streams: [fn(Futures) -> Numbers; 4] = [
        |futures| Box::pin(as_completed(futures)),
        |futures| Box::pin(buffer_unordered(futures, 2)),
        |futures| Box::pin(buffered(futures, 2)),
        |futures| Box::pin(buffered(futures, 9)),
    ];
    for make in streams {
        let awaits = cancel::at_every_await(
            || {
                let (senders, futures): (Vec<_>, Vec<_>) = (0..4)
                    .map(|_| {
                        let (tx, mut rx) = mpsc::channel::<usize>(1);
                        let future = async move { rx.recv().await.unwrap() };
                        (tx, Box::pin(future) as Pin<Box<dyn Future<Output = usize>>>)
                    })
                    .unzip();
                ((make(futures.into_iter()), Vec::new()), senders)
            },
            async |items: &mut Items| {
                while let Some(item) = next(items).await {
                    items.1.push(item);
                }
            },
            |senders, nth| senders[nth - 1].try_send(nth).unwrap(),
            |items, senders, cut| {
                (cut.given + 1..=4).for_each(|nth| senders[nth - 1].try_send(nth).unwrap());
                while let Some(item) = now(next(items)) {
                    items.1.push(item);
                }
                assert_eq!(items.1, [1, 2, 3, 4], "{cut}");
            },
        );
        assert_eq!(awaits, 4);
    }
}

/// `&mut wait` can be dropped and waited for again: it keeps what it has found.
#[test]
fn a_wait_that_is_borrowed() {
    let awaits = cancel::at_every_await(
        || {
            let (senders, receivers): (Vec<_>, Vec<_>) =
                (0..3).map(|_| mpsc::channel::<usize>(1)).unzip();
            let futures = receivers
                .into_iter()
                .map(|mut rx| Box::pin(async move { rx.recv().await.ok_or(()) }));
            (wait(futures, ReturnWhen::AllCompleted), senders)
        },
        async |waiting| assert_eq!((&mut *waiting).await.done.len(), 3),
        |senders, nth| senders[nth - 1].try_send(nth).unwrap(),
        |waiting, senders, cut| {
            (cut.given + 1..=3).for_each(|nth| senders[nth - 1].try_send(nth).unwrap());
            let done = now(waiting).done;
            assert_eq!(done, [(0, Ok(1)), (1, Ok(2)), (2, Ok(3))], "{cut}");
        },
    );
    assert_eq!(awaits, 3);
}
