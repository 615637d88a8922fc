//! Lesson 26. How does a loop wait for its next item?
//!
//! Run it: `cargo run --example 26_async_iterators`
//!
//! Covers: 72, 74.
//!
//! Python: `async for` awaits `__anext__` until it raises `StopAsyncIteration`. Rust: `while let
//! Some(item) = stream.next().await`. A `Stream` is an iterator whose `next` may have to wait;
//! below it is `poll_next`, as `poll` is below a future.
//!
//! Predict. An API has 9 items on 4 pages; one page is empty (its items were deleted), and one
//! answer takes 100 ms. A paginator stops at the first page without items, as the one of the guide
//! does. Then one that follows the cursor takes the first 4 items. How many items, how many pages?
//!
//! a) 9 items, then 4 items: a stream fetches all pages first.
//! b) 6 items, then 4 items of 2 pages: nobody asked for more.
//! c) 9 items, then 4 items of 2 pages.

mod diary;

use diary::Diary;
use rondel::stream::{Stream, StreamExt, paginate};
use rondel::time::{Duration, Sleep, sleep};
use std::cell::Cell;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

/// The API: pages by cursor. The third page is empty, and not the last one.
struct Api {
    fetched: Cell<usize>,
}

impl Api {
    async fn page(&self, cursor: usize) -> (Vec<u32>, Option<usize>) {
        sleep(Duration::from_millis(100)).await;
        self.fetched.set(self.fetched.get() + 1);
        let pages: [&[u32]; 4] = [&[1, 2, 3], &[4, 5, 6], &[], &[7, 8, 9]];
        (pages[cursor].to_vec(), (cursor + 1 < pages.len()).then_some(cursor + 1))
    }

    /// All items, by `paginate`.
    fn items(&self) -> impl Stream<Item = u32> {
        let page = async |cursor| Ok::<_, Infallible>(self.page(cursor).await);
        paginate(0, page).map(|item| item.unwrap_or_else(|never| match never {}))
    }
}

/// The class of the guide: `next` is its `__anext__`, `None` its `StopAsyncIteration`.
struct GuidesPaginator<'a> {
    api: &'a Api,
    cursor: Option<usize>,
}

impl GuidesPaginator<'_> {
    async fn next(&mut self) -> Option<Vec<u32>> {
        let (items, cursor) = self.api.page(self.cursor?).await;
        self.cursor = cursor;
        // Here is the bug: an empty page is taken for the end.
        (!items.is_empty()).then_some(items)
    }
}

/// A stream by hand: 3, 2, 1, and 10 ms before each.
struct Countdown {
    left: u32,
    wait: Pin<Box<Sleep>>,
}

impl Stream for Countdown {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.wait.as_mut().poll(cx));
        self.wait = Box::pin(sleep(Duration::from_millis(10)));
        self.left -= 1;
        Poll::Ready(Some(self.left + 1))
    }
}

async fn detail(item: u32) -> u32 {
    sleep(Duration::from_millis(100)).await;
    item * 10
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    let api = Api { fetched: Cell::new(0) };

    let mut guides = GuidesPaginator { api: &api, cursor: Some(0) };
    let mut found = Vec::new();
    while let Some(items) = guides.next().await {
        found.extend(items);
    }
    diary.note(format!("the guide's paginator: {found:?}"));
    assert_eq!((found.len(), api.fetched.take()), (6, 3), "three items are missing");

    let all: Vec<u32> = api.items().collect().await;
    diary.note(format!("by the cursor: {all:?}, {} pages", api.fetched.get()));
    assert_eq!((all.len(), api.fetched.take()), (9, 4));

    let few: Vec<u32> = api.items().take(4).collect().await;
    diary.note(format!("take(4): {few:?}, {} pages", api.fetched.get()));
    assert_eq!((few.len(), api.fetched.take()), (4, 2), "nobody asked for the others");

    // [x * x async for x in items if x % 2]
    let odd = api.items().filter(|item| item % 2 == 1).map(|item| item * item);
    let squares: Vec<u32> = odd.collect().await;
    diary.note(format!("a comprehension: {squares:?}"));
    assert_eq!(squares, [1, 9, 25, 49, 81]);

    let start = rondel::time::Instant::now();
    let one_by_one: Vec<u32> = rondel::stream::iter(1..=6).then(detail).collect().await;
    let slow = start.elapsed().as_millis();
    let three = rondel::stream::iter(1..=6).map(detail).buffered(3);
    let three_at_once: Vec<u32> = three.collect().await;
    let fast = start.elapsed().as_millis() - slow;
    diary.note(format!("6 details: one by one {slow} ms, 3 at once {fast} ms, same order"));
    assert_eq!((slow, fast), (600, 200));
    assert_eq!(one_by_one, three_at_once);

    let mut by_hand = pin!(Countdown { left: 3, wait: Box::pin(sleep(Duration::from_millis(10))) });
    while let Some(number) = by_hand.next().await {
        diary.note(format!("by hand: {number}"));
    }
    assert_eq!(diary.when("by hand: 1") - diary.when("by hand: 3"), 20);
}

// Explain
//
// b) is right. The guide says "no items: stop"; we measured that it loses every item behind an
// empty page. The cursor says where the end is, nothing else does. Its other paginator stops at
// a page that is shorter than asked for; a server that caps the size of a page ends that one
// after its first.
//
// A stream is as lazy as a future: `paginate` asks for a page when somebody waits for an item of
// it. So `take(4)` spares two requests. The price: while the loop works with an item, no page is on
// its way. And a loop that awaits inside waits for one at a time, 600 ms for six; `buffered(3)` has
// three under way and keeps their order, `buffer_unordered(3)` gives them as they come.
//
// A comprehension is `filter`, `map` and `collect`. Rust has no `for await` yet, so a loop is
// written with `next`; a stream that must not move in memory is pinned first, by `pin!`.
//
// What real runtimes do
//
// The trait is that of the crate futures-core, for tokio and smol as for us; a nightly
// `AsyncIterator` is to become std's. In Python any object with `__anext__` will do, and
// `anext(it)` is our `next`.
//
// Where to read next
//
// The same loop, inside the engine: an empty page is skipped, and the cursor ends it.
//
// ```rust,cite=runtime/stream/paginate.rs
// if let Some(item) = me.items.as_mut().and_then(Iterator::next) {
//     step::pay(cx);
//     return Poll::Ready(Some(Ok(item)));
// }
// *me.items = None;
// if me.page.is_none() {
//     let Some(cursor) = me.cursor.take() else { return Poll::Ready(None) };
//     me.page.set(Some((me.fetch)(cursor)));
// }
// ```
