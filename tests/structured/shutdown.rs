//! `Shutdown`: asks, waits, drops, and tells; and what Ctrl-C does, once and twice.

use std::future::{Future, pending, poll_fn};
use std::io::{BufRead, BufReader};
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc;

use rondel::sync::CancellationToken;
use rondel::task::{
    ErrorGroup, JoinSet, Shutdown, ShutdownOutcome, ShutdownReport, ShutdownTask, TaskGroup,
    yield_now,
};
use rondel::testing::wait_until_idle;
use rondel::time::{Instant, sleep};

use super::{Bomb, Diary, HOUR, forever_with, ms, paused};

/// Ends `milliseconds` after it was asked to.
async fn ends_after(milliseconds: u64, token: CancellationToken) {
    token.cancelled().await;
    sleep(ms(milliseconds)).await;
}

/// Names and outcomes, in the order of the report.
fn lines(report: &ShutdownReport) -> Vec<(&str, ShutdownOutcome)> {
    let line = |task: &'_ ShutdownTask| task.outcome();
    report.tasks().iter().map(|task| (task.info().name().unwrap_or("-"), line(task))).collect()
}

// ---- the report ---------------------------------------------------------------------------------

/// Goal: each way to end is told apart, with its time. Method: one task for each, in virtual time.
#[test]
fn the_report_says_of_each_task_how_it_ended_and_how_long_that_took() {
    use ShutdownOutcome::{Aborted, Dropped, Ended, Finished, Panicked};
    paused().block_on(async {
        let shutdown = Shutdown::new();
        shutdown.spawn_named("finished", |_| sleep(ms(10)));
        let _early = shutdown.spawn_named("early panic", |_| async {
            sleep(ms(20)).await;
            panic!("before")
        });
        shutdown.spawn_named("early abort", |_| pending::<()>()).abort();
        shutdown.spawn_named("ended", |token| ends_after(30, token));
        shutdown.spawn_named("stubborn", |_| pending::<()>());
        let by_hand = shutdown.spawn_named("by hand", |_| pending::<()>());
        let _late = shutdown.spawn_named("late panic", |token| async move {
            token.cancelled().await;
            panic!("after")
        });
        shutdown.spawn_named("bomb", |_| forever_with::<_, ()>(Bomb("in the drop")));
        sleep(ms(100)).await;
        rondel::spawn(async move {
            sleep(ms(50)).await;
            by_hand.abort();
        });
        let report = shutdown.run("the reason", ms(70)).await;

        assert_eq!(report.reason(), Some("the reason"));
        assert_eq!(report.took(), ms(70));
        assert!(!report.is_clean());
        let expected = [
            ("early abort", Aborted, 0),
            ("finished", Finished, 10),
            ("early panic", Panicked, 20),
            ("late panic", Panicked, 0),
            ("ended", Ended, 30),
            ("by hand", Aborted, 50),
            ("stubborn", Dropped, 70),
            ("bomb", Panicked, 70),
        ];
        assert_eq!(lines(&report), expected.map(|(name, outcome, _)| (name, outcome)));
        let times: Vec<_> = report.tasks().iter().map(ShutdownTask::took).collect();
        assert_eq!(times, expected.map(|(_, _, time)| ms(time)));
        let messages: Vec<_> =
            report.tasks().iter().filter_map(ShutdownTask::panic_message).collect();
        assert_eq!(messages, ["before", "after", "in the drop"]);
        assert_eq!(
            [Finished, Ended, Aborted, Dropped, Panicked].map(|o| report.count(o)),
            [1, 1, 2, 1, 3]
        );
        assert_eq!(report.of(Panicked).count(), 3);
    });
}

