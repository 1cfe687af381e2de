//! Connecting: the options and the first attempt.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use nuncio_proto::addr::ServerAddr;
use nuncio_proto::inbox;
use nuncio_proto::pool::{Backoff, Pool, PoolOptions, Server as PoolServer, ServerId};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::Client;
use crate::auth::Auth;
use crate::config::{Config, WhenFull};
use crate::driver::Driver;
use crate::driver::shared::Shared;
use crate::error::{CloseReason, ConnectError, ConnectionClosed};
use crate::queue::{Limits, OnFull};
use crate::servers::Servers;
use crate::tls::Tls;
use crate::transport::secure::Security;
use crate::transport::{self, Connector};

/// Connects to a NATS server or to one of several.
///
/// The target is a host, `host:port`, a URL such as `nats://user:password@host:4222`, a list of these separated by
/// commas, or a slice or vector of them; the port is 4222 unless given. `()` stands for the server at 127.0.0.1:4222.
/// Set options on what this returns, then await it.
///
/// Users, passwords and tokens in a URL are for that server alone: see
/// [`Connect::share_credentials`] for clusters. To a host other than this machine they are sent only where TLS is used:
/// see [`Connect::allow_plaintext_auth`].
///
/// ```no_run
/// # async fn f() -> Result<(), nuncio::Error> {
/// let nc = nuncio::connect("localhost").await?;
/// let shop = nuncio::connect(["one.example.org", "tls://two.example.org:4443"])
///     .name("shop")
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn connect(servers: impl Into<Servers>) -> Connect {
    Connect { servers: servers.into(), port: None, config: Config::default(), runtime: None }
}

/// A connection about to be made: set its options, then await it.
///
/// # Errors
///
/// [`ConnectError`]: an address or option that cannot work, no tokio runtime; with all servers tried once, what the
/// last one failed with, or a refusal of the credentials where there was one.
///
/// # Cancel safety
///
/// Dropped before it is complete, no connection is left behind.
#[derive(Clone)]
#[must_use = "nothing is connected until this is awaited"]
pub struct Connect {
    servers: Servers,
    port: Option<u16>,
    pub(crate) config: Config,
    runtime: Option<runtime::Handle>,
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("servers", &self.servers)
            .field("name", &self.config.name)
            .finish_non_exhaustive()
    }
}

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) => |$config:ident| $set:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, $($arg: $type),*) -> Self {
            let $config = &mut self.config;
            $set;
            self
        }
    )*};
}

