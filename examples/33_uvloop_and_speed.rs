//! Lesson 33. What does a turn of the loop cost, and when does a faster loop help?
//!
//! Run it: `cargo run --example 33_uvloop_and_speed` (and once more with `--release`)
//! Covers: 11, 23, 201, 234, 242, X12.
//!
//! Python: `uvloop.run(main())` instead of `asyncio.run(main())`; the loop is then libuv, in C, and
//! the coroutines stay Python. Rust: the loop and the tasks are machine code, both of them. What is
//! left then are the system calls.
//!
//! Predict. A guide says: uvloop is 2 to 4 times as fast, free of charge. A program awaits
//! something again and again, and computes for 20 µs in between. How much faster does uvloop make it?
//!
//! a) 2 to 4 times.
//! b) By some percent: the loop was a small part of what it did.
//! c) Not at all: uvloop only helps with sockets.
//!
//! (A `~` with no figure behind it: what it takes to measure that is not on this machine.)

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::task::{JoinSet, yield_now};
use std::collections::HashMap;
use std::hint::{black_box, spin_loop};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, io};

const TASKS: usize = 100;
const WORK: Duration = Duration::from_micros(20);
/// Requests of the echo server that strace looks at.
const REQUESTS: usize = 300;
const MANY: usize = 50;

/// What a task does between two awaits.
#[derive(Clone, Copy, PartialEq)]
enum Body {
    Nothing,
    /// Two looks at the clock around each step: the least that a debug mode can do.
    Timed,
    /// A computation.
    Work,
}

/// The best of three: what disturbs a measurement makes it longer, never shorter.
fn best(measure: impl Fn() -> u128) -> u128 {
    [(); 3].map(|()| measure()).into_iter().min().unwrap()
}

/// A hundred tasks give way to each other, `steps` times each. Nanoseconds for one step.
fn turn(body: Body, steps: usize) -> u128 {
    rondel::run(async {
        let mut tasks = JoinSet::new();
        let start = Instant::now();
        for _ in 0..TASKS {
            tasks.spawn(async move {
                let mut longest = Duration::ZERO;
                for _ in 0..steps {
                    let start = (body != Body::Nothing).then(Instant::now);
                    while body == Body::Work && start.is_some_and(|at| at.elapsed() < WORK) {
                        spin_loop();
                    }
                    longest = longest.max(start.map_or(Duration::ZERO, |at| at.elapsed()));
                    yield_now().await;
                }
                black_box(longest);
                steps
            });
        }
        let made: usize = tasks.join_all().await.into_iter().sum();
        assert_eq!(made, TASKS * steps);
        start.elapsed().as_nanos() / made as u128
    })
}

/// The same in Python: asyncio, its debug mode, uvloop if it can be imported.
const PYTHON: &str = r#"
import asyncio, logging, sys, time, warnings

async def turn(steps, work=0.0):
    async def one():
        for _ in range(steps):
            end = time.perf_counter() + work
            while work and time.perf_counter() < end:
                pass
            await asyncio.sleep(0)
    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(100)))
    return (time.perf_counter() - start) * 1e9 / (100 * steps)

async def echo(clients, rounds):
    async def serve(reader, writer):
        for _ in range(rounds):
            writer.write(await reader.readexactly(64))
        writer.close()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async def client():
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for _ in range(rounds):
            writer.write(b"7" * 64)
            await reader.readexactly(64)
        writer.close()
    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return (time.perf_counter() - start) * 1e9 / (clients * rounds)

def race(name, run):
    def best(suffix, body, **options):
        print(name + suffix, round(min(run(body(), **options) for _ in range(3))))
    best("", lambda: turn(50))
    best("-debug", lambda: turn(3), debug=True)
    best("-work", lambda: turn(10, 20e-6))
    best("-echo", lambda: echo(50, 10))

logging.disable()  # the debug mode would tell how slow it is
race("asyncio", asyncio.run)
try:
    import uvloop
except ImportError:
    print("no uvloop here: its figures are missing", file=sys.stderr)
else:
    race("uvloop", uvloop.run)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        uvloop.install()
    print(f"uvloop {uvloop.__version__}, Python {sys.version.split()[0]}, install() warns:",
          [str(it.message) for it in seen], file=sys.stderr)
"#;

/// The figures that Python prints, by name. None without Python.
fn race_python() -> HashMap<String, u64> {
    let run = match Command::new("python3").args(["-c", PYTHON]).output() {
        Ok(run) if run.status.success() => run,
        Ok(run) => panic!("python3 failed: {}", String::from_utf8_lossy(&run.stderr)),
        Err(error) => {
            eprintln!("no python3 here ({error}): its figures are missing");
            return HashMap::new();
        }
    };
    eprint!("{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    let pairs = text.lines().map(|line| line.split_once(' ').unwrap());
    pairs.map(|(name, ns)| (name.to_owned(), ns.parse().unwrap())).collect()
}

/// The process that strace watches: clients and their echo server on one loop.
async fn echo(clients: usize, rounds: usize) -> io::Result<()> {
    let ear = TcpListener::bind("127.0.0.1:0").await?;
    let address = ear.local_addr()?;
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let mut client = TcpStream::connect(address).await?;
        let (mut server, _) = ear.accept().await?;
        tasks.spawn(async move {
            let mut buf = [0; 64];
            for _ in 0..rounds {
                server.read_exact(&mut buf).await?;
                server.write_all(&buf).await?;
            }
            io::Result::Ok(())
        });
        tasks.spawn(async move {
            let mut buf = [7; 64];
            for _ in 0..rounds {
                client.write_all(&buf).await?;
                client.read_exact(&mut buf).await?;
            }
            Ok(())
        });
    }
    tasks.join_all().await.into_iter().collect()
}

