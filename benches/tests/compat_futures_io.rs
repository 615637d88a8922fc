//! futures-io on Rondel: its traits on our sockets and their halves, and `Compat` in both
//! directions.

use futures_util::io as theirs;
use rondel::compat::futures_io::Compat;
use rondel::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex};
use rondel::net::{TcpListener, TcpStream};

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

/// An echo that knows futures-io only.
async fn echo<S: theirs::AsyncRead + theirs::AsyncWrite + Unpin>(mut stream: S) {
    use theirs::{AsyncReadExt, AsyncWriteExt};
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    stream.write_all(&all).await.unwrap();
    stream.close().await.unwrap();
}

/// Goal: show that code which knows futures-io only runs on our sockets, and that its `close` is
/// our `shutdown`.
#[test]
fn a_socket_has_the_traits_of_futures_io() {
    rondel::run(async {
        let (mut near, far) = pair().await;
        let far = rondel::spawn(echo(far));
        let sent: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
        near.write_all(&sent).await.unwrap();
        near.shutdown().await.unwrap();
        let mut back = Vec::new();
        near.read_to_end(&mut back).await.unwrap();
        assert!(back == sent);
        far.await.unwrap();
    });
}

/// Goal: show that each kind of half has the traits, too.
/// Method: copy by futures-io's own function from one half to the other, for both ways to split.
#[test]
fn halves_have_the_traits_of_futures_io() {
    rondel::run(async {
        let (near, mut far) = pair().await;
        let (reader, mut writer) = near.into_split();
        far.write_all(b"owned").await.unwrap();
        far.shutdown().await.unwrap();
        assert_eq!(theirs::copy(reader, &mut writer).await.unwrap(), 5);
        drop(writer);
        let mut back = String::new();
        far.read_to_string(&mut back).await.unwrap();
        assert_eq!(back, "owned");

        let (mut near, mut far) = pair().await;
        far.write_all(b"borrowed").await.unwrap();
        far.shutdown().await.unwrap();
        let (reader, mut writer) = near.split();
        assert_eq!(theirs::copy(reader, &mut writer).await.unwrap(), 8);
        theirs::AsyncWriteExt::close(&mut writer).await.unwrap();
        let mut back = String::new();
        far.read_to_string(&mut back).await.unwrap();
        assert_eq!(back, "borrowed");
    });
}

/// Goal: show that `Compat` gives any stream of ours their traits, and any of theirs ours.
#[test]
fn compat_translates_in_both_directions() {
    rondel::run(async {
        let (mut near, far) = duplex(64);
        let far = rondel::spawn(echo(Compat::new(BufReader::new(far))));
        near.write_all(b"one\ntwo\n").await.unwrap();
        near.shutdown().await.unwrap();

        let theirs = theirs::BufReader::new(Compat::new(near));
        let mut lines = Compat::new(theirs).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("one"));
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("two"));
        assert_eq!(lines.next_line().await.unwrap(), None);
        far.await.unwrap();

        let mut ours = Compat::new(theirs::Cursor::new(Vec::new()));
        ours.write_u16(7).await.unwrap();
        ours.flush().await.unwrap();
        ours.shutdown().await.unwrap();
        assert_eq!(ours.into_inner().into_inner(), [0, 7]);

        let mut line = String::new();
        let mut ours = Compat::new(BufReader::new(&b"a line\nmore"[..]));
        theirs::AsyncBufReadExt::read_line(&mut ours, &mut line).await.unwrap();
        assert_eq!(line, "a line\n");
    });
}
