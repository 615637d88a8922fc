//! Tasks of a step's own: awaited, aborted, let go, in sets, behind a shield; some of them panic.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

use rondel::combine;
use rondel::task::{self, AbortOnDropHandle, JoinError, JoinHandle, JoinSet};

use super::luck::Luck;
use super::watched::{Caught, Planned, Watched, panic_as_planned};
use super::world::Me;

/// How a task's future ended.
#[derive(Clone, Default)]
pub struct End(Arc<AtomicU8>);

const DROPPED: u8 = 1;
const RETURNED: u8 = 2;
const PANICKED: u8 = 3;

impl End {
    /// Holds what a handle says against what happened.
    pub fn check<T>(&self, said: &Result<T, JoinError>) {
        let wanted = match said {
            Ok(_) => RETURNED,
            Err(error) if error.is_panic() => PANICKED,
            Err(_) => DROPPED,
        };
        let happened = self.0.load(SeqCst);
        assert_eq!(wanted, happened, "the handle says (left), the task did (right)");
    }
}

/// Says at the end how a future ended; unless told otherwise, it was dropped.
struct Ending(End, u8);

impl Drop for Ending {
    fn drop(&mut self) {
        let before = self.0.0.swap(self.1, SeqCst);
        assert_eq!(before, 0, "a task ended twice");
    }
}

/// A task and what became of it.
pub struct Child<T> {
    pub handle: JoinHandle<T>,
    pub end: End,
}

impl<T> Child<T> {
    /// Waits for it. `None`: it was aborted, or panicked as it was meant to.
    pub async fn join(self, me: &Me, luck: &mut Luck) -> Option<T> {
        let said = me.watch(luck, "JoinHandle", self.handle).await;
        self.end.check(&said);
        match said {
            Ok(output) => Some(output),
            Err(error) if error.is_cancelled() => None,
            Err(error) => {
                let panic = error.into_panic();
                if !panic.is::<Planned>() {
                    resume_unwind(panic);
                }
                None
            }
        }
    }
}

impl Me {
    /// A future, with all that a whole task is watched for.
    pub fn body<F: Future>(
        &self,
        luck: &mut Luck,
        end: &End,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let (me, end, luck) = (self.clone(), end.clone(), luck.split());
        let one = me.world.tasks.one();
        let watched = Watched::task(&me, luck, future);
        // Made here: a task that is aborted before its first poll ends, too.
        let ending = Ending(end, DROPPED);
        async move {
            let (_one, mut ending) = (one, ending);
            let result = Caught::new(watched).await;
            ending.1 = if result.is_ok() { RETURNED } else { PANICKED };
            match result {
                Ok(output) => output,
                Err(panic) => {
                    if !panic.is::<Planned>() {
                        me.world.report(&me.name, &*panic);
                    }
                    resume_unwind(panic)
                }
            }
        }
    }

    /// Starts a task that is this one.
    pub fn start<F>(&self, luck: &mut Luck, future: F) -> Child<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let child = self.start_safely(luck, future);
        self.world.can_be_aborted(child.handle.abort_handle());
        child
    }

    /// Starts a task that nobody aborts by chance.
    pub fn start_safely<F>(&self, luck: &mut Luck, future: F) -> Child<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let end = End::default();
        let body = self.body(luck, &end, future);
        let handle = task::Builder::new().name(&self.name).spawn(body).expect("it never fails");
        Child { handle, end }
    }
}

pub async fn children(me: Me, mut luck: Luck) {
    let child = me.child();
    let step = child.step(&mut luck);
    match luck.below(6) {
        0 => {
            me.note(format_args!("lets {} go", child.name));
            drop(child.start(&mut luck, step));
        }
        1 => {
            let started = child.start(&mut luck, step);
            me.hold(&mut luck).await;
            me.note(format_args!("aborts {}", child.name));
            me.world.abort(started.handle.abort_handle());
            if luck.one_in(2) {
                started.join(&me, &mut luck).await;
            }
        }
        2 => {
            let body = async move {
                step.await;
                panic_as_planned()
            };
            // Nobody hears of its panic if this step is dropped: so it must not come to that.
            let Child { handle, end } = child.start(&mut luck, body);
            let said = me.watch(&mut luck, "JoinHandle", AbortOnDropHandle::new(handle)).await;
            end.check(&said);
        }
        3 => {
            let started = child.start(&mut luck, step);
            let limit = luck.below(20);
            me.at_most(limit, started.handle).await;
        }
        _ => {
            me.note(format_args!("waits for {}", child.name));
            child.start(&mut luck, step).join(&me, &mut luck).await;
        }
    }
}

pub async fn set(me: Me, mut luck: Luck) {
    let (mut set, mut ends) = (JoinSet::new(), Vec::new());
    let n = luck.between(1, 5);
    for number in 0..n {
        let (child, end) = (me.child(), End::default());
        let step = child.step(&mut luck);
        let panics = luck.one_in(6);
        let body = async move {
            step.await;
            if panics {
                panic_as_planned();
            }
            number
        };
        let body = child.body(&mut luck, &end, body);
        me.world.can_be_aborted(set.spawn(body));
        ends.push(end);
    }
    me.note(format_args!("has a set of {n}"));
    match luck.below(5) {
        0 => {
            me.hold(&mut luck).await;
            me.watch(&mut luck, "JoinSet::shutdown", set.shutdown()).await;
            assert!(ends.iter().all(|end| end.0.load(SeqCst) != 0), "shut down, but not ended");
        }
        1 => {
            me.hold(&mut luck).await;
            set.abort_all();
        }
        _ => {}
    }
    let mut joined: Vec<usize> = Vec::new();
    for _ in 0..luck.below(n + 2) {
        let next = me.watch(&mut luck, "JoinSet::join_next", set.join_next()).await;
        let Some(said) = next else { break };
        joined.extend(said.as_ref().ok());
        if let Ok(number) = &said {
            ends[*number].check(&said);
        }
        me.hold(&mut luck).await;
    }
    let all = joined.len();
    joined.sort_unstable();
    joined.dedup();
    assert_eq!(joined.len(), all, "{}: one was joined twice", me.name);
    // What is left is aborted by the drop of the set.
}

pub async fn shielded(me: Me, mut luck: Luck) {
    let (child, end) = (me.child(), End::default());
    let step = child.step(&mut luck);
    let body = child.body(&mut luck, &end, step);
    let limit = luck.below(15);
    let shield = me.watch(&mut luck, "shield", combine::shield(body));
    let said = me.at_most(limit, shield).await;
    me.note(format_args!("has waited for {}: {}", child.name, said.is_some()));
    if let Some(said) = said {
        end.check(&said);
    }
}

pub async fn abort_somebody(me: Me, mut luck: Luck) {
    if luck.one_in(3) {
        me.note("aborts somebody");
        me.world.abort_somebody(&mut luck);
    }
}
