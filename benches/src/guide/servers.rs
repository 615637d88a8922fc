//! The servers: an echo and a JSON answer in every language, one worker on one CPU each.

use super::peers::{Program, Server, Tools, scripts};
use crate::child::Talker;

/// A server and what the guide says of it.
#[derive(Debug)]
pub struct Peer {
    /// What the table calls it.
    pub name: &'static str,
    /// Who serves.
    pub program: Program,
    /// Requests a second, as the guide has it.
    pub claim: Option<f64>,
    /// p99 in milliseconds, as the guide has it.
    pub claim_p99_ms: Option<f64>,
}

const fn peer(
    name: &'static str,
    program: Program,
    claim: Option<f64>,
    claim_p99_ms: Option<f64>,
) -> Peer {
    Peer { name, program, claim, claim_p99_ms }
}

const fn own(runtime: &'static [&'static str]) -> Program {
    Program::Own(runtime)
}

const fn python_echo(kind: &'static str, modules: &'static [&'static str]) -> Program {
    Program::Python(scripts::PYTHON_ECHO, kind, modules)
}

const fn python_web(kind: &'static str, modules: &'static [&'static str]) -> Program {
    Program::Python(scripts::PYTHON_WEB, kind, modules)
}

/// Table `echo`.
pub const ECHO: &[Peer] = &[
    peer("Rondel", own(&["--server", "rondel", "echo"]), None, None),
    peer("tokio", own(&["--server", "tokio", "echo"]), None, None),
    peer("Go", Program::Go("echo"), Some(120e3), Some(0.4)),
    peer("uvloop", python_echo("uvloop", &["uvloop"]), Some(105e3), Some(0.5)),
    peer("Node", Program::Node(scripts::NODE_ECHO), Some(95e3), Some(0.6)),
    peer("asyncio", python_echo("asyncio", &[]), Some(35e3), Some(1.8)),
];

/// Table `json`. The guide's figures are of four workers.
pub const JSON: &[Peer] = &[
    peer("Rondel + hyper", own(&["--server", "rondel", "json"]), None, None),
    peer("tokio + hyper", own(&["--server", "tokio", "json"]), None, None),
    peer("Go net/http", Program::Go("web"), Some(50e3), None),
    peer("Node http", Program::Node(scripts::NODE_WEB), Some(28e3), None),
    peer(
        "FastAPI, uvicorn, uvloop",
        python_web("fastapi-uvloop", &["fastapi", "uvicorn", "uvloop"]),
        Some(30e3),
        None,
    ),
    peer(
        "FastAPI, uvicorn, asyncio",
        python_web("fastapi", &["fastapi", "uvicorn"]),
        Some(22e3),
        None,
    ),
    peer("Flask, gunicorn", python_web("flask", &["flask", "gunicorn"]), Some(12e3), None),
    peer("aiohttp", python_web("aiohttp", &["aiohttp"]), None, None),
];

/// One run under load.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Answers a second.
    pub rate: f64,
    /// Server CPU microseconds a request, all its processes and threads.
    pub cpu_us: f64,
    /// Median latency in milliseconds.
    pub p50_ms: f64,
    /// 99 % are answered within so many milliseconds.
    pub p99_ms: f64,
}

/// What the load does.
#[derive(Clone, Debug)]
pub struct Load {
    /// `echo` or `json`.
    pub protocol: &'static str,
    /// Open connections.
    pub conns: usize,
    /// Requests in flight; one run for each.
    pub windows: Vec<usize>,
    /// How long a run takes.
    pub millis: usize,
}

/// Starts the server, opens the connections, and does one run for each window.
///
/// Fails with one line: what is not installed, or what went wrong.
pub fn run(peer: &Peer, load: &Load, tools: &mut Tools) -> Result<Vec<Run>, String> {
    let server = Server::start(tools.command(peer.program, &[])?, 0)?;
    let conns = load.conns.to_string();
    let talk = |error: std::io::Error| format!("failed: {error}");
    let mut pulse =
        Talker::start(&["--load", server.address(), load.protocol, &conns]).map_err(talk)?;
    pulse.hear().map_err(talk)?;
    let mut runs = Vec::with_capacity(load.windows.len());
    for &window in &load.windows {
        let mut ask = |millis| pulse.ask::<4>(&format!("{window} {millis}")).map_err(talk);
        ask(load.millis / 4 + 1)?; // warms up
        let before = server.cpu();
        let [requests, wall_ns, p50_ns, p99_ns] = ask(load.millis)?;
        let cpu = server.cpu().saturating_sub(before);
        runs.push(Run {
            rate: requests / wall_ns * 1e9,
            cpu_us: cpu.as_nanos() as f64 / requests / 1e3,
            p50_ms: p50_ns / 1e6,
            p99_ms: p99_ns / 1e6,
        });
    }
    Ok(runs)
}
