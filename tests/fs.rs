//! Files and directories: what is written is read again, in any order of calls; errors are told.

use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use rondel::fs::{self, File, OpenOptions};
use rondel::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWriteExt, BufReader,
    BufStream, BufWriter, ReadBuf, SeekFrom,
};

/// A directory of the test's own, gone with it.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rondel-fs-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

async fn both_ways(path: PathBuf) -> File {
    File::options().read(true).write(true).create(true).truncate(true).open(path).await.unwrap()
}

/// Reads once, and gives up if it has to wait. Says what came.
async fn hasty_read(file: &mut File, len: usize) -> Option<Vec<u8>> {
    poll_fn(|cx| {
        let mut bytes = vec![0; len];
        let mut buf = ReadBuf::new(&mut bytes);
        let polled = Pin::new(&mut *file).poll_read(cx, &mut buf);
        Poll::Ready(polled.is_ready().then(|| buf.filled().to_vec()))
    })
    .await
}

/// A small generator, so that a failure can be had again by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Goal: reads, writes, seeks, cuts and cancelled reads in any order leave the same bytes and the
/// same position as on a file in memory. Method: 40 seeds of 60 steps against a `Cursor`; small
/// buffers, so that calls are cut into pieces.
#[test]
fn any_order_of_reads_writes_and_seeks_is_that_of_a_plain_file() {
    let dir = Dir::new();
    for seed in 0..40 {
        rondel::run(async {
            let mut dice = Dice(seed);
            let mut model = std::io::Cursor::new(Vec::new());
            let mut file = both_ways(dir.at("file")).await;
            file.set_max_buf_size(1 + dice.roll(30) as usize);
            for step in 0..60 {
                let len = dice.roll(40) as usize;
                match dice.roll(7) {
                    0 | 1 => {
                        let bytes: Vec<u8> = (0..len).map(|_| dice.roll(256) as u8).collect();
                        file.write_all(&bytes).await.unwrap();
                        if len > 0 {
                            // A `Cursor` fills the gap behind its end even for nothing.
                            Write::write_all(&mut model, &bytes).unwrap();
                        }
                    }
                    2 => {
                        let (mut got, mut expected) = (Vec::new(), Vec::new());
                        (&mut file).take(len as u64).read_to_end(&mut got).await.unwrap();
                        let mut part = Read::take(&mut model, len as u64);
                        part.read_to_end(&mut expected).unwrap();
                        assert_eq!(got, expected, "seed {seed}, step {step}");
                    }
                    3 => {
                        let bytes = hasty_read(&mut file, len).await.unwrap_or_default();
                        let mut expected = vec![0; bytes.len()];
                        Read::read_exact(&mut model, &mut expected).unwrap();
                        assert_eq!(bytes, expected, "seed {seed}, step {step}");
                    }
                    4 => {
                        let to = match dice.roll(3) {
                            0 => SeekFrom::Start(len as u64),
                            1 => SeekFrom::Current(len as i64 - 20),
                            _ => SeekFrom::End(len as i64 - 30),
                        };
                        let moved = file.seek(to).await.ok();
                        let expected = std::io::Seek::seek(&mut model, to).ok();
                        assert_eq!(moved, expected, "seed {seed}, step {step}: {to:?}");
                    }
                    5 => {
                        file.set_len(len as u64).await.unwrap();
                        model.get_mut().resize(len, 0);
                    }
                    _ => file.flush().await.unwrap(),
                }
            }
            assert_eq!(file.stream_position().await.unwrap(), model.position(), "seed {seed}");
            file.sync_all().await.unwrap();
            file.sync_data().await.unwrap();
            assert_eq!(fs::read(dir.at("file")).await.unwrap(), model.into_inner());
        });
    }
}

/// Goal: a read that is given up loses nothing: the next one gets what it brought. Method: a FIFO,
/// where a read waits until somebody writes.
#[test]
fn what_a_cancelled_read_brings_is_given_to_the_next_one() {
    let dir = Dir::new();
    rondel::run(async {
        let made = rondel::process::Command::new("mkfifo").arg(dir.at("fifo")).status().await;
        assert!(made.unwrap().success());
        // For reading and writing, so that neither end waits for the other to be opened.
        let mut file =
            OpenOptions::new().read(true).write(true).open(dir.at("fifo")).await.unwrap();
        let mut other = std::fs::OpenOptions::new().write(true).open(dir.at("fifo")).unwrap();
        assert_eq!(hasty_read(&mut file, 100).await, None, "nothing there: it waits");
        other.write_all(b"hello").unwrap();
        let mut bytes = [0; 3];
        assert_eq!(file.read(&mut bytes).await.unwrap(), 3);
        assert_eq!(file.read(&mut bytes).await.unwrap(), 2);
    });
}

