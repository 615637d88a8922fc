//! The same server on Rondel: a task a connection, on the reactor that is asked for.

use std::io;
use std::net::SocketAddr;

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};

use super::{BUFFER_BYTES, goes_on};

pub(super) fn echo(reactor: rondel::Reactor, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let runtime = rondel::Builder::new_current_thread().reactor(reactor).build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        listening(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            drop(rondel::spawn(serve(stream)));
        }
    })
}

async fn serve(mut stream: TcpStream) {
    let mut buffer = [0; BUFFER_BYTES];
    while let Some(bytes) = goes_on(stream.read(&mut buffer).await) {
        if stream.write_all(&buffer[..bytes]).await.is_err() {
            return;
        }
    }
}
