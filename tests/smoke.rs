//! The whole engine, once across.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn tasks_run_join_yield_and_panic() {
    let count = Arc::new(AtomicUsize::new(0));
    rondel::run(async {
        let handles: Vec<_> = (0..1000)
            .map(|i| {
                let count = count.clone();
                rondel::spawn(async move {
                    rondel::task::yield_now().await;
                    count.fetch_add(1, Ordering::Relaxed);
                    i
                })
            })
            .collect();
        for (i, h) in handles.into_iter().enumerate() {
            assert_eq!(h.await.unwrap(), i);
        }
        let e = rondel::spawn(async { panic!("oh") }).await.unwrap_err();
        assert!(e.is_panic());
        let h = rondel::spawn(std::future::pending::<()>());
        h.abort();
        assert!(h.await.unwrap_err().is_cancelled());
        assert_eq!(rondel::spawn_blocking(|| 5).await.unwrap(), 5);
    });
    assert_eq!(count.load(Ordering::Relaxed), 1000);
}

#[test]
fn strangers_spawn_and_wake() {
    let rt = rondel::Runtime::new().unwrap();
    let h = rt.handle().clone();
    let t = std::thread::spawn(move || {
        let mut sum = 0;
        for i in 0..10_000u64 {
            sum += h
                .block_on(h.spawn(async move {
                    rondel::task::yield_now().await;
                    i
                }))
                .unwrap();
        }
        sum
    });
    let t = Arc::new(std::sync::Mutex::new(Some(t)));
    let sum = rt.block_on(async move {
        rondel::spawn_blocking(move || t.lock().unwrap().take().unwrap().join().unwrap())
            .await
            .unwrap()
    });
    assert_eq!(sum, 49995000);
}