/// Goal: a cancelled write has taken its bytes or none, and order is kept. Method: `write` is polled
/// once and dropped, many times; what was taken is what the file holds.
#[test]
fn a_dropped_write_took_its_bytes_or_none() {
    let dir = Dir::new();
    rondel::run(async {
        let mut file = File::create(dir.at("file")).await.unwrap();
        let mut taken = Vec::new();
        for byte in 0..200 {
            let bytes = [byte; 3];
            let mut write = pin!(file.write(&bytes));
            let polled = poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx))).await;
            if let Poll::Ready(count) = polled {
                taken.extend(&bytes[..count.unwrap()]);
            }
        }
        file.flush().await.unwrap();
        assert!(!taken.is_empty());
        assert_eq!(fs::read(dir.at("file")).await.unwrap(), taken);
    });
}

/// Goal: a full disk is told, by the call after the write: flush, sync or the next write; and not
/// twice. Method: `/dev/full`.
#[test]
fn a_full_disk_is_told_by_the_call_after_the_write() {
    rondel::run(async {
        let mut full = File::options().write(true).open("/dev/full").await.unwrap();
        full.write_all(b"x").await.unwrap(); // taken
        assert_eq!(full.flush().await.unwrap_err().kind(), ErrorKind::StorageFull);
        full.flush().await.unwrap(); // told once

        full.write_all(b"x").await.unwrap();
        assert_eq!(full.sync_all().await.unwrap_err().kind(), ErrorKind::StorageFull);
        full.write_all(b"x").await.unwrap();
        assert_eq!(full.write(b"y").await.unwrap_err().kind(), ErrorKind::StorageFull);
        full.write_all(b"x").await.unwrap();
        let mut byte = [0];
        assert!(full.read(&mut byte).await.is_err(), "not open for reading");
        assert_eq!(full.shutdown().await.unwrap_err().kind(), ErrorKind::StorageFull, "kept");
        assert_eq!(fs::write("/dev/full", "x").await.unwrap_err().kind(), ErrorKind::StorageFull);
    });
}

