//! Lesson 05. What does the compiler make of an `async fn`?
//!
//! Run it: `cargo run --example 05_state_machine`
//! Covers: 18, 27, 38.
//!
//! Python: a coroutine keeps its frame, and `send(None)` goes on where it stood. Before `async def`
//! the same was a generator with `yield from`. Rust: an enum with a variant for each `.await`. A
//! variant holds what is needed after that point; `poll` is one step from variant to variant.
//!
//! The same function stands here three times: as an `async fn`, as the enum by hand, and as an old
//! generator that a small driver turns into a future.
//!
//! Predict. A future has a buffer of 4096 bytes. How big is the future, and how big is one that
//! awaits it?
//!
//! a) Both some bytes: the buffer is on the stack, as in any function.
//! b) The first is over 4096 bytes; the other has a pointer to it.
//! c) It depends on where the buffer is used: over 4096 if that is on both sides of an `.await`,
//!    else some bytes. The other holds the first one inside, so it is at least as big.

use rondel::testing::{Diary, task};
use rondel::time::sleep;
use std::fs;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Pending at the first poll, then ten times the number: stands for a question to a server.
struct Ask(u32, bool);

impl Ask {
    fn about(number: u32) -> Self {
        Self(number, false)
    }
}

impl Future for Ask {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        if std::mem::replace(&mut self.1, true) {
            return Poll::Ready(self.0 * 10);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

// --- 1. native -----------------------------------------------------------------------------------

async fn native(diary: Diary) -> u32 {
    diary.note("begins");
    let first = Ask::about(1).await;
    diary.note(format!("first is {first}"));
    let second = Ask::about(first + 1).await;
    diary.note(format!("second is {second}"));
    first + second
}

// --- 2. what the compiler makes of it ------------------------------------------------------------

enum Machine {
    Created {
        diary: Diary,
    },
    AtFirst {
        diary: Diary,
        ask: Ask,
    },
    AtSecond {
        diary: Diary,
        first: u32,
        ask: Ask,
    },
    /// Also its state while a step lasts: who panics in the middle is not polled again.
    Completed,
}

impl Machine {
    fn state(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::AtFirst { .. } => "suspended at the first await",
            Self::AtSecond { .. } => "suspended at the second await",
            Self::Completed => "completed",
        }
    }
}

impl Future for Machine {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        // A loop, as an await that is ready does not pause: the next state is entered at once.
        loop {
            match std::mem::replace(&mut *self, Self::Completed) {
                Self::Created { diary } => {
                    diary.note("begins");
                    *self = Self::AtFirst { diary, ask: Ask::about(1) };
                }
                Self::AtFirst { diary, mut ask } => {
                    let Poll::Ready(first) = Pin::new(&mut ask).poll(cx) else {
                        *self = Self::AtFirst { diary, ask };
                        return Poll::Pending;
                    };
                    diary.note(format!("first is {first}"));
                    *self = Self::AtSecond { diary, first, ask: Ask::about(first + 1) };
                }
                Self::AtSecond { diary, first, mut ask } => {
                    let Poll::Ready(second) = Pin::new(&mut ask).poll(cx) else {
                        *self = Self::AtSecond { diary, first, ask };
                        return Poll::Pending;
                    };
                    diary.note(format!("second is {second}"));
                    return Poll::Ready(first + second);
                }
                Self::Completed => panic!("resumed after completion"),
            }
        }
    }
}

// --- 3. as it was before there was `async`: a generator, and something that drives it ------------

enum Step<R> {
    Yielded,
    Returned(R),
}

/// Python's generator: `send` runs up to the next `yield`. It is given no waker; whoever drives it
/// has to know when to go on.
trait Generator: Sized {
    type Return;

    fn send(&mut self) -> Step<Self::Return>;

    /// `value = yield from self`, and then the rest of the function.
    fn then<G: Generator>(
        self,
        rest: impl FnOnce(Self::Return) -> G,
    ) -> impl Generator<Return = G::Return> {
        YieldFrom::Inner(self, Some(rest))
    }
}

