//! Floor 5. Async generators: a future that emits values, as a stream.
//!
//! ```text
//!   next() ──polls──▶ the future ──emit(x)──▶ [ slot: x ] ──▶ Ready(Some(x))
//!                     stays at that await until the next `next`
//! ```
//!
//! Rules
//! 1. Nothing runs but while somebody waits in `next`. `emit` puts the value into the slot, and the
//!    poll that polled the future takes it out: it is there only within one poll.
//! 2. The future goes on behind an `emit` when the next value is asked for, not before.
//! 3. Two that emit at once, in a `join!`, wait for each other at a lock: one slot, one at a time.
//! 4. An `emit` that is dropped before its value was taken has emitted nothing.
//!
//! Why no unsafe: the slot is shared by count, in one heap block, in place of a pointer into the
//! pinned stream. Real world: Python's `async def … yield`; the crate async-stream, by a macro.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::step;
use crate::shim::{Arc, Mutex, lock};
use crate::sync;

/// A stream of what `body` emits: an async generator.
///
/// The twin of Python's `async def` with `yield` in it; tokio's users take the crate async-stream.
///
/// - `body` is called at once and makes the future; that runs when the stream is polled.
/// - The stream ends when the future does. Dropping the stream drops the future at the `emit` or
///   the `.await` where it is, with all that it holds: what `aclosing` does in Python, and what
///   Python's `async for` does not do by itself.
///
/// # Panics
///
/// `next` panics if the future does, and whenever it is called after that.
///
/// **Cancel-safe:** yes. A `next` that is dropped loses nothing; the future is in the stream.
/// **Cost:** one allocation; two short locks and one of [`sync::Mutex`] a value.
///
/// ```
/// use rondel::stream::{StreamExt, generate};
/// use rondel::time::{Duration, sleep};
///
/// rondel::run(async {
///     let countdown = generate(|y| async move {
///         for number in (1..=3).rev() {
///             y.emit(number).await;
///             sleep(Duration::from_millis(1)).await;
///         }
///     });
///     let mut countdown = std::pin::pin!(countdown);
///     assert_eq!(countdown.next().await, Some(3));
///     assert_eq!(countdown.collect::<Vec<_>>().await, [2, 1]);
/// });
/// ```
pub fn generate<T, F, Fut>(body: F) -> Generate<T, Fut>
where
    F: FnOnce(Emitter<T>) -> Fut,
    Fut: Future<Output = ()>,
{
    let slot = Arc::new(Slot::new());
    Generate { future: Some(body(Emitter { slot: slot.clone() })), slot }
}

/// A stream of what `body` emits, whose body may fail: with `?` inside.
///
/// As [`generate()`], but each value arrives as `Ok`, and if the future ends with an error, that is
/// the last item. In Python: an exception raised in an async generator.
///
/// # Panics
///
/// As [`generate()`].
///
/// **Cancel-safe:** yes; as [`generate()`].
/// **Cost:** as [`generate()`].
///
/// ```
/// use rondel::stream::{StreamExt, try_generate};
///
/// rondel::run(async {
///     let numbers = try_generate(|y| async move {
///         for word in ["1", "2", "three", "4"] {
///             y.emit(word.parse::<u8>()?).await;
///         }
///         Ok::<_, std::num::ParseIntError>(())
///     });
///     let mut numbers = std::pin::pin!(numbers);
///     assert_eq!(numbers.try_next().await, Ok(Some(1)));
///     assert_eq!(numbers.try_next().await, Ok(Some(2)));
///     assert!(numbers.try_next().await.is_err());
///     assert_eq!(numbers.try_next().await, Ok(None), "an error is the end");
/// });
/// ```
pub fn try_generate<T, E, F, Fut>(body: F) -> TryGenerate<T, Fut>
where
    F: FnOnce(Emitter<T>) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let slot = Arc::new(Slot::new());
    TryGenerate { inner: Generate { future: Some(body(Emitter { slot: slot.clone() })), slot } }
}

/// What the body of a [`generate()`] emits with.
///
/// In Python: the keyword `yield`.
pub struct Emitter<T> {
    slot: Arc<Slot<T>>,
}

impl<T> Emitter<T> {
    /// Hands `value` to whoever waits in `next`, and waits until the next one is asked for.
    ///
    /// # Panics
    ///
    /// If it is polled by anybody but its stream, as in a task that the body has spawned: nobody
    /// would fetch the value. Send it to the body through a channel, and emit it there.
    ///
    /// **Cancel-safe:** yes. Dropped before it was taken, the value was not emitted.
    ///
    /// ```
    /// use rondel::stream::{StreamExt, generate};
    ///
    /// rondel::run(async {
    ///     let two = generate(|y| async move { rondel::join!(y.emit('a'), y.emit('b')); });
    ///     assert_eq!(two.collect::<String>().await, "ab");
    /// });
    /// ```
    pub async fn emit(&self, value: T) {
        let _turn = self.slot.turn.lock().await; // rule 3
        let mut value = Some(value);
        let _unless_taken = Withdraw(&self.slot);
        poll_fn(|cx| self.slot.poll_emit(&mut value, cx)).await;
    }
}

