//! The plays: each is a set of players that wake each other for ever, in one way.

use std::sync::Arc;
use std::time::Duration;

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::sync::{Notify, mpsc, oneshot};
use rondel::task::yield_now;
use rondel::time::{sleep, timeout};

use crate::stage::{Stage, Step};

/// A sleep much longer than anything here takes.
const FOREVER: Duration = Duration::from_secs(3_600);

/// Small numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Which plays are given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix {
    PingPong,
    Timers,
    Io,
    Storm,
    All,
}

impl Mix {
    pub const NAMES: [(&str, Self); 5] = [
        ("pingpong", Self::PingPong),
        ("timers", Self::Timers),
        ("io", Self::Io),
        ("storm", Self::Storm),
        ("all", Self::All),
    ];

    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, mix)| *mix)
    }

    /// Starts the players, `size` of each kind.
    pub fn start(self, stage: &Arc<Stage>, size: usize) {
        let gives = |mix| self == mix || self == Self::All;
        for number in 0..size {
            if gives(Self::PingPong) {
                channel_pair(stage, number);
                oneshot_pair(stage, number);
                notify_pair(stage, number);
                thread_pair(stage, number);
            }
            if gives(Self::Timers) {
                napper(stage, number);
                timeout_pair(stage, number);
            }
            if gives(Self::Storm) {
                spawner(stage, number);
                outside_spawner(stage, number);
            }
        }
        if gives(Self::Io) {
            echo(stage, size);
        }
        if self == Self::All {
            hog(stage);
        }
    }
}

/// Two tasks, a ball, and a channel each way; now and then one yields, so that the ball is caught
/// by whoever is robbed of it.
fn channel_pair(stage: &Arc<Stage>, number: usize) {
    let (there, mut here) = mpsc::channel::<u64>(1);
    let (back, mut home) = mpsc::unbounded_channel::<u64>();
    let play = stage.clone();
    stage.task(format!("mpsc server {number}"), |me| async move {
        let mut ball = 0;
        while play.goes_on(&me).await {
            me.at(Step::Sends);
            if there.send(ball).await.is_err() {
                break;
            }
            if ball % 64 == 0 {
                yield_now().await;
            }
            me.at(Step::Receives);
            let Some(caught) = home.recv().await else { break };
            assert_eq!(caught, ball + 1, "another ball came back");
            ball = caught;
        }
    });
    stage.task(format!("mpsc returner {number}"), |me| async move {
        me.at(Step::Receives);
        while let Some(ball) = here.recv().await {
            if back.send(ball + 1).is_err() {
                break;
            }
        }
    });
}

/// The ball is a way to send it back.
fn oneshot_pair(stage: &Arc<Stage>, number: usize) {
    let (there, mut here) = mpsc::unbounded_channel::<oneshot::Sender<u64>>();
    let play = stage.clone();
    stage.task(format!("oneshot server {number}"), |me| async move {
        while play.goes_on(&me).await {
            let (back, home) = oneshot::channel();
            if there.send(back).is_err() {
                break;
            }
            me.at(Step::Receives);
            if home.await.is_err() {
                break;
            }
        }
    });
    stage.task(format!("oneshot returner {number}"), |me| async move {
        me.at(Step::Receives);
        while let Some(back) = here.recv().await {
            let _ = back.send(1); // the other one may be over
        }
    });
}

/// Two notifications and nothing else: whatever is lost is lost for good.
fn notify_pair(stage: &Arc<Stage>, number: usize) {
    let ends = Arc::new((Notify::new(), Notify::new()));
    let theirs = ends.clone();
    let play = stage.clone();
    stage.task(format!("notify server {number}"), |me| async move {
        while play.goes_on(&me).await {
            ends.0.notify_one();
            me.at(Step::Receives);
            ends.1.notified().await;
        }
        drop(ends);
    });
    stage.task(format!("notify returner {number}"), |me| async move {
        // Alone with the two notifications: the server has gone.
        while Arc::strong_count(&theirs) > 1 {
            me.at(Step::Receives);
            let served = timeout(Duration::from_millis(500), theirs.0.notified());
            if served.await.is_ok() {
                theirs.1.notify_one();
            }
        }
    });
}

/// A task and a thread that is no worker: each ball wakes one from outside.
fn thread_pair(stage: &Arc<Stage>, number: usize) {
    if !number.is_multiple_of(16) {
        return; // a thread is dear
    }
    let (there, mut here) = mpsc::channel::<u64>(4);
    let (back, mut home) = mpsc::channel::<u64>(4);
    let play = stage.clone();
    stage.thread(format!("thread server {number}"), move |me| async move {
        while play.goes_on(&me).await {
            me.at(Step::Sends);
            if there.send(1).await.is_err() {
                break;
            }
            me.at(Step::Receives);
            if home.recv().await.is_none() {
                break;
            }
        }
    });
    stage.task(format!("thread returner {number}"), |me| async move {
        me.at(Step::Receives);
        while let Some(ball) = here.recv().await {
            if back.send(ball).await.is_err() {
                break;
            }
        }
    });
}

