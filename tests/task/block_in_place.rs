//! `block_in_place`: allowed wherever it holds no loop up.

use super::{panic_text, text_of};
use rondel::task::{self, LocalSet, block_in_place};
use rondel::{Handle, Runtime};

#[test]
fn a_plain_thread_may_block() {
    assert_eq!(block_in_place(|| 1), 1);
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    assert_eq!(block_in_place(|| runtime.block_on(async { 2 })), 2, "nobody turns the loop yet");
}

#[test]
fn threads_of_the_pool_may_block_also_while_they_wait_for_the_loop() {
    rondel::run(async {
        let handle = Handle::current();
        let blocking = move || {
            let first = block_in_place(|| 1);
            first + handle.block_on(async { block_in_place(|| 2) })
        };
        assert_eq!(rondel::spawn_blocking(blocking).await.unwrap(), 3);
    });
}

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn inside_the_loop_it_panics_and_says_what_to_do() {
    let text = panic_text(|| rondel::run(async { block_in_place(|| unreachable!()) }));
    let tokio = "can call blocking only when running on the multi-threaded runtime";
    assert!(text.starts_with(tokio) && text.contains("inside `Runtime::block_on`"), "{text}");
    assert!(text.contains("`spawn_blocking`"), "{text}");
    rondel::run(async {
        let task = rondel::spawn(async { block_in_place(|| ()) });
        assert_eq!(text_of(task.await.unwrap_err().into_panic()), text);
        let set = LocalSet::new();
        let task = set.spawn_local(async { block_in_place(|| ()) });
        set.await;
        assert_eq!(text_of(task.await.unwrap_err().into_panic()), text);
    });
}

/// Goal: a set on an executor that is not Rondel's holds no loop up. Method: block in one of its
/// tasks.
#[test]
fn a_local_set_elsewhere_may_block() {
    let set = LocalSet::new();
    let answer = set.run_until(async { task::spawn_local(async { block_in_place(|| 4) }).await });
    assert_eq!(rondel::block_on(answer).unwrap(), 4);
}
