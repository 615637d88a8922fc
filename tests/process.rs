//! Child processes: their end, their pipes, and that none is left as a zombie.

use std::collections::BTreeSet;
use std::fs;
use std::future::poll_fn;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::task::Poll;

use rondel::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use rondel::process::{Child, Command, Stdio};

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// `None` once the kernel has forgotten the process; `Z` for a zombie.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Waits until the kernel has forgotten all of them, which only a `waitpid` of ours brings about.
fn until_forgotten(pids: impl IntoIterator<Item = u32>) {
    let mut pids: Vec<u32> = pids.into_iter().collect();
    while !pids.is_empty() {
        pids.retain(|pid| state(*pid).is_some());
        std::thread::yield_now();
    }
}

/// Goal: a status is told once it is there, and for ever after. Method: wait twice, try once.
#[test]
fn waiting_twice_says_the_same() {
    rondel::run(async {
        let mut child = sh("exit 7").spawn().unwrap();
        let pid = child.id().unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
        assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(7));
        assert_eq!(child.id(), None);
        child.start_kill().unwrap(); // nothing to kill, and no stranger with that number is hit
        child.kill().await.unwrap();
        until_forgotten([pid]);
    });
}

/// Goal: an output larger than the pipe does not stop the child, nor does one on both pipes at once.
/// Method: 1 MiB on each, and `output`.
#[test]
fn an_output_larger_than_the_pipe_arrives_whole() {
    rondel::run(async {
        let script = "head -c 1048576 /dev/zero; head -c 1048576 /dev/zero >&2";
        let output = sh(script).output().await.unwrap();
        assert!(output.status.success());
        assert_eq!((output.stdout.len(), output.stderr.len()), (1 << 20, 1 << 20));
        assert!(output.stdout.iter().chain(&output.stderr).all(|byte| *byte == 0));
    });
}

/// Goal: input and output larger than their pipes go through at the same time. Method: `cat`, one
/// task that writes, one that reads.
#[test]
fn more_than_a_pipe_goes_in_and_comes_out() {
    rondel::run(async {
        let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let cat = cat.as_mut().unwrap();
        let (mut stdin, mut stdout) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
        let sent: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
        let expected = sent.clone();
        let writer = rondel::spawn(async move { stdin.write_all(&sent).await });
        let mut got = Vec::new();
        stdout.read_to_end(&mut got).await.unwrap();
        writer.await.unwrap().unwrap();
        assert_eq!(got, expected);
        assert!(cat.wait().await.unwrap().success());
    });
}

/// Goal: `wait` closes the child's input, so that `cat` ends; `try_wait` does not.
#[test]
fn waiting_closes_the_input() {
    rondel::run(async {
        let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert!(cat.try_wait().unwrap().is_none());
        assert!(cat.stdin.is_some());
        assert!(cat.wait().await.unwrap().success());
        assert!(cat.stdin.is_none());
    });
}

/// Goal: what a child wrote before it died is read after its death, then comes the end. Method: wait
/// for the end first, read then.
#[test]
fn a_child_that_dies_before_its_pipes_are_read_is_read_to_the_end() {
    rondel::run(async {
        let mut command = sh("echo last words; echo and errors >&2; kill -KILL $$");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        let (mut out, mut err) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut out).await.unwrap();
        child.stderr.take().unwrap().read_to_string(&mut err).await.unwrap();
        assert_eq!((&*out, &*err), ("last words\n", "and errors\n"));
    });
}

/// Goal: writing to a child that reads no more is an error, not a signal that ends this process
/// (SIGPIPE), and wakes a writer that waits. Method: fill the pipe of `sleep`, then kill it.
#[test]
fn writing_to_a_dead_child_is_a_broken_pipe() {
    rondel::run(async {
        let mut child = Command::new("sleep").arg("1000").stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = rondel::spawn(async move { stdin.write_all(&[0; 1 << 20]).await });
        rondel::task::yield_now().await;
        child.kill().await.unwrap();
        let error = writer.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    });
}

/// Goal: a cancelled `wait` and a cancelled read lose nothing. Method: poll each once, drop it, go
/// on.
#[test]
fn a_dropped_wait_or_read_loses_nothing() {
    rondel::run(async {
        let mut command = sh("read line; echo got $line");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        {
            let mut wait = pin!(child.wait());
            assert!(poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_pending())).await);
        }
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        {
            let mut next = pin!(lines.next_line());
            assert!(poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_pending())).await);
        }
        stdin.write_all(b"it\n").await.unwrap();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("got it"));
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert!(child.wait().await.unwrap().success());
    });
}

