//! `CapacityLimiter`: who holds what, and a total that changes under way.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};
use std::thread;

use rondel::sync::{CapacityLimiter, CapacityToken, TryBorrowTokenError};

use super::executor::{Probe, block_on};

type Token<'a> = CapacityToken<'a, &'static str>;

fn limiter(total: usize) -> CapacityLimiter<&'static str> {
    CapacityLimiter::for_borrowers(total)
}

/// A borrower that gets a token at once.
fn borrow<'a>(limiter: &'a CapacityLimiter<&'static str>, who: &'static str) -> Token<'a> {
    Probe::new(limiter.acquire_on_behalf_of(who)).ready().unwrap()
}

/// One that has to wait for it.
fn wait<'a>(limiter: &'a CapacityLimiter<&'static str>, who: &'static str) -> Probe<'a, Token<'a>> {
    Probe::waiting(async move { limiter.acquire_on_behalf_of(who).await.unwrap() })
}

/// How many are out, who has them, and how many wait.
fn state(limiter: &CapacityLimiter<&'static str>) -> (usize, Vec<&'static str>, usize) {
    let statistics = limiter.statistics();
    assert_eq!(statistics.total_tokens, limiter.total_tokens());
    assert_eq!(statistics.borrowed_tokens, limiter.borrowed_tokens());
    (statistics.borrowed_tokens, statistics.borrowers, statistics.tasks_waiting)
}

/// trio: the life of a limiter of two.
#[test]
fn tokens_go_out_and_come_back() {
    let limiter = limiter(2);
    assert_eq!((limiter.total_tokens(), limiter.available_tokens()), (2, 2));
    assert_eq!(state(&limiter), (0, vec![], 0));
    let first = borrow(&limiter, "first");
    assert_eq!((*first.borrower(), limiter.available_tokens()), ("first", 1));
    let second = limiter.try_acquire_on_behalf_of("second").unwrap();
    assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (2, 0));
    let none = limiter.try_acquire_on_behalf_of("third").unwrap_err();
    assert_eq!(
        (&none, none.to_string()),
        (&TryBorrowTokenError::NoTokens, "no tokens available".into())
    );
    assert_eq!(state(&limiter), (2, vec!["first", "second"], 0));
    drop(first);
    assert_eq!(state(&limiter), (1, vec!["second"], 0));
    assert!(std::ptr::eq(second.limiter(), &limiter));
    drop(second);
    assert_eq!(limiter.available_tokens(), 2);
}

/// Goal: show that nobody gets a second token, nor waits for one, which might be for ever.
/// Method: one who has a token, and one who waits for one, ask again in all ways.
#[test]
fn a_borrower_has_at_most_one_token() {
    let limiter = limiter(1);
    let held = borrow(&limiter, "holder");
    let mut waits = wait(&limiter, "waiter");
    for who in ["holder", "waiter"] {
        let error = Probe::new(limiter.acquire_on_behalf_of(who)).ready().unwrap_err();
        let text = "this borrower already has a token of this limiter, or waits for one";
        assert_eq!(error.to_string(), text);
        let error = limiter.try_acquire_on_behalf_of(who).unwrap_err();
        assert_eq!(error, TryBorrowTokenError::AlreadyBorrowed);
        assert_eq!(error.to_string(), text);
    }
    assert_eq!(state(&limiter), (1, vec!["holder"], 1));
    drop(held);
    drop(waits.ready());
    drop(borrow(&limiter, "holder"));
}

/// Goal: show that a token goes straight to who waits longest, and is its own before it has looked.
/// Method: one holds, two wait; a newcomer tries in between.
#[test]
fn a_returned_token_goes_to_the_one_who_waits_longest() {
    let limiter = limiter(1);
    let held = borrow(&limiter, "a");
    let mut waiters = [wait(&limiter, "b"), wait(&limiter, "c")];
    drop(held);
    assert_eq!((waiters[0].wakes(), waiters[1].wakes()), (1, 0));
    assert_eq!(state(&limiter), (1, vec!["b"], 1));
    assert_eq!(limiter.try_acquire_on_behalf_of("d").unwrap_err(), TryBorrowTokenError::NoTokens);
    drop(waiters[0].ready());
    assert_eq!(state(&limiter), (1, vec!["c"], 0));
    drop(waiters[1].ready());
    assert_eq!(state(&limiter), (0, vec![], 0));
}

