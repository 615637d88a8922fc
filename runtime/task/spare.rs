//! Floor 1. Spare rooms: the memory of tasks that are gone, kept for those to come.
//!
//! A task lives in one block of memory, and in most programs tasks of a few kinds come and go all
//! day. The allocator takes 200 instructions to take such a block back and hand it out again; this
//! shelf takes 40. Each thread has its own, so there is no lock, and rooms of one size lie on
//! one pile, so there is no search.
//!
//! ```text
//!   bytes      0-15    …   112-127   128-143   …   496-511   more: not kept
//!   pile     [     ]     [ A B A ] [ C     ]     [       ]
//! ```
//!
//! Rules
//! 1. A thread keeps at most [`KEPT_BYTES_MAX`]; what is more goes back to the allocator, and so
//!    does all of it when the thread ends.
//! 2. A room is for one type: as `dyn Any` it says which, so no unsafe code is needed to tell. Who
//!    finds that of another on top of the pile lets it go, and so a pile follows the program.
//! 3. A task that ends on a foreign thread leaves its room there: a room belongs to whoever has it.
//!
//! Real world: the kernel's slab caches, one for each kind of object and CPU; CPython's free lists
//! for frames, floats and tuples. tokio and asyncio leave it to the allocator.

use std::any::Any;
use std::cell::RefCell;
use std::mem::MaybeUninit;

/// About 2,000 small tasks, so that a rush of a thousand finds all its rooms again, and little
/// beside the stack of a thread.
const KEPT_BYTES_MAX: usize = 256 * 1024;
/// Larger rooms are not kept: to fill them costs more than to get them.
const PILES: usize = 32;
const PILE_BYTES: usize = 16;

struct Shelf {
    piles: [Vec<Box<dyn Any>>; PILES],
    kept_bytes: usize,
}

thread_local! {
    static SHELF: RefCell<Shelf> =
        const { RefCell::new(Shelf { piles: [const { Vec::new() }; PILES], kept_bytes: 0 }) };
}

/// Memory for a `T`.
#[inline]
pub(super) fn take<T: 'static>() -> Box<MaybeUninit<T>> {
    let take = |shelf: &RefCell<Shelf>| {
        let mut shelf = shelf.borrow_mut();
        let room = shelf.piles.get_mut(size_of::<T>() / PILE_BYTES)?.pop()?;
        shelf.kept_bytes -= size_of_val(&*room);
        room.downcast().ok() // rule 2
    };
    // A thread that ends has no shelf any more, and its last drops may still spawn.
    SHELF.try_with(take).ok().flatten().unwrap_or_else(Box::new_uninit)
}

/// Keeps the memory of a `T` that is gone, if there is space for it (rule 1).
#[inline]
pub(super) fn keep<T: 'static>(room: Box<MaybeUninit<T>>) {
    let keep = move |shelf: &RefCell<Shelf>| {
        let mut shelf = shelf.borrow_mut();
        let kept_bytes = shelf.kept_bytes + size_of::<T>();
        if kept_bytes <= KEPT_BYTES_MAX && size_of::<T>() / PILE_BYTES < PILES {
            shelf.piles[size_of::<T>() / PILE_BYTES].push(room);
            shelf.kept_bytes = kept_bytes;
        }
    };
    let _ = SHELF.try_with(keep); // without a shelf the closure is dropped, and the room with it
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn kept_bytes() -> usize {
        SHELF.with_borrow(|shelf| shelf.kept_bytes)
    }

    #[test]
    fn a_room_that_was_kept_is_handed_out_again_to_its_type_only() {
        let room = take::<[u64; 13]>();
        let address = room.as_ptr().addr();
        keep(room);
        let again = take::<[u64; 13]>();
        assert_eq!(again.as_ptr().addr(), address);
        keep(again);
        drop(take::<[i64; 13]>());
        assert_eq!(kept_bytes(), 0, "the room of another type was let go");
    }

    #[test]
    fn a_thread_keeps_no_more_than_its_bound() {
        let rooms: Vec<_> = (0..10_000).map(|_| take::<[u64; 13]>()).collect();
        rooms.into_iter().for_each(keep);
        let kept = kept_bytes();
        assert!(kept > KEPT_BYTES_MAX - 104 && kept <= KEPT_BYTES_MAX);
        keep(take::<[u64; 64]>()); // too large for a pile
        assert_eq!(kept_bytes(), kept);
    }
}