/// A child that lives until it is killed or `stdin` is dropped.
fn long_lived(kill_on_drop: bool) -> Child {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).kill_on_drop(kill_on_drop).spawn().unwrap()
}

/// Goal: `kill_on_drop` ends the child and leaves no zombie; without it, the child lives on, and is
/// waited for when it ends. Method: drop both; the second one ends when its input does.
#[test]
fn a_dropped_child_is_killed_if_asked_and_waited_for_anyway() {
    rondel::run(async {
        let child = long_lived(true);
        let pid = child.id().unwrap();
        drop(child);
        until_forgotten([pid]);

        let mut child = long_lived(false);
        let (pid, stdin) = (child.id().unwrap(), child.stdin.take());
        drop(child);
        assert!(state(pid).is_some_and(|state| state != 'Z'), "it lives on");
        drop(stdin);
        until_forgotten([pid]);
    });
}

/// Goal: a future of `output` that is dropped half way kills its child if asked. Method: `timeout`
/// with no time.
#[test]
fn a_dropped_output_kills_its_child() {
    rondel::run(async {
        let mut command = sh("echo $$; exec sleep 1000");
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let pid: u32 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        let output = child.wait_with_output();
        assert!(rondel::time::timeout(std::time::Duration::ZERO, output).await.is_err());
        until_forgotten([pid]);
    });
}

/// Goal: 1,000 children and no zombie: a third is waited for, a third is dropped after its end or
/// before, a third is killed by its drop. Method: look each number up in /proc.
#[test]
fn a_thousand_children_leave_no_zombie() {
    rondel::run(async {
        let mut pids = BTreeSet::new();
        for batch in 0..10 {
            let mut waited_for = Vec::new();
            for number in 0..100 {
                let mut command = Command::new("true");
                if number % 3 == 2 {
                    command = Command::new("cat");
                    command.stdin(Stdio::piped()).kill_on_drop(true);
                }
                let child = command.spawn().unwrap();
                pids.insert(child.id().unwrap());
                match number % 3 {
                    0 => waited_for.push(child),
                    _ => drop(child),
                }
            }
            for (place, mut child) in waited_for.into_iter().enumerate() {
                if (place + batch) % 2 == 0 {
                    assert!(child.wait().await.unwrap().success());
                } else {
                    drop(child);
                }
            }
        }
        until_forgotten(pids);
    });
}

/// Goal: many waits at once are each told. Method: 100 `cat`s whose inputs are closed in one go.
#[test]
fn many_children_are_waited_for_at_once() {
    rondel::run(async {
        let mut set = rondel::task::JoinSet::new();
        let mut inputs = Vec::new();
        for _ in 0..100 {
            let mut child = long_lived(false);
            inputs.push(child.stdin.take());
            set.spawn(async move { child.wait().await });
        }
        rondel::task::yield_now().await;
        drop(inputs);
        while let Some(ended) = set.join_next().await {
            assert!(ended.unwrap().unwrap().success());
        }
    });
}

/// Goal: a child that was started on one loop may be waited for on another one. Method: two threads.
#[test]
fn a_child_may_be_waited_for_on_another_loop() {
    let (child, stdin, home) = {
        let home = rondel::Builder::new().build().unwrap();
        let (child, stdin) = home.block_on(async {
            let mut child = long_lived(false);
            let stdin = child.stdin.take();
            (child, stdin)
        });
        (child, stdin, home)
    };
    let stranger = std::thread::spawn(move || {
        let mut child = child;
        rondel::block_on(async move { child.wait().await.unwrap().success() })
    });
    home.block_on(async move {
        drop(stdin);
        let joined = rondel::task::spawn_blocking(move || stranger.join().unwrap());
        assert!(joined.await.unwrap());
    });
}

/// Goal: what cannot be started says why, and all that is told to the builder arrives.
#[test]
fn the_builder_passes_on_what_it_is_told() {
    rondel::run(async {
        let error = Command::new("/no/such/program").spawn().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);

        let mut command = sh("echo $0 $A $B $C; pwd");
        command.arg("zero").env("A", "1").envs([("B", "2")]).env("C", "3").env_remove("C");
        let output = command.current_dir("/").output().await.unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "zero 1 2\n/\n");
        let named = sh("exec ps -o args= -p $$ 2>/dev/null || true").arg0("other").output().await;
        assert!(named.unwrap().status.success());
        assert_eq!(
            sh("test -z \"$HOME\"").env_clear().env("PATH", "/bin").status().await.unwrap().code(),
            Some(0)
        );
        assert!(!command.get_kill_on_drop());
        assert!(Command::new("true").process_group(0).status().await.unwrap().success());
    });
}

