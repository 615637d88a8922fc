//! Floor 5. `ReadBuf`: a buffer that remembers how much of itself is filled, and how much is not
//! rubbish.
//!
//! A reader needs room to write into. To zero that room first would be wasted work: the kernel
//! overwrites it at once. But safe Rust must never look at memory that nobody has written. So the
//! buffer carries two counts, and the bytes between them may be looked at although they mean
//! nothing:
//!
//! ```text
//!   0          filled         initialized        capacity
//!   [ new bytes | old, harmless | never written, hands off ]
//! ```
//!
//! Rules
//! 1. `filled <= initialized <= buf.len()`, always.
//! 2. Every byte below `initialized` has been written at least once.
//! 3. Nobody makes a written byte unwritten again: the two unsafe methods that hand out raw room
//!    say so in their contracts.
//!
//! Why unsafe is needed here: the type exists to turn "I know that these bytes were written" into
//! `&[u8]`, which is what the compiler cannot know. With this file, no other file of `io` needs
//! any.
//! Real world: tokio's type of the same name; hyper's is a twin; the standard library's
//! `BorrowedBuf` is the same idea and not yet stable.
#![allow(unsafe_code)]

use super::AsyncRead;
use bytes::BufMut;
use bytes::buf::UninitSlice;
use socket2::SockRef;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A byte buffer that is filled step by step and need not be zeroed first.
///
/// A reader gets `&mut ReadBuf` and appends to the filled part; the caller then looks at
/// [`filled`](Self::filled). Nothing read means end of file (or that there was no room).
///
/// Twin of `tokio::io::ReadBuf`. asyncio has no such thing: its streams make a new `bytes` object
/// for every read.
///
/// ```
/// use rondel::io::ReadBuf;
/// use std::mem::MaybeUninit;
///
/// let mut room = [MaybeUninit::uninit(); 8];
/// let mut buf = ReadBuf::uninit(&mut room);
/// buf.put_slice(b"abc");
/// assert_eq!(buf.filled(), b"abc");
/// assert_eq!(buf.remaining(), 5);
/// ```
pub struct ReadBuf<'a> {
    buf: &'a mut [MaybeUninit<u8>],
    filled: usize,
    initialized: usize,
}

impl<'a> ReadBuf<'a> {
    /// Wraps a buffer whose bytes are all written already. Nothing counts as filled yet.
    #[inline]
    pub fn new(buf: &'a mut [u8]) -> ReadBuf<'a> {
        let initialized = buf.len();
        let room = buf as *mut [u8] as *mut [MaybeUninit<u8>];
        // SAFETY: exclusive. The pointer comes from the `&mut` that ends here and has its length
        // and layout; only what rule 3 allows is ever done through it, so the bytes stay written
        // for the day the lender looks at them again.
        let buf = unsafe { &mut *room };
        ReadBuf { buf, filled: 0, initialized }
    }

    /// Wraps a buffer that may hold rubbish. Nothing counts as written yet.
    #[inline]
    pub fn uninit(buf: &'a mut [MaybeUninit<u8>]) -> ReadBuf<'a> {
        ReadBuf { buf, filled: 0, initialized: 0 }
    }

    /// Bytes the buffer can hold in all.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buf.len()
    }

    /// Bytes there is still room for.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.buf.len() - self.filled
    }

