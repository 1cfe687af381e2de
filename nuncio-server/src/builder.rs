//! How a server is to be.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nuncio_proto::auth::nkey::PublicKey;
use nuncio_proto::info::ServerInfo;
use nuncio_proto::secret::Secret;

#[cfg(feature = "websocket")]
use crate::config::WebSocket;
use crate::config::{Config, Settings};
use crate::core::{Access, User};
use crate::permissions::Permissions;
use crate::server::Server;
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// Configures and starts a [`Server`]; made by [`Server::builder`].
///
/// The defaults are nats-server's, except that a free port of 127.0.0.1 is taken.
///
/// ```
/// # async fn example() -> std::io::Result<()> {
/// use nuncio_server::{Permissions, Server};
///
/// let server = Server::builder()
///     .user("admin", "a")
///     .user_with_permissions("reader", "r", Permissions::new().deny_publish(">"))
///     .max_payload(1024)
///     .start()
///     .await?;
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder starts nothing until `start` is awaited"]
pub struct ServerBuilder {
    bind: String,
    users: Vec<(String, Secret, Option<Permissions>)>,
    nkeys: Vec<String>,
    token: Option<Secret>,
    permissions: Option<Permissions>,
    seed: Option<u64>,
    settings: Settings,
    server_name: Option<String>,
    version: String,
    headers: bool,
    max_payload: i64,
    connect_urls: Vec<String>,
    #[cfg(feature = "websocket")]
    websocket: Option<WebSocket>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    #[cfg(all(feature = "tls", feature = "websocket"))]
    websocket_tls: Option<Tls>,
}

impl Default for ServerBuilder {
    fn default() -> ServerBuilder {
        ServerBuilder {
            bind: "127.0.0.1:0".to_owned(),
            users: Vec::new(),
            nkeys: Vec::new(),
            token: None,
            permissions: None,
            seed: None,
            settings: Settings {
                in_memory: false,
                max_control_line: 4096,
                ping_interval: Duration::from_secs(120),
                max_pings_out: 2,
                auth_timeout: Duration::from_secs(2),
                write_deadline: Duration::from_secs(10),
                max_pending: 64 << 20,
                max_connections: 65_536,
                max_subscriptions: 0,
                lame_duck_grace: Duration::from_secs(10),
                lame_duck_duration: Duration::from_secs(120),
            },
            server_name: None,
            version: "2.15.1".to_owned(),
            headers: true,
            max_payload: 1 << 20,
            connect_urls: Vec::new(),
            #[cfg(feature = "websocket")]
            websocket: None,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(all(feature = "tls", feature = "websocket"))]
            websocket_tls: None,
        }
    }
}

impl ServerBuilder {
    /// Listens on this address, `host:port`. Default: `127.0.0.1:0`, a free port.
    pub fn bind(mut self, addr: impl Into<String>) -> ServerBuilder {
        self.bind = addr.into();
        self
    }

    /// Listens on no TCP port: clients come through [`Server::pipe`] only.
    pub fn in_memory(mut self) -> ServerBuilder {
        self.settings.in_memory = true;
        self
    }

    /// Makes everything that is left to chance (the member of a queue group, ids) follow from this number.
    pub fn seed(mut self, seed: u64) -> ServerBuilder {
        self.seed = Some(seed);
        self
    }