/// trio: a total that goes up serves those who wait; one that goes down takes nobody's token.
#[test]
fn the_total_changes_while_tokens_are_out() {
    let limiter = limiter(2);
    let mut held = vec![borrow(&limiter, "0"), borrow(&limiter, "1")];
    let mut waiters = vec![wait(&limiter, "2"), wait(&limiter, "3"), wait(&limiter, "4")];
    assert_eq!(state(&limiter), (2, vec!["0", "1"], 3));
    limiter.set_total_tokens(4);
    assert_eq!(state(&limiter), (4, vec!["0", "1", "2", "3"], 1));
    held.extend(waiters.drain(..2).map(|mut waiter| waiter.ready()));
    limiter.set_total_tokens(1);
    assert_eq!((limiter.total_tokens(), limiter.borrowed_tokens()), (1, 4));
    for left in (1..=3).rev() {
        drop(held.remove(0));
        assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (left, 0));
        assert_eq!(waiters[0].wakes(), 0);
    }
    assert_eq!(state(&limiter), (1, vec!["3"], 1));
    drop(held);
    assert_eq!(state(&limiter), (1, vec!["4"], 0));
    drop(waiters[0].ready());
    assert_eq!(limiter.available_tokens(), 1);
}

/// Goal: show that a total raised again first makes good what it had lacked.
/// Method: three out, down to one, up to two, three, four: only the last step brings a token.
#[test]
fn a_raised_total_first_pays_the_debt() {
    let limiter = limiter(3);
    let held = ["a", "b", "c"].map(|who| borrow(&limiter, who));
    let mut waiting = wait(&limiter, "d");
    limiter.set_total_tokens(1);
    for total in [2, 3] {
        limiter.set_total_tokens(total);
        assert_eq!((waiting.wakes(), limiter.borrowed_tokens()), (0, 3));
    }
    limiter.set_total_tokens(4);
    assert_eq!((waiting.wakes(), limiter.borrowed_tokens()), (1, 4));
    drop((held, waiting.ready()));
    assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (0, 4));
    limiter.set_total_tokens(1); // free ones go at once
    assert_eq!(limiter.available_tokens(), 1);
}

#[test]
fn a_total_of_zero_lets_nobody_in_until_it_is_raised() {
    let limiter = limiter(0);
    assert!(limiter.try_acquire_on_behalf_of("a").is_err());
    let mut waiting = wait(&limiter, "a");
    limiter.set_total_tokens(1);
    let token = waiting.ready();
    limiter.set_total_tokens(0);
    drop(token);
    assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (0, 0));
}

/// trio: `math.inf`.
#[test]
fn a_total_may_be_without_limit() {
    let limiter = limiter(usize::MAX);
    let held = borrow(&limiter, "a");
    assert_eq!(limiter.borrowed_tokens(), 1);
    assert_eq!(limiter.available_tokens(), limiter.total_tokens() - 1);
    limiter.set_total_tokens(1);
    limiter.set_total_tokens(usize::MAX);
    drop(held);
    assert_eq!(limiter.available_tokens(), limiter.total_tokens());
}

/// trio, issue 548: a cancelled borrower is forgotten, and may come again.
#[test]
fn a_cancelled_waiter_leaves_no_trace() {
    let limiter = limiter(1);
    let held = borrow(&limiter, "a");
    let quits = wait(&limiter, "b");
    let mut stays = wait(&limiter, "c");
    drop(quits);
    assert_eq!(state(&limiter), (1, vec!["a"], 1));
    let mut again = wait(&limiter, "b"); // at the back now
    drop(held);
    assert_eq!((stays.wakes(), again.wakes()), (1, 0));
    drop(stays.ready());
    drop(again.ready());
}

