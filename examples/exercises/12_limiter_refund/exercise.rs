//! A limit for each client, under a limit for all of them.

use std::collections::HashMap;

/// How many requests may still pass in this window.
pub struct Limits {
    global: u32,
    per_client: u32,
    clients: HashMap<String, u32>,
}

impl Limits {
    /// At most `global` requests in all, and `per_client` of one client.
    pub fn new(global: u32, per_client: u32) -> Self {
        Self { global, per_client, clients: HashMap::new() }
    }

    /// Whether a request of `client` may pass; if so, it is counted.
    pub fn try_pass(&mut self, client: &str) -> bool {
        if self.global == 0 {
            return false;
        }
        self.global -= 1;
        let left = self.clients.entry(client.to_owned()).or_insert(self.per_client);
        if *left == 0 {
            return false;
        }
        *left -= 1;
        true
    }

    /// How many requests may still pass in all.
    pub fn left(&self) -> u32 {
        self.global
    }
}
