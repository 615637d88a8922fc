//! Receivers, tickers, listeners and readers as streams.

use rondel::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use rondel::net::{TcpListener, TcpStream};
use rondel::stream::wrappers::errors::BroadcastStreamRecvError::Lagged;
use rondel::stream::wrappers::{
    BroadcastStream, IntervalStream, LinesStream, ReceiverStream, SplitStream, TcpListenerStream,
    UnboundedReceiverStream, WatchStream,
};
use rondel::stream::{Stream, StreamExt};
use rondel::sync::{broadcast, mpsc, watch};
use rondel::time::{Instant, interval, timeout};

use super::ms;

/// Goal: values in their order, then the end; closed from this side too. Method: both kinds.
#[rondel::test(start_paused = true)]
async fn mpsc_receivers_are_streams_of_their_values() {
    let (tx, rx) = mpsc::channel(2);
    let mut stream = ReceiverStream::new(rx);
    tx.send(1).await.unwrap();
    assert_eq!(stream.size_hint(), (1, None));
    stream.close();
    assert!(tx.send(2).await.is_err());
    drop(tx);
    assert_eq!(stream.size_hint(), (1, Some(1)));
    assert_eq!((stream.next().await, stream.next().await), (Some(1), None));

    let (tx, rx) = mpsc::unbounded_channel();
    (1..=3).for_each(|n| tx.send(n).unwrap());
    let mut stream = UnboundedReceiverStream::from(rx);
    assert_eq!(stream.next().await, Some(1));
    let mut rx = stream.into_inner();
    assert_eq!(rx.try_recv(), Ok(2));
}

/// Goal: who lags is told, and goes on. Method: six values through a ring of two.
#[rondel::test(start_paused = true)]
async fn a_broadcast_stream_says_how_much_it_missed() {
    let (tx, rx) = broadcast::channel(2);
    let mut stream = BroadcastStream::new(rx);
    (1..=6).for_each(|n| drop(tx.send(n)));
    assert_eq!(stream.next().await, Some(Err(Lagged(4))));
    assert_eq!(stream.next().await, Some(Ok(5)));
    assert_eq!(Lagged(4).to_string(), "channel lagged by 4");
    tx.send(7).unwrap();
    drop(tx);
    assert_eq!(stream.collect::<Vec<_>>().await, [Ok(6), Ok(7)]);
}

/// Goal: `new` begins with the current value, `from_changes` with the next. Method: one of each.
#[rondel::test(start_paused = true)]
async fn a_watch_stream_shows_the_latest_value() {
    let (tx, rx) = watch::channel(0);
    let mut all = WatchStream::new(rx.clone());
    let mut changes = WatchStream::from_changes(rx);
    assert_eq!(all.next().await, Some(0));
    assert!(timeout(ms(1), changes.next()).await.is_err());
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    drop(tx);
    assert_eq!(all.collect::<Vec<_>>().await, [2]);
    assert_eq!(changes.collect::<Vec<_>>().await, [2]);
}

#[rondel::test(start_paused = true)]
async fn an_interval_stream_ticks() {
    let start = Instant::now();
    let ticks: Vec<_> = IntervalStream::new(interval(ms(10))).take(3).collect().await;
    assert_eq!(ticks, [start, start + ms(10), start + ms(20)]);
    assert_eq!(start.elapsed(), ms(20));
}

/// Goal: connections one after the other, and lines of each. Method: three clients on loopback.
#[test]
fn a_listener_and_its_lines_are_streams() {
    rondel::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clients = rondel::spawn(async move {
            for number in 0..3 {
                let mut client = TcpStream::connect(address).await.unwrap();
                client.write_all(format!("{number}\nbye\r\n").as_bytes()).await.unwrap();
            }
        });
        let lines = TcpListenerStream::new(listener).take(3).then(|client| async {
            let lines = LinesStream::new(BufReader::new(client.unwrap()).lines());
            lines.collect::<Result<Vec<_>, _>>().await.unwrap()
        });
        let lines: Vec<_> = lines.collect().await;
        clients.await.unwrap();
        assert_eq!(lines, [["0", "bye"], ["1", "bye"], ["2", "bye"]]);
    });
}

/// Goal: an error of the reader is an item. Method: a line that is not text.
#[rondel::test(start_paused = true)]
async fn lines_and_pieces_come_with_their_errors() {
    let mut lines = LinesStream::new(BufReader::new(&b"a\n\xff\nb"[..]).lines());
    assert_eq!(lines.next().await.unwrap().unwrap(), "a");
    assert!(lines.next().await.unwrap().is_err());
    assert_eq!(lines.next().await.unwrap().unwrap(), "b");
    assert!(lines.next().await.is_none());
    let pieces = SplitStream::new(BufReader::new(&b"x,,y"[..]).split(b','));
    let pieces: Result<Vec<_>, _> = pieces.collect().await;
    assert_eq!(pieces.unwrap(), [&b"x"[..], b"", b"y"]);
}
