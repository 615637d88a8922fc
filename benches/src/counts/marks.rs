//! Marks that tools outside the process can see: here a batch begins, here it ends.
//!
//! The program that is counted is the program that is timed, to the byte: no counting allocator,
//! no instrumentation. What is between the marks is found from outside, each tool by its own mark:
//!
//! | tool      | its mark                                   | so set-up and start-up are left out |
//! |-----------|--------------------------------------------|-------------------------------------|
//! | callgrind | a call of [`batch_begins`], [`batch_ends`] | by zeroing, and by a dump           |
//! | memcheck  | an allocation of a size nobody else asks for | by reading from mark to mark      |
//! | strace    | a look at a file that is not there         | likewise                            |
//!
//! Rules
//! 1. `begin` and `end` mirror each other: between callgrind's marks lies nothing else, between
//!    strace's only callgrind's, between memcheck's the other two, which allocate nothing.
//! 2. No clock is read: valgrind does not survive rustix's way of reading one.

use std::hint::black_box;

/// An allocation of so many bytes says to memcheck that a batch begins.
pub const BEGIN_BYTES: usize = 12_345_677;
/// And of so many that it ends.
pub const END_BYTES: usize = 12_345_679;
/// Looking for this file says to strace that a batch begins.
pub const BEGIN_PATH: &str = "/mark/batch-begins";
/// And for this one that it ends.
pub const END_PATH: &str = "/mark/batch-ends";

/// Marks the beginning of a batch.
pub(crate) fn begin() {
    mark_for_memcheck(BEGIN_BYTES);
    mark_for_strace(BEGIN_PATH);
    batch_begins();
}

/// Marks the end of a batch.
pub(crate) fn end() {
    batch_ends();
    mark_for_strace(END_PATH);
    mark_for_memcheck(END_BYTES);
}

/// callgrind zeroes its counters when this is called.
#[inline(never)]
pub fn batch_begins() {
    black_box(());
}

/// callgrind writes its counters down when this is called.
///
/// It must differ from [`batch_begins`], lest the linker fold the two into one.
#[inline(never)]
pub fn batch_ends() {
    black_box(1_u8);
}

fn mark_for_memcheck(bytes: usize) {
    drop(black_box(Vec::<u8>::with_capacity(bytes)));
}

fn mark_for_strace(path: &str) {
    // That there is no such file is what is expected of it.
    let _ = black_box(std::fs::symlink_metadata(path));
}
