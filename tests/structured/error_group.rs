//! `ErrorGroup`: a tree of failures, divided as `except*` does, and readable.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rondel::task::{BoxError, ErrorGroup, Failure, TaskGroup};
use rondel::time::sleep;

use super::{ms, paused};

#[derive(Debug, PartialEq)]
struct Teapot(u32);

impl fmt::Display for Teapot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I am teapot {}", self.0)
    }
}

impl Error for Teapot {}

/// `(1 3 (2 boom))`: two tasks, and one with a group of an error and a panic. A grace lets the inner
/// group end by itself, and so tell its failures.
fn tree() -> ErrorGroup<u32> {
    async fn fail(number: u32) -> Result<(), u32> {
        sleep(ms(10)).await;
        Err(number)
    }
    paused().block_on(async {
        let builder = TaskGroup::builder().name("outer").grace(ms(1_000));
        let outcome: Result<(), _> = builder
            .run(async |outer| {
                outer.named("one").spawn(fail(1));
                outer.named("below").spawn_group(async |inner| {
                    inner.named("two").spawn(fail(2));
                    inner.named("bug").spawn::<(), _>(async {
                        sleep(ms(10)).await;
                        panic!("boom")
                    });
                    Ok(())
                });
                outer.named("three").spawn(fail(3));
                Ok(())
            })
            .await;
        outcome.unwrap_err()
    })
}

/// The shape of a tree in one line.
fn shape(group: &ErrorGroup<u32>) -> String {
    let member = |failure: &Failure<u32>| match failure {
        Failure::Error(number) => number.to_string(),
        Failure::Panic(payload) => payload.message().unwrap_or_default(),
        Failure::Group(group) => shape(group),
        _ => unreachable!("there are three kinds"),
    };
    let members: Vec<_> = group.members().iter().map(|at| member(at.failure())).collect();
    format!("({})", members.join(" "))
}

fn numbers(group: &ErrorGroup<u32>) -> Vec<u32> {
    group.errors().copied().collect()
}

// ---- looking ------------------------------------------------------------------------------------

#[test]
fn a_group_is_a_tree_of_failures() {
    let group = tree();
    assert_eq!(shape(&group), "(1 3 (2 boom))");
    assert_eq!((group.len(), group.members().len(), group.is_empty()), (4, 3, false));
    assert_eq!(numbers(&group), [1, 3, 2]);
    let names: Vec<_> = group.iter().map(|leaf| leaf.task().unwrap().name().unwrap()).collect();
    assert_eq!(names, ["one", "three", "two", "bug"]);
    assert_eq!((group.name(), group.reason()), (Some("outer"), None));
    let kinds: Vec<_> = group.into_iter().map(|member| member.into_failure()).collect();
    assert!(matches!(kinds[..], [Failure::Error(1), Failure::Error(3), Failure::Group(_)]));
}

#[test]
fn errors_without_tasks_can_be_collected() {
    let group: ErrorGroup<u32> = [1, 2].into_iter().collect();
    assert_eq!((shape(&group), group.members()[0].task().is_none()), ("(1 2)".to_owned(), true));
    let none: ErrorGroup<u32> = [].into_iter().collect();
    assert!(none.is_empty() && none.is_cancelled());
}

// ---- dividing -----------------------------------------------------------------------------------

#[test]
fn split_gives_two_trees_of_the_same_shape() {
    for (matches, yes, no) in [
        (vec![1], Some("(1)"), Some("(3 (2 boom))")),
        (vec![2], Some("((2))"), Some("(1 3 (boom))")),
        (vec![2, 3], Some("(3 (2))"), Some("(1 (boom))")),
        (vec![1, 2, 3], Some("(1 3 (2))"), Some("((boom))")),
        (vec![], None, Some("(1 3 (2 boom))")),
    ] {
        let (matched, rest) = tree().split(|number| matches.contains(number));
        assert_eq!(matched.as_ref().map(shape).as_deref(), yes, "{matches:?}");
        assert_eq!(rest.as_ref().map(shape).as_deref(), no, "{matches:?}");
        for half in [matched, rest].into_iter().flatten() {
            assert_eq!(half.name(), Some("outer"), "both keep what the whole was called");
            assert!(half.iter().all(|leaf| leaf.task().is_some()));
        }
    }
}

#[test]
fn filter_keeps_one_half() {
    assert_eq!(tree().filter(|number| *number > 1).as_ref().map(shape).unwrap(), "(3 (2))");
    assert!(tree().filter(|_| false).is_none());
}

#[test]
fn panics_divide_from_errors() {
    let (panics, errors) = tree().split_panics();
    assert_eq!(shape(&panics.unwrap()), "((boom))");
    assert_eq!(shape(&errors.unwrap()), "(1 3 (2))");
}

#[test]
fn a_group_of_plain_errors_divides_by_its_one_type() {
    let group: ErrorGroup<Teapot> = [Teapot(1)].into_iter().collect();
    assert!(matches!(group.split_type::<Teapot>(), (Some(_), None)));
    let group: ErrorGroup<Teapot> = [Teapot(1)].into_iter().collect();
    assert!(matches!(group.split_type::<io::Error>(), (None, Some(_))));
}