/// Goal: a pipeline: one child's output is the next one's input. Method: `Stdio::try_from`.
#[test]
fn the_output_of_one_child_is_the_input_of_the_next() {
    rondel::run(async {
        let mut first = sh("echo one two").stdout(Stdio::piped()).spawn().unwrap();
        let between: Stdio = first.stdout.take().unwrap().try_into().unwrap();
        let second = Command::new("wc").arg("-w").stdin(between).output().await.unwrap();
        assert_eq!(String::from_utf8(second.stdout).unwrap().trim(), "2");
        assert!(first.wait().await.unwrap().success());
    });
}

/// Goal: somebody else who waits for our child gets us an error or a status, and no endless wait.
/// Method: a shell's child is not ours, so kill by number and wait for it here.
#[test]
fn a_child_that_was_killed_from_outside_is_told() {
    rondel::run(async {
        let mut child = long_lived(false);
        let stdin = child.stdin.take();
        let pid = child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        assert_eq!(child.wait().await.unwrap().signal(), Some(15));
        drop(stdin);
    });
}

/// Numbers of all children of this process, zombies too.
fn children() -> Vec<u32> {
    let me = std::process::id().to_string();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_ours = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        after.split(' ').nth(1) == Some(&*me)
    };
    pids.filter(is_ours).collect()
}

/// Goal: who reads the error knows which program it was. Method: programs that cannot be started, for
/// one reason each.
#[test]
fn an_error_of_spawn_names_the_program() {
    use std::io::ErrorKind::{InvalidInput, NotFound, PermissionDenied};
    rondel::run(async {
        let mut nowhere = Command::new("true");
        nowhere.current_dir("/no/such/directory");
        for (mut command, kind, start) in [
            (Command::new("no-such-program"), NotFound, "cannot start \"no-such-program\": "),
            (Command::new("/"), PermissionDenied, "cannot start \"/\": "),
            (nowhere, NotFound, "cannot start \"true\" in \"/no/such/directory\": "),
        ] {
            let error = command.spawn().unwrap_err();
            assert_eq!(error.kind(), kind);
            let says = |error: &std::io::Error| error.to_string().starts_with(start);
            assert!(says(&error), "{error}");
            assert!(says(&command.status().await.unwrap_err()));
            assert!(says(&command.output().await.unwrap_err()));
        }
        let zero = Command::new("a\0b").spawn().unwrap_err();
        assert_eq!(zero.kind(), InvalidInput);
        assert!(zero.to_string().contains("a"), "{zero}");
    });
}

/// Not a test of its own: what a process with few descriptors does, for the next one.
#[test]
fn spawns_until_there_are_no_descriptors() {
    if std::env::var_os("RONDEL_FEW_DESCRIPTORS").is_none() {
        return;
    }
    rondel::run(async {
        for _ in 0..3 {
            let mut held = Vec::new();
            let error = loop {
                let mut command = Command::new("cat");
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
                match command.spawn() {
                    Ok(child) => held.push(child),
                    Err(error) => break error,
                }
            };
            let cause = error.get_ref().and_then(|named| named.source()).unwrap();
            let cause = cause.downcast_ref::<std::io::Error>().unwrap();
            assert_eq!(cause.raw_os_error(), Some(24), "EMFILE, not {error}");
            assert!(held.len() > 3);
            drop(held);
            while !children().is_empty() {
                std::thread::yield_now();
            }
        }
        assert!(Command::new("true").status().await.unwrap().success());
    });
}

/// Goal: a process that has run out of descriptors is told so by `spawn`, keeps no child that nobody
/// has a handle to, no zombie, and can go on when there are descriptors again. Method: this program
/// again, as a child that may have 64 of them.
#[test]
fn without_descriptors_spawn_fails_and_leaves_no_child() {
    rondel::run(async {
        let module = module_path!().split_once("::").map(|(_, rest)| format!("{rest}::"));
        let name = format!("{}spawns_until_there_are_no_descriptors", module.unwrap_or_default());
        let mut few = sh("ulimit -n 64; exec \"$0\" --exact \"$1\" --nocapture");
        few.arg(std::env::current_exe().unwrap()).arg(name).env("RONDEL_FEW_DESCRIPTORS", "1");
        let output = few.stderr(Stdio::piped()).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
    });
}
