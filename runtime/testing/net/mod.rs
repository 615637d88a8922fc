//! Floor 5. A network in memory: hosts, listeners and streams, and all that can go wrong between
//! them, drawn from the seed.
//!
//! What breaks a program that talks to others is rarely the talk; it is an answer that comes in
//! pieces, late, twice as slowly as the limit, or not at all. On real sockets that happens once a
//! month. Here it happens as often as [`NetOptions`] says, in virtual time, which makes a minute of
//! network some milliseconds of test; and the seed that failed brings it back to the byte:
//!
//! ```text
//!   #[rondel::test(start_paused, seeds = 0..1_000)]
//!
//!   net.connect ── request ──▶ dropped? link cut? ─ again after 1 s, 3 s, …, TimedOut
//!                     │        nobody listens? by lot? ─ ConnectionRefused
//!                     └──────▶ SimListener ─▶ accept         (wire.rs: what happens to the bytes)
//! ```
//!
//! Rules
//! 1. A host is an IP address, and needs no making. A link is a pair of hosts, the two the same.
//! 2. A connection keeps the options that its link had when it came to be; cuts are for all.
//! 3. Lots are drawn from the luck of the thread. On the local flavour with a seed and virtual time
//!    two runs are thus equal; on workers nothing is.
//!
//! Real world: turmoil (tokio), madsim, FoundationDB's `sim2`, whose authors test on nothing else
//! first; asyncio has none.

mod listener;
mod options;
mod stats;
mod stream;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Weak;

pub use listener::SimListener;
pub use options::NetOptions;
pub use stats::NetStats;
pub use stream::SimStream;

use crate::shim::{Arc, Mutex, lock};
use crate::time::{Duration, Instant, sleep, sleep_until};
use listener::Door;
use options::happens;
use stats::Totals;
use wire::{CLIENT, SERVER, Wire};

/// The ports that are given out to those who ask for none, by the rules of IANA.
const FREE_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// The first pause before a request to connect is sent again; doubled each time, as Linux does.
const RETRY_FIRST: Duration = Duration::from_secs(1);

/// A simulated network. Clones are the same network.
///
/// - Time is that of the loop: use virtual time, or its latencies are waited for.
/// - All buffers are bounded: [`NetOptions::buffer`] and [`NetOptions::backlog`].
///
/// **Cost:** a lock for each call; no task and no thread of its own.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt};
/// use rondel::testing::net::{Net, NetOptions};
/// use rondel::time::{Duration, Instant};
///
/// let runtime = rondel::Builder::new().start_paused(true).seed(7).build().unwrap();
/// runtime.block_on(async {
///     let ms = Duration::from_millis;
///     let net = Net::new(NetOptions::new().latency(ms(20)..=ms(20)).partial(0.5));
///     let listener = net.listen(([10, 0, 0, 1], 80)).unwrap();
///     rondel::spawn(async move {
///         while let Ok((mut stream, _)) = listener.accept().await {
///             let mut name = [0; 5];
///             stream.read_exact(&mut name).await.unwrap();
///             stream.write_all(b"hello ").await.unwrap();
///             stream.write_all(&name).await.unwrap();
///         }
///     });
///     let start = Instant::now();
///     let mut stream = net.connect(([10, 0, 0, 1], 80)).await.unwrap();
///     stream.write_all(b"world").await.unwrap();
///     let mut text = String::new();
///     stream.read_to_string(&mut text).await.unwrap();
///     assert_eq!(text, "hello world");
///     assert_eq!(start.elapsed(), ms(4 * 20)); // there and back, twice
/// });
/// ```
#[derive(Clone)]
pub struct Net {
    shared: Arc<Shared>,
}

struct Shared {
    options: Arc<NetOptions>,
    totals: Arc<Totals>,
    world: Mutex<World>,
}

#[derive(Default)]
struct World {
    doors: BTreeMap<SocketAddr, Arc<Door>>,
    links: BTreeMap<[IpAddr; 2], Link>,
    next_port: u16,
}

#[derive(Default)]
struct Link {
    options: Option<Arc<NetOptions>>,
    is_cut: bool,
    wires: Vec<Weak<Wire>>,
}

impl Net {
    /// The host of [`connect`](Self::connect): 192.0.2.1.
    pub const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    /// A network without hosts, whose links are all like this.
    #[must_use]
    pub fn new(options: NetOptions) -> Self {
        let (options, totals) = (Arc::new(options), Arc::default());
        Self { shared: Arc::new(Shared { options, totals, world: Mutex::default() }) }
    }