struct AskOnce(u32, bool);

impl Generator for AskOnce {
    type Return = u32;

    fn send(&mut self) -> Step<u32> {
        let has_yielded = std::mem::replace(&mut self.1, true);
        if has_yielded { Step::Returned(self.0 * 10) } else { Step::Yielded }
    }
}

struct Return(u32);

impl Generator for Return {
    type Return = u32;

    fn send(&mut self) -> Step<u32> {
        Step::Returned(self.0)
    }
}

enum YieldFrom<A, F, B> {
    Inner(A, Option<F>),
    Rest(B),
}

impl<A: Generator, F: FnOnce(A::Return) -> B, B: Generator> Generator for YieldFrom<A, F, B> {
    type Return = B::Return;

    fn send(&mut self) -> Step<B::Return> {
        loop {
            match self {
                Self::Rest(rest) => return rest.send(),
                Self::Inner(inner, rest) => match inner.send() {
                    Step::Yielded => return Step::Yielded,
                    Step::Returned(value) => {
                        let rest = rest.take().expect("the inner one returns once");
                        *self = Self::Rest(rest(value));
                    }
                },
            }
        }
    }
}

fn legacy(diary: Diary) -> impl Generator<Return = u32> {
    diary.note("begins");
    AskOnce(1, false).then(move |first| {
        diary.note(format!("first is {first}"));
        AskOnce(first + 1, false).then(move |second| {
            diary.note(format!("second is {second}"));
            Return(first + second)
        })
    })
}

/// What asyncio's `Task` does with a coroutine of either kind.
struct Drive<G>(G);

// The generator itself is never pinned: it is called, not polled.
impl<G> Unpin for Drive<G> {}

impl<G: Generator> Future for Drive<G> {
    type Output = G::Return;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G::Return> {
        match self.0.send() {
            Step::Returned(value) => Poll::Ready(value),
            Step::Yielded => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

// --- how big they are ----------------------------------------------------------------------------

async fn kept() -> usize {
    let buf = [1_u8; 4096];
    Ask::about(1).await;
    buf.iter().map(|byte| usize::from(*byte)).sum()
}

async fn used_before() -> usize {
    let sum = {
        let buf = [1_u8; 4096];
        buf.iter().map(|byte| usize::from(*byte)).sum()
    };
    Ask::about(1).await;
    sum
}

async fn outer() -> usize {
    kept().await
}

async fn outer_boxed() -> usize {
    Box::pin(kept()).await
}

/// Bytes of memory in use, where the kernel tells (Linux).
fn resident() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok().map(|kb| kb * 1024)
}

/// What a task costs that sleeps, all told: its block, its timer, its places in the loop's lists.
fn bytes_per_sleeping_task(count: usize) -> Option<usize> {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let before = resident()?;
        for _ in 0..count {
            drop(rondel::spawn(sleep(Duration::from_secs(3600))));
        }
        rondel::task::yield_now().await; // each has begun, and sleeps
        Some(resident()?.saturating_sub(before) / count)
    })
}

/// Polls to the end. Returns the output and the number of polls.
fn drive<F: Future>(future: F, mut look: impl FnMut(&F)) -> (F::Output, u32) {
    let (mut future, mut polls) = (task::spawn(future), 0);
    loop {
        future.enter(|_, future| look(&*future));
        polls += 1;
        if let Poll::Ready(output) = future.poll() {
            future.enter(|_, future| look(&*future));
            return (output, polls);
        }
        assert!(future.is_woken());
    }
}