/// Goal: the text is worth logging: sums, and a line for each task that did not just end before.
#[test]
fn the_text_of_a_report_has_the_sums_and_a_line_for_each_task_that_was_there() {
    paused().block_on(async {
        let shutdown = Shutdown::new();
        for _ in 0..3 {
            shutdown.spawn(|_| async {});
        }
        shutdown.spawn_named("worker", |token| ends_after(30, token));
        shutdown.spawn_named("stubborn", |_| pending::<()>());
        wait_until_idle().await;
        let report = shutdown.run("Ctrl-C", ms(5_000)).await;
        let text = report.to_string();
        let mut text = text.lines();
        let sums =
            "shutdown after 5s (Ctrl-C): 3 had finished before, 1 ended when asked, 1 dropped";
        assert_eq!(text.next(), Some(sums));
        let worker = text.next().unwrap();
        assert!(worker.starts_with("  task ") && worker.contains("`worker` (spawned at tests/"));
        assert!(worker.ends_with(") ended when asked, after 30ms"), "{worker}");
        let stubborn = text.next().unwrap();
        assert!(stubborn.ends_with(") was dropped, after 5s"), "{stubborn}");
        assert_eq!(text.next(), None);

        let idle = Shutdown::default();
        let report = idle.run("for fun", HOUR).await;
        assert_eq!(report.to_string(), "shutdown after 0ns (for fun): there was no task");
        assert!(report.is_clean());
    });
}

/// Goal: a service that ran for a year has a short report and a small memory.
#[test]
fn tasks_that_ended_before_are_counted_and_the_last_are_kept() {
    paused().block_on(async {
        let shutdown = Shutdown::new();
        for _ in 0..1_000 {
            shutdown.spawn(|_| async {});
        }
        wait_until_idle().await;
        let last = shutdown.spawn_named("the last", |_| async {});
        last.await.unwrap();
        let report = shutdown.run("enough", HOUR).await;
        assert_eq!(report.count(ShutdownOutcome::Finished), 1_001);
        assert_eq!(report.tasks().len(), 64);
        assert_eq!(report.tasks().last().unwrap().info().name(), Some("the last"));
    });
}

// ---- asking and waiting -------------------------------------------------------------------------

#[test]
fn a_shutdown_ends_as_soon_as_all_tasks_have() {
    paused().block_on(async {
        let start = Instant::now();
        let shutdown = Shutdown::new();
        for time in [10, 20, 30] {
            shutdown.spawn(move |token| ends_after(time, token));
        }
        let report = shutdown.run("now", HOUR).await;
        assert_eq!((start.elapsed(), report.took()), (ms(30), ms(30)));
        assert!(report.is_clean());
    });
}

#[test]
fn the_first_reason_reaches_all_tasks() {
    paused().block_on(async {
        let shutdown = Shutdown::new();
        let (token, other) = (shutdown.token(), shutdown.clone());
        let told = shutdown.spawn(|token| async move {
            token.cancelled().await;
            token.reason().map(str::to_owned)
        });
        assert!(!shutdown.has_begun());
        other.begin("first");
        assert!(shutdown.has_begun() && token.is_cancelled());
        sleep(ms(5)).await;
        let report = shutdown.run("second", ms(1)).await;
        assert_eq!(report.reason(), Some("first"));
        assert_eq!(report.took(), ms(5), "since it was begun");
        assert_eq!(told.await.unwrap().as_deref(), Some("first"));
    });
}

#[test]
fn cancelling_a_token_of_a_shutdown_begins_nothing() {
    rondel::run(async {
        let shutdown = Shutdown::new();
        shutdown.token().cancel();
        shutdown.spawn(|token| async move { token.cancel() }).await.unwrap();
        assert!(!shutdown.has_begun());
        assert!(!shutdown.token().is_cancelled());
    });
}

#[test]
fn without_a_grace_whoever_does_not_end_at_once_is_dropped() {
    let diary = Diary::default();
    paused().block_on(async {
        let shutdown = Shutdown::new();
        shutdown.spawn(|_| forever_with::<_, ()>(diary.at_drop("dropped")));
        let report = shutdown.run("now", ms(0)).await;
        diary.note("reported");
        assert_eq!(report.count(ShutdownOutcome::Dropped), 1);
        assert_eq!(report.took(), ms(0));
    });
    assert_eq!(diary.pages(), ["dropped", "reported"]);
}

#[test]
fn hurry_ends_the_grace() {
    paused().block_on(async {
        let shutdown = Shutdown::new();
        shutdown.spawn(|_| pending::<()>());
        let other = shutdown.clone();
        rondel::spawn(async move {
            sleep(ms(10)).await;
            other.hurry();
        });
        let report = shutdown.run("no hurry yet", HOUR).await;
        assert_eq!(report.took(), ms(10));
        assert_eq!(report.count(ShutdownOutcome::Dropped), 1);
    });
}

