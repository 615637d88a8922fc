//! Several steps in one task, by every combinator.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use rondel::combine::{
    self, ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, as_completed, buffer_unordered,
    buffered, gather, hedge, race, race_ok, staggered, try_for_each_concurrent, try_gather, wait,
};

use super::luck::Luck;
use super::watched::Caught;
use super::world::{Count, Me, One};

/// Steps with their numbers, counted as long as they are not dropped.
pub struct Crew {
    me: Me,
    luck: Luck,
    count: Count,
    next: usize,
    /// May be left lying by whoever awaits them.
    slow: bool,
}

impl Crew {
    pub fn new(me: &Me, luck: &mut Luck, slow: bool) -> Self {
        Self { me: me.clone(), luck: luck.split(), count: Count::default(), next: 0, slow }
    }

    /// The next one's number and step.
    fn begin(&mut self) -> (usize, [One; 2], super::world::Step) {
        let me = if self.slow { self.me.slow_child() } else { self.me.child() };
        // As a task it may outlive its step for a moment, but not the program.
        let (number, one) = (self.next, [self.count.one(), me.world.tasks.one()]);
        self.next += 1;
        (number, one, me.step(&mut self.luck))
    }

    /// A step that returns its number.
    pub fn one(&mut self) -> impl Future<Output = usize> + Send + use<> {
        let (number, one, step) = self.begin();
        let (world, name) = (self.me.world.clone(), self.me.name.clone());
        async move {
            let _one = one;
            if let Err(panic) = Caught::new(step).await {
                world.report(&name, &*panic); // whoever polls it may keep it for itself
                resume_unwind(panic);
            }
            number
        }
    }

    /// A step that returns its number, or fails with it.
    fn risky(&mut self) -> impl Future<Output = Result<usize, usize>> + Send + use<> {
        let (fails, one) = (self.luck.one_in(3), self.one());
        async move {
            let number = one.await;
            if fails { Err(number) } else { Ok(number) }
        }
    }

    pub fn all(&mut self, n: usize) -> Vec<impl Future<Output = usize> + Send + use<>> {
        (0..n).map(|_| self.one()).collect()
    }

    pub fn all_risky(
        &mut self,
        n: usize,
    ) -> Vec<impl Future<Output = Result<usize, usize>> + Send + use<>> {
        (0..n).map(|_| self.risky()).collect()
    }

    /// Nobody of it is left.
    pub fn is_gone(&self) {
        assert_eq!(self.count.now(), 0, "{}: children outlive their combinator", self.me.name);
    }
}

pub async fn gathered(me: Me, mut luck: Luck) {
    let mut crew = Crew::new(&me, &mut luck, false);
    let n = luck.between(1, 6);
    if luck.one_in(2) {
        let all = gather(crew.all(n));
        let numbers = me.perhaps(&mut luck, "gather", all).await;
        assert!(numbers.is_none_or(|numbers| numbers.iter().copied().eq(0..n)), "out of order");
    } else {
        let all = try_gather(crew.all_risky(n));
        match me.perhaps(&mut luck, "try_gather", all).await {
            Some(Ok(numbers)) => assert!(numbers.iter().copied().eq(0..n), "out of order"),
            Some(Err(number)) => assert!(number < n),
            None => {}
        }
    }
    crew.is_gone();
}

pub async fn selected(me: Me, mut luck: Luck) {
    let mut crew = Crew::new(&me, &mut luck, false);
    let (a, b, c) = (crew.one(), crew.one(), crew.one());
    let limit = luck.below(20);
    let chosen = if luck.one_in(2) {
        rondel::select! {
            number = a => number == 0,
            number = b => number == 1,
            number = c, if limit > 10 => number == 2,
            () = me.nap(limit) => true,
        }
    } else {
        rondel::select! {
            biased;
            number = a => number == 0,
            () = me.nap(limit) => true,
            number = b => number == 1,
            number = c => number == 2,
        }
    };
    assert!(chosen, "the output of another branch");
    me.note("has selected");
    crew.is_gone();
}

pub async fn raced(me: Me, mut luck: Luck) {
    let mut crew = Crew::new(&me, &mut luck, false);
    let n = luck.between(1, 5);
    if luck.one_in(2) {
        let one = me.perhaps(&mut luck, "race", race(crew.all(n))).await;
        assert!(one.is_none_or(|number| number < n));
        crew.is_gone();
    } else {
        match me.perhaps(&mut luck, "race_ok", race_ok(crew.all_risky(n))).await {
            Some(Ok(number)) => assert!(number < n),
            Some(Err(failed)) => {
                let errors: Vec<usize> = failed.into_errors();
                assert!(errors.iter().copied().eq(0..n), "{errors:?} are not all the errors");
            }
            None => {}
        }
        crew.is_gone();
    }
}

pub async fn joined(me: Me, mut luck: Luck) {
    let mut crew = Crew::new(&me, &mut luck, false);
    if luck.one_in(2) {
        let (a, b, c) = (crew.one(), crew.one(), crew.one());
        let all = async { rondel::join!(a, b, c) };
        let numbers = me.perhaps(&mut luck, "join!", all).await;
        assert!(numbers.is_none_or(|numbers| numbers == (0, 1, 2)));
    } else {
        let (a, b) = (crew.risky(), crew.risky());
        let all = async { rondel::try_join!(a, b) };
        match me.perhaps(&mut luck, "try_join!", all).await {
            Some(Ok(numbers)) => assert_eq!(numbers, (0, 1)),
            Some(Err(number)) => assert!(number < 2),
            None => {}
        }
    }
    crew.is_gone();
}

