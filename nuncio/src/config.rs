//! Every option of a connection, its default and what it costs.

use std::sync::Arc;
use std::time::Duration;

use nuncio_proto::pool::{Backoff, Server as PoolServer, ServerId};

use crate::auth::Auth;
use crate::queue::{Limits, OnFull};
use crate::tls::Tls;
use crate::transport::Connector;
#[cfg(feature = "websocket")]
use crate::transport::websocket::Options as WebSocketOptions;

/// What happens to a publish while the buffer of outgoing messages is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It waits for room, at most so long, and then fails with
    /// [`PublishError::Timeout`](crate::PublishError::Timeout).
    Wait(Duration),
    /// It fails at once with [`PublishError::Full`](crate::PublishError::Full).
    Fail,
    /// The oldest buffered messages are dropped and counted as lost.
    DropOldest,
}

impl Default for WhenFull {
    /// Wait for at most 10 seconds.
    fn default() -> Self {
        Self::Wait(Duration::from_secs(10))
    }
}

/// Chooses the server that is dialled next.
pub(crate) type ChooseServer = Arc<dyn Fn(&[PoolServer]) -> Option<ServerId> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) name: Option<String>,
    pub(crate) auth: Vec<Auth>,
    pub(crate) share_credentials: bool,
    pub(crate) allow_plaintext_auth: bool,
    pub(crate) echo: bool,
    pub(crate) verbose: bool,
    pub(crate) pedantic: bool,
    pub(crate) strict_subjects: bool,
    pub(crate) inbox_prefix: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) flush_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) ping_interval: Duration,
    pub(crate) max_pings_out: u32,
    pub(crate) reconnect: bool,
    pub(crate) retry_on_initial_connect: bool,
    pub(crate) max_reconnects: Option<u32>,
    pub(crate) backoff: Backoff,
    pub(crate) keep_server_order: bool,
    pub(crate) move_on_lame_duck: bool,
    pub(crate) choose_server: Option<ChooseServer>,
    pub(crate) ignore_discovered: bool,
    pub(crate) ignore_auth_error_abort: bool,
    pub(crate) fail_requests_on_disconnect: bool,
    pub(crate) outbox_limit: usize,
    pub(crate) when_full: WhenFull,
    pub(crate) subscription_limits: Limits,
    pub(crate) on_full: OnFull,
    pub(crate) tls: Option<Tls>,
    pub(crate) connector: Option<Arc<dyn Connector>>,
    #[cfg(feature = "websocket")]
    pub(crate) websocket: WebSocketOptions,
    pub(crate) seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: None,
            auth: Vec::new(),
            share_credentials: false,
            allow_plaintext_auth: false,
            echo: true,
            verbose: false,
            pedantic: false,
            strict_subjects: false,
            inbox_prefix: "_INBOX".into(),
            connect_timeout: Duration::from_secs(20),
            request_timeout: Duration::from_secs(1),
            flush_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(2),
            ping_interval: Duration::from_secs(120),
            max_pings_out: 2,
            reconnect: true,
            retry_on_initial_connect: false,
            max_reconnects: None,
            backoff: Backoff::default(),
            keep_server_order: false,
            move_on_lame_duck: false,
            choose_server: None,
            ignore_discovered: false,
            ignore_auth_error_abort: false,
            fail_requests_on_disconnect: true,
            outbox_limit: 8 * 1024 * 1024,
            when_full: WhenFull::default(),
            subscription_limits: Limits::default(),
            on_full: OnFull::default(),
            tls: None,
            connector: None,
            #[cfg(feature = "websocket")]
            websocket: WebSocketOptions::default(),
            seed: None,
        }
    }
}
