//! Changes of the pool's members: what servers say about their cluster, and what the user sets.

use super::{Pool, Server, ServerId};
use crate::addr::ServerAddr;

/// Most servers that the pool grows to by discovery.
pub const MAX_SERVERS: usize = 256;

/// What a change of the members came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Servers that are new in the pool.
    pub added: Vec<ServerAddr>,
    /// Servers that have left the pool.
    pub removed: Vec<ServerAddr>,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl Pool {
    /// Takes over the `connect_urls` of an `INFO` that came from the server `from`.
    ///
    /// - A list without a usable entry says nothing and changes nothing.
    /// - A new address joins; an entry that is no bare `host:port`, and any beyond [`MAX_SERVERS`], is skipped.
    /// - A discovered server that is no longer named leaves, unless it is `from`. What the user gave stays.
    /// - A server that is named by another one is no longer a lame duck. One whose attempts are used up gets new
    ///   ones, if `from` is the server of the current connection: else servers that refuse the client could
    ///   keep each other in the pool without end.
    ///
    /// What joins inherits the scheme of `from`; with `tls`, which says that the connection is encrypted, it is
    /// never dialled without TLS. It inherits user and password with `tls` or by
    /// [`PoolOptions::share_credentials`](super::PoolOptions::share_credentials).
    pub fn merge_discovered(&mut self, urls: &[String], from: ServerId, tls: bool) -> Changes {
        let mut changes = Changes::default();
        let Some(source) = self.get(from).map(|server| server.addr.clone()) else { return changes };
        let credentials = tls || self.options.share_credentials;
        let gossiped = |url: &String| ServerAddr::gossiped(url, &source, tls, credentials);
        let named: Vec<ServerAddr> = urls.iter().take(MAX_SERVERS).filter_map(gossiped).collect();
        if named.is_empty() {
            return changes;
        }
        let is_current = self.current() == Some(from);

        let stays = |server: &Server| {
            !server.discovered || server.id == from || named.iter().any(|addr| addr.same_server(&server.addr))
        };
        self.servers.retain(|server| {
            let stays = stays(server);
            if !stays {
                changes.removed.push(server.addr.clone());
            }
            stays
        });
        for addr in named {
            let mut known = false;
            for server in self.servers.iter_mut().filter(|server| server.addr.same_server(&addr)) {
                known = true;
                if server.id != from {
                    server.lame = false;
                }
                if is_current && server.retired {
                    server.retired = false;
                    server.attempts = 0;
                }
            }
            if !known && self.servers.len() < MAX_SERVERS {
                self.add(addr.clone(), true);
                changes.added.push(addr);
            }
        }
        changes
    }

    /// Whether a member has no credentials only because those of the server that told of it were not handed on, see
    /// [`PoolOptions::share_credentials`](super::PoolOptions::share_credentials).
    pub fn withholds_credentials(&self, id: ServerId) -> bool {
        let poor = self.get(id).is_some_and(|server| server.discovered && !server.addr.has_credentials());
        poor && !self.options.share_credentials && self.servers.iter().any(|s| s.addr.has_credentials())
    }

    /// Replaces all members by what the user sets now. It holds from the next attempt on (ADR-40).
    ///
    /// A server that was in the pool with the same address keeps its attempts and its last error. The current
    /// connection is not touched, even if its server leaves. An empty list changes nothing.
    pub fn set_servers(&mut self, addrs: Vec<ServerAddr>) -> Changes {
        let mut changes = Changes::default();
        if addrs.is_empty() {
            return changes;
        }
        let mut old = std::mem::take(&mut self.servers);
        for addr in addrs {
            if self.servers.iter().any(|server| server.addr == addr) {
                continue;
            }
            match old.iter().position(|server| server.addr == addr) {
                Some(at) => {
                    let mut server = old.swap_remove(at);
                    server.discovered = false;
                    self.servers.push(server);
                }
                None => {
                    self.add(addr.clone(), false);
                    changes.added.push(addr);
                }
            }
        }
        changes.removed = old.into_iter().map(|server| server.addr).collect();
        changes
    }
}