#[test]
fn tasks_that_come_late_are_asked_at_once_and_reported() {
    paused().block_on(async {
        let shutdown = Shutdown::new();
        let spawner = shutdown.clone();
        shutdown.spawn_named("first", |token| async move {
            token.cancelled().await;
            sleep(ms(10)).await;
            spawner.spawn_named("clean-up", |token| async move {
                assert!(token.is_cancelled());
                sleep(ms(5)).await;
            });
        });
        let report = shutdown.run("the end", HOUR).await;
        assert_eq!(report.took(), ms(15));
        let ended = ShutdownOutcome::Ended;
        assert_eq!(lines(&report), [("first", ended), ("clean-up", ended)]);
        assert_eq!(report.tasks()[1].took(), ms(5), "from its own beginning");
    });
}

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_shutdown_that_is_over_refuses_tasks() {
    let diary = Diary::default();
    rondel::run(async {
        let shutdown = Shutdown::new();
        shutdown.run("at once", ms(0)).await;
        let refused = [
            shutdown.spawn(|_| forever_with::<_, ()>(diary.at_drop("task"))),
            shutdown.spawn_local(|_| forever_with::<_, ()>(diary.at_drop("local task"))),
            shutdown.spawn_blocking({
                let kept = diary.at_drop("closure");
                move |_| drop(kept)
            }),
        ];
        for refused in refused {
            assert!(refused.await.unwrap_err().is_cancelled());
        }
        assert_eq!(shutdown.track(async { 5 }).await, 5, "a future of others is left alone");
        let report = shutdown.run("again", ms(0)).await;
        assert!(report.tasks().is_empty());
    });
    assert_eq!(diary.pages(), ["task", "local task", "closure"]);
}

#[test]
fn outputs_and_panics_go_to_the_handles_as_always() {
    paused().block_on(async {
        let shutdown = Shutdown::new();
        let shared = Rc::new(2);
        let (one, two) = (shutdown.spawn(|_| async { 1 }), shared.clone());
        let two = shutdown.spawn_local(|_| async move { *two });
        let three = shutdown.spawn_blocking(|_| 3);
        let boom = shutdown.spawn(|_| async { if true { panic!("boom") } else { 0 } });
        let crash = shutdown.spawn_blocking(|_| if true { panic!("crash") } else { 0 });
        let bomb = shutdown.spawn(|_| forever_with::<_, i32>(Bomb("in the drop")));
        assert_eq!((one.await.unwrap(), two.await.unwrap(), three.await.unwrap()), (1, 2, 3));
        let boom = boom.await.unwrap_err().into_panic();
        assert_eq!(boom.downcast_ref(), Some(&"boom"));
        assert!(crash.await.unwrap_err().is_panic());
        yield_now().await;
        shutdown.run("now", ms(0)).await;
        assert!(bomb.await.unwrap_err().is_panic());
    });
}

/// Goal: several may wait for one end, and each gets a report of it; the shortest grace counts.
#[test]
fn a_shutdown_may_be_run_by_several() {
    paused().block_on(async {
        let shutdown = Shutdown::new();
        shutdown.spawn(|_| pending::<()>());
        let (patient, hasty) =
            rondel::join!(shutdown.run("patient", HOUR), shutdown.run("hasty", ms(10)));
        for report in [patient, hasty] {
            assert_eq!(report.count(ShutdownOutcome::Dropped), 1);
            assert_eq!((report.took(), report.reason()), (ms(10), Some("patient")));
        }
    });
}

/// Goal: who gives up waiting can come back. Method: a `run` that is dropped in the grace, and one
/// after it.
#[test]
fn a_run_that_is_dropped_can_be_taken_up_again() {
    paused().block_on(async {
        let shutdown = Shutdown::new();
        shutdown.spawn(|token| ends_after(30, token));
        assert!(rondel::time::timeout(ms(10), shutdown.run("first", HOUR)).await.is_err());
        let report = shutdown.run("second", HOUR).await;
        assert_eq!((report.took(), report.reason()), (ms(30), Some("first")));
    });
}