    /// What has been read.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        // SAFETY: initialised. `filled <= initialized`, and all below that is written; see rules 1,
        // 2.
        unsafe { self.buf[..self.filled].assume_init_ref() }
    }

    /// What has been read, to be changed in place.
    #[inline]
    pub fn filled_mut(&mut self) -> &mut [u8] {
        // SAFETY: initialised. `filled <= initialized`, and all below that is written; see rules 1,
        // 2.
        unsafe { self.buf[..self.filled].assume_init_mut() }
    }

    /// All bytes that were ever written, filled or not.
    #[inline]
    pub fn initialized(&self) -> &[u8] {
        // SAFETY: initialised. All below `initialized` is written; see rule 2.
        unsafe { self.buf[..self.initialized].assume_init_ref() }
    }

    /// All bytes that were ever written, filled or not, to be changed in place.
    #[inline]
    pub fn initialized_mut(&mut self) -> &mut [u8] {
        // SAFETY: initialised. All below `initialized` is written; see rule 2.
        unsafe { self.buf[..self.initialized].assume_init_mut() }
    }

    /// A smaller `ReadBuf` over the first `n` bytes of the unfilled part, or over all of it.
    ///
    /// It starts with nothing filled and nothing written. When it is gone, this buffer does not
    /// know what came in: call [`assume_init`](Self::assume_init) and [`advance`](Self::advance).
    #[inline]
    pub fn take(&mut self, n: usize) -> ReadBuf<'_> {
        let n = n.min(self.remaining());
        ReadBuf::uninit(&mut self.buf[self.filled..][..n])
    }

    /// The whole buffer, raw.
    ///
    /// # Safety
    ///
    /// The caller must not make a byte below the count of written bytes unwritten (rule 3).
    #[inline]
    pub unsafe fn inner_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        self.buf
    }

    /// The unfilled part, raw.
    ///
    /// # Safety
    ///
    /// The caller must not make a byte that was written before unwritten (rule 3).
    #[inline]
    pub unsafe fn unfilled_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.buf[self.filled..]
    }

    /// The unfilled part as plain bytes; what was never written is zeroed first.
    ///
    /// **Cost:** the zeroing, once for each byte of the buffer.
    #[inline]
    pub fn initialize_unfilled(&mut self) -> &mut [u8] {
        self.initialize_unfilled_to(self.remaining())
    }

    /// The first `n` bytes of the unfilled part; what was never written is zeroed first.
    ///
    /// Panics if there is room for less than `n`.
    #[inline]
    #[track_caller]
    pub fn initialize_unfilled_to(&mut self, n: usize) -> &mut [u8] {
        assert!(self.remaining() >= n, "n overflows remaining");
        let end = self.filled + n;
        if self.initialized < end {
            self.buf[self.initialized..end].fill(MaybeUninit::new(0));
            self.initialized = end;
        }
        // SAFETY: initialised. `end <= initialized` after the lines above; see rule 2.
        unsafe { self.buf[self.filled..end].assume_init_mut() }
    }

    /// Forgets what was read. The bytes stay written.
    #[inline]
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Counts `n` more bytes as filled.
    ///
    /// Panics if they have not been written.
    #[inline]
    #[track_caller]
    pub fn advance(&mut self, n: usize) {
        self.set_filled(self.filled.checked_add(n).expect("filled overflow"));
    }

    /// Sets the count of filled bytes; it may also shrink.
    ///
    /// Panics if some of them have not been written.
    #[inline]
    #[track_caller]
    pub fn set_filled(&mut self, n: usize) {
        assert!(n <= self.initialized, "filled must not become larger than initialized");
        self.filled = n;
    }

    /// Counts the first `n` bytes of the unfilled part as written.
    ///
    /// # Safety
    ///
    /// They must have been written, and there must be that many.
    #[inline]
    pub unsafe fn assume_init(&mut self, n: usize) {
        self.initialized = self.initialized.max(self.filled + n);
    }

    /// Appends `bytes`.
    ///
    /// Panics if there is no room for all of them.
    #[inline]
    #[track_caller]
    pub fn put_slice(&mut self, bytes: &[u8]) {
        assert!(
            self.remaining() >= bytes.len(),
            "buf.len() must fit in remaining(); buf.len() = {}, remaining() = {}",
            bytes.len(),
            self.remaining()
        );
        let end = self.filled + bytes.len();
        self.buf[self.filled..end].write_copy_of_slice(bytes);
        self.initialized = self.initialized.max(end);
        self.filled = end;
    }

    /// Receives once from `socket` into the unfilled part, without zeroing it; the count that came.
    ///
    /// This is how our sockets read with no unsafe code of their own.
    #[inline]
    pub(crate) fn receive_from(&mut self, socket: &SockRef<'_>) -> io::Result<usize> {
        let count = socket.recv(&mut self.buf[self.filled..])?;
        // SAFETY: initialised. `recv` succeeded, so the kernel wrote `count` bytes at the front of
        // the room it was given, and never more than that room; see rules 1 and 2.
        unsafe { self.assume_init(count) };
        self.filled += count;
        Ok(count)
    }
}

