//! `buffered`, `buffer_unordered`, `for_each_concurrent` and its `try_`: a few at a time.

use std::cell::{Cell, RefCell};
use std::future::{Future, Ready, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use futures_core::Stream;
use rondel::combine::{
    buffer_unordered, buffered, for_each_concurrent, gather, try_for_each_concurrent,
};
use rondel::select;
use rondel::time::{sleep, timeout};

use super::tools::*;

/// How many are in flight now, and how many were at most.
#[derive(Default)]
struct Flight {
    now: Cell<usize>,
    most: Cell<usize>,
    started: Cell<usize>,
}

impl Flight {
    /// Is in flight for `delay`.
    async fn fly(&self, delay: u64) -> u64 {
        self.started.set(self.started.get() + 1);
        self.now.set(self.now.get() + 1);
        self.most.set(self.most.get().max(self.now.get()));
        sleep(millis(delay)).await;
        self.now.set(self.now.get() - 1);
        delay
    }
}

// ---- How many ----------------------------------------------------------------------------------

/// Goal: show that there are exactly n in flight as long as there is work, and never more.
/// Method: 20 flights of different lengths, 3 at a time; a second child looks at each millisecond.
#[test]
fn exactly_n_are_in_flight_while_there_is_work() {
    virtually(async {
        let flight = Flight::default();
        let seen = RefCell::new(Vec::new());
        let all = async {
            let delays = (0..20).map(|n| 2 + n % 5);
            let mut all = buffer_unordered(delays.map(|delay| flight.fly(delay)), 3);
            while all.next().await.is_some() {}
        };
        let watch = async {
            while flight.started.get() < 20 {
                sleep(millis(1)).await;
                sleep(millis(0)).await;
                seen.borrow_mut().push(flight.now.get());
            }
        };
        rondel::join!(biased; all, watch);
        assert_eq!(flight.most.get(), 3);
        let seen = seen.into_inner();
        assert!(seen.len() > 10 && seen.iter().all(|now| *now == 3), "{seen:?}");
    });
}

#[test]
fn for_each_concurrent_keeps_the_limit_and_serves_every_item() {
    virtually(async {
        let (flight, log) = (Flight::default(), Log::new());
        let sum = Cell::new(0);
        for_each_concurrent(0..10, 4, async |n| {
            flight.fly(10).await;
            sum.set(sum.get() + n);
        })
        .await;
        assert_eq!((sum.get(), flight.most.get(), log.now()), (45, 4, 30));
    });
}

#[test]
fn a_limit_of_one_is_one_after_another() {
    virtually(async {
        let log = Log::new();
        for_each_concurrent(["a", "b"], 1, |name| log.work(name, 10, ())).await;
        assert_eq!(log.lines(), ["0 a starts", "10 a ends", "10 b starts", "20 b ends"]);
    });
}

#[test]
fn no_limit_starts_all_at_once() {
    virtually(async {
        let (flight, log) = (Flight::default(), Log::new());
        for_each_concurrent(0..1_000, None, async |_| _ = flight.fly(10).await).await;
        assert_eq!((flight.most.get(), log.now()), (1_000, 10));
        let flight = Flight::default();
        for_each_concurrent(0..10, usize::MAX, async |_| _ = flight.fly(10).await).await;
        assert_eq!(flight.most.get(), 10);
    });
}

#[test]
fn none_at_a_time_is_refused_at_once() {
    let nobody = || Vec::<Ready<u32>>::new();
    let texts = [
        (catch_unwind(|| drop(buffered(nobody(), 0))), "`buffered` with n = 0"),
        (catch_unwind(|| drop(buffer_unordered(nobody(), 0))), "`buffer_unordered` with n = 0"),
        (
            catch_unwind(|| drop(for_each_concurrent([0], 0, |_| ready(())))),
            "a limit of 0 at a time",
        ),
        (
            catch_unwind(|| drop(try_for_each_concurrent([0], 0, |_| ready(Ok::<_, ()>(()))))),
            "a limit of 0 at a time",
        ),
    ];
    for (caught, text) in texts {
        let said = panic_text(caught.unwrap_err());
        assert_eq!(said, format!("{text} could never run anything"));
    }
}

// ---- Order -------------------------------------------------------------------------------------

/// Goal: show both orders, with the moments: in order a slow one holds up those behind it.
#[test]
fn buffered_keeps_the_order_of_the_list_and_buffer_unordered_that_of_the_ends() {
    virtually(async {
        let log = Log::new();
        let delays = [30, 10, 10, 10, 10];
        let mut ordered = buffered(delays.map(|delay| after(delay, delay)), 2);
        let mut got = Vec::new();
        while let Some(delay) = ordered.next().await {
            got.push((delay, log.now()));
        }
        // The window is two: the third starts when the first is fetched.
        assert_eq!(got, [(30, 30), (10, 30), (10, 40), (10, 40), (10, 50)]);

        let log = Log::new();
        let mut unordered = buffer_unordered(delays.map(|delay| after(delay, delay)), 2);
        let mut got = Vec::new();
        while let Some(delay) = unordered.next().await {
            got.push((delay, log.now()));
        }
        assert_eq!(got, [(10, 10), (10, 20), (30, 30), (10, 30), (10, 40)]);
    });
}

/// Goal: show that tasks which end while the consumer is busy come in the order of their ends.
#[test]
fn buffer_unordered_keeps_the_order_of_ends_while_the_consumer_is_busy() {
    virtually(async {
        let tasks = [40, 10, 30, 20].map(|delay| rondel::spawn(after(delay, delay)));
        let mut all = buffer_unordered(tasks, 4);
        assert_eq!(all.next().await.unwrap().unwrap(), 10);
        sleep(millis(100)).await;
        for delay in [20, 30, 40] {
            assert_eq!(all.next().await.unwrap().unwrap(), delay);
        }
    });
}

/// Goal: show that order is kept over many rounds of the ring, whatever the lengths are.
#[test]
fn buffered_keeps_the_order_over_many_rounds() {
    virtually(async {
        for n in [1, 2, 3, 64, 65, 1_000] {
            let works = (0..300_u64).map(|number| after(number * 7_919 % 13, number));
            let mut all = buffered(works, n);
            let mut expected = 0;
            while let Some(number) = all.next().await {
                assert_eq!(number, expected);
                expected += 1;
            }
            assert_eq!((expected, all.next().await), (300, None));
        }
    });
}

/// Goal: show that memory is bounded when the first is slow: its successors end and keep their
/// rooms, and nobody else is started.
#[test]
fn buffered_starts_nobody_beyond_the_window() {
    virtually(async {
        let flight = Flight::default();
        let mut all = buffered([100, 1, 1, 1, 1].map(|delay| flight.fly(delay)), 3);
        assert!(timeout(millis(50), all.next()).await.is_err());
        assert_eq!((flight.started.get(), flight.now.get()), (3, 1));
        assert_eq!(all.next().await, Some(100));
        assert_eq!(all.next().await, Some(1));
        assert_eq!(flight.started.get(), 4);
    });
}

// ---- Laziness ----------------------------------------------------------------------------------

/// Goal: show that the iterator is pulled only for a room that is free. Method: count the pulls.
#[test]
fn the_iterator_is_pulled_as_rooms_become_free() {
    let pulled = Cell::new(0);
    let endless = || {
        (0..).map(|n: u32| {
            pulled.set(pulled.get() + 1);
            ready(n)
        })
    };
    let mut all = buffer_unordered(endless(), 3);
    assert_eq!(pulled.get(), 0, "nothing is pulled before the first `next`");
    assert_eq!(block_on(all.next()), Some(0));
    assert_eq!(pulled.get(), 3);
    assert_eq!(block_on(all.next()), Some(1));
    assert_eq!(pulled.get(), 4);
    drop(all);
    let mut all = buffered(endless(), 2);
    assert_eq!(pulled.get(), 4);
    assert_eq!(block_on(all.next()), Some(0));
    assert_eq!(block_on(all.next()), Some(1));
    assert_eq!(pulled.get(), 4 + 3);
}

/// Goal: show that the place that a `next` has vacated is filled by the following `next` and its
/// future started, also if that one finds an output ready at once.
#[test]
fn a_vacated_room_is_filled_at_the_next_call() {
    virtually(async {
        let log = Log::new();
        let works = ["a", "b", "c", "d"].map(|name| log.work(name, 10, name));
        let mut all = buffer_unordered(works, 2);
        assert_eq!(all.next().await, Some("a"));
        assert_eq!(all.next().await, Some("b"));
        let lines = ["0 a starts", "0 b starts", "10 a ends", "10 b ends", "10 c starts"];
        assert_eq!(log.lines(), lines);
        assert_eq!(all.next().await, Some("c"));
        assert_eq!(log.now(), 20);
    });
}

#[test]
fn of_nothing_there_are_no_outputs() {
    let nobody = || Vec::<Ready<u32>>::new();
    assert_eq!(block_on(buffered(nobody(), 3).next()), None);
    assert_eq!(block_on(buffer_unordered(nobody(), 3).next()), None);
    block_on(for_each_concurrent(Vec::<u32>::new(), 3, |_| pending()));
    let none =
        block_on(try_for_each_concurrent(Vec::<u32>::new(), 3, |_| pending::<Result<_, ()>>()));
    assert_eq!(none, Ok(()));
}

/// Goal: show that an iterator that goes on after its end is not asked again.
#[test]
fn an_iterator_is_not_asked_again_after_its_end() {
    let mut calls = 0;
    let restless = std::iter::from_fn(|| {
        calls += 1;
        (calls % 3 != 0).then(|| ready(calls))
    });
    let mut all = buffer_unordered(restless, 2);
    let mut got = Vec::new();
    while let Some(n) = block_on(all.next()) {
        got.push(n);
    }
    assert_eq!(got, [1, 2]);
    assert_eq!(block_on(all.next()), None);
}

// ---- Drops, panics, budget ---------------------------------------------------------------------

/// Goal: show that dropping one drops those in flight, and makes no more.
#[test]
fn dropping_it_drops_those_in_flight_and_makes_no_more() {
    virtually(async {
        let log = Log::new();
        let works = ["a", "b", "c"].map(|name| log.work(name, 20, ()));
        let all = buffer_unordered(works, 2);
        let drain = async {
            let mut all = all;
            while all.next().await.is_some() {}
        };
        assert!(timeout(millis(10), drain).await.is_err());
        sleep(millis(100)).await;
        let lines = ["0 a starts", "0 b starts", "10 a is dropped", "10 b is dropped"];
        assert_eq!(log.lines(), lines);
    });
}

#[test]
fn a_next_that_is_dropped_loses_no_output() {
    virtually(async {
        let mut all = buffer_unordered([30, 10, 20].map(|delay| after(delay, delay)), 2);
        let mut got = Vec::new();
        loop {
            select! {
                biased;
                next = all.next() => match next {
                    Some(delay) => got.push(delay),
                    None => break,
                },
                () = sleep(millis(3)) => {}
            }
        }
        assert_eq!(got, [10, 30, 20]);
    });
}

#[test]
fn a_child_is_dropped_when_it_ends_and_its_output_when_it_is_fetched() {
    let diary = Diary::default();
    let wakes = Arc::default();
    let works = [0, 1].map(|_| {
        let (child, output) = (diary.on_drop("child"), diary.on_drop("output"));
        async move {
            drop(child);
            output
        }
    });
    let mut all = buffered(works, 2);
    assert!(poll_once(pin!(all.next()), &wakes).is_ready());
    assert_eq!(diary.pages(), ["child", "child", "output"]);
    drop(all);
    assert_eq!(diary.pages(), ["child", "child", "output", "output"]);
}

#[test]
fn a_panic_of_a_child_comes_through_and_drops_the_siblings() {
    let diary = Diary::default();
    let kept = diary.on_drop("sibling dropped");
    let works: [Pin<Box<dyn Future<Output = ()>>>; 2] = [
        Box::pin(async {
            pending::<()>().await;
            drop(kept);
        }),
        Box::pin(async { panic!("boom") }),
    ];
    let all = for_each_concurrent(works, 2, |work| work);
    let caught = catch_unwind(AssertUnwindSafe(|| block_on(all)));
    assert_eq!(panic_text(caught.unwrap_err()), "boom");
    assert_eq!(diary.pages(), ["sibling dropped"]);
}

/// Goal: show that a panic of the iterator or of `f` costs no output and no room.
#[test]
fn a_panic_of_the_iterator_loses_nothing() {
    let mut calls = 0;
    let fragile = std::iter::from_fn(|| {
        calls += 1;
        assert!(calls != 3, "the third call panics");
        (calls <= 5).then(|| ready(calls))
    });
    let mut all = buffered(fragile, 2);
    assert_eq!(block_on(all.next()), Some(1));
    let caught = catch_unwind(AssertUnwindSafe(|| block_on(all.next())));
    assert_eq!(panic_text(caught.unwrap_err()), "the third call panics");
    let mut rest = Vec::new();
    while let Some(n) = block_on(all.next()) {
        rest.push(n);
    }
    assert_eq!(rest, [2, 4, 5]);
}

/// Goal: show that a wake of a former tenant of a room only costs the new tenant a poll, and that
/// the new tenant's own wake is not lost by it. Method: one room, gates that keep their wakers.
#[test]
fn a_late_wake_of_a_former_tenant_is_a_poll_in_vain() {
    let gates = [Gate::default(), Gate::default()];
    let wakes = Arc::<Wakes>::default();
    let mut all = buffer_unordered(gates.iter().cloned().map(Gate::pass), 1);
    assert!(poll_once(pin!(all.next()), &wakes).is_pending());
    gates[0].open(1);
    assert_eq!(poll_once(pin!(all.next()), &wakes), Poll::Ready(Some(1)));
    assert!(poll_once(pin!(all.next()), &wakes).is_pending());
    assert_eq!(gates[1].polls(), 1);

    gates[0].wake();
    assert!(poll_once(pin!(all.next()), &wakes).is_pending());
    assert_eq!((gates[0].polls(), gates[1].polls()), (2, 2));
    gates[1].open(2);
    assert_eq!(poll_once(pin!(all.next()), &wakes), Poll::Ready(Some(2)));
    gates.iter().for_each(Gate::wake); // late ones, to an empty room
    assert_eq!(poll_once(pin!(all.next()), &wakes), Poll::Ready(None));
}

/// Goal: show that rooms are used again and that nobody is polled who was not woken: 1,000 futures
/// in 3 rooms, two polls each.
#[test]
fn a_thousand_futures_in_three_rooms_are_polled_twice_each() {
    let gates: Vec<Gate> = (0..1_000).map(|_| Gate::default()).collect();
    let wakes = Arc::default();
    let mut all = buffer_unordered(gates.iter().cloned().map(Gate::pass), 3);
    for (n, gate) in gates.iter().enumerate() {
        assert!(poll_once(pin!(all.next()), &wakes).is_pending());
        gate.open(n as u32);
        assert_eq!(poll_once(pin!(all.next()), &wakes), Poll::Ready(Some(n as u32)));
    }
    assert_eq!(poll_once(pin!(all.next()), &wakes), Poll::Ready(None));
    assert_eq!(gates.iter().map(Gate::polls).sum::<usize>(), 2_000);
}

/// Goal: show that no wake from another thread is lost while rooms change their tenants. Method:
/// two threads open the gates as soon as they were polled; the parent parks, so a lost wake hangs.
#[test]
fn tenants_that_are_woken_from_other_threads_all_end() {
    for n in [1, 3, 100] {
        let gates: Vec<Gate> = (0..200).map(|_| Gate::default()).collect();
        let openers = open_from_two_threads(&gates);
        let sum = Cell::new(0);
        block_on(for_each_concurrent(gates, n, async |gate| {
            let number = gate.pass().await;
            sum.set(sum.get() + number);
        }));
        assert_eq!(sum.get(), (0..200).sum());
        openers.into_iter().for_each(|opener| opener.join().unwrap());
    }
}

/// Goal: show that a long list of futures which never wait in earnest lets other tasks run.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_list_of_ready_waits_gives_way_when_the_budget_is_spent() {
    rondel::run(async {
        let turns = Rc::new(Cell::new(0));
        let ours = turns.clone();
        rondel::task::spawn_local(async move {
            loop {
                ours.set(ours.get() + 1);
                rondel::task::yield_now().await;
            }
        });
        let permits = rondel::sync::Semaphore::new(5);
        for_each_concurrent(0..1_280, 5, async |_| drop(permits.acquire().await.unwrap())).await;
        assert!(turns.get() >= 9, "{} turns", turns.get());
    });
}

