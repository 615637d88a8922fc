//! Floor 5. A child of a combinator: a future, then its output, then nothing.
//!
//! The combinators poll a child until it is ready, drop its future at once (its locks and
//! sockets must not wait for slower siblings) and keep the output until all can be handed out.
//!
//! | from    | event         | to      | what the caller gets |
//! |---------|---------------|---------|----------------------|
//! | Running | poll, pending | Running | Pending              |
//! | Running | poll, ready   | Done    | Ready                |
//! | Done    | poll          | Done    | Ready                |
//! | Done    | take          | Gone    | the output           |
//! | Gone    | poll          | -       | a panic              |

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

pin_project! {
    /// See the table of this file.
    #[allow(missing_docs)] // the macro takes no comments on the fields of an enum
    #[project = Step]
    #[project_replace = Taken]
    #[derive(Debug)]
    pub enum MaybeDone<F: Future> {
        /// Still at work.
        Running { #[pin] future: F },
        /// Ended; the output waits to be fetched.
        Done { output: F::Output },
        /// Ended, and the output was fetched.
        Gone,
    }
}

impl<F: Future> MaybeDone<F> {
    /// A child that has not been polled yet.
    pub fn new(future: impl IntoFuture<IntoFuture = F>) -> Self {
        Self::Running { future: future.into_future() }
    }

    /// Polls the future, unless it has ended; keeps the output.
    pub fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let output = match self.as_mut().project() {
            Step::Running { future } => ready!(future.poll(cx)),
            Step::Done { .. } => return Poll::Ready(()),
            Step::Gone => panic!("polled again after its output was taken"),
        };
        self.set(Self::Done { output });
        Poll::Ready(())
    }

    /// The output of a child that is done.
    ///
    /// # Panics
    ///
    /// If the child has not ended, or the output was taken before.
    pub fn take(mut self: Pin<&mut Self>) -> F::Output {
        assert!(matches!(*self, Self::Done { .. }), "there is no output to take");
        match self.as_mut().project_replace(Self::Gone) {
            Taken::Done { output } => output,
            _ => unreachable!("it was Done one line above"),
        }
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> MaybeDone<F> {
    /// The error of a child that failed; nothing if it runs or went well.
    pub fn take_error(self: Pin<&mut Self>) -> Option<E> {
        if matches!(*self, Self::Done { output: Err(_) }) { self.take().err() } else { None }
    }

    /// The value of a child that went well; nothing if it runs or failed.
    pub fn take_ok(self: Pin<&mut Self>) -> Option<T> {
        if matches!(*self, Self::Done { output: Ok(_) }) { self.take().ok() } else { None }
    }

    /// The value of a child that went well.
    ///
    /// # Panics
    ///
    /// If the child has not ended, failed, or the value was taken before.
    pub fn take_value(self: Pin<&mut Self>) -> T {
        self.take().ok().expect("a failed child ends the combinator")
    }

    /// The error of a child that failed.
    ///
    /// # Panics
    ///
    /// If the child has not ended, went well, or the error was taken before.
    pub fn take_failure(self: Pin<&mut Self>) -> E {
        self.take().err().expect("a child that went well ends the combinator")
    }
}
