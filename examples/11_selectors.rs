//! Lesson 11. How does one thread wait for a thousand sockets, and what does the kernel say?
//!
//! Run it: `cargo run --example 11_selectors` (on Linux)
//! Covers: 11-13, 229.
//!
//! Python: `selectors.DefaultSelector` is epoll on Linux and kqueue on macOS; `register(socket,
//! EVENT_READ, data)`, then `select()` in a loop. Rust: std has no such thing. `rustix` has the
//! kernel's own calls, as here; `mio` and `polling` are the selectors that runtimes use.
//!
//! Predict. A client has sent 11 bytes. The server watches the socket *edge-triggered*, reads 4
//! bytes each time that it is told, and goes back to wait. What does it get?
//!
//! a) 4, 4 and 3 bytes: it is told again as long as something lies there.
//! b) 4 bytes, and then it waits until the client sends more, which it may never do.
//! c) 11 bytes: an edge hands over all that has come.

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("epoll is a call of Linux; lesson 12 has the same for other systems");
}

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    linux::an_echo_server()?;
    linux::level_and_edge()?;
    linux::how_a_peer_goes()?;
    linux::descriptor_1500()?;
    linux::the_price_of_the_idle()
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::buffer::spare_capacity;
    use rustix::event::epoll::{self, EventData, EventFlags};
    use rustix::event::{FdSetElement, PollFd, PollFlags, Timespec, fd_set_insert, poll};
    use rustix::fd::{AsFd, AsRawFd, OwnedFd};
    use rustix::process::{Resource, getrlimit, setrlimit};
    use std::collections::HashMap;
    use std::io::{self, ErrorKind, Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::panic::catch_unwind;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    // --- an echo server on raw epoll: one thread, level-triggered --------------------------------

    const LISTENER: u64 = u64::MAX;
    const FLOOD: usize = 32 * 1024 * 1024;

    struct Guest {
        stream: TcpStream,
        /// What the kernel has not taken yet. While there is any, nothing more is read.
        unsent: Vec<u8>,
    }

    impl Guest {
        /// Reads once, or sends what is left. `None`: it has gone.
        fn serve(&mut self) -> io::Result<Option<EventFlags>> {
            if self.unsent.is_empty() {
                let mut buf = [0; 16 * 1024];
                let count = self.stream.read(&mut buf)?;
                if count == 0 {
                    return Ok(None);
                }
                self.unsent.extend(&buf[..count]);
            }
            let sent = match self.stream.write(&self.unsent) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                sent => sent?,
            };
            self.unsent.drain(..sent);
            // A socket can nearly always be written: who wished for that always would be told at
            // each wait. So the wish is switched on for as long as something is left.
            Ok(Some(if self.unsent.is_empty() { EventFlags::IN } else { EventFlags::OUT }))
        }
    }

    /// Ends when so many guests have gone. `switches` counts the wishes that were changed.
    fn serve(listener: &TcpListener, visits: usize, switches: &AtomicUsize) -> io::Result<usize> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        listener.set_nonblocking(true)?;
        epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let (mut guests, mut events) = (HashMap::new(), Vec::with_capacity(64));
        let (mut gone, mut waits) = (0, 0);
        while gone < visits {
            waits += 1;
            epoll::wait(&epoll, spare_capacity(&mut events), None)?;
            for event in events.drain(..) {
                let (key, told) = (event.data.u64(), event.flags);
                if key == LISTENER {
                    let (stream, _) = listener.accept()?;
                    stream.set_nonblocking(true)?;
                    let data = EventData::new_u64(stream.as_raw_fd() as u64);
                    epoll::add(&epoll, &stream, data, EventFlags::IN)?;
                    guests.insert(data.u64(), Guest { stream, unsent: Vec::new() });
                    continue;
                }
                let guest: &mut Guest = guests.get_mut(&key).expect("who is told of is there");
                match guest.serve()? {
                    Some(wish) if told.contains(wish) => {} // it is what we are told of now
                    Some(wish) => {
                        switches.fetch_add(1, Ordering::Relaxed);
                        epoll::modify(&epoll, &guest.stream, event.data, wish)?;
                    }
                    None => {
                        guests.remove(&key); // the drop closes it, and epoll forgets it
                        gone += 1;
                    }
                }
            }
        }
        Ok(waits)
    }

    /// Two polite guests, and one that sends 32 MB and reads only when the server is stuck.
    pub fn an_echo_server() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, switches) = (listener.local_addr()?, AtomicUsize::new(0));
        let flooded = thread::scope(|scope| {
            let server = scope.spawn(|| serve(&listener, 3, &switches));
            let mut polite = [TcpStream::connect(address)?, TcpStream::connect(address)?];
            let mut flood = TcpStream::connect(address)?;
            let mut writer = flood.try_clone()?;
            let sender = scope.spawn(move || -> io::Result<()> {
                writer.write_all(&vec![7; FLOOD])?;
                writer.shutdown(Shutdown::Write)
            });
            while switches.load(Ordering::Relaxed) == 0 && !server.is_finished() {
                thread::sleep(Duration::from_millis(1));
            }
            for (guest, text) in polite.iter_mut().zip(["hello", "HELLO"]) {
                guest.write_all(text.as_bytes())?;
                let mut echo = [0; 5];
                guest.read_exact(&mut echo)?;
                assert_eq!(&echo, text.as_bytes(), "the flood is in nobody's way");
            }
            drop(polite);
            let mut echo = Vec::new();
            flood.read_to_end(&mut echo)?;
            sender.join().unwrap()?;
            let waits = server.join().unwrap()?;
            io::Result::Ok((echo.len(), waits))
        })?;
        println!("echo: 3 guests, {} bytes back to one of them", flooded.0);
        println!("      ~{} waits, ~{} changed wishes", flooded.1, switches.into_inner());
        assert_eq!(flooded.0, FLOOD);
        Ok(())
    }

    // --- what is told, and when ------------------------------------------------------------------

    struct Watched<S> {
        epoll: OwnedFd,
        near: S,
    }

    impl<S: AsFd + Read> Watched<S> {
        fn new(near: S, wish: EventFlags) -> io::Result<Self> {
            let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
            epoll::add(&epoll, &near, EventData::new_u64(0), wish)?;
            Ok(Self { epoll, near })
        }

        /// What one wait tells. It does not wait if that is nothing, unless there is a limit.
        fn told(&self, limit: Duration) -> io::Result<String> {
            let (mut events, limit) = (Vec::with_capacity(8), Timespec::try_from(limit).unwrap());
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&limit))?;
            let Some(event) = events.first() else { return Ok("nothing".to_owned()) };
            let flags = event.flags;
            Ok(flags.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join("+"))
        }

        /// Does as the letters say, and writes down what came of it: `w`ait, `r`ead at most 4.
        fn follow(&mut self, script: &str) -> io::Result<String> {
            let mut seen = Vec::new();
            for step in script.chars() {
                seen.push(match step {
                    'w' => self.told(Duration::ZERO)?,
                    _ => match self.near.read(&mut [0; 4]) {
                        Ok(count) => format!("read {count}"),
                        Err(error) => format!("{:?}", error.kind()),
                    },
                });
            }
            Ok(seen.join(", "))
        }
    }

    /// The prediction. Unix sockets, because there what is sent has come when `write` returns.
    pub fn level_and_edge() -> io::Result<()> {
        let (level, edge) = (EventFlags::IN, EventFlags::IN | EventFlags::ET);
        let once = EventFlags::IN | EventFlags::ONESHOT;
        let cases = [
            ("level", level, "wrwrwrw", "IN, read 4, IN, read 4, IN, read 3, nothing"),
            ("edge", edge, "wrw", "IN, read 4, nothing"),
            ("edge, to the end", edge, "wrrrrw", "IN, read 4, read 4, read 3, WouldBlock, nothing"),
            ("oneshot", once, "wrw", "IN, read 4, nothing"),
            ("level, writable", level | EventFlags::OUT, "ww", "IN+OUT, IN+OUT"),
            ("edge, writable", edge | EventFlags::OUT, "ww", "IN+OUT, nothing"),
        ];
        for (name, wish, script, expected) in cases {
            let (near, mut far) = UnixStream::pair()?;
            near.set_nonblocking(true)?;
            let mut watched = Watched::new(near, wish)?;
            far.write_all(b"hello world")?;
            let seen = watched.follow(script)?;
            println!("{:<17} {seen}", format!("{name}:"));
            assert_eq!(seen, expected, "{name}");

            if name == "edge" || name == "oneshot" {
                far.write_all(b"!")?;
                let more = watched.follow("w")?;
                epoll::modify(&watched.epoll, &watched.near, EventData::new_u64(0), wish)?;
                let again = watched.follow("w")?;
                println!("    one byte more: {more}; wished for anew: {again}");
                let new_edge = if name == "edge" { "IN" } else { "nothing" };
                assert_eq!((&more[..], &again[..]), (new_edge, "IN"));
            }
        }
        Ok(())
    }

    /// The three ways to leave, and what cannot be wished away.
    pub fn how_a_peer_goes() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let wish = EventFlags::IN | EventFlags::RDHUP;
        for (way, expected) in
            [("half-close", "IN+RDHUP"), ("close", "IN+RDHUP"), ("reset", "IN+ERR+HUP+RDHUP")]
        {
            let far = TcpStream::connect(listener.local_addr()?)?;
            let watched = Watched::new(listener.accept()?.0, wish)?;
            match way {
                "half-close" => far.shutdown(Shutdown::Write)?,
                "reset" => rustix::net::sockopt::set_socket_linger(&far, Some(Duration::ZERO))?,
                _ => {}
            }
            let half_open = (way == "half-close").then_some(far); // or it is closed here
            let told = watched.told(Duration::from_secs(10))?;
            println!("TCP {:<13} {told}", format!("{way}:"));
            assert_eq!(told, expected, "{way}");
            drop(half_open);
        }

        // No wish at all, and the peer goes: that is told nevertheless, at each wait.
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        let mut watched = Watched::new(near, EventFlags::empty())?;
        drop(far);
        let seen = watched.follow("www")?;
        println!("no wish, gone:    {seen}");
        assert_eq!(seen, "HUP, HUP, HUP", "so who is not closed keeps the loop awake");
        Ok(())
    }

    // --- select, poll and epoll ------------------------------------------------------------------

    /// Not the 1024th socket is one too many for `select`, but the number 1024.
    pub fn descriptor_1500() -> io::Result<()> {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit })?;
        let (near, mut far) = UnixStream::pair()?;
        let high = rustix::io::fcntl_dupfd_cloexec(&near, 1500)?;
        far.write_all(b"!")?;

        let mut polled = [PollFd::new(&high, PollFlags::IN)];
        let by_poll = poll(&mut polled, Some(&Timespec::default()))?;
        let fd = high.as_raw_fd();
        assert!(fd >= 1500);
        // The set of C has 1024 bits. (`select` itself is `unsafe` in rustix, and we go without.)
        let mut set = [FdSetElement::default(); 1024 / (8 * size_of::<FdSetElement>())];
        std::panic::set_hook(Box::new(|_| {})); // its message need not be seen
        let by_select = catch_unwind(move || fd_set_insert(&mut set, fd));
        drop(std::panic::take_hook());
        let by_epoll =
            Watched::new(UnixStream::from(high), EventFlags::IN)?.told(Duration::ZERO)?;
        println!(
            "descriptor 1500:  poll tells of {by_poll}, epoll of {by_epoll}; for select it is"
        );
        println!("                  beyond its 1024 bits: {}", by_select.is_err());
        assert_eq!((by_poll, &by_epoll[..], by_select.is_err()), (1, "IN", true));
        Ok(())
    }

    /// Many descriptors of which nothing is heard, and one that is busy: what does a wait cost?
    pub fn the_price_of_the_idle() -> io::Result<()> {
        let (silent, _open) = UnixStream::pair()?;
        let (mut busy, mut far) = UnixStream::pair()?;
        let mut costs = Vec::new();
        for idle in [10, 100, 1_000] {
            let idle =
                (0..idle).map(|_| rustix::io::dup(&silent)).collect::<Result<Vec<_>, _>>()?;
            let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
            for fd in idle.iter().map(AsFd::as_fd).chain([busy.as_fd()]) {
                epoll::add(&epoll, fd, EventData::new_u64(0), EventFlags::IN)?;
            }
            let (mut by_poll, mut by_epoll) = (Duration::MAX, Duration::MAX);
            for _ in 0..200 {
                far.write_all(b"!")?;
                let fds = idle.iter().map(AsFd::as_fd).chain([busy.as_fd()]);
                let mut fds: Vec<_> =
                    fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
                let start = Instant::now();
                let told = poll(&mut fds, None)?;
                by_poll = by_poll.min(start.elapsed());
                // Who it is, one has to search oneself: another look at each.
                let ready = fds.iter().position(|fd| !fd.revents().is_empty());
                assert_eq!((told, ready), (1, Some(idle.len())));

                let mut events = Vec::with_capacity(8);
                let start = Instant::now();
                epoll::wait(&epoll, spare_capacity(&mut events), None)?;
                by_epoll = by_epoll.min(start.elapsed());
                assert_eq!(events.len(), 1);
                busy.read_exact(&mut [0])?;
            }
            let (poll_ns, epoll_ns) = (by_poll.as_nanos(), by_epoll.as_nanos());
            println!("{} idle: poll ~{poll_ns} ns, epoll ~{epoll_ns} ns", idle.len());
            costs.push((poll_ns, epoll_ns));
        }
        let [(poll_10, _), _, (poll_1000, epoll_1000)] = costs[..] else { unreachable!() };
        assert!(poll_1000 > 3 * poll_10, "poll looks at each of them, each time");
        assert!(poll_1000 > 3 * epoll_1000, "epoll was told of them once");
        Ok(())
    }
}

