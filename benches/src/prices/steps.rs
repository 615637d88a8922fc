//! The prices: each is a loop over one step, as the engine takes it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use slab::Slab;

use super::timed;
use crate::wheel::Wheel;

/// The block of a task whose future is a number: header and output (rule 2 of `mod.rs`).
const BLOCK_BYTES: usize = 112;
/// What stands in a queue, a slab or a wheel while a step is measured.
const STANDING: usize = 1_000;
const BURST: usize = 1_000;
const LARGE_BURST: usize = 100_000;

/// One step and its loop.
#[derive(Debug)]
pub struct Price {
    /// What the table and the models call it.
    pub name: &'static str,
    /// What one operation is.
    pub what: &'static str,
    /// The smallest number of operations that makes sense.
    pub least_ops: usize,
    /// Does so many operations; returns their CPU time without set-up and tear-down.
    pub run: fn(usize) -> Duration,
}

const fn price(name: &'static str, what: &'static str, run: fn(usize) -> Duration) -> Price {
    Price { name, what, least_ops: 1_000, run }
}

/// What the loop itself costs; subtracted from all others.
pub const EMPTY_LOOP: Price = price("loop", "the loop around all others, and its black box", empty);

/// Every price, in the order of the table.
pub const PRICES: &[Price] = &[
    price("malloc", "malloc + free of 112 B, the same block again and again", malloc),
    price("malloc_1k", "the same in bursts: 1,000 blocks, then all freed in order", malloc_1k),
    Price {
        least_ops: LARGE_BURST,
        ..price("malloc_100k", "the same with 100,000 blocks: page faults too", malloc_100k)
    },
    price("malloc_aligned", "malloc + free of 256 B aligned to 128", malloc_aligned),
    price("load_store", "atomic load + store (Release), one of 1,000: nothing locked", load_store),
    price("rmw", "uncontended atomic fetch_add", fetch_add),
    price("cas", "uncontended compare_exchange", compare_exchange),
    price("mutex", "uncontended std Mutex, lock + unlock", mutex),
    price("cell", "add to a Cell, one of 1,000", cell),
    price("rc", "Rc clone + drop", rc),
    price("arc", "Arc clone + drop", arc),
    price("waker", "a task's waker at home, clone + drop (the engine's own)", waker),
    price("queue", "VecDeque push + pop, 1,000 inside", queue),
    price("slab", "slab insert + remove, 1,000 inside", slab),
    price("wheel", "timer wheel insert + remove (the engine's own), 1,000 inside", wheel),
    price("tls", "const thread-local Cells, one read, one written", tls),
    price("tls_context", "thread-local with a drop, RefCell borrowed and asked", tls_context),
    price("call", "indirect call", call),
    price("catch", "catch_unwind around nothing that panics", catch),
    price("clock", "Instant::now", clock),
    price("syscall", "the shortest system call, getppid", syscall),
    price("eventfd", "ring: a write to an eventfd that an epoll set watches", eventfd),
    price("epoll", "epoll_wait with a time limit of 0, nothing ready", epoll),
];

/// The price of that name.
pub fn find(name: &str) -> Option<&'static Price> {
    PRICES.iter().find(|price| price.name == name)
}

fn repeat(ops: usize, mut step: impl FnMut(usize)) -> Duration {
    timed(|| (0..ops).for_each(|op| step(black_box(op))))
}

fn empty(ops: usize) -> Duration {
    repeat(ops, |_| ())
}

type Block = Box<MaybeUninit<[u8; BLOCK_BYTES]>>;

fn block() -> Block {
    Box::new_uninit()
}

fn malloc(ops: usize) -> Duration {
    repeat(ops, |_| drop(black_box(block())))
}

fn malloc_1k(ops: usize) -> Duration {
    bursts(ops, BURST)
}

fn malloc_100k(ops: usize) -> Duration {
    bursts(ops, LARGE_BURST)
}

fn bursts(ops: usize, burst: usize) -> Duration {
    let mut blocks: Vec<Block> = Vec::with_capacity(burst);
    timed(|| {
        for _ in 0..ops / burst {
            for number in 0..burst {
                let mut block = block();
                block.write([0; BLOCK_BYTES])[0] = number as u8; // a task's is written, too
                blocks.push(black_box(block));
            }
            blocks.drain(..).for_each(drop);
        }
    })
}

#[repr(align(128))]
struct Aligned {
    _bytes: [u8; 256],
}

fn malloc_aligned(ops: usize) -> Duration {
    repeat(ops, |_| drop(black_box(Box::<Aligned>::new_uninit())))
}

fn load_store(ops: usize) -> Duration {
    let bytes: Vec<AtomicU8> = (0..STANDING).map(|_| AtomicU8::new(0)).collect();
    repeat(ops, |op| {
        let byte = &bytes[op % STANDING];
        byte.store(byte.load(Ordering::Relaxed) ^ 1, Ordering::Release);
    })
}