impl Connect {
    options! {
        /// Name of the connection, for the server's monitoring and logs. Default: none.
        name(name: impl Into<String>) => |c| c.name = Some(name.into());
        /// A way to authenticate, evaluated anew for each connection. Several are merged. Default: none.
        auth(auth: Auth) => |c| c.auth.push(auth);
        /// User name and password; short for [`Auth::user_and_password`]. Those in a server's URL go before them.
        /// Default: none.
        user_and_password(user: impl Into<String>, password: impl Into<String>) => |c| {
            c.auth.push(Auth::user_and_password(user, password));
        };
        /// Authentication token; short for [`Auth::token`]. That in a server's URL goes before it. Default: none.
        token(token: impl Into<String>) => |c| c.auth.push(Auth::token(token));
        /// Whether servers that the cluster tells of get the user and password, or the token, that stands in the URL of
        /// the server that told of them, even though no TLS protects the message or the secret. Default: no.
        ///
        /// Anybody on the way could name a server of its own. So what stands in a URL is for that server alone, unless TLS
        /// is used; a client of a cluster without TLS that knows one server by such a URL cannot fail over to the others
        /// ([`ConnectError::CredentialsWithheld`]). This option lets it. Credentials that are given as options
        /// ([`user_and_password`](Self::user_and_password), [`auth`](Self::auth)) are for every server in any case.
        ///
        /// ```no_run
        /// # async fn f() -> Result<(), nuncio::Error> {
        /// let nc = nuncio::connect("nats://joe:secret@127.0.0.1:4222").share_credentials(true).await?;
        /// # Ok(())
        /// # }
        /// ```
        share_credentials(share: bool) => |c| c.share_credentials = share;
        /// Whether passwords, tokens and bearer JWTs may go to other machines without TLS. Default: no; such an attempt
        /// fails with [`ConnectError::PlaintextAuth`] before anything is sent.
        ///
        /// What anybody on the way can read and use is meant: passwords, tokens, JWTs that need no signature, and the
        /// WebSocket headers `Authorization`, `Proxy-Authorization` and `Cookie`, wherever they come from. An NKEY, or a JWT with
        /// its key, shows only a signature that is of no use for another connection. This machine is 127.0.0.0/8, `::1`,
        /// `localhost` and Unix sockets; a [`Connector`] says for itself whether its way is private
        /// ([`Connector::is_private`]). A server that requires TLS gets it, and so does one that offers it where
        /// a password, token or bearer JWT is at hand; then nothing is in clear text.
        ///
        /// ```no_run
        /// # async fn f() -> Result<(), nuncio::Error> {
        /// // A network of containers on one machine.
        /// let nc = nuncio::connect("nats://joe:secret@nats:4222").allow_plaintext_auth(true).await?;
        /// # Ok(())
        /// # }
        /// ```
        allow_plaintext_auth(allow: bool) => |c| c.allow_plaintext_auth = allow;
        /// Whether this connection's own messages come back to its own subscriptions. Default: yes.
        ///
        /// Where they shall not, a server that cannot keep them back is not used: the attempt fails with
        /// [`ConnectError::Unsupported`](crate::ConnectError::Unsupported), and is not repeated.
        echo(echo: bool) => |c| c.echo = echo;
        /// Ask the server to confirm each operation. It costs a line each and gives nothing to this client. Default: no.
        verbose(verbose: bool) => |c| c.verbose = verbose;
        /// Ask the server to check subjects more strictly. Default: no.
        pedantic(pedantic: bool) => |c| c.pedantic = pedantic;
        /// Whether publishing to a subject with a wildcard is refused with
        /// [`PublishError::Wildcard`](crate::PublishError::Wildcard). Servers accept it, and it reaches only who subscribes
        /// with that very wildcard or a wider one; mostly it is a mistake. Default: no.
        strict_subjects(strict: bool) => |c| c.strict_subjects = strict;
        /// What inboxes begin with. Default: `_INBOX`. Give each user a prefix of its own to keep replies private.
        inbox_prefix(prefix: impl Into<String>) => |c| c.inbox_prefix = prefix.into();
        /// How long one attempt to connect may take, from name look-up to the first `PONG`. Default: 20 seconds.
        connect_timeout(timeout: Duration) => |c| c.connect_timeout = timeout;
        /// How long requests wait for a reply unless told otherwise. Default: 1 second.
        request_timeout(timeout: Duration) => |c| c.request_timeout = timeout;
        /// How long a flush, a round trip or the drain of a subscription waits for the server. Default: 10 seconds.
        flush_timeout(timeout: Duration) => |c| c.flush_timeout = timeout;
        /// How long a drain of the connection may wait for consumers, replies and the server. Default: 30 seconds. Where
        /// consumers and replies take all of it, writing what is buffered may take
        /// [`close_timeout`](Self::close_timeout) more, and the end of the stream half a second.
        drain_timeout(timeout: Duration) => |c| c.drain_timeout = timeout;
        /// How long closing, or dropping the last handle, may take to write what is buffered. Default: 2 seconds. The end of the
        /// stream may take half a second more. Without a connection closing writes nothing.
        close_timeout(timeout: Duration) => |c| c.close_timeout = timeout;
        /// How often the server is pinged. Default: 2 minutes. While what was published before the last ping is still being
        /// written, and the server takes it, however slowly, the next ping waits.
        ping_interval(interval: Duration) => |c| c.ping_interval = interval;
        /// How many pings may be unanswered before the connection counts as lost; 0 counts as 1. Default: 2.
        max_pings_out(pings: u32) => |c| c.max_pings_out = pings;
        /// Whether a lost connection is made again. Default: yes.
        reconnect(reconnect: bool) => |c| c.reconnect = reconnect;
        /// Whether the first connection is retried like later ones. Awaiting the builder then yields a client at once;
        /// what is published is buffered, and attempts go on until one succeeds or [`max_reconnects`](Self::max_reconnects)
        /// ends them. Default: no.
        retry_on_initial_connect(retry: bool) => |c| c.retry_on_initial_connect = retry;
        /// After how many failed attempts in a row a server is given up, `None` for never; without any server left the
        /// connection closes with [`CloseReason::Exhausted`](crate::CloseReason::Exhausted). Default: `None`. With the
        /// default [`backoff`](Self::backoff) ten attempts are over within half a minute.
        max_reconnects(attempts: impl Into<Option<u32>>) => |c| c.max_reconnects = attempts.into();
        /// The waits between attempts; the first attempt after a loss is made at once. Default: exponential from 50 ms to
        /// 8 s with full jitter.
        ///
        /// [`Backoff::steady`] is what NATS.deno does by default: 2 seconds and a jitter of 100 ms, or of 1 second where TLS
        /// is used or wanted; [`Backoff::Fixed`] has all three to choose.
        ///
        /// [`Backoff::custom`] asks a function, as its `reconnectDelayHandler` does, or `CustomReconnectDelay` of nats.go: once
        /// after each round in which every server has failed, with the number of the wait, so that another server is
        /// always tried before a wait and the same one never without. Nothing is added to what it returns. It may ask the
        /// client; if it panics, the wait is 8 seconds.
        backoff(backoff: Backoff) => |c| c.backoff = backoff;
        /// Whether servers are tried in the order given instead of a random one. Default: no.
        keep_server_order(keep: bool) => |c| c.keep_server_order = keep;
        /// Chooses the server that is dialled next, of those in the pool; `None` leaves the choice to the pool. It is
        /// asked before every attempt, the first one included. A server that was dialled in vain since the last wait is
        /// not dialled again before the next one, whatever the choice. A function that panics has chosen none. Default:
        /// none.
        choose_server(choose: impl Fn(&[PoolServer]) -> Option<ServerId> + Send + Sync + 'static) => |c| {
            c.choose_server = Some(Arc::new(choose));
        };
        /// Whether a server that announces its end (lame duck mode, ADR-5) is left for another one of the pool at once,
        /// instead of when it breaks the connection.
        ///
        /// Requests in flight get their replies first, for which new requests wait (at most 5 seconds, their timeouts
        /// running); no request fails for the move. What is published during the move goes to the next server. Between the
        /// last message from the old server and the first from the new one subscriptions hear nothing for the time of
        /// connecting; queue groups lose nothing, since other members get what comes then. Without
        /// [`reconnect`](Self::reconnect) the client stays until the server breaks the connection. Default: no.
        move_on_lame_duck(moves: bool) => |c| c.move_on_lame_duck = moves;
        /// Whether servers that the cluster tells of are left out. Default: no.
        ignore_discovered_servers(ignore: bool) => |c| c.ignore_discovered = ignore;
        /// Whether to go on when a server refuses the credentials twice in a row. Default: no, the connection closes.
        ignore_auth_error_abort(ignore: bool) => |c| c.ignore_auth_error_abort = ignore;
        /// Whether requests that wait for a reply fail when the connection is lost, instead of waiting for their timeout.
        /// One of which no byte was written does not: it is sent over the next connection.
        /// A connection that is made anew for newer credentials counts as lost for those requests that it has sent: they
        /// were given three quarters of the time that was left. Default: yes.
        fail_requests_on_disconnect(fail: bool) => |c| c.fail_requests_on_disconnect = fail;
        /// Bytes of outgoing messages that are buffered at most, while the server is away or slow. Default: 8 MiB.
        outbox_limit(bytes: usize) => |c| c.outbox_limit = bytes;
        /// What happens to a publish while that buffer is full. Default: it waits, for at most 10 seconds.
        when_full(policy: WhenFull) => |c| c.when_full = policy;
        /// How much may wait in the queue of one subscription. Default: 524,288 messages, 64 MiB.
        subscription_limits(messages: usize, bytes: usize) => |c| c.subscription_limits = Limits { messages, bytes };
        /// What happens when the queue of a subscription is full. Default: the message that arrives is dropped.
        on_full(policy: OnFull) => |c| c.on_full = policy;
        /// How TLS is used. Default: when the server requires it, an address has the scheme `tls` or `wss`, or the server
        /// offers it and a secret is at stake; with the certificates of the operating system.
        tls(tls: Tls) => |c| c.tls = Some(tls);
        /// Makes connections instead of name look-up and TCP: an in-memory pipe, or one of [`connector`](crate::connector).
        /// TLS, and WebSocket where an address asks for it, run on top. Default: none.
        connector(connector: impl Connector) => |c| c.connector = Some(Arc::new(connector));
        /// Seeds the choice of servers and the jitter, for tests that must repeat. Inboxes stay random. Default: random.
        seed(seed: u64) => |c| c.seed = Some(seed);
    }