/// Goal: `except*` in Rust: one handler a type, and what nobody handles goes on.
#[test]
fn boxed_errors_divide_by_what_is_in_the_box() {
    let inner: ErrorGroup = [BoxError::from(Teapot(2)), "text".into()].into_iter().collect();
    let errors: [BoxError; 3] = [Teapot(1).into(), io::Error::other("disk").into(), inner.into()];
    let group: ErrorGroup = errors.into_iter().collect();
    assert_eq!((group.len(), group.members().len()), (4, 3), "the box of the inner one is open");

    let (teapots, rest) = group.split_type::<Teapot>();
    let teapots = teapots.unwrap();
    let found: Vec<_> =
        teapots.errors().filter_map(|error| error.downcast_ref::<Teapot>()).collect();
    assert_eq!(found, [&Teapot(1), &Teapot(2)]);
    let (disk, rest) = rest.unwrap().split_type::<io::Error>();
    assert_eq!(disk.unwrap().len(), 1);
    let rest: Vec<_> = rest.unwrap().errors().map(ToString::to_string).collect();
    assert_eq!(rest, ["text"]);
}

#[test]
fn a_group_that_was_only_cancelled_matches_nothing_and_stays_whole() {
    rondel::run(async {
        let outcome: Result<(), ErrorGroup<u32>> = TaskGroup::run(async |group| {
            group.cancel("enough");
            std::future::pending().await
        })
        .await;
        let (matched, rest) = outcome.unwrap_err().split(|_| true);
        assert!(matched.is_none());
        assert_eq!(rest.unwrap().reason(), Some("enough"));
    });
}

// ---- panics -------------------------------------------------------------------------------------

#[test]
fn resume_panic_lets_the_first_panic_go_on() {
    let caught = catch_unwind(AssertUnwindSafe(|| tree().resume_panic()));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"boom"));
    let group: ErrorGroup<u32> = [1].into_iter().collect();
    assert_eq!(shape(&group.resume_panic()), "(1)");
}

#[test]
fn a_payload_that_is_no_text_survives() {
    rondel::run(async {
        let outcome: Result<(), ErrorGroup<u32>> = TaskGroup::run(async |group| {
            group.spawn(async {
                if true {
                    std::panic::resume_unwind(Box::new(Teapot(7)));
                }
                Ok(())
            });
            Ok(())
        })
        .await;
        let error = outcome.unwrap_err();
        assert!(error.to_string().ends_with(": panicked"), "{error}");
        let caught = catch_unwind(AssertUnwindSafe(|| error.resume_panic()));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&Teapot(7)));
    });
}

// ---- for people ---------------------------------------------------------------------------------

/// Goal: the text says all, one line a failure, deeper ones further to the right.
#[test]
fn the_text_of_a_group_is_a_tree() {
    let text = tree().to_string();
    let lines: Vec<_> = text.lines().collect();
    let expected = [
        ("3 failures in task group `outer`", ""),
        ("  task ", ": 1"),
        ("  task ", ": 3"),
        // The inner group had been asked to end when its tasks failed; it says so.
        ("  task ", " failed)"),
        ("    task ", ": 2"),
        ("    task ", ": panicked with message \"boom\""),
    ];
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (line, (start, end)) in lines.iter().zip(expected) {
        assert!(line.starts_with(start) && line.ends_with(end), "{line}");
    }
    assert!(lines[1].contains(concat!("`one` (spawned at ", file!(), ":")), "{text}");
    assert!(lines[3].contains(": 2 failures in a task group (cancelled: task "), "{text}");
}

#[test]
fn texts_of_several_lines_and_of_the_body_stay_in_their_place() {
    rondel::run(async {
        let outcome: Result<(), ErrorGroup<&str>> =
            TaskGroup::run(async |_| Err("first line\nsecond line")).await;
        let text = outcome.unwrap_err().to_string();
        assert_eq!(text, "1 failure in a task group\n  the body: first line\n  second line");
    });
    let group: ErrorGroup<&str> = ["nobody's"].into_iter().collect();
    assert_eq!(group.to_string(), "1 failure in a task group\n  nobody's");
}

#[test]
fn the_source_is_the_first_leaf() {
    let group: ErrorGroup = [BoxError::from(Teapot(1))].into_iter().collect();
    assert!(group.source().unwrap().is::<Teapot>());
    let group: ErrorGroup<Teapot> = [Teapot(1)].into_iter().collect();
    assert_eq!(group.source().unwrap().to_string(), "I am teapot 1");
    let (below, _) = tree().split(|number| *number == 2);
    assert_eq!(below.unwrap().source().unwrap().to_string(), "2", "that of a nested one");
    let none: ErrorGroup<u32> = [].into_iter().collect();
    assert!(none.source().is_none());
}

#[test]
fn a_group_is_an_error_like_any_other() {
    fn is_error<T: Error + Send + Sync + 'static>() {}
    is_error::<ErrorGroup>();
    is_error::<ErrorGroup<Teapot>>();
    is_error::<ErrorGroup<u32>>();
    let boxed: BoxError = tree().into();
    assert!(boxed.is::<ErrorGroup<u32>>());
    assert!(format!("{boxed:?}").starts_with("ErrorGroup { name: Some(\"outer\")"));
}
