//! A model of the loop: tasks by number, a ready queue of four kinds, nothing else.
//!
//! No timers, no sockets, no handles, one waker a task that is never counted while it runs. What is
//! left is what the queue decides: who comes next.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use super::Lots;

/// Who comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Discipline {
    /// Whoever came first.
    Fifo,
    /// Whoever was woken last by another task, so many times in a row; then whoever came first.
    LastWoken(u32),
    /// Whoever is drawn by lot.
    ByLot,
}

struct Queue {
    ring: VecDeque<usize>,
    discipline: Discipline,
    slot: Option<usize>,
    in_a_row: u32,
    running: Option<usize>,
    lots: Lots,
}

impl Queue {
    fn push(&mut self, task: usize) {
        // A task that wakes itself goes to the back under each discipline, as tokio's yield does.
        if let Discipline::LastWoken(_) = self.discipline
            && self.running != Some(task)
        {
            self.ring.extend(self.slot.replace(task));
        } else {
            self.ring.push_back(task);
        }
    }

    fn pop(&mut self) -> Option<usize> {
        match self.discipline {
            Discipline::LastWoken(most) if self.in_a_row < most || self.ring.is_empty() => {
                if let Some(task) = self.slot.take() {
                    self.in_a_row += 1;
                    return Some(task);
                }
            }
            Discipline::ByLot if self.ring.len() > 1 => {
                let drawn = ((self.lots.draw() >> 32) as usize * self.ring.len()) >> 32;
                self.ring.swap(0, drawn);
            }
            _ => {}
        }
        self.in_a_row = 0;
        self.ring.pop_front()
    }
}

thread_local! {
    static QUEUE: RefCell<Queue> = const {
        RefCell::new(Queue {
            ring: VecDeque::new(),
            discipline: Discipline::Fifo,
            slot: None,
            in_a_row: 0,
            running: None,
            lots: Lots(0),
        })
    };
}

/// What a waker points to.
struct Number {
    task: usize,
    /// Read and written by the loop's thread alone; a plain load and store.
    queued: AtomicBool,
}

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.load(Ordering::Relaxed) {
            self.queued.store(true, Ordering::Relaxed);
            QUEUE.with_borrow_mut(|queue| queue.push(self.task));
        }
    }
}

/// A task of the model.
pub(super) type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The model. One a thread at a time.
pub(super) struct Executor {
    numbers: Vec<Arc<Number>>,
    wakers: Vec<Waker>,
}

impl Executor {
    /// A model for `count` tasks.
    pub(super) fn new(discipline: Discipline, count: usize) -> Self {
        QUEUE.with_borrow_mut(|queue| {
            *queue = Queue {
                ring: VecDeque::with_capacity(count),
                discipline,
                slot: None,
                in_a_row: 0,
                running: None,
                lots: Lots::default(),
            };
        });
        let number = |task| Arc::new(Number { task, queued: AtomicBool::new(false) });
        let numbers: Vec<_> = (0..count).map(number).collect();
        let wakers = numbers.iter().map(|number| Waker::from(number.clone())).collect();
        Self { numbers, wakers }
    }

    /// The waker of a task, to be known by another one.
    pub(super) fn waker(&self, task: usize) -> &Waker {
        &self.wakers[task]
    }

    /// Runs tasks until all are done, at most `polls_max` polls. All are woken in order at first.
    /// Each `batch` polls, and when nothing is ready, `look` is called. Returns the polls.
    pub(super) fn run(
        &self,
        tasks: Vec<Task>,
        polls_max: usize,
        batch: usize,
        mut look: impl FnMut(),
    ) -> usize {
        QUEUE.with_borrow_mut(|queue| queue.ring.extend(0..tasks.len()));
        self.numbers.iter().for_each(|number| number.queued.store(true, Ordering::Relaxed));
        let (mut live, mut polls, mut since_look) = (tasks.len(), 0, 0);
        let mut tasks: Vec<Option<Task>> = tasks.into_iter().map(Some).collect();
        while live > 0 && polls < polls_max {
            if since_look == batch {
                look();
                since_look = 0;
            }
            let next = QUEUE.with_borrow_mut(|queue| {
                queue.running = queue.pop();
                queue.running
            });
            let Some(task) = next else { break };
            self.numbers[task].queued.store(false, Ordering::Relaxed);
            let Some(future) = &mut tasks[task] else { continue }; // woken after its end
            let mut cx = Context::from_waker(&self.wakers[task]);
            if future.as_mut().poll(&mut cx).is_ready() {
                tasks[task] = None;
                live -= 1;
            }
            polls += 1;
            since_look += 1;
        }
        polls
    }
}

/// Gives way once.
pub(super) async fn give_way() {
    let mut gave = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut gave, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    /// The order in which three tasks run that each wake the first one once.
    fn order(discipline: Discipline) -> Vec<usize> {
        let executor = Executor::new(discipline, 3);
        let diary: Rc<RefCell<Vec<usize>>> = Rc::default();
        let task = |number: usize| -> Task {
            let (diary, first) = (diary.clone(), executor.waker(0).clone());
            let mut polls = 0;
            Box::pin(std::future::poll_fn(move |_| {
                diary.borrow_mut().push(number);
                polls += 1;
                if number == 1 {
                    first.wake_by_ref();
                }
                if number > 0 || polls == 2 {
                    return std::task::Poll::Ready(());
                }
                std::task::Poll::Pending
            }))
        };
        let _ = executor.run((0..3).map(task).collect(), 100, usize::MAX, || ());
        diary.take()
    }

    /// Goal: show that the disciplines differ in who comes next, and in nothing else.
    /// Method: task 1 wakes task 0, while task 2 stands in line.
    #[test]
    fn the_slot_lets_the_task_woken_last_go_first() {
        assert_eq!(order(Discipline::Fifo), [0, 1, 2, 0]);
        assert_eq!(order(Discipline::LastWoken(3)), [0, 1, 0, 2]);
        assert_eq!(order(Discipline::LastWoken(0)), [0, 1, 2, 0]);
    }
}
