//! The simulated network: what it does to bytes, to connections and to time, and that a seed brings
//! it all back.

use super::panic_text;
use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::testing::net::{Net, NetOptions, NetStats, SimListener, SimStream};
use rondel::testing::{Diary, cancel, wait_until_idle};
use rondel::time::{Duration, Instant, sleep, timeout};
use rondel::{Builder, spawn};
use std::io::{ErrorKind, Result};
use std::net::IpAddr;

const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const PORT: (IpAddr, u16) = (SERVER, 80);

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A network where all takes `latency`, and nothing goes wrong.
fn calm(latency: u64) -> NetOptions {
    NetOptions::new().latency(ms(latency)..=ms(latency))
}

fn in_virtual_time<T>(seed: u64, test: impl Future<Output = T>) -> T {
    let builder = Builder::new().start_paused(true).seed(seed).shuffle(true);
    builder.build().unwrap().block_on(test)
}

async fn pair(net: &Net) -> (SimStream, SimStream, SimListener) {
    let listener = net.listen(PORT).unwrap();
    let client = net.connect(PORT).await.unwrap();
    let (server, peer) = listener.accept().await.unwrap();
    assert_eq!((peer, server.local_addr().unwrap()), (client.local_addr().unwrap(), PORT.into()));
    assert_eq!(client.peer_addr().unwrap(), PORT.into());
    (client, server, listener)
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("an error was expected").kind()
}

/// A byte that says where it stands.
fn pattern(at: usize) -> u8 {
    (at * 31 % 251) as u8
}

/// Sends `length` patterned bytes and reads as many from `stream`, until it fails; tells what came.
async fn talk(stream: SimStream, length: usize) -> Result<usize> {
    let bytes: Vec<u8> = (0..length).map(pattern).collect();
    let (mut reader, mut writer) = rondel::io::split(stream);
    let mut got = Vec::new();
    let saying = async {
        writer.write_all(&bytes).await?;
        writer.shutdown().await
    };
    let (said, end) = rondel::join!(saying, reader.read_to_end(&mut got));
    for (at, byte) in got.iter().enumerate() {
        assert_eq!(*byte, pattern(at), "byte {at} of {}", got.len());
    }
    said.and(end)
}

