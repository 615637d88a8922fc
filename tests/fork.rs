//! Fork without exec: a child that inherits a runtime is told so, and the parent does not notice.
//!
//! A binary of its own, because a forked child has one thread and whatever locks the others held.

#![allow(unsafe_code)]

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::{Builder, Runtime};

/// Where both the parent and the child have it, each its own.
static INHERITED: Mutex<Option<Runtime>> = Mutex::new(None);

/// One test at a time: a child forked meanwhile would inherit the locks that the other test holds,
/// and wait for them forever.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn builders() -> [Builder; 3] {
    [Builder::new(), Builder::new().workers(2), Builder::new().pinned(2)]
}

/// Does `work` in a child, with the child's own copy of the runtime.
fn between_fork_and_exec(work: impl Fn(Runtime) + Send + Sync + 'static) -> Output {
    in_a_child(move || work(INHERITED.lock().unwrap().take().unwrap()))
}

fn in_a_child(work: impl Fn() + Send + Sync + 'static) -> Output {
    let mut command = Command::new("true");
    let in_the_child = move || {
        work();
        Ok(())
    };
    // SAFETY: alive. The closure touches memory of this process only, of which the child has a copy,
    // and glibc's allocator is usable after `fork`.
    unsafe { command.pre_exec(in_the_child) };
    command.output().unwrap()
}

/// Goal: `block_on` in the child fails with a message that says what to do; to drop the runtime
/// there takes nothing from the parent, whose sockets are told of as before. Method: the work of the
/// child is done between `fork` and `exec`; its message comes on stderr. On each flavour.
#[test]
fn a_child_that_inherits_a_runtime_is_told_and_the_parent_is_unharmed() {
    let _alone = alone();
    for builder in builders() {
        let runtime = builder.build().unwrap();
        let (mut near, mut far) = runtime.block_on(connected());
        *INHERITED.lock().unwrap() = Some(runtime);

        let turned = between_fork_and_exec(|runtime| runtime.block_on(async {}));
        let message = String::from_utf8(turned.stderr).unwrap();
        assert_eq!(turned.status.signal(), Some(6), "it panics, and `std` aborts then: {message}");
        assert!(message.contains("by `fork`") && message.contains("of its own"), "{message}");
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");

        let dropped = between_fork_and_exec(drop);
        assert!(dropped.status.success(), "{dropped:?}");

        let runtime = INHERITED.lock().unwrap().take().unwrap();
        runtime.block_on(async {
            let writer = async {
                rondel::time::sleep(std::time::Duration::from_millis(1)).await;
                far.write_all(b"ping").await.unwrap();
            };
            let mut word = [0; 4];
            let reader = async { near.read_exact(&mut word).await.unwrap() };
            rondel::join!(reader, writer); // the reader waits first
            assert_eq!(&word, b"ping");
        });
    }
}

/// Goal: a child that is forked in the middle of a turn may not turn the loop it stands in, may run
/// one of its own on a thread of its own, and takes nothing from the parent. Method: a task forks
/// while another one waits for a socket; the child's part is done between `fork` and `exec`.
#[test]
fn a_child_of_a_running_turn_has_a_loop_of_its_own_and_the_parent_is_unharmed() {
    let _alone = alone();
    for builder in builders() {
        builder.build().unwrap().block_on(async {
            let (mut near, mut far) = connected().await;
            let reader = rondel::spawn(async move { near.read_u8().await.unwrap() });
            // `yield_now` may not be enough: on workers the reader runs elsewhere.
            rondel::time::sleep(std::time::Duration::from_millis(5)).await;
            rondel::spawn(async { children_of_a_turn() }).await.unwrap();
            assert!(!reader.is_finished());
            far.write_all(b"x").await.unwrap();
            assert_eq!(reader.await.unwrap(), b'x');
        });
    }
}

/// Called by a task.
fn children_of_a_turn() {
    let nested = in_a_child(|| rondel::run(async {}));
    let message = String::from_utf8(nested.stderr).unwrap();
    assert_eq!(nested.status.signal(), Some(6), "it panics, and `std` aborts then: {message}");
    assert!(message.contains("inside"), "{message}");

    let own = in_a_child(|| {
        let thread = std::thread::spawn(|| {
            rondel::run(async {
                let (mut near, mut far) = connected().await;
                let writer = async {
                    rondel::time::sleep(std::time::Duration::from_millis(1)).await;
                    far.write_all(b"c").await.unwrap();
                };
                let (byte, ()) = rondel::join!(near.read_u8(), writer);
                assert_eq!(byte.unwrap(), b'c');
            });
        });
        thread.join().unwrap();
    });
    assert!(own.status.success(), "{own:?}");
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}
