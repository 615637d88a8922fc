//! Floor 5. A paginator: page after page by a cursor, as one stream of items.
//!
//! ```text
//!   first ──fetch──▶ (items, Some(cursor)) ──fetch──▶ … ──fetch──▶ (items, None)
//!                     └─ handed out one by one before the next page is asked for
//! ```
//!
//! Rules
//! 1. One page is in memory at a time, and one fetch in flight; nothing is fetched in advance.
//! 2. An error is the last item. A page may be empty and have a successor.
//!
//! Real world: an async generator around a `while` loop in Python; `futures::stream::try_unfold`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::step;

/// A stream of the items of all pages.
///
/// In Python: an async generator that fetches a page, yields its items, and goes on with the
/// cursor of the next one. futures-rs has `try_unfold`, a step more general.
///
/// - `first`: the cursor of the first page.
/// - `fetch` gets a cursor and makes the future of that page: its items, and the cursor of the next
///   page or `None`.
/// - Items come as `Ok`. The first error is the last item.
///
/// # Panics
///
/// `next` panics if `fetch`, its future or the items' iterator does.
///
/// **Cancel-safe:** yes. A `next` that is dropped loses nothing; the fetch is in the stream, and
/// the next `next` goes on with it.
/// **Cost:** no allocation of its own.
///
/// ```
/// use rondel::stream::{StreamExt, paginate};
///
/// async fn page(number: u32) -> std::io::Result<(Vec<u32>, Option<u32>)> {
///     Ok((vec![number * 10, number * 10 + 1], (number < 2).then_some(number + 1)))
/// }
///
/// rondel::run(async {
///     let items = paginate(0, page).collect::<Result<Vec<_>, _>>().await.unwrap();
///     assert_eq!(items, [0, 1, 10, 11, 20, 21]);
/// });
/// ```
pub fn paginate<C, I, E, F, Fut>(first: C, fetch: F) -> Paginate<C, I::IntoIter, F, Fut>
where
    I: IntoIterator,
    F: FnMut(C) -> Fut,
    Fut: Future<Output = Result<(I, Option<C>), E>>,
{
    Paginate { fetch, cursor: Some(first), items: None, page: None }
}

pin_project! {
    /// The stream of [`paginate()`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Paginate<C, Items, F, Fut> {
        fetch: F,
        cursor: Option<C>,
        items: Option<Items>,
        #[pin]
        page: Option<Fut>,
    }
}

impl<C, I, E, F, Fut> Stream for Paginate<C, I::IntoIter, F, Fut>
where
    I: IntoIterator,
    F: FnMut(C) -> Fut,
    Fut: Future<Output = Result<(I, Option<C>), E>>,
{
    type Item = Result<I::Item, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut me = self.project();
        loop {
            // A step for each item and each page: also empty pages end some day.
            ready!(step::poll_remains(cx));
            if let Some(item) = me.items.as_mut().and_then(Iterator::next) {
                step::pay(cx);
                return Poll::Ready(Some(Ok(item)));
            }
            *me.items = None;
            if me.page.is_none() {
                let Some(cursor) = me.cursor.take() else { return Poll::Ready(None) };
                me.page.set(Some((me.fetch)(cursor)));
            }
            let Some(page) = me.page.as_mut().as_pin_mut() else { return Poll::Ready(None) };
            let outcome = ready!(page.poll(cx));
            step::pay(cx);
            me.page.set(None);
            match outcome {
                Ok((items, cursor)) => {
                    *me.cursor = cursor;
                    *me.items = Some(items.into_iter());
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

impl<C, Items, F, Fut> fmt::Debug for Paginate<C, Items, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paginate").field("fetching", &self.page.is_some()).finish_non_exhaustive()
    }
}