impl<T> fmt::Debug for Emitter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").finish_non_exhaustive()
    }
}

/// Where a value lies between the `emit` and the end of the poll (rule 1).
struct Slot<T> {
    inside: Mutex<Inside<T>>,
    turn: sync::Mutex<()>,
}

struct Inside<T> {
    value: Option<T>,
    /// Of the one `emit` whose value was put in last, until it has gone on.
    emitter: Option<Waker>,
    /// The value that was put in was taken, and the next one is asked for.
    wants_more: bool,
    /// The stream polls its future.
    polling: bool,
}

impl<T> Slot<T> {
    fn new() -> Self {
        let inside = Inside { value: None, emitter: None, wants_more: false, polling: false };
        Self { inside: Mutex::new(inside), turn: sync::Mutex::new(()) }
    }

    fn poll_emit(&self, value: &mut Option<T>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut inside = lock(&self.inside);
        let polling = inside.polling;
        if !polling {
            drop(inside);
            panic!("`emit` works only in the body of its own generator, not in another task");
        }
        if let Some(value) = value.take() {
            inside.value = Some(value);
            inside.wants_more = false;
        } else if inside.wants_more {
            return Poll::Ready(());
        }
        let _before = inside.emitter.replace(waker);
        drop(inside); // and then the waker that was there before
        Poll::Pending
    }

    /// Begins a poll: whoever emitted last goes on (rule 2).
    fn begin(&self, cx: &mut Context<'_>) {
        let mut inside = lock(&self.inside);
        inside.polling = true;
        inside.wants_more = inside.value.is_none();
        let emitter = inside.emitter.take();
        drop(inside);
        // It is polled now, unless it has a waker of its own and is polled only if that was woken.
        if let Some(emitter) = emitter.filter(|emitter| !emitter.will_wake(cx.waker())) {
            emitter.wake();
        }
    }
}

/// Takes the value back that nobody has taken (rule 4).
struct Withdraw<'a, T>(&'a Slot<T>);

impl<T> Drop for Withdraw<'_, T> {
    fn drop(&mut self) {
        let mut inside = lock(&self.0.inside);
        let (value, waker) = (inside.value.take(), inside.emitter.take());
        drop(inside);
        drop((value, waker)); // other people's code, so after the lock
    }
}

/// Ends a poll, by a panic too.
struct Polling<'a, T>(&'a Slot<T>);

impl<T> Drop for Polling<'_, T> {
    fn drop(&mut self) {
        lock(&self.0.inside).polling = false;
    }
}

pin_project! {
    /// The stream of [`generate()`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Generate<T, Fut> {
        // `None`: it has ended, and all that it held is gone.
        #[pin]
        future: Option<Fut>,
        slot: Arc<Slot<T>>,
    }
}

enum Next<T, O> {
    Value(T),
    Ended(O),
    EndedBefore,
}

impl<T, Fut: Future> Generate<T, Fut> {
    fn poll_future(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next<T, Fut::Output>> {
        let mut me = self.project();
        let Some(future) = me.future.as_mut().as_pin_mut() else {
            return Poll::Ready(Next::EndedBefore);
        };
        ready!(step::poll_remains(cx));
        me.slot.begin(cx);
        let ended = {
            let _polling = Polling(me.slot);
            future.poll(cx)
        };
        let value = lock(&me.slot.inside).value.take();
        let next = match (ended, value) {
            (Poll::Ready(output), _) => {
                me.future.set(None);
                Next::Ended(output)
            }
            (Poll::Pending, Some(value)) => Next::Value(value),
            (Poll::Pending, None) => return Poll::Pending,
        };
        step::pay(cx);
        Poll::Ready(next)
    }
}

impl<T, Fut: Future<Output = ()>> Stream for Generate<T, Fut> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(match ready!(self.poll_future(cx)) {
            Next::Value(value) => Some(value),
            Next::Ended(()) | Next::EndedBefore => None,
        })
    }
}

impl<T, Fut> fmt::Debug for Generate<T, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generate").field("ended", &self.future.is_none()).finish_non_exhaustive()
    }
}

pin_project! {
    /// The stream of [`try_generate`].
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct TryGenerate<T, Fut> {
        #[pin]
        inner: Generate<T, Fut>,
    }
}

impl<T, E, Fut: Future<Output = Result<(), E>>> Stream for TryGenerate<T, Fut> {
    type Item = Result<T, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.project().inner.poll_future(cx)) {
            Next::Value(value) => Some(Ok(value)),
            Next::Ended(Err(error)) => Some(Err(error)),
            Next::Ended(Ok(())) | Next::EndedBefore => None,
        })
    }
}
