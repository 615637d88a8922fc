//! Names to addresses: remembered for a while, and looked up once however many ask.
//!
//! Rules
//! 1. One lookup per name at a time; who asks meanwhile waits for its answer.
//! 2. A good answer is kept for the time to live. A bad one is given to those who waited for it,
//!    and not kept.
//!
//! The system's resolver blocks, so it runs on the blocking pool. It knows the time to live of the
//! records, but does not tell; aiohttp's `ttl_dns_cache` is the same guess.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rondel::sync::Mutex as AsyncMutex;
use url::Host;

use super::Net;
use super::error::{Cause, Failure, Phase};

/// Names remembered before the old ones are thrown out.
const NAMES_MAX: usize = 4096;

/// A cache of addresses.
pub(crate) struct Dns {
    ttl: Duration,
    names: Mutex<HashMap<Box<str>, Arc<Name>>>,
}

/// Locked while it is looked up (rule 1).
type Name = AsyncMutex<Option<Known>>;

struct Known {
    at: Instant,
    addresses: Result<Arc<[IpAddr]>, String>,
}

impl Dns {
    pub(crate) fn new(ttl: Duration) -> Self {
        Self { ttl, names: Mutex::new(HashMap::new()) }
    }

    /// The addresses of `host`, at least one.
    pub(crate) async fn lookup<N: Net>(
        &self,
        net: &N,
        host: Host<&str>,
    ) -> Result<Arc<[IpAddr]>, Failure> {
        let name = match host {
            Host::Ipv4(address) => return Ok(Arc::new([IpAddr::V4(address)])),
            Host::Ipv6(address) => return Ok(Arc::new([IpAddr::V6(address)])),
            Host::Domain(name) => name,
        };
        let asked = net.now();
        let entry = self.entry(name);
        let mut known = entry.lock().await;
        if let Some(Known { at, addresses }) = &*known {
            let now = net.now();
            match addresses {
                Ok(addresses) if now.saturating_duration_since(*at) < self.ttl => {
                    return Ok(addresses.clone());
                }
                Err(why) if *at > asked => {
                    return Err(Failure::new(Phase::Dns, Cause::Dns(why.clone())));
                }
                _ => {}
            }
        }
        let owned = name.to_owned();
        let answer = net.run_blocking(move || (owned.as_str(), 0).to_socket_addrs()).await;
        let addresses = match answer.flatten() {
            Ok(found) => {
                let found: Arc<[IpAddr]> = found.map(|address: SocketAddr| address.ip()).collect();
                if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok(found) }
            }
            Err(error) => Err(error.to_string()),
        };
        *known = Some(Known { at: net.now(), addresses: addresses.clone() });
        addresses.map_err(|why| Failure::new(Phase::Dns, Cause::Dns(why)))
    }

    fn entry(&self, name: &str) -> Arc<Name> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return known.clone();
        }
        if names.len() >= NAMES_MAX {
            // Those in use stay, so rule 1 holds; the others have to ask again.
            names.retain(|_, entry| Arc::strong_count(entry) > 1);
        }
        names.entry(name.into()).or_default().clone()
    }
}
