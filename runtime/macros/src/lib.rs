//! `#[rondel::main]` and `#[rondel::test]`: an `async fn` that brings its own runtime.
//!
//! This is all that has to be a procedural macro. The rest (`join!`, `select!` ...) is written with
//! `macro_rules!` in the engine. What the attributes do is in `expand.rs`; this file is the door,
//! because types of the compiler exist only while it runs, and tests run without it.

use proc_macro::TokenStream;

mod expand;
mod options;

/// Runs an `async fn` on a runtime of its own.
///
/// The twin of `#[tokio::main]`, and of `asyncio.run(main())`.
///
/// ```
/// #[rondel::main]
/// async fn main() -> std::io::Result<()> {
///     rondel::time::sleep(std::time::Duration::from_millis(10)).await;
///     Ok(())
/// }
/// ```
///
/// is short for
///
/// ```
/// fn main() -> std::io::Result<()> {
///     let body = async { Ok(()) }; // the body
///     let runtime = rondel::Builder::new().build().expect("the runtime could not be built");
///     runtime.block_on(body)
/// }
/// ```
///
/// Options, separated by commas:
///
/// - `flavor = "current_thread"` (also `"local"`): one thread, the default. `"multi_thread"` (also
///   `"stealing"`): a worker for each CPU, or as many as `worker_threads = 4` says.
/// - `name = "..."`: the name of the runtime; its threads carry it.
/// - `start_paused`, or `start_paused = true`: virtual time, which jumps to the next deadline when
///   nothing can run.
/// - `seed = 7`: makes the random choices of `select!` repeatable.
/// - `crate = "..."`: the path of the `rondel` crate, if it is not `::rondel`.
///
/// A function that is not called `main` may take arguments.
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::main(options.into(), item.into()).into()
}

/// Runs an `async fn` as a test, on a runtime of its own.
///
/// The twin of `#[tokio::test]` and of pytest-asyncio's mark. It writes `#[test]` itself; other
/// attributes (`#[should_panic]`, `#[ignore]`) stay, and the function may return a `Result`.
///
/// ```
/// #[rondel::test(start_paused = true)]
/// async fn an_hour_passes_in_no_time() {
///     rondel::time::sleep(std::time::Duration::from_secs(3_600)).await;
/// }
/// ```
///
/// The options are those of [`macro@main`]; and with a seed, the tasks that are ready run in an
/// order drawn by lot, not first come, first served:
///
/// - `seed = 7`: the lots of that seed, the same each time.
/// - `seeds = 0..200`: once for each seed of a range, an array or a constant. A failure prints its
///   seed; `RONDEL_SEED=17` in the environment then runs that one alone.
///
/// Runs of one seed are equal as long as nothing outside the runtime differs: use virtual time with
/// it, and no other threads.
///
/// ```
/// # use rondel::sync::Mutex;
/// #[rondel::test(start_paused, seeds = 0..200)]
/// async fn nobody_loses_an_update() {
///     let count = std::sync::Arc::new(Mutex::new(0));
///     let add = |count: std::sync::Arc<Mutex<i32>>| async move { *count.lock().await += 1 };
///     let tasks = [0; 5].map(|_| rondel::spawn(add(count.clone())));
///     for task in tasks {
///         task.await.unwrap();
///     }
///     assert_eq!(*count.lock().await, 5);
/// }
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(options.into(), item.into()).into()
}