/// Goal: show that a token on its way to a borrower that is cancelled goes on to the next one; or
/// pays the debt, if there is one by then.
#[test]
fn a_token_on_its_way_to_a_cancelled_waiter_goes_on() {
    let limiter = limiter(1);
    let held = borrow(&limiter, "a");
    let (first, mut second) = (wait(&limiter, "b"), wait(&limiter, "c"));
    drop(held);
    drop(first);
    assert_eq!(second.wakes(), 1);
    assert_eq!(state(&limiter), (1, vec!["c"], 0));
    let held = second.ready();
    let (first, second) = (wait(&limiter, "d"), wait(&limiter, "e"));
    drop(held);
    limiter.set_total_tokens(0);
    drop(first);
    assert_eq!(second.wakes(), 0);
    assert_eq!(state(&limiter), (0, vec![], 1));
}

/// A borrower is anything that can be told apart; it is kept once, and dropped outside the lock.
#[test]
fn a_borrower_may_look_at_the_limiter_as_it_is_dropped() {
    struct Visitor(u8, Arc<AtomicUsize>, Arc<CapacityLimiter<Visitor>>);
    impl Hash for Visitor {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }
    impl PartialEq for Visitor {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Visitor {}
    impl Drop for Visitor {
        fn drop(&mut self) {
            assert!(self.2.borrowed_tokens() <= 1);
            self.1.fetch_add(1, SeqCst);
        }
    }
    let (limiter, dropped) = (Arc::new(CapacityLimiter::for_borrowers(1)), Arc::default());
    let visitor = |number| Visitor(number, Arc::clone(&dropped), limiter.clone());
    let held = limiter.clone().try_acquire_owned_on_behalf_of(visitor(1)).unwrap();
    assert!(limiter.try_acquire_on_behalf_of(visitor(1)).is_err());
    assert!(Probe::new(limiter.acquire_on_behalf_of(visitor(1))).ready().is_err());
    drop(Probe::waiting(limiter.acquire_on_behalf_of(visitor(2))));
    assert_eq!(dropped.load(SeqCst), 3);
    drop(held);
    assert_eq!(dropped.load(SeqCst), 4);
}

/// Goal: show that a task is a borrower by itself, also where its futures run side by side.
/// Method: two tasks and one limiter of two; one task asks twice, in a row and in a `join!`.
#[test]
fn a_task_borrows_by_its_id() {
    rondel::run(async {
        let limiter = Arc::new(CapacityLimiter::new(2));
        let shared = limiter.clone();
        let other = rondel::spawn(async move {
            let token = shared.acquire_owned().await.unwrap();
            assert_eq!(*token.borrower(), rondel::task::id());
            token
        });
        let held = other.await.unwrap(); // outlives its task
        let shared = limiter.clone();
        let task = rondel::spawn(async move {
            let token = shared.acquire().await.unwrap();
            shared.acquire().await.unwrap_err();
            assert!(shared.clone().try_acquire_owned().is_err());
            drop(token);
            let (first, second) = rondel::join!(shared.acquire(), shared.acquire());
            assert!(first.is_ok() && second.is_err());
            assert_eq!(shared.statistics().borrowers.len(), 2);
            drop(first);
            drop(shared.try_acquire().unwrap());
        });
        task.await.unwrap();
        assert!(Arc::ptr_eq(held.limiter(), &limiter));
        assert_eq!(limiter.statistics().borrowers, [*held.borrower()]);
    });
}

#[test]
fn outside_a_task_nobody_is_there_to_borrow() {
    let limiter = CapacityLimiter::new(1);
    let ways: [&dyn Fn(); 2] =
        [&|| drop(rondel::run(async { limiter.acquire().await.map(drop) })), &|| {
            drop(limiter.try_acquire())
        }];
    for way in ways {
        let panic = catch_unwind(AssertUnwindSafe(way)).unwrap_err();
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap();
        assert!(text.contains("called outside a task"), "{text}");
    }
    assert_eq!(limiter.available_tokens(), 1);
}

/// trio's generic lock tests: exclusion, and turns in the order in which they came.
#[cfg(not(on_workers = "order"))]
#[test]
fn tasks_take_turns() {
    let turns = rondel::run(async {
        let limiter = Arc::new(CapacityLimiter::new(1));
        let turns = Arc::new(std::sync::Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..3)
            .map(|name| {
                let (limiter, turns) = (limiter.clone(), turns.clone());
                rondel::spawn(async move {
                    for _ in 0..4 {
                        let token = limiter.acquire().await.unwrap();
                        turns.lock().unwrap().push(name);
                        rondel::task::yield_now().await;
                        assert_eq!(limiter.borrowed_tokens(), 1);
                        drop(token);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        Arc::try_unwrap(turns).unwrap().into_inner().unwrap()
    });
    assert_eq!(turns, [0, 1, 2].repeat(4));
}

/// Goal: show that a waiter is woken outside the lock.
/// Method: a waker that asks for the statistics, changes the total and borrows.
#[test]
fn a_waker_may_come_back_to_the_limiter() {
    struct Back(Arc<CapacityLimiter<&'static str>>);
    impl Wake for Back {
        fn wake(self: Arc<Self>) {
            assert_eq!(self.0.statistics().borrowers, ["b"]);
            self.0.set_total_tokens(2);
            drop(self.0.try_acquire_on_behalf_of("c").unwrap());
        }
    }
    let limiter = Arc::new(limiter(1));
    let held = borrow(&limiter, "a");
    let waker = Waker::from(Arc::new(Back(limiter.clone())));
    let mut waits = Box::pin(limiter.acquire_on_behalf_of("b"));
    assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(held);
    assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

/// Goal: show that between threads the total is never exceeded, no token is lost, and nobody has
/// two, while waits are cancelled and the total goes up and down.
/// Method: four threads borrow under names of which each is used by two of them; one changes the
/// total between 1 and 3. A set keeps book of who has a token.
#[test]
fn threads_never_exceed_the_total() {
    let limiter = Arc::new(CapacityLimiter::<usize>::for_borrowers(3));
    let holders = Arc::new(std::sync::Mutex::new(HashSet::new()));
    let threads: Vec<_> = (0..4)
        .map(|me| {
            let (limiter, holders) = (limiter.clone(), holders.clone());
            thread::spawn(move || {
                for step in 0..1_000 {
                    let name = (me / 2) * 10 + step % 3;
                    drop(Probe::new(limiter.acquire_on_behalf_of(name)).poll());
                    let Ok(token) = block_on(limiter.acquire_on_behalf_of(name)) else { continue };
                    {
                        let mut holders = holders.lock().unwrap();
                        assert!(holders.insert(name), "{name} has two");
                        assert!(holders.len() <= 3);
                    }
                    assert!(holders.lock().unwrap().remove(&name));
                    drop(token);
                }
            })
        })
        .collect();
    for total in [1, 3, 2].repeat(200) {
        limiter.set_total_tokens(total);
        thread::yield_now();
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let statistics = limiter.statistics();
    assert_eq!((statistics.borrowed_tokens, statistics.tasks_waiting), (0, 0));
    assert_eq!((limiter.total_tokens(), limiter.available_tokens()), (2, 2));
}

#[test]
fn a_limiter_and_its_tokens_show_themselves() {
    let limiter = Arc::new(limiter(2));
    let token = borrow(&limiter, "a");
    let owned = limiter.clone().try_acquire_owned_on_behalf_of("b").unwrap();
    let text = "CapacityLimiter { total_tokens: 2, borrowed_tokens: 2, .. }";
    assert_eq!(format!("{limiter:?}"), text);
    assert_eq!(format!("{token:?}"), "CapacityToken { borrower: \"a\", .. }");
    assert_eq!(format!("{owned:?}"), "OwnedCapacityToken { borrower: \"b\", .. }");
}
