//! A reactor's table with its ear, for one thread that does everything.

use crate::reactor::{Ear, Reactor};
use std::cell::{RefCell, RefMut};
use std::io;
use std::ops::{Deref, DerefMut};
use std::task::Waker;
use std::time::Duration;

pub(crate) struct Alone {
    table: Reactor,
    ear: Ear,
}

impl Alone {
    pub(crate) fn new(table: Reactor) -> Self {
        let ear = Ear::new(&table);
        Self { table, ear }
    }

    pub(crate) fn wait(
        &mut self,
        limit: Option<Duration>,
        woken: &mut Vec<Waker>,
    ) -> io::Result<()> {
        let table = RefCell::new(&mut self.table);
        self.ear.wait(limit, || RefMut::map(table.borrow_mut(), |table| &mut **table), woken)
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
