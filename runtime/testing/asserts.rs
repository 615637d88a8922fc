//! Floor 5. What a poll, a result or a duration has to be: the assertions of the test kit.
//!
//! | macro               | is fine with                                | gives     |
//! |---------------------|---------------------------------------------|-----------|
//! | `assert_pending!`   | `Pending`                                   | nothing   |
//! | `assert_ready!`     | `Ready(value)`                              | the value |
//! | `assert_ready_eq!`  | `Ready(value)`, equal to the second         | nothing   |
//! | `assert_ready_ok!`  | `Ready(Ok(value))`                          | the value |
//! | `assert_ready_err!` | `Ready(Err(value))`                         | the value |
//! | `assert_ok!`        | `Ok(value)`                                 | the value |
//! | `assert_err!`       | `Err(value)`                                | the value |
//! | `assert_elapsed!`   | a moment that is so long ago, within a tick | nothing   |
//!
//! All but the last take a message after that, as `assert!` does.
//!
//! Real world: the names, the rules and the texts are those of `tokio-test`.

/// Asserts that a poll is pending.
///
/// The twin of `tokio_test::assert_pending!`.
///
/// # Panics
///
/// Panics if it is ready, and shows the value.
///
/// ```
/// use rondel::testing::task;
///
/// let mut never = task::spawn(std::future::pending::<u8>());
/// rondel::assert_pending!(never.poll());
/// rondel::assert_pending!(never.poll(), "nor at the {} time", "second");
/// ```
#[macro_export]
macro_rules! assert_pending {
    ($poll:expr $(,)?) => {
        match $poll {
            ::core::task::Poll::Pending => {}
            ::core::task::Poll::Ready(value) => {
                ::core::panic!("ready; value = {:?}", value)
            }
        }
    };
    ($poll:expr, $($message:tt)+) => {
        match $poll {
            ::core::task::Poll::Pending => {}
            ::core::task::Poll::Ready(value) => {
                ::core::panic!("ready; value = {:?}; {}", value, ::core::format_args!($($message)+))
            }
        }
    };
}

/// Asserts that a poll is ready, and gives its value.
///
/// The twin of `tokio_test::assert_ready!`.
///
/// # Panics
///
/// Panics if it is pending.
///
/// ```
/// use rondel::testing::task;
///
/// let mut soon = task::spawn(async { 42 });
/// assert_eq!(rondel::assert_ready!(soon.poll(), "nothing to wait for"), 42);
/// ```
#[macro_export]
macro_rules! assert_ready {
    ($poll:expr $(,)?) => {
        match $poll {
            ::core::task::Poll::Ready(value) => value,
            ::core::task::Poll::Pending => ::core::panic!("pending"),
        }
    };
    ($poll:expr, $($message:tt)+) => {
        match $poll {
            ::core::task::Poll::Ready(value) => value,
            ::core::task::Poll::Pending => {
                ::core::panic!("pending; {}", ::core::format_args!($($message)+))
            }
        }
    };
}

/// Asserts that a poll is ready with a certain value.
///
/// The twin of `tokio_test::assert_ready_eq!`.
///
/// # Panics
///
/// Panics if it is pending, or ready with another value.
///
/// ```
/// use rondel::testing::task;
///
/// rondel::assert_ready_eq!(task::spawn(async { 42 }).poll(), 42);
/// ```
#[macro_export]
macro_rules! assert_ready_eq {
    ($poll:expr, $expected:expr $(,)?) => {
        ::core::assert_eq!($crate::assert_ready!($poll), $expected)
    };
    ($poll:expr, $expected:expr, $($message:tt)+) => {
        ::core::assert_eq!($crate::assert_ready!($poll, $($message)+), $expected, $($message)+)
    };
}

/// Asserts that a poll is ready with an `Ok`, and gives what is in it.
///
/// The twin of `tokio_test::assert_ready_ok!`.
///
/// # Panics
///
/// Panics if it is pending, or ready with an error.
///
/// ```
/// use rondel::testing::task;
///
/// let mut parsed = task::spawn(async { "42".parse::<u8>() });
/// assert_eq!(rondel::assert_ready_ok!(parsed.poll()), 42);
/// ```
#[macro_export]
macro_rules! assert_ready_ok {
    ($poll:expr $(, $($message:tt)*)?) => {
        $crate::assert_ok!($crate::assert_ready!($poll $(, $($message)*)?) $(, $($message)*)?)
    };
}