/// Sleeps, and gives up sleeps that it has begun on another worker perhaps.
fn napper(stage: &Arc<Stage>, number: usize) {
    let play = stage.clone();
    stage.task(format!("napper {number}"), |me| async move {
        let mut dice = Dice(number as u64 + 1);
        while play.goes_on(&me).await {
            me.at(Step::Sleeps);
            sleep(Duration::from_micros(dice.below(4_000))).await;
            let nap = Duration::from_millis(1 + dice.below(3));
            let long = timeout(nap, sleep(FOREVER)).await;
            assert!(long.is_err(), "an hour has passed in {nap:?}");
        }
    });
}

/// Waits with a time limit for what a neighbour sends at about that time.
fn timeout_pair(stage: &Arc<Stage>, number: usize) {
    let (tx, mut rx) = mpsc::unbounded_channel::<()>();
    let play = stage.clone();
    stage.task(format!("late sender {number}"), |me| async move {
        let mut dice = Dice(number as u64 + 1_000);
        while play.goes_on(&me).await {
            me.at(Step::Sleeps);
            sleep(Duration::from_micros(dice.below(3_000))).await;
            if tx.send(()).is_err() {
                break;
            }
        }
    });
    stage.task(format!("impatient receiver {number}"), |me| async move {
        me.at(Step::Receives);
        while let Ok(Some(())) | Err(_) = timeout(Duration::from_millis(1), rx.recv()).await {}
    });
}

/// Tasks that end, are joined, or are ended while they wait.
fn spawner(stage: &Arc<Stage>, number: usize) {
    let play = stage.clone();
    stage.task(format!("spawner {number}"), |me| async move {
        let mut dice = Dice(number as u64 + 2_000);
        while play.goes_on(&me).await {
            me.at(Step::Spawns);
            let tasks: Vec<_> = (0..32)
                .map(|nth| {
                    let yields = dice.below(4);
                    rondel::spawn(async move {
                        for _ in 0..yields {
                            yield_now().await;
                        }
                        if nth % 4 == 0 {
                            sleep(FOREVER).await; // until it is aborted
                        }
                        nth
                    })
                })
                .collect();
            yield_now().await;
            tasks.iter().step_by(4).for_each(|task| task.abort());
            me.at(Step::Joins);
            for (nth, task) in tasks.into_iter().enumerate() {
                match task.await {
                    Ok(output) => assert_eq!(output, nth),
                    Err(error) => assert!(error.is_cancelled() && nth % 4 == 0, "{error}"),
                }
            }
        }
    });
}

/// A thread that is no worker starts tasks and waits for each.
fn outside_spawner(stage: &Arc<Stage>, number: usize) {
    if !number.is_multiple_of(16) {
        return; // a thread is dear
    }
    let play = stage.clone();
    stage.thread(format!("outside spawner {number}"), move |me| async move {
        while play.goes_on(&me).await {
            me.at(Step::Joins);
            let task = play.handle().spawn(async { 1 });
            assert_eq!(task.await.ok(), Some(1));
        }
    });
}

/// An echo server and its clients, who come anew after some rounds.
fn echo(stage: &Arc<Stage>, clients: usize) {
    let _inside = stage.handle().enter();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a bound listener has an address");
    listener.set_nonblocking(true).expect("a socket can be told not to block");
    let listener = TcpListener::from_std(listener).expect("a place in the reactor");
    let play = stage.clone();
    stage.task("echo server".to_owned(), |me| async move {
        loop {
            me.at(Step::Accepts);
            // The last client has gone when all the others are over.
            let Ok(accepted) = timeout(Duration::from_millis(500), listener.accept()).await else {
                if play.goes_on(&me).await { continue } else { break }
            };
            let (mut stream, _) = accepted.expect("a connection");
            drop(rondel::spawn(async move {
                let mut buffer = [0; 64];
                while stream.read_exact(&mut buffer).await.is_ok() {
                    if stream.write_all(&buffer).await.is_err() {
                        break;
                    }
                }
            }));
        }
    });
    for number in 0..clients {
        let play = stage.clone();
        stage.task(format!("echo client {number}"), |me| async move {
            let mut dice = Dice(number as u64 + 3_000);
            let mut message = [0; 64];
            'connections: loop {
                if !play.goes_on(&me).await {
                    return;
                }
                me.at(Step::Connects);
                let mut stream = TcpStream::connect(address).await.expect("the server listens");
                for round in 0..1_000 + dice.below(1_000) {
                    if !play.goes_on(&me).await {
                        break 'connections;
                    }
                    message.fill(round as u8);
                    me.at(Step::Writes);
                    stream.write_all(&message).await.expect("the server reads");
                    let mut answer = [0; 64];
                    me.at(Step::Reads);
                    stream.read_exact(&mut answer).await.expect("the server answers");
                    assert_eq!(answer, message, "an echo of something else");
                }
            }
        });
    }
}

/// A task that keeps its worker for itself for some milliseconds, now and then.
fn hog(stage: &Arc<Stage>) {
    let play = stage.clone();
    stage.task("hog".to_owned(), |me| async move {
        let mut dice = Dice(7);
        while play.goes_on(&me).await {
            me.at(Step::Sleeps);
            sleep(Duration::from_millis(20 + dice.below(200))).await;
            std::thread::sleep(Duration::from_millis(dice.below(30))); // blocks, on purpose
        }
    });
}
