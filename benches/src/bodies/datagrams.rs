//! Bodies: what does a datagram cost, there and back on loopback?

use std::io;
use std::net::Ipv4Addr;

use super::rt;
use crate::Meter;

/// What is sent, as in the echo rows.
const BYTES: usize = 64;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "udp" => rt::run(udp(meter)).expect("loopback takes datagrams"),
        _ => return false,
    }
    true
}

/// Two tasks, a connected socket each. One datagram is on its way at a time, so none is lost.
async fn udp(meter: &mut Meter) -> io::Result<()> {
    let rounds = meter.size().pick(20_000, 5_000);
    while meter.more() {
        let (here, there) = (open().await?, open().await?);
        here.connect(there.local_addr()?).await?;
        there.connect(here.local_addr()?).await?;
        meter.start();
        let echo = rt::spawn(async move {
            let mut buffer = [0; 512];
            for _ in 0..rounds {
                let bytes = there.recv(&mut buffer).await?;
                there.send(&buffer[..bytes]).await?;
            }
            io::Result::Ok(())
        });
        let caller = rt::spawn(async move {
            let mut buffer = [0; 512];
            for _ in 0..rounds {
                here.send(&[7; BYTES]).await?;
                assert_eq!(here.recv(&mut buffer).await?, BYTES);
            }
            io::Result::Ok(())
        });
        caller.await.expect("it does not panic")?;
        echo.await.expect("it does not panic")?;
        meter.stop(rounds);
    }
    Ok(())
}

async fn open() -> io::Result<rt::UdpSocket> {
    rt::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await
}
