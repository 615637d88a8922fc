//! Fork without exec: a child that inherits a runtime is told so, and the parent does not notice.
//!
//! A binary of its own, because a forked child has one thread and whatever locks the others held.

#![allow(unsafe_code)]

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Mutex;

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::{Builder, Runtime};

/// Where both the parent and the child have it, each its own.
static INHERITED: Mutex<Option<Runtime>> = Mutex::new(None);

/// Goal: `block_on` in the child fails with a message that says what to do; to drop the runtime
/// there takes nothing from the parent, whose sockets are told of as before. Method: the work of the
/// child is done between `fork` and `exec`; its message comes through a pipe. On each flavour.
#[test]
fn a_child_that_inherits_a_runtime_is_told_and_the_parent_is_unharmed() {
    for builder in [Builder::new(), Builder::new().workers(2), Builder::new().pinned(2)] {
        let runtime = builder.build().unwrap();
        let (mut near, mut far) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            (near, listener.accept().await.unwrap().0)
        });
        *INHERITED.lock().unwrap() = Some(runtime);

        let (mut told, mut tell) = std::io::pipe().unwrap();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ())); // stderr's lock may be held by a thread left behind
        let mut command = Command::new("true");
        let in_the_child = move || {
            let runtime = INHERITED.lock().unwrap().take().unwrap();
            let turned = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async {})));
            let message = turned.unwrap_err().downcast::<String>().unwrap();
            drop(runtime);
            tell.write_all(message.as_bytes())
        };
        // SAFETY: alive. The closure touches memory of this process only, which the child has
        // copied, and glibc's allocator is usable after `fork`.
        unsafe { command.pre_exec(in_the_child) };
        assert!(command.status().unwrap().success());
        drop(command); // with it goes the parent's end for writing
        std::panic::set_hook(hook);
        let mut message = String::new();
        told.read_to_string(&mut message).unwrap();
        assert!(message.contains("by `fork`") && message.contains("of its own"), "{message}");
        assert!(message.contains(&std::process::id().to_string()), "{message}");

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