/// Outputs as they come, or in their order; whoever takes them sometimes takes its time.
pub async fn streamed(me: Me, mut luck: Luck) {
    let mut crew = Crew::new(&me, &mut luck, true);
    let (n, width) = (luck.between(1, 6), luck.between(1, 3));
    let taken_max = luck.between(1, n + 1);
    let count = crew.count.clone();
    let mut taken = Vec::new();
    macro_rules! take_from {
        ($name:literal, $stream:expr, $width:expr) => {{
            let mut stream = $stream;
            while taken.len() < taken_max {
                let next = me.perhaps(&mut luck, $name, stream.next()).await;
                match next {
                    Some(Some(number)) => taken.push(number),
                    Some(None) => break,
                    None => {}
                }
                assert!(count.now() <= $width, "{}: more in flight than {}", me.name, $width);
                me.hold(&mut luck).await;
            }
        }};
    }
    let kind = luck.below(3);
    match kind {
        0 => take_from!("as_completed", as_completed(crew.all(n)), n),
        1 => {
            let futures = std::iter::from_fn(|| (crew.next < n).then(|| crew.one()));
            take_from!("buffered", buffered(futures, width), width);
        }
        _ => {
            let futures = std::iter::from_fn(|| (crew.next < n).then(|| crew.one()));
            take_from!("buffer_unordered", buffer_unordered(futures, width), width);
        }
    }
    assert!(kind != 1 || taken.iter().copied().eq(0..taken.len()), "out of order");
    assert!(taken.len() == n.min(taken_max), "some never came");
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), n.min(taken_max), "one came twice");
    crew.is_gone();
}

pub async fn waited(me: Me, mut luck: Luck) {
    let mut crew = Crew::new(&me, &mut luck, false);
    let n = luck.between(1, 5);
    let when = *luck.pick(&[ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION]);
    let limit = luck.below(20);
    let pinned: Vec<_> = crew.all_risky(n).into_iter().map(Box::pin).collect();
    let mut waiting = wait(pinned, when);
    let limited = luck.one_in(2);
    if limited {
        waiting = waiting.timeout(me.millis(limit));
    }
    let waited = me.watch(&mut luck, "wait", waiting).await;
    assert_eq!(waited.done.len() + waited.pending.len(), n, "some are neither done nor pending");
    let failed = waited.done.iter().any(|(_, result)| result.is_err());
    let enough = match when {
        ALL_COMPLETED => waited.pending.is_empty(),
        FIRST_COMPLETED => !waited.done.is_empty(),
        _ => failed || waited.pending.is_empty(),
    };
    assert!(enough || limited, "it came back too early");
    assert!(waited.done.iter().all(|(at, result)| result.map_or_else(|e| e, |n| n) == *at));
    me.note(format_args!("has waited: {} done, {} not", waited.done.len(), waited.pending.len()));
    drop(waited);
    crew.is_gone();
}

pub async fn hedged(me: Me, mut luck: Luck) {
    let mut crew = Crew::new(&me, &mut luck, false);
    let n = luck.between(1, 4);
    let delay = me.millis(luck.below(15));
    let found = if luck.one_in(2) {
        let attempts = staggered(delay, crew.all_risky(n));
        me.perhaps(&mut luck, "staggered", attempts).await
    } else {
        let first = crew.risky();
        let attempts = hedge(first, delay, crew.all_risky(n - 1));
        me.perhaps(&mut luck, "hedge", attempts).await
    };
    match found {
        Some(Ok(number)) => assert!(number < n),
        Some(Err(failed)) => assert_eq!(failed.errors().len(), n, "not all have failed"),
        None => {}
    }
    crew.is_gone();
}

pub async fn for_each(me: Me, mut luck: Luck) {
    let (n, width) = (luck.between(1, 6), luck.between(1, 3));
    let mut crew = Crew::new(&me, &mut luck, false);
    let running = Arc::new(AtomicUsize::new(0));
    let most = |running: &AtomicUsize| {
        let now = running.fetch_add(1, SeqCst) + 1;
        assert!(now <= width, "{now} at a time, of at most {width}");
    };
    if luck.one_in(2) {
        let work = combine::for_each_concurrent(crew.all(n), width, |one| {
            let running = &running;
            async move {
                most(running);
                one.await;
                running.fetch_sub(1, SeqCst);
            }
        });
        let done = me.perhaps(&mut luck, "for_each_concurrent", work).await;
        assert!(done.is_none() || running.load(SeqCst) == 0, "it ended before its work");
    } else {
        let work = try_for_each_concurrent(crew.all_risky(n), width, |one| {
            let running = &running;
            async move {
                most(running);
                let result = one.await.map(drop);
                running.fetch_sub(1, SeqCst);
                result
            }
        });
        let done = me.perhaps(&mut luck, "try_for_each_concurrent", work).await;
        assert!(done != Some(Ok(())) || running.load(SeqCst) == 0, "it ended before its work");
    }
    crew.is_gone();
}