    /// Listens at `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) if somebody listens there, or no port is free.
    pub fn listen(&self, address: impl Into<SocketAddr>) -> io::Result<SimListener> {
        let mut address = address.into();
        let mut world = lock(&self.shared.world);
        if address.port() == 0 {
            world.choose_port(&mut address)?;
        }
        if world.doors.contains_key(&address) {
            let text = format!("somebody listens at {address} on the simulated network already");
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        let door = Door::new(self.shared.options.backlog);
        world.doors.insert(address, door.clone());
        drop(world);
        Ok(SimListener::new(self.clone(), address, door))
    }

    pub(super) fn forget(&self, address: SocketAddr) {
        let door = lock(&self.shared.world).doors.remove(&address);
        drop(door); // after the lock
    }

    /// Connects from [`HOME`](Self::HOME); see [`connect_from`](Self::connect_from).
    ///
    /// # Errors
    ///
    /// As [`connect_from`](Self::connect_from).
    ///
    /// **Cancel-safe:** yes. Nothing is left but, perhaps, a connection that the listener accepts
    /// and finds closed.
    pub async fn connect(&self, address: impl Into<SocketAddr>) -> io::Result<SimStream> {
        self.connect_from(Self::HOME, address).await
    }

    /// Connects from the host `from` to `address`.
    ///
    /// # Errors
    ///
    /// - [`ConnectionRefused`](io::ErrorKind::ConnectionRefused): nobody listens there, or the lot
    ///   says so.
    /// - [`TimedOut`](io::ErrorKind::TimedOut): no request came through within
    ///   [`NetOptions::connect_timeout`], because they were dropped, the link is cut, or the
    ///   listener's backlog is full.
    ///
    /// **Cancel-safe:** yes, as [`connect`](Self::connect).
    ///
    /// ```
    /// use rondel::testing::net::{Net, NetOptions};
    ///
    /// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    /// runtime.block_on(async {
    ///     let net = Net::new(NetOptions::new());
    ///     let listener = net.listen(([10, 0, 0, 1], 80)).unwrap();
    ///     let here = [10, 0, 0, 9].into();
    ///     let _stream = net.connect_from(here, ([10, 0, 0, 1], 80)).await.unwrap();
    ///     let (_, peer) = listener.accept().await.unwrap();
    ///     assert_eq!(peer.ip().to_string(), "10.0.0.9");
    /// });
    /// ```
    pub async fn connect_from(
        &self,
        from: IpAddr,
        address: impl Into<SocketAddr>,
    ) -> io::Result<SimStream> {
        let address = address.into();
        let options = lock(&self.shared.world).options(from, address.ip(), &self.shared.options);
        let deadline = Instant::now().add_or_far(options.connect_timeout);
        let mut pause = RETRY_FIRST;
        loop {
            if let Some(answer) = self.request(from, address, &options).await {
                return answer;
            }
            self.shared.totals.drops.add(1);
            let next = Instant::now().add_or_far(pause);
            pause *= 2;
            sleep_until(next.min(deadline)).await;
            if next >= deadline {
                let text = format!(
                    "no answer from {address} on the simulated network in {:?}",
                    options.connect_timeout
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
        }
    }

    /// One request to connect. `None`: there is no answer.
    async fn request(
        &self,
        from: IpAddr,
        address: SocketAddr,
        options: &Arc<NetOptions>,
    ) -> Option<io::Result<SimStream>> {
        sleep(options.draw_latency()).await;
        if self.is_cut(from, address.ip()) || happens(options.drops) {
            return None;
        }
        let door = lock(&self.shared.world).doors.get(&address).cloned();
        let Some(door) = door.filter(|_| !happens(options.refusals)) else {
            sleep(options.draw_latency()).await;
            self.shared.totals.refusals.add(1);
            let text = format!("{address} on the simulated network refuses: nobody listens there");
            return Some(Err(io::Error::new(io::ErrorKind::ConnectionRefused, text)));
        };
        if door.is_full() {
            return None;
        }
        let stream = match self.wire_up(from, address, options) {
            Ok([client, server]) => {
                door.put(server);
                client
            }
            Err(error) => return Some(Err(error)),
        };
        sleep(options.draw_latency()).await;
        Some(Ok(stream))
    }

    /// Makes both ends of a new connection.
    fn wire_up(
        &self,
        from: IpAddr,
        address: SocketAddr,
        options: &Arc<NetOptions>,
    ) -> io::Result<[SimStream; 2]> {
        let Shared { totals, world, .. } = &*self.shared;
        let mut world = lock(world);
        let mut here = SocketAddr::new(from, 0);
        world.choose_port(&mut here)?;
        let link = world.link(from, address.ip());
        let wire = Wire::new([here, address], options.clone(), totals.clone(), link.is_cut);
        link.enter(&wire);
        totals.connections.add(1);
        Ok([CLIENT, SERVER].map(|end| SimStream::new(wire.clone(), end)))
    }

    /// Makes the link between two hosts differ from the others, for connections to come.
    ///
    /// ```
    /// use rondel::testing::net::{Net, NetOptions};
    /// use rondel::time::{Duration, Instant};
    ///
    /// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    /// runtime.block_on(async {
    ///     let second = Duration::from_secs(1);
    ///     let net = Net::new(NetOptions::new());
    ///     let slow = NetOptions::new().latency(second..=second);
    ///     net.set_link(Net::HOME, [10, 0, 0, 2].into(), slow);
    ///     let _near = net.listen(([10, 0, 0, 1], 80)).unwrap();
    ///     let _far = net.listen(([10, 0, 0, 2], 80)).unwrap();
    ///     let start = Instant::now();
    ///     net.connect(([10, 0, 0, 1], 80)).await.unwrap();
    ///     assert_eq!(start.elapsed(), Duration::from_millis(2));
    ///     net.connect(([10, 0, 0, 2], 80)).await.unwrap();
    ///     assert_eq!(start.elapsed(), Duration::from_millis(2_002));
    /// });
    /// ```
    pub fn set_link(&self, one: IpAddr, other: IpAddr, options: NetOptions) {
        let new = Some(Arc::new(options));
        let old = {
            let mut world = lock(&self.shared.world);
            std::mem::replace(&mut world.link(one, other).options, new)
        };
        drop(old);
    }

    /// Cuts the link between two hosts: nothing comes through, not even a reset, until it is
    /// [healed](Self::heal). Nothing is lost either: TCP sends it again then.
    ///
    /// ```
    /// use rondel::io::{AsyncReadExt, AsyncWriteExt};
    /// use rondel::testing::net::{Net, NetOptions};
    /// use rondel::time::{Duration, Instant, sleep};
    ///
    /// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    /// runtime.block_on(async {
    ///     let net = Net::new(NetOptions::new());
    ///     let there = [10, 0, 0, 1].into();
    ///     let listener = net.listen((there, 80)).unwrap();
    ///     let mut client = net.connect((there, 80)).await.unwrap();
    ///     let (mut server, _) = listener.accept().await.unwrap();
    ///
    ///     net.partition(Net::HOME, there);
    ///     client.write_all(b"!").await.unwrap(); // takes it, and sends it in vain
    ///     let (healer, start) = (net.clone(), Instant::now());
    ///     rondel::spawn(async move {
    ///         sleep(Duration::from_secs(60)).await;
    ///         healer.heal(Net::HOME, there);
    ///     });
    ///     assert_eq!(server.read_u8().await.unwrap(), b'!');
    ///     assert_eq!(start.elapsed(), Duration::from_millis(60_001));
    /// });
    /// ```
    pub fn partition(&self, one: IpAddr, other: IpAddr) {
        self.set_cut(one, other, true);
    }

    /// Heals a link that was [cut](Self::partition): what was held sets out now.
    pub fn heal(&self, one: IpAddr, other: IpAddr) {
        self.set_cut(one, other, false);
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> NetStats {
        self.shared.totals.read()
    }

    fn is_cut(&self, one: IpAddr, other: IpAddr) -> bool {
        lock(&self.shared.world).link(one, other).is_cut
    }

    fn set_cut(&self, one: IpAddr, other: IpAddr, is_cut: bool) {
        let wires: Vec<Arc<Wire>> = {
            let mut world = lock(&self.shared.world);
            let link = world.link(one, other);
            if std::mem::replace(&mut link.is_cut, is_cut) == is_cut {
                return;
            }
            link.wires.iter().filter_map(Weak::upgrade).collect()
        };
        wires.iter().for_each(|wire| wire.set_cut(is_cut));
    }
}

impl World {
    fn link(&mut self, one: IpAddr, other: IpAddr) -> &mut Link {
        let mut hosts = [one, other];
        hosts.sort();
        self.links.entry(hosts).or_default()
    }

    fn options(&self, one: IpAddr, other: IpAddr, usual: &Arc<NetOptions>) -> Arc<NetOptions> {
        let mut hosts = [one, other];
        hosts.sort();
        let own = self.links.get(&hosts).and_then(|link| link.options.as_ref());
        own.unwrap_or(usual).clone()
    }

    /// Gives `address` the next free port. Of connections any number may have one: their peers
    /// differ.
    fn choose_port(&mut self, address: &mut SocketAddr) -> io::Result<()> {
        for _ in FREE_PORTS {
            let next = self.next_port.max(*FREE_PORTS.start());
            self.next_port = next.checked_add(1).unwrap_or(0);
            address.set_port(next);
            if !self.doors.contains_key(address) {
                return Ok(());
            }
        }
        let text = format!("all ports of {} on the simulated network are taken", address.ip());
        Err(io::Error::new(io::ErrorKind::AddrInUse, text))
    }
}

impl Link {
    /// Takes a connection in.
    fn enter(&mut self, wire: &Arc<Wire>) {
        if self.wires.len() == self.wires.capacity() {
            self.wires.retain(|wire| wire.strong_count() > 0); // before it would grow
        }
        self.wires.push(Arc::downgrade(wire));
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let world = lock(&self.shared.world);
        let listeners: Vec<_> = world.doors.keys().collect();
        f.debug_struct("Net").field("listeners", &listeners).finish_non_exhaustive()
    }
}