// Explain
//
// b) is right. Level-triggered, the kernel answers "is there anything to read?" at each wait.
// Edge-triggered, it tells when something *comes*, once, and it does not matter how much was left
// lying. So the rule for edges is: read until `WouldBlock`, or remember that there is more. One
// byte more is a new edge, and so is a wish made anew: the kernel looks at the socket at once.
// Oneshot is stricter: after one report the wish is asleep until it is renewed.
//
// What do edges win? Look at "writable". A socket can be written nearly always. Level-triggered,
// the wish ends each wait at once, so it has to be switched on and off, by a system call each time:
// the flood cost the echo server some. Edge-triggered it is told once, and may stay.
//
// The guide calls `select` "limited to about 1024 FDs". It is the number of the descriptor that
// counts: one socket with the number 1500 has no bit in C's set. Rust stops with a panic; C writes
// past the end of the set; Python 3.11 raises "filedescriptor out of range in select()".
// `poll` has no such limit, and the same price: all descriptors are handed over at each wait, the
// kernel looks at each, and then the program does. epoll keeps the list in the kernel. A socket
// that becomes ready puts itself on a second list, and a wait takes what stands there: with 1,000
// idle ones it costs what it costs with ten. Registering is not free: a system call for each.
//
// | call     | where      | one wait costs     | its model                                       |
// |----------|------------|--------------------|-------------------------------------------------|
// | `select` | everywhere | a look at each bit | readiness, level; numbers below 1024            |
// | `poll`   | Unix       | a look at each     | readiness, level                                |
// | `epoll`  | Linux      | what is ready      | readiness, level or edge or oneshot             |
// | `kqueue` | macOS, BSD | what is ready      | the same; timers, signals and processes as well |
// | IOCP     | Windows    | what is done       | completion: the kernel reads into your buffer   |
//
// Python has a loop for each model: `SelectorEventLoop` on readiness, `ProactorEventLoop` on
// completion; uvloop is libuv, on readiness where there is a choice. With completion the buffer
// belongs to the kernel until the call is done, so a future that is dropped half way must not free
// it. With readiness nothing was begun: to drop the wait is all.
//
// A peer that goes is told, too. TCP cannot tell a close from a half-close: both are a FIN, and
// only writing to it shows who is still there. A hang-up is told whether one wishes it or not, and
// level-triggered for ever: a connection that is not closed makes the loop spin.
//
// What real runtimes do
//
// asyncio and libuv are level-triggered; asyncio switches the wish to write on and off as here.
// tokio, mio and Go take edges. smol's `polling` takes oneshot, and wishes anew before each wait.
// nginx takes edges for connections.
//
// Where to read next
//
// Rondel registers once, for edges in both directions, and remembers in a table what was told:
//
// ```rust,cite=runtime/reactor/mio.rs
// const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
// …
// self.0.register(&mut SourceFd(&fd), mio::Token(key), BOTH)
// ```
