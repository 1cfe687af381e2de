//! What a server says about itself.

#[cfg(feature = "websocket")]
use std::net::SocketAddr;

use crate::core::{Client, Core};
#[cfg(feature = "websocket")]
use crate::server::Way;

/// What clients are told that speak WebSocket, in place of what the others are told.
#[cfg(feature = "websocket")]
#[derive(Debug, Default)]
pub(crate) struct WebSocket {
    pub(crate) addr: Option<SocketAddr>,
    pub(crate) connect_urls: Vec<String>,
}

/// A server id: `N` and 55 letters of base 32, as nats-server's public keys.
pub(crate) fn server_id(random: &mut fastrand::Rng) -> String {
    const LETTERS: [char; 32] = [
        'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T',
        'U', 'V', 'W', 'X', 'Y', 'Z', '2', '3', '4', '5', '6', '7',
    ];
    let letters = std::iter::repeat_with(|| random.choice(LETTERS).unwrap_or('A'));
    std::iter::once('N').chain(letters.take(55)).collect()
}

/// Something to sign: 15 letters, as nats-server's.
pub(crate) fn nonce(random: &mut fastrand::Rng) -> String {
    std::iter::repeat_with(|| random.alphanumeric()).take(15).collect()
}

/// The JSON of an INFO for one client. `connect` makes it the one that answers the CONNECT.
pub(crate) fn for_client(core: &Core, client: &Client, connect: bool) -> Vec<u8> {
    let mut info = core.info.clone();
    info.client_id = client.id;
    #[cfg(feature = "websocket")]
    if client.way == Way::WebSocket {
        info.connect_urls.clone_from(&core.websocket.connect_urls);
        // Whether a certificate is wanted of the client is said of the other port alone, as nats-server does.
        info.tls_required = core.config.has_tls(Way::WebSocket);
        info.tls_available = info.tls_required;
        if let Some(addr) = core.websocket.addr {
            info.host = addr.ip().to_string();
            info.port = addr.port();
        }
    }
    if let Some(peer) = client.peer {
        info.client_ip = peer.ip().to_string();
    }
    if connect {
        info.connect_info = true;
        info.remote_account = Some("$G".to_owned());
    } else {
        info.nonce.clone_from(&client.nonce);
    }
    info.to_json()
}
