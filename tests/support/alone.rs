//! A reactor's table with its ear, for one thread that does everything.

use crate::reactor::{Doorbell, Ear, Kernel, Reactor};
use crate::shim::Arc;
use std::cell::{RefCell, RefMut};
use std::io;
use std::ops::{Deref, DerefMut};
use std::task::Waker;
use std::time::Duration;

pub(crate) struct Alone {
    table: Reactor,
    ear: Ear,
    doorbell: Doorbell,
}

impl Alone {
    pub(crate) fn new(kernel: Arc<Kernel>) -> Self {
        let table = Reactor::new(kernel.clone(), 0);
        let doorbell = table.doorbell();
        Self { table, ear: Ear::new(kernel), doorbell }
    }

    pub(crate) fn wait(
        &mut self,
        limit: Option<Duration>,
        woken: &mut Vec<Waker>,
    ) -> io::Result<()> {
        if !self.ear.is_open() {
            self.doorbell.doze(limit);
            return Ok(());
        }
        let table = RefCell::new(&mut self.table);
        let table = |_| Some(RefMut::map(table.borrow_mut(), |table| &mut **table));
        self.ear.wait(&self.doorbell, limit, table, woken)
    }
}

impl Deref for Alone {
    type Target = Reactor;

    fn deref(&self) -> &Reactor {
        &self.table
    }
}

impl DerefMut for Alone {
    fn deref_mut(&mut self) -> &mut Reactor {
        &mut self.table
    }
}