/// Several conversations on one network, and what happened, to the byte and to the moment.
async fn conversations(options: NetOptions, count: usize, length: usize) -> (String, NetStats) {
    let (net, diary) = (Net::new(options), Diary::new());
    let listener = net.listen(PORT).unwrap();
    let echoes = diary.clone();
    let server = spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let diary = echoes.clone();
            spawn(async move {
                let mut buf = [0; 700];
                loop {
                    match stream.read(&mut buf).await {
                        Ok(0) => return diary.note(format!("{number} ended")),
                        Ok(count) => {
                            if stream.write_all(&buf[..count]).await.is_err() {
                                return;
                            }
                        }
                        Err(error) => return diary.note(format!("{number}: {}", error.kind())),
                    }
                }
            });
        }
    });
    let mut tasks = Vec::new();
    for number in 0..count {
        let (net, diary) = (net.clone(), diary.clone());
        tasks.push(spawn(async move {
            let outcome = match net.connect(PORT).await {
                Ok(stream) => talk(stream, length).await,
                Err(error) => Err(error),
            };
            diary.note(format!("{number} got {:?}", outcome.map_err(|error| error.kind())));
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    server.abort();
    (diary.to_string(), net.stats())
}

/// Goal: on the worst network bytes come in order, once and unchanged, or the connection fails.
/// Method: echoes of patterned bytes for 200 seeds; all kinds of bad luck must have come up.
#[test]
fn bytes_come_in_order_and_unchanged_whatever_the_network_does() {
    let (mut whole, mut torn) = (0, 0);
    let mut sum = NetStats::default();
    for seed in 0..200 {
        let (text, stats) =
            in_virtual_time(seed, conversations(NetOptions::rough().buffer(900), 5, 3_000));
        whole += text.matches("got Ok(3000)").count();
        torn += text.matches("got Err(").count();
        sum.resets += stats.resets;
        sum.losses += stats.losses;
        sum.partial += stats.partial;
        sum.interruptions += stats.interruptions;
        sum.refusals += stats.refusals;
        sum.drops += stats.drops;
    }
    assert_eq!(whole + torn, 1_000);
    assert!(whole > 200 && torn > 50, "{whole} whole, {torn} torn");
    for count in [sum.resets, sum.losses, sum.partial, sum.interruptions, sum.refusals, sum.drops] {
        assert!(count > 10, "{sum:?}");
    }
}

/// Goal: a seed is a course of events. Method: the same seed three times, compared to the byte with
/// all times; and other seeds.
#[test]
fn a_seed_replays_the_network_to_the_byte() {
    let run = |seed| in_virtual_time(seed, conversations(NetOptions::rough(), 4, 2_000));
    for seed in 0..20 {
        let first = run(seed);
        assert_eq!(run(seed), first, "seed {seed}");
        assert_eq!(run(seed), first, "seed {seed}");
    }
    assert_ne!(run(0), run(1));
}

#[test]
fn latency_is_waited_out_once_each_way() {
    in_virtual_time(0, async {
        let (mut client, mut server, _listener) = pair(&Net::new(calm(20))).await;
        let start = Instant::now();
        client.write_all(b"?").await.unwrap();
        assert_eq!(start.elapsed(), ms(0), "a write does not wait for the peer");
        server.read_u8().await.unwrap();
        assert_eq!(start.elapsed(), ms(20));
        server.write_all(b"!").await.unwrap();
        client.read_u8().await.unwrap();
        assert_eq!(start.elapsed(), ms(40));
    });
}

#[test]
fn bandwidth_spreads_bytes_over_time() {
    in_virtual_time(0, async {
        let net = Net::new(calm(0).bandwidth(1_000));
        let (mut client, mut server, _listener) = pair(&net).await;
        let start = Instant::now();
        for _ in 0..10 {
            client.write_all(&[7; 100]).await.unwrap();
        }
        let mut buf = [0; 1_000];
        assert_eq!(server.read(&mut buf).await.unwrap(), 100, "the first piece");
        assert_eq!(start.elapsed(), ms(100));
        server.read_exact(&mut buf[..900]).await.unwrap();
        assert_eq!(start.elapsed(), ms(1_000));
    });
}

/// Goal: back-pressure holds: a peer that never reads stops the writer at the buffer.
#[test]
fn a_writer_waits_when_nobody_reads() {
    in_virtual_time(3, async {
        let net = Net::new(calm(1).buffer(1_000).partial(0.3));
        let (mut client, mut server, _listener) = pair(&net).await;
        let mut taken = 0;
        while let Ok(count) = timeout(ms(60_000), client.write(&[7; 300])).await {
            taken += count.unwrap();
        }
        assert_eq!(taken, 1_000);
        let read = server.read(&mut [0; 400]).await.unwrap();
        wait_until_idle().await;
        let more = client.write(&[7; 4_000]).await.unwrap();
        assert!(more <= read, "{more} for {read}");
    });
}

#[test]
fn both_directions_close_by_themselves() {
    in_virtual_time(0, async {
        let (mut client, mut server, _listener) = pair(&Net::new(calm(5))).await;
        client.write_all(b"last words").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(kind(client.write(b"?").await), ErrorKind::BrokenPipe);
        let mut text = String::new();
        server.read_to_string(&mut text).await.unwrap();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "the end stays");
        sleep(ms(1_000)).await;
        server.write_all(b"heard").await.unwrap();
        drop(server);
        text.clear();
        client.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "heard");
    });
}

#[test]
fn a_reset_is_told_once_to_each_end_and_takes_what_was_not_read() {
    in_virtual_time(0, async {
        let (mut client, server, _listener) = pair(&Net::new(calm(5))).await;
        client.write_all(b"on its way").await.unwrap();
        server.abort();
        assert_eq!(kind(client.read(&mut [0]).await), ErrorKind::ConnectionReset);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(kind(client.write(b"?").await), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_peer_that_goes_with_bytes_unread_sends_a_reset() {
    in_virtual_time(0, async {
        let (mut client, server, _listener) = pair(&Net::new(calm(5))).await;
        client.write_all(b"never read").await.unwrap();
        sleep(ms(50)).await;
        drop(server);
        assert_eq!(kind(client.read(&mut [0]).await), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_write_to_a_peer_that_is_gone_is_taken_and_answered_with_a_reset() {
    in_virtual_time(0, async {
        let (mut client, server, _listener) = pair(&Net::new(calm(5))).await;
        drop(server);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "it has said goodbye");
        client.write_all(b"too late").await.unwrap();
        sleep(ms(20)).await;
        assert_eq!(kind(client.write(b"?").await), ErrorKind::ConnectionReset);
    });
}

/// Goal: one who waits learns of a reset that comes while it waits. Method: a reader and a writer
/// wait in both ends; the network resets on the next write.
#[test]
fn a_reset_wakes_those_who_wait() {
    in_virtual_time(0, async {
        let net = Net::new(calm(5).buffer(10));
        let (client, server, _listener) = pair(&net).await;
        let (mut reading, mut filling) = rondel::io::split(client);
        filling.write_all(&[0; 10]).await.unwrap();
        let reader = spawn(async move { reading.read(&mut [0]).await });
        let writer = spawn(async move { filling.write(&[0]).await });
        wait_until_idle().await;
        assert!(!reader.is_finished() && !writer.is_finished());
        server.abort();
        let both = [reader.await.unwrap(), writer.await.unwrap()];
        // Told once; whoever comes second finds the end, or a broken pipe.
        let resets = both.iter().filter(|answer| {
            answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
        });
        assert_eq!(resets.count(), 1, "{both:?}");
    });
}

#[test]
fn nobody_listens_and_a_listener_that_goes_refuse() {
    in_virtual_time(0, async {
        let net = Net::new(calm(10));
        let start = Instant::now();
        let error = net.connect(PORT).await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed()), (ErrorKind::ConnectionRefused, ms(20)));
        let text = "10.0.0.1:80 on the simulated network refuses: nobody listens there";
        assert_eq!(error.to_string(), text);

        let listener = net.listen(PORT).unwrap();
        assert_eq!(kind(net.listen(PORT)), ErrorKind::AddrInUse);
        let mut left = net.connect(PORT).await.unwrap();
        drop(listener);
        assert_eq!(kind(left.read(&mut [0]).await), ErrorKind::ConnectionReset);
        assert_eq!(kind(net.connect(PORT).await), ErrorKind::ConnectionRefused);
        net.listen(PORT).unwrap();
    });
}

#[test]
fn a_full_backlog_drops_requests_which_come_again() {
    in_virtual_time(0, async {
        let net = Net::new(calm(1).backlog(2).connect_timeout(ms(5_000)));
        let listener = net.listen(PORT).unwrap();
        let held = [net.connect(PORT).await.unwrap(), net.connect(PORT).await.unwrap()];
        let start = Instant::now();
        let error = net.connect(PORT).await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed()), (ErrorKind::TimedOut, ms(5_000)));
        let third = net.clone();
        let third = spawn(async move { third.connect(PORT).await });
        sleep(ms(100)).await;
        listener.accept().await.unwrap();
        assert!(third.await.unwrap().is_ok(), "there is room when it is sent again");
        assert_eq!(net.stats().connections, 3);
        drop(held);
    });
}

/// Goal: a cut link lets nothing through, neither bytes nor ends nor resets, and loses nothing.
#[test]
fn a_cut_link_holds_everything_until_it_is_healed() {
    in_virtual_time(0, async {
        let net = Net::new(calm(10));
        let (mut client, mut server, listener) = pair(&net).await;
        client.write_all(b"before, ").await.unwrap();
        sleep(ms(5)).await; // under way
        net.partition(SERVER, Net::HOME);
        client.write_all(b"meanwhile").await.unwrap();
        drop(client);
        let mut text = String::new();
        assert!(timeout(ms(60_000), server.read_to_string(&mut text)).await.is_err());
        let (other, start) = (net.clone(), Instant::now());
        let connecting = spawn(async move { other.connect(PORT).await.map(|_| start.elapsed()) });
        sleep(ms(2_000)).await;
        net.heal(Net::HOME, SERVER);
        server.read_to_string(&mut text).await.unwrap();
        assert_eq!((&*text, start.elapsed()), ("before, meanwhile", ms(2_010)));
        // Its third request, 3 s after the first, is the first one that comes through.
        assert_eq!(connecting.await.unwrap().unwrap(), ms(10 + 1_000 + 10 + 2_000 + 20));
        drop(listener);
    });
}

#[test]
fn a_reset_does_not_pass_a_cut_link_either() {
    in_virtual_time(0, async {
        let net = Net::new(calm(10));
        let (mut client, server, _listener) = pair(&net).await;
        net.partition(SERVER, Net::HOME);
        server.abort();
        assert!(timeout(ms(60_000), client.read(&mut [0])).await.is_err());
        net.heal(SERVER, Net::HOME);
        assert_eq!(kind(client.read(&mut [0]).await), ErrorKind::ConnectionReset);
        // Other links were never cut.
        assert!(net.connect_from([10, 0, 0, 2].into(), PORT).await.is_ok());
    });
}

/// Goal: a lost piece is late, and so is all behind it. Method: every piece is lost six times.
#[test]
fn what_is_lost_comes_late_and_in_order() {
    in_virtual_time(0, async {
        let net = Net::new(calm(10).loss(1.0));
        let (mut client, mut server, _listener) = pair(&net).await;
        let start = Instant::now();
        client.write_all(b"a").await.unwrap();
        client.write_all(b"b").await.unwrap();
        assert_eq!(server.read_u16().await.unwrap(), u16::from_be_bytes(*b"ab"));
        assert_eq!(start.elapsed(), ms(12_600 + 10));
        assert_eq!(net.stats().losses, 12);
    });
}

/// Goal: an accept that is dropped when it was served already leaves the connection to the next.
#[test]
fn accept_that_is_cancelled_loses_no_connection() {
    in_virtual_time(0, async {
        let net = Net::new(calm(3));
        let listener = net.listen(PORT).unwrap();
        let mut waiting = rondel::testing::task::spawn(listener.accept());
        rondel::assert_pending!(waiting.poll());
        let _client = net.connect(PORT).await.unwrap();
        assert!(waiting.is_woken());
        drop(waiting);
        assert!(timeout(ms(0), listener.accept()).await.is_ok());
    });
}

/// Goal: a connect that is dropped half way leaves nothing behind but, at most, a connection that
/// is closed. Method: the harness drops it at each of its awaits; then somebody else connects.
#[test]
fn connect_that_is_cancelled_leaves_at_most_a_closed_connection() {
    in_virtual_time(0, async {
        let awaits = cancel::in_loop::at_every_await(
            async || {
                let net = Net::new(calm(3).drops(0.5));
                let listener = net.listen(PORT).unwrap();
                (net, listener)
            },
            async |net| net.connect(PORT).await.unwrap(),
            async |_, _| {}, // time goes on by itself
            async |net, listener, _| {
                let _other = net.connect_from([10, 0, 0, 9].into(), PORT).await.unwrap();
                loop {
                    let (mut stream, peer) = listener.accept().await.unwrap();
                    if peer.ip() != Net::HOME {
                        break;
                    }
                    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
                }
            },
        )
        .await;
        assert!(awaits >= 2, "{awaits}");
    });
}

/// Goal: what is shared by threads holds on threads. Method: the echoes on two workers, in real
/// time; only their order differs from run to run.
#[test]
fn on_workers_the_bytes_are_the_same() {
    let runtime = Builder::new().workers(2).build().unwrap();
    let options = NetOptions::new().latency(ms(0)..=ms(2)).buffer(500).partial(0.5);
    let conversations = conversations(options.interruptions(0.2), 8, 5_000);
    let (text, _) = runtime.block_on(conversations);
    assert_eq!(text.matches("got Ok(5000)").count(), 8, "{text}");
}

/// Goal: who waits for the network for ever is named in the report of a deadlock.
#[test]
fn a_deadlock_on_the_network_says_who_waits() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let waits = |test: &mut dyn FnMut() -> std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        runtime.try_block_on(test()).unwrap_err().root().to_vec()
    };
    let read = waits(&mut || {
        Box::pin(async {
            let (mut client, _server, _listener) = pair(&Net::new(calm(1))).await;
            client.read_u8().await.unwrap();
        })
    });
    assert_eq!(read, ["SimStream::read"]);
    let accept = waits(&mut || {
        Box::pin(async {
            let listener = Net::new(calm(1)).listen(PORT).unwrap();
            listener.accept().await.unwrap();
        })
    });
    assert_eq!(accept, ["SimListener::accept"]);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let new = NetOptions::new;
    assert!(panic_text(|| new().loss(1.5)).contains("1.5 is no chance"));
    assert!(panic_text(|| new().partial(f64::NAN)).contains("NaN is no chance"));
    assert!(panic_text(|| new().interruptions(1.0)).contains("never end"));
    assert!(panic_text(|| new().buffer(0)).contains("a buffer must hold a byte"));
    assert!(panic_text(|| new().bandwidth(0)).contains("greater than 0"));
    assert!(panic_text(|| new().latency(ms(2)..=ms(1))).contains("empty range"));
}