#[test]
fn a_shutdown_made_in_a_child_of_a_group_does_not_hold_the_group_open() {
    paused().block_on(async {
        let shutdown = TaskGroup::<String>::run(async |group| {
            let child = group.spawn(async {
                let shutdown = Shutdown::new();
                shutdown.spawn(|token| ends_after(0, token));
                Ok(shutdown)
            });
            Ok(child.await.unwrap())
        });
        let report = shutdown.await.unwrap().run("after the group", HOUR).await;
        assert_eq!(report.count(ShutdownOutcome::Ended), 1);
    });
}

// ---- what cannot be dropped ---------------------------------------------------------------------

/// Goal: a closure that does not listen leaks, and the report says so at once. Method: real time, as
/// virtual time waits for closures; the closure is held until the report is there.
#[test]
fn a_closure_that_does_not_end_has_leaked() {
    rondel::run(async {
        let shutdown = Shutdown::new();
        let (go_on, wait) = mpsc::channel::<()>();
        let (runs, running) = rondel::sync::oneshot::channel();
        let closure = shutdown.spawn_blocking(move |token| {
            runs.send(()).unwrap();
            wait.recv().unwrap();
            assert_eq!(token.reason(), Some("no time"));
        });
        running.await.unwrap();
        let report = shutdown.run("no time", ms(1)).await;
        assert_eq!(report.count(ShutdownOutcome::Leaked), 1);
        let leaked = &report.tasks()[0];
        assert_eq!(leaked.info().id(), closure.id());
        assert!(leaked.info().spawned_at().file().ends_with("shutdown.rs"));
        assert!(report.to_string().contains(": 1 LEAKED\n"), "{report}");
        assert!(report.to_string().contains(") LEAKED: it still runs, after "), "{report}");
        go_on.send(()).unwrap();
        closure.await.unwrap();
    });
}

/// Goal: closures that look at their token end in time, and those in the queue are dropped. Method:
/// a pool of one thread, and a closure that sees the token only after the other one was queued.
#[test]
fn closures_are_asked_and_queued_ones_are_dropped() {
    let diary = Diary::default();
    let pool = rondel::Builder::new().max_blocking_threads(1).build().unwrap();
    pool.block_on(async {
        let shutdown = Shutdown::new();
        let (runs, running) = rondel::sync::oneshot::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        let asked = shutdown.spawn_blocking(move |token| {
            runs.send(()).unwrap();
            while !token.is_cancelled() {
                std::thread::yield_now();
            }
            wait.recv().unwrap(); // until the queued one is dropped
        });
        running.await.unwrap();
        let kept = diary.at_drop("the queued one is dropped");
        let queued = shutdown.spawn_blocking(move |_| drop(kept));
        let end = rondel::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.run("now", ms(0)).await }
        });
        assert!(queued.await.unwrap_err().is_cancelled());
        go_on.send(()).unwrap();
        asked.await.unwrap();
        let report = end.await.unwrap();
        assert_eq!(report.count(ShutdownOutcome::Dropped), 1, "{report}");
        // The other one ended within the time for drops, or (on a slow machine) after it.
        let asked = report.count(ShutdownOutcome::Ended) + report.count(ShutdownOutcome::Leaked);
        assert_eq!(asked, 1, "{report}");
    });
    assert_eq!(diary.pages(), ["the queued one is dropped"]);
}

#[test]
fn futures_of_others_are_tracked_and_not_dropped() {
    paused().block_on(async {
        let shutdown = Shutdown::new();
        let mut set = JoinSet::new();
        let token = shutdown.token();
        set.spawn(shutdown.track(ends_after(10, token)));
        set.spawn(shutdown.track(pending::<()>()));
        let report = shutdown.run("now", ms(50)).await;
        let outcomes: Vec<_> = report.tasks().iter().map(ShutdownTask::outcome).collect();
        assert_eq!(outcomes, [ShutdownOutcome::Ended, ShutdownOutcome::Leaked]);
        assert_eq!(report.took(), ms(250), "the grace, and a moment for drops");
        assert_eq!(set.len(), 2, "both belong to the set");
        assert!(report.tasks()[1].info().spawned_at().file().ends_with("shutdown.rs"));
    });
}

