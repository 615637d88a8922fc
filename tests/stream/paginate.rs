//! The paginator: page after page, and what happens if one fails.

use std::cell::Cell;
use std::future::ready;
use std::pin::pin;

use rondel::stream::{StreamExt, paginate};
use rondel::testing::Diary;
use rondel::time::{sleep, timeout};

use super::ms;

/// Goal: a page is fetched when its first item is asked for, not before. Method: a diary.
#[rondel::test(start_paused = true)]
async fn a_page_is_fetched_when_its_first_item_is_asked_for() {
    let diary = Diary::new();
    let theirs = diary.clone();
    let mut items = pin!(paginate(1, |page| {
        theirs.note(format!("fetch {page}"));
        ready(Ok::<_, ()>(([page * 10, page * 10 + 1], (page < 2).then_some(page + 1))))
    }));
    while let Some(item) = items.next().await {
        diary.note(format!("item {}", item.unwrap()));
    }
    assert_eq!(items.next().await, None);
    let expected = ["fetch 1", "item 10", "item 11", "fetch 2", "item 20", "item 21"];
    assert_eq!(diary.pages(), expected);
}

/// Goal: an error is the last item; what came before it has been handed out. Method: the second
/// page fails.
#[rondel::test(start_paused = true)]
async fn a_page_that_fails_ends_the_stream() {
    let fetch = |page: u32| async move {
        sleep(ms(5)).await;
        if page == 1 { Err(format!("page {page}: 503")) } else { Ok((vec![page], Some(page + 1))) }
    };
    let mut items = pin!(paginate(0, fetch));
    assert_eq!(items.next().await, Some(Ok(0)));
    assert_eq!(items.next().await, Some(Err("page 1: 503".to_owned())));
    assert_eq!(items.next().await, None);
}

/// Goal: an empty page is not the end. Method: every other page is empty.
#[rondel::test(start_paused = true)]
async fn empty_pages_are_passed_over() {
    let fetch = |page: u32| {
        let items = if page.is_multiple_of(2) { vec![page] } else { vec![] };
        ready(Ok::<_, ()>((items, (page < 5).then_some(page + 1))))
    };
    assert_eq!(paginate(0, fetch).collect::<Result<Vec<_>, _>>().await, Ok(vec![0, 2, 4]));
}

/// Goal: endless empty pages that are ready at once do not own the loop. Method: a timeout ends it.
#[test]
fn endless_empty_pages_give_way() {
    rondel::run(async {
        let mut none = pin!(paginate((), |()| ready(Ok::<_, ()>((None::<u8>, Some(()))))));
        assert!(timeout(ms(5), none.next()).await.is_err());
    });
}

/// Goal: a `next` that is dropped leaves the fetch where it is. Method: count the fetches.
#[rondel::test(start_paused = true)]
async fn a_fetch_survives_the_next_that_began_it() {
    let fetches = Cell::new(0);
    let mut items = pin!(paginate((), |()| {
        fetches.set(fetches.get() + 1);
        async {
            sleep(ms(10)).await;
            Ok::<_, ()>(([7], None))
        }
    }));
    assert!(timeout(ms(4), items.next()).await.is_err());
    assert!(timeout(ms(4), items.next()).await.is_err());
    assert_eq!(items.next().await, Some(Ok(7)));
    assert_eq!(fetches.get(), 1);
}
