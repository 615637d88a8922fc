//! Which public types may cross or be shared between threads, and which may be moved when pinned.
//! A change here breaks programs, so it has to be made here too.

use rondel::sync::{self, broadcast, mpsc, oneshot, watch};
use rondel::{
    Handle, Runtime, callbacks, combine, fs, io, net, process, signal, stream, task, testing, time,
};
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::vec;

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

/// A future that must not be moved once it is polled, and whose output is `T`.
struct Pinned<T>(std::marker::PhantomPinned, T);

impl<T> Future for Pinned<T> {
    type Output = Result<T, T>;
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}

/// Goal: a handle, a guard or a channel of a value is as free as the value, and not freer.
/// Method: one row a type: Send, Sync, Unpin. `Cell` is Send alone, `Rc` nothing of both.
#[test]
fn types_cross_threads_exactly_if_they_may() {
    type No = Rc<()>;
    type Sends = Cell<u8>;
    table! {
        Runtime: true true true
        rondel::RuntimeGuard<'static>: false false true
        rondel::EnterGuard<'static>: false false true
        Handle: true true true
        net::TcpSocket: true true true
        rondel::Builder: true true true
        task::JoinHandle<u8>: true true true
        task::JoinHandle<Sends>: true true true
        task::JoinHandle<No>: false false true
        task::AbortHandle: true true true
        task::JoinError: true true true
        task::Id: true true true
        task::JoinSet<u8>: true true true
        task::JoinSet<No>: false false true
        task::TaskInfo: true true true
        task::PanicPayload: true true true
        task::AbortOnDropHandle<Sends>: true true true
        task::AbortOnDropHandle<No>: false false true
        task::TaskTracker: true true true
        task::TaskTrackerToken: true true true
        task::TrackedFuture<u8>: true true true
        task::TrackedFuture<No>: false false true
        task::TaskGroup<Sends>: true true true
        task::TaskGroup<No>: false false true
        task::TaskGroupBuilder<No>: true true true
        task::ChildHandle<Sends>: true true true
        task::ChildHandle<No>: false false true
        task::Start<Sends, Sends>: true true true
        task::Start<No, u8>: false false true
        task::Started<Sends>: true true true
        task::Started<No>: false false true
        task::ErrorGroup: true true true
        task::ErrorGroup<Sends>: true false true
        task::ErrorGroup<No>: false false true
        task::Scope<'static>: true true true
        task::LocalScope<'static>: false false true
        task::TryScope<'static, Sends>: true true true
        task::TryLocalScope<'static, u8>: false false true
        task::ScopedJoinHandle<Sends>: true true true
        task::ScopedJoinHandle<No>: false false true
        task::Shutdown: true true true
        task::ShutdownReport: true true true
        time::Deadline: true true true
        task::join_set::Builder<'static, u8>: true true true
        task::LocalSet: false false true
        task::LocalEnterGuard: false false true
        task::LocalKey<No>: true true true
        task::coop::RestoreOnPending: false false true
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
        combine::Gather<Pinned<u8>>: true true true
        combine::Gather<Pinned<Sends>>: true false true
        combine::Gather<Pinned<No>>: false false true
        combine::TryGather<Pinned<u8>>: true true true
        combine::Race<Pinned<u8>>: true true true
        combine::Race<Pinned<No>>: false false true
        combine::RaceOk<Pinned<u8>>: true true true
        combine::AllFailed<Sends>: true false true
        combine::Wait<task::JoinHandle<u8>, fn(&u8) -> bool>: true true true
        combine::Wait<task::JoinHandle<No>, fn(&No) -> bool>: false false true
        combine::Waited<task::JoinHandle<u8>>: true true true
        combine::AsCompleted<Pinned<u8>>: true true true
        combine::AsCompleted<Pinned<No>>: false false true
        combine::AsCompletedTimeout<Pinned<u8>>: true true true
        combine::Shield<u8>: true true true
        combine::Shield<No>: false false true
        combine::Buffered<vec::IntoIter<Pinned<u8>>>: true true true
        combine::Buffered<vec::IntoIter<Pinned<No>>>: false false true
        combine::BufferUnordered<vec::IntoIter<Pinned<u8>>>: true true true
        combine::Staggered<Pinned<u8>>: true true true
        combine::Staggered<Pinned<No>>: false false true
        combine::Hedge<Pinned<u8>, Pinned<u8>>: true true true
        stream::Generate<u8, Pinned<u8>>: true true false
        stream::Generate<Sends, Pinned<u8>>: true true false
        stream::Generate<u8, Pinned<No>>: false false false
        stream::Emitter<Sends>: true true true
        stream::Emitter<No>: false false true
        stream::Paginate<u8, Sends, u8, Pinned<u8>>: true false false
        stream::StreamMap<u8, stream::Iter<Sends>>: true false true
        stream::StreamMap<u8, stream::Iter<No>>: false false true
        stream::Empty<No>: true true true
        stream::Pending<No>: true true true
        stream::adapters::Timeout<stream::Iter<Sends>>: true false true
        stream::adapters::ChunksTimeout<stream::Iter<vec::IntoIter<u8>>>: true true true
        stream::wrappers::ReceiverStream<Sends>: true true true
        stream::wrappers::BroadcastStream<Sends>: true false true
        stream::wrappers::WatchStream<u8>: true false true
        stream::wrappers::IntervalStream: true true true
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
        io::SimplexStream: true true true
        io::Stdin: true true true
        io::Stdout: true true true
        io::Stderr: true true true
        io::BufStream<net::TcpStream>: true true true
        fs::File: true true true
        fs::OpenOptions: true true true
        fs::ReadDir: true true true
        fs::DirEntry: true true true
        fs::DirBuilder: true true true
        process::Command: true true true
        process::Child: true true true
        process::ChildStdin: true true true
        process::ChildStdout: true true true
        process::ChildStderr: true true true
        signal::unix::Signal: true true true
        signal::unix::SignalKind: true true true
        io::ReadBuf<'static>: true true true
        sync::Mutex<u8>: true true true
        sync::Mutex<Sends>: true true true
        sync::Mutex<No>: false false true
        sync::Semaphore: true true true
        sync::SemaphorePermit<'static>: true true true
        sync::OwnedSemaphorePermit: true true true
        sync::Notify: true true true
        sync::Event: true true true
        sync::Condition: true true true
        sync::Barrier: true true true
        sync::CapacityLimiter: true true true
        sync::CapacityLimiter<Sends>: false false true
        sync::CapacityLimiter<No>: false false true
        sync::CapacityToken<'static>: true true true
        sync::OwnedCapacityToken<String>: true true true
        sync::Queue<Sends>: true true true
        sync::Queue<No>: false false true
        sync::LifoQueue<Sends>: true true true
        sync::LifoQueue<No>: false false true
        sync::PriorityQueue<u8>: true true true
        sync::queue::Item<'static, sync::queue::Fifo<u8>>: true true true
        sync::queue::Item<'static, sync::queue::Fifo<Sends>>: true false true
        sync::queue::Item<'static, sync::queue::Fifo<No>>: false false true
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
        mpsc::WeakSender<Sends>: true true true
        mpsc::WeakUnboundedSender<No>: false false true
        mpsc::Permit<'static, Sends>: true true true
        mpsc::PermitIterator<'static, No>: false false true
        mpsc::OwnedPermit<Sends>: true true true
        broadcast::Sender<Sends>: true true true
        broadcast::Sender<No>: false false true
        broadcast::WeakSender<Sends>: true true true
        broadcast::WeakSender<No>: false false true
        broadcast::Receiver<Sends>: true true true
        broadcast::Receiver<No>: false false true
        watch::Sender<u8>: true true true
        watch::Sender<Sends>: false false true
        watch::Sender<No>: false false true
        watch::Receiver<u8>: true true true
        watch::Receiver<Sends>: false false true
        watch::Receiver<No>: false false true
        watch::Ref<'static, u8>: false true true
        watch::Ref<'static, Sends>: false false true
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

/// Goal: the guards of locks may go where tokio's may, and no further.
/// Method: one row a type, as above. `Cell` is Send alone, `Shares` is Sync alone, `Rc` nothing.
#[test]
fn guards_cross_threads_exactly_if_they_may() {
    type No = Rc<()>;
    type Sends = Cell<u8>;
    type Shares = std::sync::MutexGuard<'static, u8>;
    table! {
        // A mutex moves its value between threads, one at a time: Send is enough. Its guard is a
        // `&mut`: sending it sends the value, sharing it shares the value.
        sync::Mutex<Shares>: false false true
        sync::MutexGuard<'static, u8>: true true true
        sync::MutexGuard<'static, Sends>: true false true
        sync::MutexGuard<'static, Shares>: false false true
        sync::MutexGuard<'static, No>: false false true
        sync::OwnedMutexGuard<u8>: true true true
        sync::OwnedMutexGuard<Sends>: true false true
        sync::OwnedMutexGuard<Shares>: false false true
        sync::OwnedMutexGuard<No>: false false true
        // A mapped guard knows nothing of the rest of the value. An owned one drops all of it if it
        // is the last owner, so the whole has a say, too.
        sync::MappedMutexGuard<'static, u8>: true true true
        sync::MappedMutexGuard<'static, Sends>: true false true
        sync::MappedMutexGuard<'static, Shares>: false true true
        sync::MappedMutexGuard<'static, No>: false false true
        sync::OwnedMappedMutexGuard<u8, u8>: true true true
        sync::OwnedMappedMutexGuard<u8, Sends>: true false true
        sync::OwnedMappedMutexGuard<u8, Shares>: false false true
        sync::OwnedMappedMutexGuard<Sends, u8>: true false true
        sync::OwnedMappedMutexGuard<Shares, u8>: false false true
        sync::OwnedMappedMutexGuard<No, u8>: false false true
        // Readers share the value, so the lock is Sync only if the value is both.
        sync::RwLock<u8>: true true true
        sync::RwLock<Sends>: true false true
        sync::RwLock<Shares>: false false true
        sync::RwLock<No>: false false true
        // A guard that reads is a `&`: on another thread it is a second way to the value, so it
        // needs Sync to be sent. Were Send enough, two readers of one `Cell` could race.
        sync::RwLockReadGuard<'static, u8>: true true true
        sync::RwLockReadGuard<'static, Sends>: false false true
        sync::RwLockReadGuard<'static, Shares>: true false true
        sync::RwLockReadGuard<'static, No>: false false true
        sync::OwnedRwLockReadGuard<u8, u8>: true true true
        sync::OwnedRwLockReadGuard<u8, Sends>: false false true
        sync::OwnedRwLockReadGuard<u8, Shares>: true false true
        sync::OwnedRwLockReadGuard<Sends, u8>: false false true
        sync::OwnedRwLockReadGuard<Shares, u8>: false false true
        sync::OwnedRwLockReadGuard<No, u8>: false false true
        // A guard that writes can become one that reads, or the other way round, on any thread: it
        // needs both.
        sync::RwLockWriteGuard<'static, u8>: true true true
        sync::RwLockWriteGuard<'static, Sends>: false false true
        sync::RwLockWriteGuard<'static, Shares>: false false true
        sync::OwnedRwLockWriteGuard<u8>: true true true
        sync::OwnedRwLockWriteGuard<Sends>: false false true
        sync::OwnedRwLockWriteGuard<Shares>: false false true
        sync::RwLockMappedWriteGuard<'static, u8>: true true true
        sync::RwLockMappedWriteGuard<'static, Sends>: false false true
        sync::RwLockMappedWriteGuard<'static, Shares>: false false true
        sync::OwnedRwLockMappedWriteGuard<u8, u8>: true true true
        sync::OwnedRwLockMappedWriteGuard<u8, Sends>: false false true
        sync::OwnedRwLockMappedWriteGuard<u8, Shares>: false false true
        sync::OwnedRwLockMappedWriteGuard<Sends, u8>: false false true
        sync::OwnedRwLockMappedWriteGuard<Shares, u8>: false false true
        // Many may look at what one has put in: both to be shared, Send to be taken out elsewhere.
        sync::OnceCell<u8>: true true true
        sync::OnceCell<Sends>: true false true
        sync::OnceCell<Shares>: false false true
        sync::OnceCell<No>: false false true
        sync::SetOnce<u8>: true true true
        sync::SetOnce<Sends>: true false true
        sync::SetOnce<Shares>: false false true
        sync::SetOnce<No>: false false true
    }
}

/// Goal: show that a wait can move to another thread if its value can, although it takes locks.
/// Method: ask the compiler.
#[test]
fn waits_on_channels_cross_threads_if_their_values_may() {
    fn free(_: impl Send + Sync) {}
    fn sends(_: impl Send) {}
    let (tx, mut rx) = broadcast::channel::<Cell<u8>>(1);
    free(rx.recv());
    free(tx.closed());
    let (tx, mut rx) = watch::channel(0);
    free(rx.changed());
    sends(rx.wait_for(|&value| value == 1));
    free(tx.closed());
}
