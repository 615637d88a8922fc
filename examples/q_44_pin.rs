//! Question 44. What does `Pin` promise, and to whom?
//!
//! Run it: `cargo run --example q_44_pin`
//!
//! Python: a coroutine is an object on the heap and never moves, so nobody asks. Rust: a future is a
//! value, and values move. Once it was polled it may hold a reference into itself, so it must stay.
//!
//! The page is `docs/interview/q-44-pin.md`.

use std::cell::RefCell;
use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::ptr;
use std::task::{Context, Poll, Waker};

fn address<T: ?Sized>(of: &T) -> usize {
    ptr::from_ref(of).addr()
}

/// Pending once.
async fn pause() {
    let mut is_first = true;
    poll_fn(|_| if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }).await;
}

/// Holds a reference to its own local over an await, and notes where that points.
async fn sum(seen: &RefCell<Vec<usize>>) -> u32 {
    let page = [7_u8; 64];
    let piece = &page[10..20];
    seen.borrow_mut().push(address(piece));
    pause().await;
    seen.borrow_mut().push(address(piece));
    piece.iter().map(|byte| u32::from(*byte)).sum()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn main() {
    let seen = RefCell::default();

    // Not polled yet: it holds its arguments and no reference into itself, and may move.
    let future = sum(&seen);
    let before = address(&future);
    let mut boxed = Box::pin(future);
    let begin = address(&*boxed);
    println!("not yet polled: moved to the heap = {}", begin != before);

    assert!(poll(boxed.as_mut()).is_pending());
    let inside = (begin..begin + size_of_val(&*boxed)).contains(&seen.borrow()[0]);
    println!("polled once:    points into itself = {inside}");

    // The box moves, the future does not: the pointer is all that the box is.
    let mut moved = vec![boxed].pop().expect("it was put in");
    println!("box moved:      future moved = {}", address(&*moved) != begin);
    assert_eq!(poll(moved.as_mut()), Poll::Ready(70));
    let pointed = seen.borrow();
    println!("polled again:   the reference is good, sum 70 = {}", pointed[0] == pointed[1]);

    // On the stack: `pin!` takes the value, so that nobody has its name any more.
    let stays = RefCell::default();
    let mut on_stack = pin!(sum(&stays));
    assert!(poll(on_stack.as_mut()).is_pending());
    println!("pin!:           done = {}", poll(on_stack).is_ready());

    // `Unpin`: points nowhere into itself, so that pinning it means nothing.
    let mut easy = ready(5);
    let pinned: Pin<&mut _> = Pin::new(&mut easy); // for `sum(..)` this would not compile
    let given_back = Pin::into_inner(pinned);
    println!("Unpin:          out of the pin again, {:?}", poll(Pin::new(given_back)));

    assert!(inside && begin != before && address(&*moved) == begin);
    assert_eq!(pointed[0], pointed[1]);
}
