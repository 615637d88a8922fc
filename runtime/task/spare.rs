//! Floor 1. Spare rooms: the memory of tasks that are gone, kept for those to come.
//!
//! A task lives in one block of memory, and in most programs tasks of a few kinds come and go all
//! day. The allocator takes 200 instructions to take such a block back and hand it out again; this
//! shelf takes 40. Each thread has its own, so there is no lock, and rooms of one size lie on
//! one pile, so there is no search.
//!
//! ```text
//!   words      1-3     4-5     6-7    …   60-61   62-63   more: not kept
//!   pile     [ A B ] [     ] [ C D E ]   [     ] [     ]
//! ```
//!
//! Rules
//! 1. A thread keeps at most [`KEPT_WORDS_MAX`]; what is more goes back to the allocator, and so
//!    does all of it when the thread ends.
//! 2. A room has an odd number of words. The C library's allocator hands out 16 n + 8 bytes
//!    anyway, so rounding up costs nothing there, and halves the number of piles.
//! 3. A task that ends on a foreign thread leaves its room there: a room belongs to whoever has it.
//!
//! Safe code only: a room is a box of words without a value. Who builds in it is `cell.rs`.
//!
//! Real world: the kernel's slab caches, one for each kind of object and CPU; CPython's free lists
//! for frames, floats and tuples. tokio and asyncio leave it to the allocator.

use std::cell::RefCell;
use std::mem::MaybeUninit;

/// 256 KiB: about 2,000 small tasks, so that a rush of a thousand finds all its rooms again, and
/// little beside the stack of a thread.
const KEPT_WORDS_MAX: usize = 256 * 1024 / size_of::<u64>();
/// Larger rooms are not kept: to fill them costs more than to get them.
const WORDS_MAX: usize = 63;
const PILES: usize = WORDS_MAX / 2 + 1;

/// Memory for one task.
pub(super) type Room = Box<[MaybeUninit<u64>]>;

struct Shelf {
    piles: [Vec<Room>; PILES],
    kept_words: usize,
}

thread_local! {
    static SHELF: RefCell<Shelf> =
        const { RefCell::new(Shelf { piles: [const { Vec::new() }; PILES], kept_words: 0 }) };
}

/// The words of a room for a `T`, or none if `T` must not stand where a word may (its address is to
/// be a multiple of more than 8).
pub(super) const fn words_for<T>() -> Option<usize> {
    if align_of::<T>() > align_of::<u64>() {
        return None;
    }
    Some(size_of::<T>().div_ceil(size_of::<u64>()) | 1) // rule 2
}

/// A room of so many words, which must be from [`words_for`].
#[inline]
pub(super) fn take(words: usize) -> Room {
    let take = |shelf: &RefCell<Shelf>| {
        let mut shelf = shelf.borrow_mut();
        let room = shelf.piles.get_mut(words / 2)?.pop()?;
        shelf.kept_words -= words;
        Some(room)
    };
    // A thread that ends has no shelf any more, and its last drops may still spawn.
    let spare = SHELF.try_with(take).ok().flatten();
    spare.unwrap_or_else(|| Box::new_uninit_slice(words))
}

/// Keeps a room, if there is space for it (rule 1).
#[inline]
pub(super) fn keep(room: Room) {
    let keep = move |shelf: &RefCell<Shelf>| {
        let mut shelf = shelf.borrow_mut();
        let kept_words = shelf.kept_words + room.len();
        if let Some(pile) = shelf.piles.get_mut(room.len() / 2)
            && kept_words <= KEPT_WORDS_MAX
        {
            pile.push(room);
            shelf.kept_words = kept_words;
        }
    };
    let _ = SHELF.try_with(keep); // without a shelf the closure is dropped, and the room with it
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_room_that_was_kept_is_handed_out_again_to_its_size_only() {
        let room = take(13);
        let address = room.as_ptr();
        keep(room);
        assert_ne!(take(15).as_ptr(), address);
        assert_eq!(take(13).as_ptr(), address);
    }

    #[test]
    fn a_thread_keeps_no_more_than_its_bound() {
        let rooms: Vec<_> = (0..10_000).map(|_| take(13)).collect();
        rooms.into_iter().for_each(keep);
        let kept_words = SHELF.with_borrow(|shelf| shelf.kept_words);
        assert!(kept_words > KEPT_WORDS_MAX - 13 && kept_words <= KEPT_WORDS_MAX);
        keep(take(65)); // too large for a pile: dropped
        assert_eq!(SHELF.with_borrow(|shelf| shelf.kept_words), kept_words);
    }

    #[test]
    fn a_room_is_odd_and_large_enough_and_not_for_what_wants_more_than_a_word() {
        assert_eq!(words_for::<[u64; 6]>(), Some(7));
        assert_eq!(words_for::<[u64; 7]>(), Some(7));
        assert_eq!(words_for::<[u8; 9]>(), Some(3));
        assert_eq!(words_for::<u128>(), None);
    }
}