/// Goal: what may not be written says so, and nothing is changed. Method: a file that is open for
/// reading only; a directory; a path with a file in its middle.
#[test]
fn what_cannot_be_written_says_so() {
    let dir = Dir::new();
    rondel::run(async {
        fs::write(dir.at("file"), "hello").await.unwrap();
        let mut file = File::open(dir.at("file")).await.unwrap();
        file.write_all(b"x").await.unwrap();
        assert_eq!(file.flush().await.unwrap_err().raw_os_error(), Some(9), "EBADF");
        assert!(file.set_len(0).await.is_err());
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");

        let kind = |result: std::io::Result<()>| result.unwrap_err().kind();
        assert_eq!(kind(fs::write(&dir.0, "x").await), ErrorKind::IsADirectory);
        assert_eq!(kind(fs::write(dir.at("file/x"), "x").await), ErrorKind::NotADirectory);
        assert_eq!(kind(fs::write(dir.at("no/x"), "x").await), ErrorKind::NotFound);
        assert_eq!(
            File::create_new(dir.at("file")).await.unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        let nothing = OpenOptions::new().open(dir.at("file")).await;
        assert_eq!(nothing.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

/// Goal: who reads an error knows which file it was, and a program can still tell the errors apart.
/// Method: each call on a path that is not there, and what the standard library says to it.
#[test]
fn an_error_names_the_path() {
    fn told<T>(result: std::io::Result<T>, start: &str, path: &std::path::Path) {
        let error = result.err().expect("the path is not there");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = error.to_string();
        assert!(text.starts_with(start) && text.contains(&format!("{path:?}")), "{text}");
        let source = error.get_ref().and_then(|named| named.source()).unwrap();
        let source = source.downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(source.raw_os_error(), Some(2), "ENOENT");
    }
    let dir = Dir::new();
    let no = &*dir.at("no/file");
    rondel::run(async {
        let permissions = fs::metadata(&dir.0).await.unwrap().permissions();
        told(fs::read(no).await, "cannot read ", no);
        told(fs::read_to_string(no).await, "cannot read ", no);
        told(fs::read_link(no).await, "cannot read the link ", no);
        told(fs::read_dir(no).await, "cannot read the directory ", no);
        told(fs::write(no, "x").await, "cannot write ", no);
        told(fs::metadata(no).await, "cannot look at ", no);
        told(fs::symlink_metadata(no).await, "cannot look at ", no);
        told(fs::canonicalize(no).await, "cannot resolve ", no);
        told(fs::set_permissions(no, permissions).await, "cannot change the permissions of ", no);
        told(fs::create_dir(no).await, "cannot create the directory ", no);
        told(fs::DirBuilder::new().create(no).await, "cannot create the directory ", no);
        told(fs::remove_dir(no).await, "cannot remove the directory ", no);
        told(fs::remove_dir_all(no).await, "cannot remove the directory ", no);
        told(fs::remove_file(no).await, "cannot remove ", no);
        told(File::open(no).await, "cannot open ", no);
        told(File::create(no).await, "cannot open ", no);
        for path in [no, &dir.at("there")] {
            told(fs::copy(no, path).await, "cannot copy ", path);
            told(fs::rename(no, path).await, "cannot rename ", path);
            told(fs::hard_link(no, path).await, "cannot link ", path);
        }
        told(fs::symlink("anything", no).await, "cannot link ", no);
    });
}

/// Goal: a file that is marked read-only is refused, with the kernel's word. Method: permissions
/// 0o444; the kernel refuses nothing to root, who is not told anything else than by `std`.
#[test]
fn a_read_only_file_is_refused() {
    let dir = Dir::new();
    rondel::run(async {
        fs::write(dir.at("file"), "hello").await.unwrap();
        let mut permissions = fs::metadata(dir.at("file")).await.unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(dir.at("file"), permissions).await.unwrap();
        let ours = OpenOptions::new().write(true).open(dir.at("file")).await;
        let theirs = std::fs::OpenOptions::new().write(true).open(dir.at("file"));
        assert_eq!(ours.err().map(|e| e.kind()), theirs.err().map(|e| e.kind()));
    });
}

/// Goal: an order to move while a write is under way is refused, and `seek` waits for it. Method:
/// `start_seek` by hand; then lines over buffers.
#[test]
fn a_seek_waits_for_the_write_before_it() {
    let dir = Dir::new();
    rondel::run(async {
        let mut file = both_ways(dir.at("file")).await;
        file.write_all(b"one\ntwo\nthree\n").await.unwrap();
        assert!(Pin::new(&mut file).start_seek(SeekFrom::Start(0)).is_err());
        assert_eq!(file.seek(SeekFrom::Start(4)).await.unwrap(), 4);
        assert!(file.seek(SeekFrom::Current(-9)).await.is_err(), "before the start");
        assert_eq!(file.stream_position().await.unwrap(), 4);

        let mut reader = BufReader::new(file);
        let mut line = String::new();
        reader.read_line(&mut line).await.unwrap();
        assert_eq!(line, "two\n");
        assert_eq!(reader.stream_position().await.unwrap(), 8, "what was fetched does not count");
        reader.seek(SeekFrom::Current(-4)).await.unwrap();
        line.clear();
        reader.read_line(&mut line).await.unwrap();
        assert_eq!(line, "two\n");
        assert!(reader.seek(SeekFrom::Current(-100)).await.is_err());
        line.clear();
        reader.read_line(&mut line).await.unwrap();
        assert_eq!(line, "three\n", "a move that failed loses nothing");

        let mut writer = BufWriter::new(reader.into_inner());
        writer.seek(SeekFrom::Start(0)).await.unwrap();
        writer.write_all(b"ONE").await.unwrap();
        writer.seek(SeekFrom::End(0)).await.unwrap();
        writer.write_all(b"four\n").await.unwrap();
        writer.flush().await.unwrap();
        let mut both = BufStream::new(writer.into_inner());
        both.rewind().await.unwrap();
        let mut text = String::new();
        both.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "ONE\ntwo\nthree\nfour\n");
    });
}

/// Goal: clones share the position; the std file comes back when nothing is under way, and with all
/// that was written.
#[test]
fn clones_share_the_position_and_the_std_file_comes_back() {
    let dir = Dir::new();
    rondel::run(async {
        let mut file = both_ways(dir.at("file")).await;
        file.write_all(b"hello").await.unwrap();
        let mut clone = file.try_clone().await.unwrap();
        clone.write_all(b" world").await.unwrap();
        clone.flush().await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 11);
        file.write_all(b"!").await.unwrap();
        let file = file.try_into_std().unwrap_err(); // a write is under way
        let std = file.into_std().await;
        assert_eq!(std.metadata().unwrap().len(), 12);
        let again = File::from_std(std).try_into_std().unwrap();
        assert_eq!(again.metadata().unwrap().len(), 12);
    });
}

/// Goal: a write larger than a call takes arrives whole, and one of nothing does nothing.
#[test]
fn a_large_write_arrives_in_pieces() {
    let dir = Dir::new();
    rondel::run(async {
        let bytes: Vec<u8> = (0..5_000_000u32).map(|n| (n / 7) as u8).collect();
        let mut file = both_ways(dir.at("file")).await;
        assert_eq!(file.write(&[]).await.unwrap(), 0);
        assert_eq!(file.write(&bytes).await.unwrap(), file.max_buf_size());
        file.write_all(&bytes[file.max_buf_size()..]).await.unwrap();
        file.rewind().await.unwrap();
        let mut read = Vec::new();
        file.read_to_end(&mut read).await.unwrap();
        assert!(read == bytes);
    });
}

/// Goal: a directory of many entries is told whole, once each. Method: more than a few trips' worth.
#[test]
fn a_directory_is_read_over_many_trips() {
    let dir = Dir::new();
    rondel::run(async {
        for number in 0..100 {
            fs::write(dir.at(&format!("{number:03}")), "x").await.unwrap();
        }
        let mut names = Vec::new();
        let mut entries = fs::read_dir(&dir.0).await.unwrap();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            assert_eq!(entry.metadata().await.unwrap().len(), 1);
            names.push(entry.file_name().into_string().unwrap());
        }
        assert!(entries.next_entry().await.unwrap().is_none(), "the end stays the end");
        names.sort();
        assert_eq!(names, (0..100).map(|number| format!("{number:03}")).collect::<Vec<_>>());
        assert_eq!(fs::read_dir(dir.at("nothing")).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}

/// Goal: the functions do what the standard library's do. Method: each once, on a small tree.
#[test]
fn the_functions_do_what_the_standard_ones_do() {
    let dir = Dir::new();
    rondel::run(async {
        fs::create_dir(dir.at("a")).await.unwrap();
        fs::create_dir_all(dir.at("a/b/c")).await.unwrap();
        fs::write(dir.at("a/file"), "hello").await.unwrap();
        assert_eq!(fs::copy(dir.at("a/file"), dir.at("copy")).await.unwrap(), 5);
        fs::rename(dir.at("copy"), dir.at("moved")).await.unwrap();
        assert!(!fs::try_exists(dir.at("copy")).await.unwrap());
        fs::hard_link(dir.at("moved"), dir.at("hard")).await.unwrap();
        fs::symlink("moved", dir.at("soft")).await.unwrap();
        assert_eq!(fs::read_link(dir.at("soft")).await.unwrap(), PathBuf::from("moved"));
        assert!(fs::symlink_metadata(dir.at("soft")).await.unwrap().is_symlink());
        assert_eq!(fs::read_to_string(dir.at("soft")).await.unwrap(), "hello");
        let real = fs::canonicalize(dir.at("a/../soft")).await.unwrap();
        assert!(real.ends_with("moved"), "{real:?}");
        fs::remove_file(dir.at("soft")).await.unwrap();
        fs::remove_dir(dir.at("a/b/c")).await.unwrap();
        assert!(fs::remove_dir(dir.at("a")).await.is_err(), "not empty");
        fs::remove_dir_all(dir.at("a")).await.unwrap();
        fs::write(dir.at("bytes"), [0xff]).await.unwrap();
        let error = fs::read_to_string(dir.at("bytes")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    });
}

/// Goal: the loop goes on while a file is waited for. Method: a read of an empty FIFO waits, and
/// another task feeds it.
#[test]
fn the_loop_goes_on_while_a_file_waits() {
    let dir = Dir::new();
    rondel::run(async {
        let made = rondel::process::Command::new("mkfifo").arg(dir.at("fifo")).status().await;
        assert!(made.unwrap().success());
        let reader = rondel::spawn({
            let path = dir.at("fifo");
            async move { fs::read_to_string(path).await.unwrap() }
        });
        rondel::task::yield_now().await;
        let mut writer = OpenOptions::new().write(true).open(dir.at("fifo")).await.unwrap();
        writer.write_all(b"from the other task").await.unwrap();
        writer.flush().await.unwrap();
        drop(writer);
        assert_eq!(reader.await.unwrap(), "from the other task");
    });
}
