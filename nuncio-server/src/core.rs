//! The state that all connections share, and how messages find their way through it.
//!
//! Everything here is plain data behind one mutex, which nobody holds over an await.

mod access;
mod client;
mod route;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use nuncio_proto::encode;
use nuncio_proto::info::ServerInfo;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

pub(crate) use access::{Access, User};
pub(crate) use client::{Client, Closing, Link, Subscription};
pub(crate) use route::Message;

use crate::config::Config;
use crate::errors;
use crate::faults::FaultState;
use crate::info;
use crate::server::Way;
use crate::sublist::{InvalidSubject, Sublist};

/// The state that all connections share.
pub(crate) struct Core {
    pub(crate) config: Arc<Config>,
    pub(crate) access: Access,
    /// What clients are told, without what concerns one client only.
    pub(crate) info: ServerInfo,
    pub(crate) clients: BTreeMap<u64, Client>,
    pub(crate) subscriptions: HashMap<u64, Subscription>,
    tree: Sublist<u64>,
    last_client: u64,
    last_subscription: u64,
    random: fastrand::Rng,
    pub(crate) faults: FaultState,
    /// The tasks of the connections; `None` between the reservation and the start.
    pub(crate) tasks: HashMap<u64, Option<AbortHandle>>,
    pub(crate) listeners: Vec<JoinHandle<()>>,
    /// What clients are told that speak WebSocket.
    #[cfg(feature = "websocket")]
    pub(crate) websocket: info::WebSocket,
    pub(crate) lame_duck: Option<AbortHandle>,
    /// New connections are taken, over TCP or over pipes.
    pub(crate) listening: bool,
    /// Told after each change of connections and subscriptions.
    pub(crate) changed: watch::Sender<()>,
}

impl Core {
    pub(crate) fn new(config: Arc<Config>) -> Core {
        let mut core = Core {
            info: config.info.clone(),
            random: fastrand::Rng::with_seed(config.seed),
            access: config.access.clone(),
            config,
            clients: BTreeMap::new(),
            subscriptions: HashMap::new(),
            tree: Sublist::new(),
            last_client: 0,
            last_subscription: 0,
            faults: FaultState::default(),
            tasks: HashMap::new(),
            listeners: Vec::new(),
            #[cfg(feature = "websocket")]
            websocket: info::WebSocket::default(),
            lame_duck: None,
            listening: true,
            changed: watch::Sender::new(()),
        };
        core.renew_id();
        #[cfg(feature = "websocket")]
        if let Some(websocket) = &core.config.websocket {
            core.websocket.connect_urls.clone_from(&websocket.connect_urls);
        }
        core
    }

    /// Becomes another server, as nats-server does at each start.
    pub(crate) fn renew_id(&mut self) {
        self.info.server_id = info::server_id(&mut self.random);
        if !self.config.named {
            self.info.server_name.clone_from(&self.info.server_id);
        }
    }

    /// Registers a new connection and prepares its INFO.
    pub(crate) fn admit(&mut self, peer: Option<SocketAddr>, way: Way) -> (u64, Arc<Link>) {
        let full = self.open_clients().count() >= self.config.settings.max_connections;
        self.last_client += 1;
        let id = self.last_client;
        let mut client = Client::new(id, peer, way, !self.access.wants_credentials());
        client.permissions.clone_from(&self.access.permissions);
        client.nonce = self.access.wants_signatures().then(|| info::nonce(&mut self.random));
        let json = info::for_client(self, &client, false);
        encode::info(&mut client.out, &json);
        let link = Arc::clone(&client.link);
        self.clients.insert(id, client);
        self.tasks.insert(id, None);
        if full {
            self.fail(id, errors::MAX_CONNECTIONS);
        }
        self.changed.send_replace(());
        (id, link)
    }

