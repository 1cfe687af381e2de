//! What a server says about itself.

use nuncio_proto::info::ServerInfo;

use crate::core::Client;

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
pub(crate) fn for_client(info: &ServerInfo, client: &Client, connect: bool) -> Vec<u8> {
    let mut info = info.clone();
    info.client_id = client.id;
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
