//! The process's own streams. Each test runs this same program as a child, which knows by a variable
//! which part it is to play.

use std::process::Stdio;
use std::time::Duration;

use rondel::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, stderr, stdin, stdout};
use rondel::process::{Child, Command};

const PART: &str = "RONDEL_STDIO_PART";
/// What the child says first: before it, the test harness talks.
const BEGIN: &str = "<begin>";

fn me(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    // As a module of another target, it has a longer name.
    let module =
        module_path!().split_once("::").map_or(String::new(), |(_, rest)| format!("{rest}::"));
    command.args(["--exact", &format!("{module}plays_its_part"), "--nocapture"]);
    command.env(PART, part).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    command
}

/// The output of the child between its mark and what the harness adds.
async fn said(child: Child) -> String {
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let after = text.split_once(BEGIN).unwrap().1;
    after.split_once("<end>").unwrap().0.to_owned()
}

/// Not a test of its own: what the child does.
#[test]
fn plays_its_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let runtime = rondel::Builder::new().build().unwrap();
    runtime.block_on(async {
        let mut out = stdout();
        out.write_all(BEGIN.as_bytes()).await.unwrap();
        match &*part {
            "echo" => {
                let mut lines = BufReader::new(stdin()).lines();
                while let Some(line) = lines.next_line().await.unwrap() {
                    out.write_all(format!("{line}!").as_bytes()).await.unwrap();
                }
            }
            "closed" => {
                let mut text = String::new();
                let read = stdin().read_to_string(&mut text).await;
                out.write_all(format!("{read:?}").as_bytes()).await.unwrap();
            }
            "cancelled" => {
                let mut input = stdin();
                let mut bytes = [0; 64];
                let read = input.read(&mut bytes);
                assert!(rondel::time::timeout(Duration::ZERO, read).await.is_err());
                out.write_all(b"<ask>\n").await.unwrap();
                out.flush().await.unwrap();
                let count = input.read(&mut bytes).await.unwrap();
                out.write_all(&bytes[..count]).await.unwrap();
            }
            "large" => {
                for _ in 0..100 {
                    out.write_all(&[b'x'; 10_000]).await.unwrap();
                }
                stderr().write_all(b"to the other one").await.unwrap();
            }
            "deaf" => {
                let mut input = stdin();
                let read = input.read_u8();
                assert!(rondel::time::timeout(Duration::ZERO, read).await.is_err());
            }
            other => panic!("no such part: {other}"),
        }
        out.write_all(b"<end>\n").await.unwrap();
        out.flush().await.unwrap();
    });
    runtime.shutdown_timeout(Duration::ZERO); // a read of stdin cannot be called off
}

/// Goal: lines go in and come out, to the end of the input.
#[test]
fn lines_go_in_and_come_out() {
    rondel::run(async {
        let mut child = me("echo").spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"one\ntwo\nthree").await.unwrap();
        drop(input);
        assert_eq!(said(child).await, "one!two!three!");
    });
}

/// Goal: an input that is closed is at its end at once: neither an error nor a wait. Method: once
/// `/dev/null`, once a pipe whose other end is closed, once no descriptor 0 at all.
#[test]
fn a_closed_standard_input_is_at_its_end() {
    rondel::run(async {
        let null = me("closed").stdin(Stdio::null()).spawn().unwrap();
        assert_eq!(said(null).await, "Ok(0)");
        let mut child = me("closed").spawn().unwrap();
        drop(child.stdin.take());
        assert_eq!(said(child).await, "Ok(0)");

        let me = me("closed");
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" <&-"]).arg(me.as_std().get_program());
        shell.args(me.as_std().get_args()).env(PART, "closed").stdout(Stdio::piped());
        assert_eq!(said(shell.spawn().unwrap()).await, "Ok(0)");
    });
}

/// Goal: what a cancelled read of the input brings is given to the next one. Method: the child says
/// when it has given up, and only then is something typed.
#[test]
fn a_cancelled_read_of_the_input_loses_nothing() {
    rondel::run(async {
        let mut child = me("cancelled").spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !lines.next_line().await.unwrap().unwrap().ends_with("<ask>") {}
        child.stdin.as_mut().unwrap().write_all(b"typed").await.unwrap();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "typed<end>");
        while lines.next_line().await.unwrap().is_some() {}
        assert!(child.wait().await.unwrap().success());
    });
}

/// Goal: much output arrives whole and in order, over a pipe that is smaller; the error stream is
/// another one.
#[test]
fn much_output_arrives_whole() {
    rondel::run(async {
        let child = me("large").stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success());
        assert_eq!(output.stderr, b"to the other one");
        let text = String::from_utf8(output.stdout).unwrap();
        let body = text.split_once(BEGIN).unwrap().1.split_once("<end>").unwrap().0;
        assert!(body.len() == 1_000_000 && body.bytes().all(|byte| byte == b'x'));
    });
}

/// Goal: a runtime that ends while a read of the input waits does not wait for it if it is told so.
/// Method: the child reads, gives up, and ends, while its input stays open.
#[test]
fn a_waiting_read_of_the_input_does_not_hold_up_an_end_without_limit() {
    rondel::run(async {
        let mut child = me("deaf").spawn().unwrap();
        let input = child.stdin.take();
        assert_eq!(said(child).await, "");
        drop(input);
    });
}
