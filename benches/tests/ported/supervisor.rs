// A process supervisor: starts children, collects their lines, restarts those that die, with a
// back-off that doubles, gives up on those that die too often, and ends all of them on SIGTERM.
// Written for tokio; it uses `process`, `signal` and the line reader of `io`.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep, timeout};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(40);
const DEATHS_MAX: usize = 4;
const GRACE: Duration = Duration::from_secs(20);

/// What the supervisor is told by those who look after one child each.
#[derive(Debug)]
enum Event {
    Started(&'static str, u32),
    Line(&'static str, String),
    Died(&'static str, ExitStatus, Duration),
    GivenUp(&'static str),
}

struct Service {
    name: &'static str,
    script: &'static str,
}

impl Service {
    fn start(&self) -> std::io::Result<Child> {
        Command::new("sh")
            .args(["-c", self.script])
            .env("SERVICE", self.name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

async fn forward<R>(name: &'static str, from: R, events: mpsc::Sender<Event>) -> std::io::Result<()>
where
    R: AsyncRead + Unpin,
{
    let mut lines = BufReader::new(from).lines();
    while let Some(line) = lines.next_line().await? {
        if events.send(Event::Line(name, line)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Runs the child once, until it dies or the end is told. `None`: it was ended.
async fn run_once(
    service: &Service,
    events: &mpsc::Sender<Event>,
    end: &mut watch::Receiver<bool>,
) -> std::io::Result<Option<ExitStatus>> {
    let mut child = service.start()?;
    let pid = child.id().expect("it was not waited for yet");
    let _ = events.send(Event::Started(service.name, pid)).await;
    let mut stdin = child.stdin.take().expect("piped");
    let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let mut readers = JoinSet::new();
    readers.spawn(forward(service.name, out, events.clone()));
    readers.spawn(forward(service.name, err, events.clone()));
    // The child may be gone already; then its status says so.
    let _ = stdin.write_all(b"go\n").await;

    let status = tokio::select! {
        status = child.wait() => Some(status?),
        _ = end.wait_for(|end| *end) => None,
    };
    if status.is_none() {
        drop(stdin); // a child that reads its input ends by itself
        if timeout(GRACE, child.wait()).await.is_err() {
            child.kill().await?;
        }
    }
    while let Some(read) = readers.join_next().await {
        read.expect("no panic")?;
    }
    Ok(status)
}

async fn look_after(
    service: Service,
    events: mpsc::Sender<Event>,
    mut end: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let (mut pause, mut deaths) = (FIRST_PAUSE, 0);
    loop {
        let Some(status) = run_once(&service, &events, &mut end).await? else { return Ok(()) };
        deaths += 1;
        let _ = events.send(Event::Died(service.name, status, pause)).await;
        if deaths == DEATHS_MAX {
            let _ = events.send(Event::GivenUp(service.name)).await;
            return Ok(());
        }
        tokio::select! {
            () = sleep(pause) => {}
            _ = end.wait_for(|end| *end) => return Ok(()),
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[derive(Default, Debug)]
struct Report {
    starts: BTreeMap<&'static str, usize>,
    lines: BTreeMap<&'static str, Vec<String>>,
    pauses: BTreeMap<&'static str, Vec<Duration>>,
    codes: BTreeMap<&'static str, Option<i32>>,
    given_up: Vec<&'static str>,
    pids: Vec<u32>,
}

impl Report {
    fn note(&mut self, event: Event) {
        match event {
            Event::Started(name, pid) => {
                *self.starts.entry(name).or_default() += 1;
                self.pids.push(pid);
            }
            Event::Line(name, line) => self.lines.entry(name).or_default().push(line),
            Event::Died(name, status, pause) => {
                self.pauses.entry(name).or_default().push(pause);
                self.codes.insert(name, status.code());
            }
            Event::GivenUp(name) => self.given_up.push(name),
        }
    }
}

async fn supervise(services: Vec<Service>) -> std::io::Result<Report> {
    let mut terminate = signal(SignalKind::terminate())?;
    let (events, mut inbox) = mpsc::channel(16);
    let (end, ending) = watch::channel(false);
    let mut keepers = JoinSet::new();
    for service in services {
        keepers.spawn(look_after(service, events.clone(), ending.clone()));
    }
    drop((events, ending));
    let mut report = Report::default();
    loop {
        tokio::select! {
            event = inbox.recv() => match event {
                Some(event) => {
                    let operator_has_enough = matches!(event, Event::GivenUp(_));
                    report.note(event);
                    if operator_has_enough {
                        let me = std::process::id().to_string();
                        let sent = Command::new("kill").args(["-TERM", &me]).status().await?;
                        assert!(sent.success());
                    }
                }
                None => break,
            },
            _ = terminate.recv() => {
                end.send_replace(true);
            }
        }
    }
    while let Some(keeper) = keepers.join_next().await {
        keeper.expect("no panic")?;
    }
    Ok(report)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let began = Instant::now();
    let services = vec![
        // Lives until its input ends.
        Service { name: "steady", script: "read word; echo $SERVICE $word; cat >/dev/null" },
        // Dies at once, each time.
        Service { name: "hasty", script: "read word; echo $word; echo ouch >&2; exit 3" },
        // Says something on both streams, and lives on until it is ended.
        Service { name: "chatty", script: "echo out; echo err >&2; cat >/dev/null; echo bye" },
    ];
    let report = timeout(Duration::from_secs(60), supervise(services)).await??;

    assert_eq!(report.starts["steady"], 1);
    assert_eq!(report.lines["steady"], ["steady go"]);
    assert_eq!(report.starts["hasty"], DEATHS_MAX);
    assert_eq!(report.given_up, ["hasty"]);
    assert_eq!(report.codes["hasty"], Some(3));
    let pauses: Vec<u64> = [5, 10, 20, 40].into();
    let waited: Vec<u64> = report.pauses["hasty"].iter().map(|p| p.as_millis() as u64).collect();
    assert_eq!(waited, pauses);
    let ouches = report.lines["hasty"].iter().filter(|line| *line == "ouch").count();
    assert_eq!(ouches, DEATHS_MAX);
    let mut chat = report.lines["chatty"].clone();
    chat.sort(); // the two streams are not in step
    assert_eq!(chat, ["bye", "err", "out"]);
    for pid in report.pids {
        assert!(!std::path::Path::new(&format!("/proc/{pid}/stat")).exists(), "{pid} is a zombie");
    }
    assert!(began.elapsed() >= Duration::from_millis(5 + 10 + 20));
    Ok(())
}
