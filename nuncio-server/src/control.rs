//! Looking at a running server and steering it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nuncio_proto::info::ServerInfo;

use crate::core::{Closing, Core};
use crate::permissions::Permissions;
use crate::server::{Server, Shared};

/// A connection, as [`Server::connections`] reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The server's id of the connection, which the client meets as `client_id`.
    pub id: u64,
    /// The client's address; `None` for a pipe.
    pub addr: Option<SocketAddr>,
    /// Whether the `CONNECT` has been received and accepted.
    pub connected: bool,
    /// The name of the connection.
    pub name: Option<String>,
    /// The client's language.
    pub lang: Option<String>,
    /// The client's version.
    pub version: Option<String>,
    /// The user that the client is.
    pub user: Option<String>,
    /// The subscriptions, in the order in which they were made.
    pub subscriptions: Vec<SubscriptionInfo>,
    /// Messages received from the client.
    pub messages_in: u64,
    /// Messages queued for the client.
    pub messages_out: u64,
    /// Bytes received from the client.
    pub bytes_in: u64,
    /// Bytes sent to the client.
    pub bytes_out: u64,
    /// Bytes that wait to be sent to the client.
    pub pending: usize,
}

/// A subscription of a [`ConnectionInfo`]. Subjects that are not UTF-8 are shown with replacement characters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionInfo {
    /// The subject, perhaps with wildcards.
    pub subject: String,
    /// The queue group.
    pub queue: Option<String>,
    /// The client's id of the subscription.
    pub sid: String,
    /// After how many messages in all it ends.
    pub max: Option<u64>,
    /// Messages delivered to it.
    pub delivered: u64,
}

impl Server {
    /// What the server says about itself in its INFO, without what concerns one client only.
    pub fn info(&self) -> ServerInfo {
        self.shared.lock().info.clone()
    }

    /// Changes what the server says about itself and tells all clients that understand it. A change of
    /// `max_payload` or `headers` takes effect too, the latter for clients that connect from now on.
    ///
    /// ```
    /// # async fn example() -> std::io::Result<()> {
    /// let server = nuncio_server::Server::start().await?;
    /// server.update_info(|info| info.connect_urls = vec!["10.0.0.2:4222".into()]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn update_info(&self, change: impl FnOnce(&mut ServerInfo)) {
        let mut info = self.info();
        change(&mut info);
        let mut core = self.shared.lock();
        core.info = info;
        core.broadcast_info();
    }

    /// Tells all clients that understand it of these servers, `host:port` each, as when the cluster changes. Those that
    /// speak WebSocket are told by `set_websocket_connect_urls` (feature `websocket`).
    pub fn set_connect_urls<I>(&self, urls: I)
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let urls = urls.into_iter().map(Into::into).collect();
        self.update_info(|info| info.connect_urls = urls);
    }

    /// As [`Server::set_connect_urls`], for the clients that speak WebSocket.
    #[cfg(feature = "websocket")]
    pub fn set_websocket_connect_urls<I>(&self, urls: I)
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let urls = urls.into_iter().map(Into::into).collect();
        let mut core = self.shared.lock();
        core.websocket.connect_urls = urls;
        core.broadcast_info();
    }

    /// Replaces the permissions of a user; with `None`, those of all who have none of their own.
    ///
    /// It holds for those who are connected too, as when nats-server reloads its configuration: subscriptions that
    /// are no longer allowed end, and each client is told which.
    ///
    /// ```
    /// # async fn example() -> std::io::Result<()> {
    /// use nuncio_server::{Permissions, Server};
    ///
    /// let server = Server::start().await?;
    /// server.set_permissions(None, Permissions::new().deny_subscribe("secret.>"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such user, or an entry of the permissions is no subject.
    pub fn set_permissions(&self, user: Option<&str>, permissions: Permissions) -> io::Result<()> {
        let permissions = permissions.compile()?;
        if self.shared.lock().set_permissions(user, permissions) {
            return Ok(());
        }
        let text = format!("there is no user {:?}", user.unwrap_or_default());
        Err(io::Error::new(io::ErrorKind::NotFound, text))
    }

    /// Enters lame duck mode: tells the clients to leave, takes no new connections, and after a time (see
    /// [`ServerBuilder::lame_duck_times`](crate::ServerBuilder::lame_duck_times)) closes the connections one by one.
    ///
    /// The port is closed when the runtime gets to it; await [`Server::stop_listening`] to be sure.
    pub fn lame_duck(&self) {
        let task = self.shared.runtime.spawn(close_one_by_one(Arc::clone(&self.shared)));
        let mut core = self.shared.lock();
        core.listening = false;
        for listener in std::mem::take(&mut core.listeners) {
            listener.abort();
        }
        core.info.lame_duck_mode = true;
        // Nobody is told to come back to this very server.
        let own = format!("{}:{}", core.info.host, core.info.port);
        let all = leave_out(&mut core.info.connect_urls, &own);
        #[cfg(feature = "websocket")]
        let websocket = {
            let own = core.websocket.addr.map(|addr| addr.to_string()).unwrap_or_default();
            leave_out(&mut core.websocket.connect_urls, &own)
        };
        core.broadcast_info();
        core.info.connect_urls = all;
        #[cfg(feature = "websocket")]
        {
            core.websocket.connect_urls = websocket;
        }
        if let Some(before) = core.lame_duck.replace(task.abort_handle()) {
            before.abort();
        }
    }

    /// The connections, the oldest first.
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        let core = self.shared.lock();
        core.open_clients().map(|client| connection(&core, client)).collect()
    }

    /// How many subscriptions all clients have together.
    pub fn subscriptions_count(&self) -> usize {
        self.shared.lock().subscriptions.len()
    }

    /// Waits until there are exactly so many connections.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time.
    pub async fn wait_for_connections(&self, count: usize) {
        self.shared.wait_until(|core| core.open_clients().count() == count).await;
    }

    /// Waits until all clients together have exactly so many subscriptions.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time.
    pub async fn wait_for_subscriptions(&self, count: usize) {
        self.shared.wait_until(|core| core.subscriptions.len() == count).await;
    }

    /// Breaks a connection off at once, without a word; false if there is none of that id.
    pub fn disconnect(&self, client: u64) -> bool {
        let mut core = self.shared.lock();
        let found = core.open_client(client).is_some();
        core.close(client, Closing::Now);
        found
    }

    /// Breaks all connections off at once, without a word.
    pub fn disconnect_all(&self) {
        let mut core = self.shared.lock();
        let ids: Vec<u64> = core.clients.keys().copied().collect();
        for id in ids {
            core.close(id, Closing::Now);
        }
    }
}

