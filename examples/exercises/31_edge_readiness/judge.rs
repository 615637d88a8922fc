//! Judges a reader under edge-triggered readiness: all must come that was written in one go.

use super::answer::read_to_end;
use rondel::time::{Duration, sleep, timeout};
use rondel_exercises::{Judge, ensure};
use std::io::Write;
use std::os::unix::net::UnixStream;

/// So long may nothing happen.
const PATIENCE: Duration = Duration::from_millis(1_500);

pub fn judge(judge: &mut Judge) {
    judge.check("more than fits into one read").in_real_time(async |log| {
        let (mut writer, reader) = UnixStream::pair().unwrap();
        reader.set_nonblocking(true).unwrap();
        log.note("5000 bytes are written in one go, and the writer waits for an answer");
        writer.write_all(&[7; 5_000]).unwrap();
        let reading = read_to_end(reader);
        let writing = async {
            sleep(Duration::from_millis(50)).await;
            // The end of the stream alone is one more edge: what is left of it is read late.
            let ends = rondel::time::Instant::now();
            drop(writer);
            ends
        };
        let (count, _) = rondel::join!(timeout(PATIENCE, reading), writing);
        let count = count.map_err(|_| {
            "5000 bytes lie there, and the reader sleeps: it read once, and cleared the readiness \
             before there was nothing left"
        })?;
        ensure!(count == 5_000, "5000 bytes were written, and {count} were read");
        Ok(())
    });

    judge.check("a little at a time").in_real_time(async |log| {
        let (mut writer, reader) = UnixStream::pair().unwrap();
        reader.set_nonblocking(true).unwrap();
        let writing = async {
            for number in 1..=3 {
                sleep(Duration::from_millis(5)).await;
                log.note(format!("write {number}: 100 bytes"));
                writer.write_all(&[7; 100]).unwrap();
            }
            drop(writer);
        };
        let (count, ()) = rondel::join!(timeout(PATIENCE, read_to_end(reader)), writing);
        let count = count.map_err(|_| "300 bytes and the end were written, and it still waits")?;
        ensure!(count == 300, "300 bytes were written, and {count} were read");
        Ok(())
    });
}