    /// The port of the server on this machine (127.0.0.1), for a connection that names no server: `connect(())`.
    /// Default: 4222. Where servers are named, this is an error; their ports stand in their addresses.
    ///
    /// ```no_run
    /// # async fn f() -> Result<(), nuncio::Error> {
    /// let nc = nuncio::connect(()).port(4223).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// The runtime that the connection runs on. Default: the one that this is first polled in.
    pub fn runtime(mut self, runtime: runtime::Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    fn start(self) -> Result<Starting, ConnectError> {
        let servers = self.servers.resolve(self.port)?;
        let mut config = self.config;
        check(&servers, &config)?;
        config.outbox_limit = config.outbox_limit.max(1);
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => runtime::Handle::try_current().map_err(|_| ConnectError::NoRuntime)?,
        };
        let seed = config.seed.unwrap_or_else(|| fastrand::u64(..));
        let options = PoolOptions {
            keep_order: config.keep_server_order,
            max_attempts: config.max_reconnects,
            backoff: config.backoff.clone(),
            share_credentials: config.share_credentials,
        };
        let security = Security::new(config.tls.as_ref(), &servers);
        let pool = Pool::new(servers, options, seed);
        // The clock of the runtime is read here.
        let _inside = runtime.enter();
        let shared = Shared::new(config, pool, security, inbox::random_token());
        let client = Client::new(Arc::clone(&shared));
        let (first, connected) = oneshot::channel();
        let retry = shared.config.retry_on_initial_connect;
        runtime.spawn(Box::new(Driver::new(shared, seed)).run(first));
        Ok(Starting { client, connected: (!retry).then_some(connected) })
    }
}