    /// Lets a user in, with the permissions of [`ServerBuilder::permissions`], and nobody without credentials.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<Secret>) -> ServerBuilder {
        self.users.push((name.into(), password.into(), None));
        self
    }

    /// Lets a user in with permissions of its own.
    pub fn user_with_permissions(
        mut self,
        name: impl Into<String>,
        password: impl Into<Secret>,
        permissions: Permissions,
    ) -> ServerBuilder {
        self.users.push((name.into(), password.into(), Some(permissions)));
        self
    }

    /// Lets the user in who proves to have the private half of this public NKEY, `U…`, and nobody without credentials.
    pub fn nkey(mut self, public_key: impl Into<String>) -> ServerBuilder {
        self.nkeys.push(public_key.into());
        self
    }

    /// Lets clients in that bring this token, and nobody without credentials.
    pub fn token(mut self, token: impl Into<Secret>) -> ServerBuilder {
        self.token = Some(token.into());
        self
    }

    /// Permissions of all clients that have none of their own, also where no credentials are wanted.
    pub fn permissions(mut self, permissions: Permissions) -> ServerBuilder {
        self.permissions = Some(permissions);
        self
    }

    /// The largest header block and payload together. 0 and less are announced as they are and mean no limit.
    /// Default: 1 MiB.
    pub fn max_payload(mut self, bytes: i64) -> ServerBuilder {
        self.max_payload = bytes;
        self
    }

    /// The most bytes of a control line's arguments. Default: 4096.
    pub fn max_control_line(mut self, bytes: usize) -> ServerBuilder {
        self.settings.max_control_line = bytes;
        self
    }

    /// Whether headers are supported. Default: true.
    pub fn headers(mut self, headers: bool) -> ServerBuilder {
        self.headers = headers;
        self
    }

    /// The server's name. Default: its id.
    pub fn server_name(mut self, name: impl Into<String>) -> ServerBuilder {
        self.server_name = Some(name.into());
        self
    }

    /// The version that the server claims to have. It behaves as 2.15.1 all the same.
    pub fn version(mut self, version: &str) -> ServerBuilder {
        version.clone_into(&mut self.version);
        self
    }

    /// How often a silent client is sent a `PING`. The first is sent after two seconds, or this if it is less.
    /// Default: two minutes.
    pub fn ping_interval(mut self, interval: Duration) -> ServerBuilder {
        self.settings.ping_interval = interval;
        self
    }

    /// After this many unanswered `PING`s the connection is closed as stale. Default: 2.
    pub fn max_pings_out(mut self, max: u32) -> ServerBuilder {
        self.settings.max_pings_out = max;
        self
    }

    /// How long a client may take to say who it is, where that is wanted. Default: two seconds.
    pub fn auth_timeout(mut self, timeout: Duration) -> ServerBuilder {
        self.settings.auth_timeout = timeout;
        self
    }

    /// How long a single write may take before the client counts as a slow consumer, whose connection is closed
    /// without `-ERR`. Default: ten seconds.
    pub fn write_deadline(mut self, deadline: Duration) -> ServerBuilder {
        self.settings.write_deadline = deadline;
        self
    }

    /// How many bytes may wait for a client before it counts as a slow consumer, whose connection is closed without
    /// `-ERR`. Default: 64 MiB.
    pub fn max_pending(mut self, bytes: usize) -> ServerBuilder {
        self.settings.max_pending = bytes;
        self
    }

    /// The most connections at a time. Default: 65536.
    pub fn max_connections(mut self, max: usize) -> ServerBuilder {
        self.settings.max_connections = max;
        self
    }

    /// The most subscriptions of one connection. Default: 0, which means no limit.
    pub fn max_subscriptions(mut self, max: usize) -> ServerBuilder {
        self.settings.max_subscriptions = max;
        self
    }

    /// The `host:port` of the servers that clients are told of. Default: none.
    pub fn connect_urls<I>(mut self, urls: I) -> ServerBuilder
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.connect_urls = urls.into_iter().map(Into::into).collect();
        self
    }

    /// Listens on a free port of 127.0.0.1 for WebSocket as well: see [`Server::websocket_url`]. Messages are not
    /// compressed; frames without masks are agreed to as by nats-server.
    #[cfg(feature = "websocket")]
    pub fn websocket(mut self) -> ServerBuilder {
        self.websocket.get_or_insert_default();
        self
    }

    /// As [`ServerBuilder::websocket`], on this address, `host:port`.
    #[cfg(feature = "websocket")]
    pub fn websocket_bind(mut self, addr: impl Into<String>) -> ServerBuilder {
        self.websocket.get_or_insert_default().bind = addr.into();
        self
    }

    /// The `host:port` of the servers that the clients are told of which speak WebSocket; they are told of no others.
    /// Default: none.
    #[cfg(feature = "websocket")]
    pub fn websocket_connect_urls<I>(mut self, urls: I) -> ServerBuilder
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let urls = urls.into_iter().map(Into::into).collect();
        self.websocket.get_or_insert_default().connect_urls = urls;
        self
    }

    /// Requires TLS, but of those who speak WebSocket. Default: none.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> ServerBuilder {
        self.tls = Some(tls);
        self
    }

    /// Requires TLS of those who speak WebSocket, and listens for them. Default: none.
    #[cfg(all(feature = "tls", feature = "websocket"))]
    pub fn websocket_tls(mut self, tls: Tls) -> ServerBuilder {
        self.websocket_tls = Some(tls);
        self.websocket()
    }

    /// After [`Server::lame_duck`] the clients stay for `grace`; then they are closed one by one within `duration`.
    /// Default: ten seconds and two minutes.
    pub fn lame_duck_times(mut self, grace: Duration, duration: Duration) -> ServerBuilder {
        self.settings.lame_duck_grace = grace;
        self.settings.lame_duck_duration = duration;
        self
    }

    /// Starts the server on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// If the address can't be listened on, a permission entry is no subject, or there is no tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind if the future is dropped.
    pub async fn start(self) -> io::Result<Server> {
        Server::start_with(self.into_config()?).await
    }

    fn into_config(self) -> io::Result<Config> {
        let compile = |permissions: &Permissions| permissions.compile().map(Arc::new);
        let user = |(name, password, permissions): (String, Secret, Option<Permissions>)| {
            Ok(User { name, password, permissions: permissions.as_ref().map(compile).transpose()? })
        };
        let users = self.users.into_iter().map(user).collect::<io::Result<Vec<User>>>()?;
        let permissions = self.permissions.as_ref().map(compile).transpose()?;
        let nkey = |text: String| {
            let text = text.trim().to_owned();
            match text.parse::<PublicKey>() {
                Ok(key) => Ok((text, key)),
                Err(error) => {
                    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("nkey {text:?}: {error}")))
                }
            }
        };
        let nkeys = self.nkeys.into_iter().map(nkey).collect::<io::Result<_>>()?;
        let access = Access { users, nkeys, token: self.token, permissions };
        let mut info = ServerInfo::default();
        info.version = self.version;
        info.proto = 1;
        info.go = "none".to_owned();
        info.headers = self.headers;
        info.max_payload = self.max_payload;
        info.connect_urls = self.connect_urls;
        info.auth_required = access.wants_credentials();
        info.api_level = 5;
        #[cfg(feature = "tls")]
        let compile_tls = |tls: &Option<Tls>| tls.as_ref().map(Tls::compile).transpose();
        #[cfg(feature = "tls")]
        let tls = compile_tls(&self.tls)?;
        #[cfg(feature = "tls")]
        {
            info.tls_required = tls.is_some();
            info.tls_verify = tls.as_ref().is_some_and(|tls| tls.verify);
        }
        let named = self.server_name.is_some();
        info.server_name = self.server_name.unwrap_or_default();
        Ok(Config {
            bind: self.bind,
            access,
            settings: self.settings,
            info,
            named,
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..)),
            #[cfg(feature = "websocket")]
            websocket: self.websocket,
            #[cfg(feature = "tls")]
            tls,
            #[cfg(all(feature = "tls", feature = "websocket"))]
            websocket_tls: compile_tls(&self.websocket_tls)?,
        })
    }
}