fn fetch_add(ops: usize) -> Duration {
    let word = AtomicU64::new(0);
    repeat(ops, |_| {
        black_box(&word).fetch_add(1, Ordering::AcqRel);
    })
}

fn compare_exchange(ops: usize) -> Duration {
    let word = AtomicU64::new(0);
    repeat(ops, |_| {
        let word = black_box(&word);
        let now = word.load(Ordering::Relaxed);
        let _ = word.compare_exchange(now, now + 1, Ordering::AcqRel, Ordering::Relaxed);
    })
}

fn mutex(ops: usize) -> Duration {
    let mutex = Mutex::new(0_u64);
    repeat(ops, |_| *black_box(&mutex).lock().unwrap_or_else(PoisonError::into_inner) += 1)
}

fn cell(ops: usize) -> Duration {
    let counts: Vec<Cell<u64>> = (0..STANDING).map(|_| Cell::new(0)).collect();
    repeat(ops, |op| {
        let count = &counts[op % STANDING];
        count.set(count.get() + 1);
    })
}

fn rc(ops: usize) -> Duration {
    let shared = Rc::new(0_u64);
    repeat(ops, |_| drop(black_box(black_box(&shared).clone())))
}

fn arc(ops: usize) -> Duration {
    let shared = Arc::new(0_u64);
    repeat(ops, |_| drop(black_box(black_box(&shared).clone())))
}

/// In a task, because the waker of the root future counts the loop, not a task.
fn waker(ops: usize) -> Duration {
    rondel::run(async move {
        let task = rondel::spawn(poll_fn(move |cx| {
            Poll::Ready(repeat(ops, |_| drop(black_box(cx.waker().clone()))))
        }));
        task.await.expect("clones do not panic")
    })
}

fn queue(ops: usize) -> Duration {
    let mut queue: VecDeque<usize> = (0..STANDING).collect();
    repeat(ops, |_| {
        let first = queue.pop_front().expect("as many come as go");
        queue.push_back(black_box(first));
    })
}

fn slab(ops: usize) -> Duration {
    let mut slab: Slab<usize> = Slab::new();
    let mut keys: Vec<usize> = (0..STANDING).map(|item| slab.insert(item)).collect();
    repeat(ops, |op| {
        let key = &mut keys[op % STANDING];
        black_box(slab.remove(*key));
        *key = slab.insert(op);
    })
}

fn wheel(ops: usize) -> Duration {
    let mut wheel = Wheel::new(0);
    let ticks = crate::ablation::ticks(4_096, 10_000, 100_000);
    let mut keys: Vec<_> = (0..STANDING).map(|item| wheel.insert(ticks[item], item)).collect();
    repeat(ops, |op| {
        let key = &mut keys[op % STANDING];
        black_box(wheel.remove(*key));
        *key = wheel.insert(ticks[op % ticks.len()], op);
    })
}

thread_local! {
    static READ: Cell<u64> = const { Cell::new(0) };
    static WRITTEN: Cell<u64> = const { Cell::new(0) };
    static CONTEXT: RefCell<Option<Rc<u64>>> = const { RefCell::new(None) };
}

fn tls(ops: usize) -> Duration {
    repeat(ops, |op| {
        black_box(READ.get());
        WRITTEN.with(|written| {
            written.set(op as u64);
            black_box(written); // whoever sees it could look: so each write is made
        });
    })
}

fn tls_context(ops: usize) -> Duration {
    CONTEXT.with(|context| *context.borrow_mut() = Some(Rc::new(0)));
    repeat(ops, |_| {
        let asked = CONTEXT.try_with(|context| context.borrow().as_deref().copied());
        black_box(asked.ok().flatten());
    })
}

fn call(ops: usize) -> Duration {
    #[inline(never)]
    fn callee(op: usize) -> usize {
        op
    }
    let callee: fn(usize) -> usize = callee;
    repeat(ops, |op| {
        black_box(black_box(callee)(op));
    })
}

fn catch(ops: usize) -> Duration {
    repeat(ops, |op| {
        black_box(catch_unwind(AssertUnwindSafe(|| black_box(op))).is_ok());
    })
}

fn clock(ops: usize) -> Duration {
    repeat(ops, |_| {
        black_box(Instant::now());
    })
}

fn syscall(ops: usize) -> Duration {
    repeat(ops, |_| {
        black_box(rustix::process::getppid());
    })
}

/// As the engine rings: through mio.
fn eventfd(ops: usize) -> Duration {
    let poll = mio::Poll::new().expect("an epoll set");
    let bell = mio::Waker::new(poll.registry(), mio::Token(0)).expect("an eventfd");
    repeat(ops, |_| bell.wake().expect("an eventfd takes 2^64 writes"))
}

fn epoll(ops: usize) -> Duration {
    let mut poll = mio::Poll::new().expect("an epoll set");
    let _bell = mio::Waker::new(poll.registry(), mio::Token(0)).expect("an eventfd");
    let mut events = mio::Events::with_capacity(256);
    repeat(ops, |_| poll.poll(&mut events, Some(Duration::ZERO)).expect("nothing to fail"))
}
