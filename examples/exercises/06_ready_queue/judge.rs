//! Judges a ready queue: first in, first out; in it once; in it again when woken in a poll.

use super::answer::ReadyQueue;
use rondel_exercises::{Judge, ensure};

pub fn judge(judge: &mut Judge) {
    judge.check("first in, first out").plain(|log| {
        let mut queue = ReadyQueue::default();
        for task in [3, 1, 2] {
            log.note(format!("task {task} is woken"));
            queue.wake(task);
        }
        let order = [queue.next(), queue.next(), queue.next(), queue.next()];
        ensure!(
            order != [Some(2), Some(1), Some(3), None],
            "the task that was woken last went first: whoever wakes itself all the time would \
             starve the others"
        );
        ensure!(
            order == [Some(3), Some(1), Some(2), None],
            "tasks 3, 1, 2 were woken in this order, and your queue gave {order:?}"
        );
        Ok(())
    });

    judge.check("two tasks that wake themselves take turns").plain(|log| {
        let mut queue = ReadyQueue::default();
        queue.wake(1);
        queue.wake(2);
        let mut polled = Vec::new();
        for _ in 0..6 {
            let task = queue.next().ok_or("the queue was empty, though two tasks were woken")?;
            log.note(format!("task {task} is polled, and wakes itself"));
            polled.push(task);
            queue.wake(task);
        }
        ensure!(polled == [1, 2, 1, 2, 1, 2], "they were polled in the order {polled:?}");
        Ok(())
    });

    judge.check("a task is in the queue once").plain(|log| {
        let mut queue = ReadyQueue::default();
        for _ in 0..3 {
            log.note("task 5 is woken");
            queue.wake(5);
        }
        ensure!(queue.next() == Some(5), "a task that was woken must be in the queue");
        ensure!(
            queue.next().is_none(),
            "task 5 was woken three times before it ran, and is polled more than once for it: a \
             wake-up says \"look again\", and one look is enough"
        );
        Ok(())
    });

    judge.check("a wake-up during the poll is not lost").plain(|log| {
        let mut queue = ReadyQueue::default();
        queue.wake(5);
        ensure!(queue.next() == Some(5), "a task that was woken must be in the queue");
        log.note("task 5 is polled, and woken in the meantime");
        queue.wake(5);
        ensure!(
            queue.next() == Some(5),
            "task 5 was woken while it was polled, and is not polled again: what it was woken \
             for may have come after it looked"
        );
        ensure!(queue.next().is_none(), "the queue should be empty now");
        Ok(())
    });
}
