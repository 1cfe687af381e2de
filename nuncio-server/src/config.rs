//! What a running server works with.

use std::time::Duration;

use nuncio_proto::info::ServerInfo;

use crate::core::Access;
use crate::server::Way;
#[cfg(feature = "tls")]
use crate::tls::Door;

/// The settings that need no work before they are used.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) in_memory: bool,
    pub(crate) max_control_line: usize,
    pub(crate) ping_interval: Duration,
    pub(crate) max_pings_out: u32,
    pub(crate) auth_timeout: Duration,
    pub(crate) write_deadline: Duration,
    pub(crate) max_pending: usize,
    pub(crate) max_connections: usize,
    pub(crate) max_subscriptions: usize,
    pub(crate) lame_duck_grace: Duration,
    pub(crate) lame_duck_duration: Duration,
}

/// What a running server works with.
pub(crate) struct Config {
    pub(crate) bind: String,
    pub(crate) access: Access,
    pub(crate) settings: Settings,
    pub(crate) info: ServerInfo,
    pub(crate) named: bool,
    pub(crate) seed: u64,
    #[cfg(feature = "websocket")]
    pub(crate) websocket: Option<WebSocket>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Door>,
    #[cfg(all(feature = "tls", feature = "websocket"))]
    pub(crate) websocket_tls: Option<Door>,
}

impl Config {
    /// TLS as it is spoken that way.
    #[cfg(feature = "tls")]
    pub(crate) fn tls(&self, way: Way) -> Option<&Door> {
        match way {
            Way::Plain => self.tls.as_ref(),
            #[cfg(feature = "websocket")]
            Way::WebSocket => self.websocket_tls.as_ref(),
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn has_tls(&self, way: Way) -> bool {
        self.tls(way).is_some()
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) fn has_tls(&self, _way: Way) -> bool {
        false
    }
}

/// The port for WebSocket.
#[cfg(feature = "websocket")]
#[derive(Clone, Debug)]
pub(crate) struct WebSocket {
    pub(crate) bind: String,
    pub(crate) connect_urls: Vec<String>,
}

#[cfg(feature = "websocket")]
impl Default for WebSocket {
    fn default() -> WebSocket {
        WebSocket { bind: "127.0.0.1:0".to_owned(), connect_urls: Vec::new() }
    }
}