    /// The clients whose connections are not about to close.
    pub(crate) fn open_clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.values().filter(|client| client.closing.is_none())
    }

    /// The client, unless its connection is about to close.
    pub(crate) fn open_client(&mut self, id: u64) -> Option<&mut Client> {
        self.clients.get_mut(&id).filter(|client| client.closing.is_none())
    }

    /// Forgets a connection that has ended.
    pub(crate) fn remove(&mut self, id: u64) {
        self.unsubscribe_all(id);
        self.clients.remove(&id);
        self.changed.send_replace(());
    }

    /// Has a connection closed. What it is subscribed to ends at once.
    pub(crate) fn close(&mut self, id: u64, how: Closing) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.closing != Some(Closing::Now) {
            client.closing = Some(how);
        }
        match how {
            Closing::Now => client.link.abort.notify_one(),
            Closing::Flush => client.link.wake.notify_one(),
        }
        self.unsubscribe_all(id);
        self.changed.send_replace(());
    }

    /// Sends `-ERR`; the connection goes on.
    pub(crate) fn complain(&mut self, id: u64, text: &[u8]) {
        self.send(id, |out| encode::err(out, text));
    }

    /// Sends `-ERR` and has the connection closed.
    pub(crate) fn fail(&mut self, id: u64, text: &[u8]) {
        self.complain(id, text);
        self.close(id, Closing::Flush);
    }

    /// Queues something for a client, which is closed if too much waits for it.
    pub(crate) fn send(&mut self, id: u64, write: impl FnOnce(&mut Vec<u8>)) {
        let max_pending = self.config.settings.max_pending;
        let Some(client) = self.open_client(id) else { return };
        write(&mut client.out);
        client.link.wake.notify_one();
        if client.pending() > max_pending {
            tracing::debug!(client = id, pending = client.pending(), "slow consumer");
            self.close(id, Closing::Now);
        }
    }

    /// Queues raw bytes for one client or all; false if there is none.
    pub(crate) fn write_raw(&mut self, client: Option<u64>, bytes: &[u8]) -> bool {
        let wanted = |id: &u64| client.is_none_or(|client| client == *id);
        let ids: Vec<u64> = self.open_clients().map(|client| client.id).filter(wanted).collect();
        for id in &ids {
            self.send(*id, |out| out.extend_from_slice(bytes));
        }
        !ids.is_empty()
    }

    /// Sends an INFO to all clients that understand one out of turn and have had their first PONG.
    pub(crate) fn broadcast_info(&mut self) {
        let ready = |client: &&Client| client.first_pong_sent && client.protocol >= 1;
        let infos: Vec<(u64, Vec<u8>)> = self
            .open_clients()
            .filter(ready)
            .map(|client| (client.id, info::for_client(self, client, false)))
            .collect();
        for (id, json) in infos {
            self.send(id, |out| encode::info(out, &json));
        }
    }

    /// Enters a subscription of a client.
    pub(crate) fn subscribe(
        &mut self,
        client: u64,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
    ) -> Result<(), InvalidSubject> {
        let Some(owner) = self.clients.get_mut(&client) else { return Ok(()) };
        self.last_subscription += 1;
        let key = self.last_subscription;
        self.tree.insert(subject, queue, key)?;
        owner.sids.insert(sid.into(), key);
        let filtered = owner.permissions.as_ref().is_some_and(|rules| rules.needs_filter(subject));
        self.subscriptions.insert(
            key,
            Subscription {
                client,
                sid: sid.into(),
                subject: subject.into(),
                queue: queue.map(Into::into),
                max: None,
                delivered: 0,
                filtered,
            },
        );
        self.changed.send_replace(());
        Ok(())
    }

    /// Ends a subscription.
    pub(crate) fn unsubscribe(&mut self, key: u64) {
        let Some(subscription) = self.subscriptions.remove(&key) else { return };
        self.tree.remove(&subscription.subject, subscription.queue.as_deref(), key);
        if let Some(client) = self.clients.get_mut(&subscription.client) {
            client.sids.remove(&subscription.sid);
        }
        self.changed.send_replace(());
    }

    /// Ends all subscriptions of a client.
    pub(crate) fn unsubscribe_all(&mut self, client: u64) {
        let keys: Vec<u64> = self
            .clients
            .get(&client)
            .map(|client| client.sids.values().copied().collect())
            .unwrap_or_default();
        for key in keys {
            self.unsubscribe(key);
        }
    }

    /// Sends a PING where one is due, or closes the connection if too many are unanswered.
    pub(crate) fn ping(&mut self, id: u64, first: bool) {
        let settings = &self.config.settings;
        let (interval, max) = (settings.ping_interval, settings.max_pings_out);
        let Some(client) = self.open_client(id) else { return };
        if !first && Instant::now().duration_since(client.last_input) < interval {
            return;
        }
        if client.pings_out >= max {
            return self.fail(id, errors::STALE_CONNECTION);
        }
        client.pings_out += 1;
        self.send(id, |out| out.extend_from_slice(encode::PING));
    }
}
