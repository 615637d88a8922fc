//! All kinds of steps, and how often each comes.
//!
//! A step ends whatever the others do: what it awaits has a partner (somebody who holds a lock for
//! a while, the janitor who rings, a service that drains), or a limit.

use super::luck::Luck;
use super::world::{Me, Step};
use super::{channels, combos, locks, pairs, queues, signals, stage, structured, tasks, times};

type Kind = fn(Me, Luck) -> Step;

macro_rules! kinds {
    ($($module:ident::$name:ident),* $(,)?) => {
        &[$(|me, luck| Box::pin($module::$name(me, luck))),*]
    };
}

/// Steps that need no loop.
const ANYWHERE: &[Kind] = kinds![
    locks::semaphore,
    locks::semaphore,
    locks::mutex,
    locks::mutex,
    locks::rwlock,
    locks::rwlock,
    locks::limiter,
    signals::notify,
    signals::notify,
    signals::event,
    stage::condition,
    signals::barrier,
    signals::once_cell,
    signals::set_once,
    signals::token,
    channels::send_bounded,
    channels::send_bounded,
    channels::send_unbounded,
    channels::broadcast,
    channels::broadcast,
    channels::watch,
    queues::fifo,
    queues::lifo,
    queues::smallest,
];

/// Steps that set timers or start tasks.
const AT_A_LOOP: &[Kind] = kinds![
    times::sleeps,
    times::interval_step,
    times::delays,
    times::limits,
    pairs::oneshot,
    pairs::mpsc,
    pairs::closing,
    tasks::children,
    tasks::children,
    tasks::set,
    tasks::shielded,
    tasks::abort_somebody,
    combos::gathered,
    combos::selected,
    combos::raced,
    combos::joined,
    combos::streamed,
    combos::waited,
    combos::hedged,
    combos::for_each,
    structured::group,
    structured::group,
    structured::scoped,
    structured::tracked,
    structured::tied,
    structured::deadlines,
    structured::shut_down,
    structured::local_set,
];

pub fn random(me: &Me, luck: &mut Luck) -> Step {
    let at_a_loop = me.has_loop && !me.is_deep() && luck.one_in(3);
    let kind = luck.pick(if at_a_loop { AT_A_LOOP } else { ANYWHERE });
    kind(me.clone(), luck.split())
}