// SAFETY: exclusive. `chunk_mut` is the room that `remaining_mut` counts, and `advance_mut` moves
// on by exactly what the caller vouches for; see rules 1 and 2.
unsafe impl BufMut for ReadBuf<'_> {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.remaining()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, n: usize) {
        // SAFETY: initialised. Our caller promises the same for `n` bytes; see rule 2.
        unsafe { self.assume_init(n) };
        self.advance(n);
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        UninitSlice::uninit(&mut self.buf[self.filled..])
    }
}

impl fmt::Debug for ReadBuf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBuf")
            .field("filled", &self.filled)
            .field("initialized", &self.initialized)
            .field("capacity", &self.capacity())
            .finish()
    }
}

/// Reads once from `reader` straight into the next at most `limit` bytes of `buf`'s room, and
/// counts them as filled there.
///
/// The one place where `io` reads into a growing `Vec` or another [`BufMut`] without a copy.
pub(super) fn poll_read_into<R, B>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut B,
    limit: usize,
) -> Poll<io::Result<usize>>
where
    R: AsyncRead + ?Sized,
    B: BufMut + ?Sized,
{
    let room = buf.chunk_mut();
    // SAFETY: initialised. The room goes into a `ReadBuf`, which makes no byte unwritten; see rule
    // 3.
    let room = unsafe { room.as_uninit_slice_mut() };
    let limit = limit.min(room.len());
    let room = &mut room[..limit];
    let place = room.as_ptr_range();
    let mut read = ReadBuf::uninit(room);
    ready!(reader.poll_read(cx, &mut read))?;
    // A reader could put another `ReadBuf` in the place of ours; what that one holds is not in
    // `buf`. Both ends are compared, as an empty room begins where its neighbour does.
    let same = place == read.buf.as_ptr_range();
    assert!(same, "the reader has swapped the buffer it was given");
    let count = read.filled;
    // SAFETY: initialised. The `ReadBuf` still stands over the room of `buf` (just checked), and
    // its first `filled` bytes are written; see rules 1 and 2.
    unsafe { buf.advance_mut(count) };
    Poll::Ready(Ok(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show how a part taken from a buffer is counted in the whole.
    /// Method: read into the part, vouch for it, and look at both counts of the whole.
    #[test]
    fn what_came_into_a_part_is_counted_by_hand() {
        let mut room = [MaybeUninit::uninit(); 8];
        let mut whole = ReadBuf::uninit(&mut room);
        whole.put_slice(b"ab");
        let mut part = whole.take(3);
        assert_eq!((part.capacity(), part.initialized().len()), (3, 0));
        part.put_slice(b"cd");
        // SAFETY: initialised. The two bytes were put there by the line before; see rule 2.
        unsafe { whole.assume_init(2) };
        assert_eq!((whole.filled().len(), whole.initialized().len()), (2, 4));
        whole.advance(2);
        assert_eq!(whole.filled(), b"abcd");
    }

    /// Goal: show that the raw room is what is not filled, and that a byte written there counts
    /// only when somebody says so.
    #[test]
    fn the_raw_room_is_what_is_not_filled() {
        let mut bytes = *b"..........";
        let mut buf = ReadBuf::new(&mut bytes);
        buf.put_slice(b"abc");
        // SAFETY: initialised. A byte is written, and none is made unwritten; see rule 3.
        let room = unsafe { buf.unfilled_mut() };
        assert_eq!(room.len(), 7);
        room[0].write(b'd');
        // SAFETY: initialised. Nothing is changed; see rule 3.
        assert_eq!(unsafe { buf.inner_mut() }.len(), 10);
        assert_eq!((buf.filled(), buf.initialized()), (&b"abc"[..], &b"abcd......"[..]));
    }
}