/// Goal: what is tracked in a child of a group stays below the group: its own groups, too.
/// Method: as in `a_group_waits_for_what_is_below_its_aborted_children`, with a tracked future between.
#[test]
fn a_group_waits_for_what_is_below_a_tracked_future() {
    type Group = TaskGroup<String>;
    let diary = Diary::default();
    rondel::run(async {
        let shutdown = Shutdown::new();
        let outcome: Result<(), ErrorGroup<String>> = Group::run(async |outer| {
            let kept = diary.at_drop("the last one is dropped");
            outer.spawn(shutdown.track(async move {
                let inner = Group::run(async |inner| {
                    inner.spawn_group(async |deep| {
                        deep.spawn(forever_with::<_, Result<(), _>>(kept));
                        Ok(())
                    });
                    Ok(())
                });
                inner.await.map_err(|error| error.to_string())
            }));
            wait_until_idle().await;
            Err("the end".to_owned())
        })
        .await;
        assert_eq!(outcome.unwrap_err().len(), 1);
        diary.note("the group is over");
        let report = shutdown.run("now", ms(50)).await;
        assert_eq!(report.count(ShutdownOutcome::Aborted), 1);
    });
    assert_eq!(diary.pages(), ["the last one is dropped", "the group is over"]);
}

#[test]
fn a_shutdown_says_what_it_is() {
    rondel::run(async {
        let shutdown = Shutdown::new();
        shutdown.spawn(|_| pending::<()>());
        let text = format!("{shutdown:?}");
        assert_eq!(text, "Shutdown { has_begun: false, tasks: 1, .. }");
    });
}

// ---- Ctrl-C -------------------------------------------------------------------------------------

/// The variable that makes a process of this test a program with a shutdown, and says which.
const PROGRAM: &str = "RONDEL_SHUTDOWN_PROGRAM";

/// Not a test by itself: the program that the tests below send their Ctrl-C to. Without the variable
/// it checks that a shutdown that was begun by hand does not wait for Ctrl-C.
#[test]
fn the_program_that_gets_the_ctrl_c() {
    rondel::run(async {
        let shutdown = Shutdown::new();
        let program = std::env::var(PROGRAM);
        shutdown.spawn_named("worker", |token| async move {
            token.cancelled().await;
            println!("\nprogram: asked, {}", token.reason().unwrap());
        });
        match program.as_deref() {
            Ok("once") => {}
            Ok("twice") => drop(shutdown.spawn_named("stubborn", |_| pending::<()>())),
            _ => shutdown.begin("by hand"),
        }
        let mut running = pin!(shutdown.run_until_ctrl_c(HOUR));
        let mut listens = false;
        let running = poll_fn(|cx| {
            let polled = running.as_mut().poll(cx);
            if !std::mem::replace(&mut listens, true) {
                println!("\nprogram: ready");
            }
            polled
        });
        let report = running.await.unwrap();
        println!("\nprogram: {report}");
        let by_hand = program.is_err();
        assert_eq!(report.reason(), Some(if by_hand { "by hand" } else { "Ctrl-C" }));
    });
}

/// A process of this test that runs the program above, killed when the test is over.
struct Program {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Program {
    fn start(which: &str) -> Self {
        let name = concat!(module_path!(), "::the_program_that_gets_the_ctrl_c");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name.split_once("::").unwrap().1, "--nocapture"])
            .env(PROGRAM, which)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads on to the next line of the program's own.
    fn says(&mut self) -> String {
        let lines = self.lines.by_ref().map(Result::unwrap);
        let said =
            lines.filter_map(|line| line.strip_prefix("program: ").map(str::to_owned)).next();
        said.expect("the program ended without a word")
    }

    fn ctrl_c(&self) {
        let kill = format!("kill -INT {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_ctrl_c_begins_the_shutdown() {
    let mut program = Program::start("once");
    assert_eq!(program.says(), "ready");
    program.ctrl_c();
    assert_eq!(program.says(), "asked, Ctrl-C");
    let report = program.says();
    assert!(report.ends_with("s (Ctrl-C): 1 ended when asked"), "{report}");
    assert!(program.child.wait().unwrap().success());
}

#[test]
fn the_second_ctrl_c_ends_the_grace() {
    let mut program = Program::start("twice");
    assert_eq!(program.says(), "ready");
    program.ctrl_c();
    assert_eq!(program.says(), "asked, Ctrl-C");
    program.ctrl_c(); // or it would take an hour
    let report = program.says();
    assert!(report.ends_with("s (Ctrl-C): 1 ended when asked, 1 dropped"), "{report}");
    assert!(program.child.wait().unwrap().success());
}