/// Takes one out of the list; answers with the list from before.
fn leave_out(urls: &mut Vec<String>, own: &str) -> Vec<String> {
    let others = urls.iter().filter(|url| *url != own).cloned().collect();
    std::mem::replace(urls, others)
}

fn connection(core: &Core, client: &crate::core::Client) -> ConnectionInfo {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut keys: Vec<&u64> = client.sids.values().collect();
    keys.sort_unstable();
    let subscriptions = keys.into_iter().filter_map(|key| core.subscriptions.get(key));
    ConnectionInfo {
        id: client.id,
        addr: client.peer,
        connected: client.connected,
        name: client.name.clone(),
        lang: client.lang.clone(),
        version: client.version.clone(),
        user: client.user.clone(),
        subscriptions: subscriptions
            .map(|subscription| SubscriptionInfo {
                subject: text(&subscription.subject),
                queue: subscription.queue.as_deref().map(text),
                sid: text(&subscription.sid),
                max: subscription.max,
                delivered: subscription.delivered,
            })
            .collect(),
        messages_in: client.messages_in,
        messages_out: client.messages_out,
        bytes_in: client.bytes_in,
        bytes_out: client.bytes_out,
        pending: client.pending(),
    }
}

/// The end of a lame duck.
async fn close_one_by_one(shared: Arc<Shared>) {
    let settings = &shared.config.settings;
    tokio::time::sleep(settings.lame_duck_grace).await;
    let ids: Vec<u64> = shared.lock().clients.keys().copied().collect();
    let count = u32::try_from(ids.len()).unwrap_or(u32::MAX).max(1);
    let pause = settings.lame_duck_duration.checked_div(count).unwrap_or(Duration::ZERO);
    for id in ids {
        shared.lock().close(id, Closing::Flush);
        tokio::time::sleep(pause).await;
    }
}