fn main() {
    let (one, two, three) = (Diary::default(), Diary::default(), Diary::default());
    let by_compiler = drive(native(one.clone()), |_| {});
    let mut states = Vec::new();
    let by_hand = drive(Machine::Created { diary: two.clone() }, |m| states.push(m.state()));
    let by_generator = drive(Drive(legacy(three.clone())), |_| {});
    println!("native, by hand, generator: {by_compiler:?} {by_hand:?} {by_generator:?}");
    println!("{}", one.pages().join(", "));
    println!("{}", states.join(" -> "));
    assert_eq!(by_compiler, (120, 3));
    assert_eq!([by_hand, by_generator], [by_compiler; 2]);
    assert_eq!([two.pages(), three.pages()], [one.pages(), one.pages()]);
    assert_eq!(states.first().zip(states.last()), Some((&"created", &"completed")));

    let mut done = Box::pin(native(Diary::default()));
    let _ = drive(done.as_mut(), |_| {});
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let again = catch_unwind(AssertUnwindSafe(|| drive(done, |_| {})));
    set_hook(hook);
    let panic = again.unwrap_err();
    println!("polled again: {}", panic.downcast_ref::<&str>().unwrap());

    let sizes = [size_of_val(&kept()), size_of_val(&used_before()), size_of_val(&outer())];
    let [kept, used_before, outer] = sizes;
    let outer_boxed = size_of_val(&outer_boxed());
    println!("buffer kept across the await: ~{kept} bytes; used before it: ~{used_before} bytes");
    println!("who awaits the big one: ~{outer} bytes; awaits it in a box: ~{outer_boxed} bytes");
    let (machine, made) = (size_of::<Machine>(), size_of_val(&native(Diary::default())));
    println!("by hand: ~{machine} bytes; by the compiler: ~{made} bytes");
    assert!(kept > 4096 && outer >= kept);
    assert!(used_before < 64 && outer_boxed < 64);

    match bytes_per_sleeping_task(50_000) {
        Some(bytes) => {
            println!("a task that sleeps: ~{bytes} bytes");
            assert!(bytes < 1_467, "more than asyncio's");
        }
        None => println!("a task that sleeps: this system does not say"),
    }
}

// Explain
//
// c) is right. An `async fn` has no stack of its own between two polls: it has to give the thread
// back. What it needs later must lie in the future itself. So the compiler looks at each `.await`
// for what is used on both sides, and makes a variant of it; see `Machine`, which leaves the same
// diary in the same three polls. What is used up before the pause stays on the thread's stack, and
// costs the future nothing. And as a future is a value, an inner one is a field of the outer one:
// a tree of async calls is one block, of a size known when it is compiled. That is also why an
// `async fn` that calls itself needs a box: it would contain itself.
//
// There are two machines, one in the other. The compiler's has created, suspended at ..., and
// completed; a panic in the middle leaves it completed, and polling it again is a bug that panics.
// The runtime's, around it, has QUEUED, RUNNING, IDLE and DONE, and cancels by dropping the inner
// one in whatever state it is. Python's two are the coroutine's frame and the `Task`.
//
// The old generators were the same with worse words. `yield from inner` means: go on with `inner`
// each time somebody calls `send`, and when it returns, take its value and go on with the rest.
// `await` is that with a type of its own, so that nobody awaits a list by mistake. One thing is new
// in Rust: `send` gets no waker. Python's driver learns whom to wait for from the object that comes
// up by `yield`, and hangs itself on it; Rust's hands its waker down with the poll.
//
// The guide says that a coroutine takes about 1 KB. We measured in CPython 3.11: 140 bytes for a
// coroutine that was made, 1,467 for a task that sleeps. The last line above has ours, with the
// timer and all lists. A thread reserves 8 MB, of addresses and not of memory.
//
// What real runtimes do
//
// The enum is the compiler's, so all runtimes of Rust have it. C# and Kotlin do the same. Go and
// Java's virtual threads keep a real stack, which grows and is copied: any function may wait, and
// a waiting one costs 2 KB and more. asyncio can still drive a generator, but has no decorator for
// it since Python 3.11.
//
// Where to read next
//
// A task has room for the future and for its output, one after the other in the same place:
//
// ```rust,cite=runtime/task/stage.rs
// pub(super) enum Stage<F: Future> {
//     Future(F),
//     Output(Result<F::Output, JoinError>),
//     Gone,
// }
// ```