/// Nanoseconds for a request, with the time for the connections.
fn echo_time(clients: usize, rounds: usize) -> u128 {
    let start = Instant::now();
    rondel::run(echo(clients, rounds)).unwrap();
    start.elapsed().as_nanos() / (clients * rounds) as u128
}

/// How many system calls that process makes, and how many of them ask for news of sockets.
fn trace(clients: usize, rounds: usize) -> Option<[usize; 2]> {
    let log = env::temp_dir().join(format!("rondel-lesson-33-{}", std::process::id()));
    let mut strace = Command::new("strace");
    strace.arg("-f").arg("-o").arg(&log).arg(env::current_exe().unwrap());
    let run = strace.args(["echo", &clients.to_string(), &rounds.to_string()]).output();
    let run = run.inspect_err(|error| eprintln!("no strace here: {error}")).ok()?;
    if !run.status.success() {
        eprintln!("strace may not look: {}", String::from_utf8_lossy(&run.stderr));
        return None;
    }
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let calls = text.lines().filter(|line| line.contains('(') && !line.contains(" resumed>"));
    let is_wait = |line: &&str| line.contains(" epoll_wait(") || line.contains(" epoll_pwait(");
    let waits = calls.clone().filter(is_wait);
    Some([calls.count(), waits.count()])
}

/// System calls for each of the requests, without those for the connections.
fn calls_a_request(clients: usize) -> Option<[f64; 2]> {
    let [all, idle] = [trace(clients, REQUESTS / clients)?, trace(clients, 0)?];
    Some([0, 1].map(|at| all[at].saturating_sub(idle[at]) as f64 / REQUESTS as f64))
}

fn main() {
    let args: Vec<String> = env::args().collect();
    if let [_, echo_please, clients, rounds] = &args[..] {
        assert_eq!(echo_please, "echo");
        return rondel::run(echo(clients.parse().unwrap(), rounds.parse().unwrap())).unwrap();
    }
    if cfg!(debug_assertions) {
        eprintln!("(a debug build: `--release` shows what the engine can do)");
    }
    let bare = best(|| turn(Body::Nothing, 200));
    let timed = best(|| turn(Body::Timed, 200));
    let work = best(|| turn(Body::Work, 10));
    let socket = best(|| echo_time(50, 10));
    let python = race_python();
    let of = |name: &str| python.get(name).map_or(String::new(), u64::to_string);
    println!("nanoseconds                    rondel     asyncio     uvloop");
    let row = |text: &str, ours: u128, suffix: &str| {
        let [theirs, fast] = ["asyncio", "uvloop"].map(|name| of(&format!("{name}{suffix}")));
        println!("{text:<30} ~{ours}     ~{theirs}     ~{fast}");
    };
    row("a turn", bare, "");
    row("... with debug mode", timed, "-debug");
    row("... with 20 µs of work", work, "-work");
    row("an echo of 64 bytes", socket, "-echo");
    assert!(work >= WORK.as_nanos() && bare < work, "the work is most of it");

    println!("system calls a request           all     for news of sockets");
    let [one, many] = [1, MANY].map(calls_a_request);
    for (clients, calls) in [(1, one), (MANY, many)] {
        let [all, waits] =
            [0, 1].map(|at| calls.map_or(String::new(), |calls| format!("{:.2}", calls[at])));
        println!("{clients:>3} client(s) at a time          ~{all}     ~{waits}");
    }
    if let (Some(one), Some(many)) = (one, many) {
        assert!(one[0] >= 4.0 && many[0] >= 4.0, "two reads and two writes each");
        assert!(many[1] < one[1] / 4.0, "one question, many answers");
    }
}

// Explain
//
// b) is right. A turn of the loop is what uvloop makes cheaper; the work in between it does not
// touch. Here 20 µs of work are nearly all of a turn in every column, and so are a query's parsing,
// a template or a validation in a real service. The guide measures 2 to 4 times with an echo
// server, which does nothing at all, and 36 percent with FastAPI, which does little. Both may be
// true.
//
// Where the time of a turn goes: asyncio makes a `Handle` for each step, with its context, and its
// `_run_once` is Python code. uvloop has that in C, but a step of a coroutine is Python in both, so
// a bare turn gains less than an echo. On a socket it gains more, because libuv also asks less of
// the kernel: by strace on Python 3.12 one echo with one client is 14 system calls in asyncio (4
// reads and writes, 4 `epoll_wait`, 6 for the memory of its 256 KiB buffers) and 6 in uvloop. The
// table shows ours: 8, of which two are reads that came too early, as we try first and ask only if
// the kernel says "not yet". With many clients one `epoll_wait` has news for all of them.
//
// Debug has its price. asyncio's keeps the stack of each `call_soon`, and a turn costs 20 times as
// much or more; the least one can do, two looks at the clock, costs us a good part of a turn. So
// Rondel times no poll unless one asks for it (lesson 34).
//
// The guide says `uvloop.install()` for Python 3.12 and later. We measured: uvloop 0.23 warns there
// that it is deprecated, and wants `uvloop.run(main())`. Not for Windows, which it does not
// support; not for work of the CPU, as above; and not for the debugger's sake, whose best friend is
// asyncio.
//
// What real runtimes do
//
// asyncio: `selectors` and a heap of timers, on Windows a proactor. uvloop: Cython around libuv,
// the loop of Node.js. tokio, mio and ours: epoll or kqueue at first hand, edge-triggered. Newer
// ones, such as glommio and compio, hand whole operations to io_uring, and save most of these
// calls.
//
// Where to read next
//
// The loop asks the kernel once for many polls, and never while a batch lasts:
//
// ```rust,cite=runtime/turn.rs
// for _ in 0..BATCH {
//     match ready.pop() {
//         Some(Job::Task(task)) => lp.run(task, ready),
// ```