/// Asserts that a poll is ready with an `Err`, and gives what is in it.
///
/// The twin of `tokio_test::assert_ready_err!`.
///
/// # Panics
///
/// Panics if it is pending, or ready with an `Ok`.
///
/// ```
/// use rondel::testing::task;
///
/// let mut parsed = task::spawn(async { "forty-two".parse::<u8>() });
/// let error = rondel::assert_ready_err!(parsed.poll(), "letters are no digits");
/// assert_eq!(error.to_string(), "invalid digit found in string");
/// ```
#[macro_export]
macro_rules! assert_ready_err {
    ($poll:expr $(, $($message:tt)*)?) => {
        $crate::assert_err!($crate::assert_ready!($poll $(, $($message)*)?) $(, $($message)*)?)
    };
}

/// Asserts that a result is `Ok`, and gives what is in it.
///
/// The twin of `tokio_test::assert_ok!`.
///
/// # Panics
///
/// Panics if it is an error, and shows the error.
///
/// ```
/// let number: u8 = rondel::assert_ok!("42".parse());
/// assert_eq!(number, 42);
/// ```
#[macro_export]
macro_rules! assert_ok {
    ($result:expr $(,)?) => {
        match $result {
            ::core::result::Result::Ok(value) => value,
            ::core::result::Result::Err(error) => {
                ::core::panic!("assertion failed: Err({:?})", error)
            }
        }
    };
    ($result:expr, $($message:tt)+) => {
        match $result {
            ::core::result::Result::Ok(value) => value,
            ::core::result::Result::Err(error) => ::core::panic!(
                "assertion failed: Err({:?}): {}",
                error,
                ::core::format_args!($($message)+)
            ),
        }
    };
}

/// Asserts that a result is `Err`, and gives the error.
///
/// The twin of `tokio_test::assert_err!`.
///
/// # Panics
///
/// Panics if it is `Ok`, and shows the value.
///
/// ```
/// let error = rondel::assert_err!("".parse::<u8>(), "nothing is not {}", 0);
/// assert_eq!(error.to_string(), "cannot parse integer from empty string");
/// ```
#[macro_export]
macro_rules! assert_err {
    ($result:expr $(,)?) => {
        match $result {
            ::core::result::Result::Err(error) => error,
            ::core::result::Result::Ok(value) => {
                ::core::panic!("assertion failed: Ok({:?})", value)
            }
        }
    };
    ($result:expr, $($message:tt)+) => {
        match $result {
            ::core::result::Result::Err(error) => error,
            ::core::result::Result::Ok(value) => ::core::panic!(
                "assertion failed: Ok({:?}): {}",
                value,
                ::core::format_args!($($message)+)
            ),
        }
    };
}

/// Asserts that a moment is so long ago, or up to 1 ms longer: the wheel's tick.
///
/// The first is an [`Instant`](crate::time::Instant), the second a
/// [`Duration`](crate::time::Duration). In virtual time it is exact; in real time a busy machine
/// is late. The twin of `tokio_test::assert_elapsed!`.
///
/// # Panics
///
/// Panics if it is shorter ago, or more than 1 ms longer.
///
/// ```
/// use rondel::time::{Duration, Instant, sleep};
///
/// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
/// runtime.block_on(async {
///     let start = Instant::now();
///     sleep(Duration::from_secs(3_600)).await;
///     rondel::assert_elapsed!(start, Duration::from_secs(3_600));
/// });
/// ```
#[macro_export]
macro_rules! assert_elapsed {
    ($start:expr, $duration:expr $(,)?) => {{
        let elapsed = $start.elapsed();
        // The type first, so that a wrong one is reported here and not in the comparison.
        let expected: ::core::time::Duration = $duration;
        let tick = ::core::time::Duration::from_millis(1);
        ::core::assert!(
            elapsed >= expected && elapsed <= expected + tick,
            "actual = {:?}, expected = {:?}",
            elapsed,
            expected
        );
    }};
}