#[test]
fn they_are_streams_that_guess_how_many_are_left() {
    let wakes = Arc::default();
    let mut all = buffer_unordered((0..4).map(ready), 2);
    assert_eq!(all.size_hint(), (4, Some(4)));
    let next = poll_once(pin!(poll_fn(|cx| Pin::new(&mut all).poll_next(cx))), &wakes);
    assert_eq!((next, all.size_hint()), (Poll::Ready(Some(0)), (3, Some(3))));
    let all = buffered((0..).map(ready::<u64>), 2);
    assert_eq!(all.size_hint().1, None);
}

#[test]
fn they_nest_with_gather() {
    virtually(async {
        let rows = gather((0..3).map(async |row| {
            let mut cells = buffered((0..3).map(|cell| after(3 - cell, row * 10 + cell)), 2);
            let mut sum = 0;
            while let Some(cell) = cells.next().await {
                sum += cell;
            }
            sum
        }));
        assert_eq!(rows.await, [3, 33, 63]);
    });
}

// ---- The first error ---------------------------------------------------------------------------

/// Goal: show that an error ends it at its moment: those in flight are dropped before it is seen,
/// and no more items are pulled.
#[test]
fn try_for_each_concurrent_ends_with_the_first_error() {
    virtually(async {
        let log = Log::new();
        let pulled = Cell::new(0);
        let items = [("a", 30, Ok(())), ("b", 10, Err("no")), ("c", 10, Ok(())), ("d", 10, Ok(()))];
        let items = items.into_iter().inspect(|_| pulled.set(pulled.get() + 1));
        let failed = try_for_each_concurrent(items, 2, |(name, delay, output)| {
            log.work(name, delay, output)
        })
        .await;
        log.note(format_args!("error {}", failed.unwrap_err()));
        let lines = ["0 a starts", "0 b starts", "10 b ends", "10 a is dropped", "10 error no"];
        assert_eq!(log.lines(), lines);
        assert_eq!(pulled.get(), 2);
    });
}

#[test]
fn try_for_each_concurrent_without_errors_serves_every_item() {
    virtually(async {
        let log = Log::new();
        let sum = Cell::new(0);
        let done = try_for_each_concurrent(1..=10, 5, async |n| {
            sleep(millis(10)).await;
            sum.set(sum.get() + n);
            Ok::<_, ()>(())
        });
        assert_eq!(done.await, Ok(()));
        assert_eq!((sum.get(), log.now()), (55, 20));
    });
}
