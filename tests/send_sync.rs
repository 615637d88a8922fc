//! Which public types may cross or be shared between threads, and which may be moved when pinned.
//! A change here breaks programs, so it has to be made here too.

use rondel::sync::{self, mpsc, oneshot};
use rondel::{Handle, Runtime, callbacks, io, net, task, testing, time};
use std::cell::Cell;
use std::rc::Rc;

/// Says of one type whether it has a trait: the method of the type itself goes before the trait's.
macro_rules! has {
    ($trait:path, $type:ty) => {{
        struct Asked<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code)]
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for Asked<T> {}
        #[allow(dead_code)]
        impl<T: ?Sized + $trait> Asked<T> {
            const HAS: bool = true;
        }
        <Asked<$type>>::HAS
    }};
}

macro_rules! table {
    ($($type:ty: $send:literal $sync:literal $unpin:literal)*) => {$(
        let has = [has!(Send, $type), has!(Sync, $type), has!(Unpin, $type)];
        assert_eq!(has, [$send, $sync, $unpin], "Send, Sync, Unpin of {}", stringify!($type));
    )*};
}

/// Goal: a handle, a guard or a channel of a value is as free as the value, and not freer.
/// Method: one row a type: Send, Sync, Unpin. `Cell` is Send alone, `Rc` nothing of both.
#[test]
fn types_cross_threads_exactly_if_they_may() {
    type No = Rc<()>;
    type Sends = Cell<u8>;
    table! {
        Runtime: false false true
        rondel::RuntimeGuard<'static>: false false true
        rondel::EnterGuard<'static>: false false true
        Handle: true true true
        rondel::Builder: true true true
        task::JoinHandle<u8>: true true true
        task::JoinHandle<Sends>: true true true
        task::JoinHandle<No>: false false true
        task::AbortHandle: true true true
        task::JoinError: true true true
        task::Id: true true true
        task::JoinSet<u8>: true true true
        task::JoinSet<No>: false false true
        task::join_set::Builder<'static, u8>: true true true
        task::LocalSet: false false true
        task::LocalEnterGuard: false false true
        task::LocalKey<No>: true true true
        task::futures::TaskLocalFuture<u8, Sends>: true false false
        task::futures::TaskLocalFuture<No, u8>: false false false
        callbacks::Handle: true true true
        callbacks::TimerHandle: true true true
        callbacks::Promise<u8>: true true true
        callbacks::Promise<Sends>: false false true
        callbacks::PromiseFuture<u8>: true true true
        callbacks::Task<u8>: true true true
        callbacks::PromiseError: true true true
        callbacks::ExceptionContext: true true true
        time::Sleep: true true true
        time::Interval: true true true
        time::Instant: true true true
        time::Timeout<u8>: true true true
        time::Timeout<No>: false false true
        time::DelayQueue<Sends>: true false true
        time::DelayQueue<No>: false false true
        time::delay_queue::Key: true true true
        net::TcpStream: true true true
        net::TcpListener: true true true
        net::tcp::OwnedReadHalf: true true true
        net::tcp::OwnedWriteHalf: true true true
        io::DuplexStream: true true true
        io::ReadBuf<'static>: true true true
        sync::Mutex<u8>: true true true
        sync::Mutex<Sends>: true true true
        sync::Mutex<No>: false false true
        sync::MutexGuard<'static, u8>: true true true
        sync::MutexGuard<'static, Sends>: true false true
        sync::MutexGuard<'static, No>: false false true
        sync::OwnedMutexGuard<u8>: true true true
        sync::OwnedMutexGuard<Sends>: true false true
        sync::OwnedMutexGuard<No>: false false true
        sync::Semaphore: true true true
        sync::SemaphorePermit<'static>: true true true
        sync::Notify: true true true
        mpsc::Sender<Sends>: true true true
        mpsc::Sender<No>: false false true
        mpsc::Receiver<Sends>: true true true
        mpsc::Receiver<No>: false false true
        mpsc::UnboundedSender<Sends>: true true true
        mpsc::UnboundedReceiver<No>: false false true
        oneshot::Sender<Sends>: true true true
        oneshot::Sender<No>: false false true
        oneshot::Receiver<Sends>: true true true
        oneshot::Receiver<No>: false false true
        testing::Diary: true true true
        testing::OnDrop: true true true
        testing::task::Spawn<u8>: true true true
        testing::task::Spawn<Sends>: true false true
        testing::task::Spawn<No>: false false true
        testing::io::Builder: true true true
        testing::io::Mock: true true true
        testing::io::Handle: true true true
        testing::cancel::Cut: true true true
    }
}

/// Goal: a handle stays two words, which are returned in registers; see `task/join.rs`.
#[test]
fn a_join_handle_is_two_words() {
    assert_eq!(size_of::<task::JoinHandle<[u8; 100]>>(), 2 * size_of::<usize>());
}