fn check(servers: &[ServerAddr], config: &Config) -> Result<(), ConnectError> {
    let wrong = |option, problem: &str| Err(ConnectError::Option { option, problem: problem.into() });
    check_servers(servers, config)?;
    if let Some(error) = config.auth.iter().find_map(Auth::problem) {
        return Err(error.clone().into());
    }
    if let Some(problem) = config.tls.as_ref().and_then(Tls::contradiction) {
        return wrong("tls", problem);
    }
    if let Err(error) = inbox::validate_prefix(config.inbox_prefix.as_bytes()) {
        return wrong("inbox_prefix", &error.to_string());
    }
    if config.subscription_limits.messages == 0 || config.subscription_limits.bytes == 0 {
        return wrong("subscription_limits", "a queue without room would drop every message");
    }
    Ok(())
}

/// Whether this connection could dial these servers.
pub(crate) fn check_servers(servers: &[ServerAddr], config: &Config) -> Result<(), ConnectError> {
    if servers.is_empty() {
        let problem = "there is none; give at least one address".into();
        return Err(ConnectError::Option { option: "servers", problem });
    }
    if let Err(problem) = transport::check(servers) {
        return Err(ConnectError::Option { option: "servers", problem });
    }
    let forbidden = config.tls.as_ref().is_some_and(|tls| tls.forbidden);
    if forbidden && servers.iter().any(|s| s.scheme().is_tls()) {
        let problem = "it is forbidden, and the scheme of a server asks for it; leave one or the other out";
        return Err(ConnectError::Option { option: "tls", problem: problem.into() });
    }
    Ok(())
}

impl IntoFuture for Connect {
    type Output = Result<Client, ConnectError>;
    type IntoFuture = Connecting;

    fn into_future(self) -> Connecting {
        Connecting { state: State::New(Box::new(self)) }
    }
}

/// The future of [`Connect`].
#[derive(Debug)]
#[must_use = "nothing is connected until this is awaited"]
pub struct Connecting {
    state: State,
}

#[derive(Debug)]
enum State {
    New(Box<Connect>),
    Started(Starting),
    Over,
}

#[derive(Debug)]
struct Starting {
    client: Client,
    connected: Option<oneshot::Receiver<Result<(), ConnectError>>>,
}

impl Future for Connecting {
    type Output = Result<Client, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::New(connect) => self.state = State::Started(connect.start()?),
                State::Started(Starting { client, connected: None }) => return Poll::Ready(Ok(client)),
                State::Started(Starting { client, connected: Some(mut connected) }) => {
                    return match Pin::new(&mut connected).poll(cx) {
                        Poll::Ready(Ok(first)) => Poll::Ready(first.map(|()| client)),
                        Poll::Ready(Err(_)) => {
                            let reason = CloseReason::RuntimeEnded;
                            Poll::Ready(Err(ConnectionClosed { reason }.into()))
                        }
                        Poll::Pending => {
                            self.state = State::Started(Starting { client, connected: Some(connected) });
                            Poll::Pending
                        }
                    };
                }
                State::Over => return Poll::Pending,
            }
        }
    }
}
