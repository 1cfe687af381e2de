//! What is known of one connection.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::permissions::{Compiled, Responses};
use crate::server::Way;

/// How a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// After what is queued has been written.
    Flush,
    /// At once.
    Now,
}

/// The bells of a connection's task.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// There is something to write, or the connection is to close.
    pub(crate) wake: Notify,
    /// The connection is to close at once.
    pub(crate) abort: Notify,
}

/// What is known of one connection.
pub(crate) struct Client {
    pub(crate) id: u64,
    pub(crate) peer: Option<SocketAddr>,
    #[cfg_attr(not(feature = "websocket"), allow(dead_code))]
    pub(crate) way: Way,
    pub(crate) link: Arc<Link>,
    pub(crate) closing: Option<Closing>,
    /// Bytes that the writer has not taken yet.
    pub(crate) out: Vec<u8>,
    /// Bytes that the writer has taken and not written yet.
    pub(crate) in_flight: usize,
    pub(crate) sids: HashMap<Box<[u8]>, u64>,
    pub(crate) authenticated: bool,
    /// What it was given to sign.
    pub(crate) nonce: Option<String>,
    pub(crate) connected: bool,
    pub(crate) first_pong_sent: bool,
    pub(crate) pings_out: u32,
    pub(crate) last_input: Instant,
    pub(crate) permissions: Option<Arc<Compiled>>,
    replies: HashMap<Box<[u8]>, Allowance>,
    pub(crate) verbose: bool,
    pub(crate) pedantic: bool,
    pub(crate) echo: bool,
    pub(crate) headers: bool,
    pub(crate) no_responders: bool,
    pub(crate) protocol: i64,
    pub(crate) name: Option<String>,
    pub(crate) lang: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) messages_in: u64,
    pub(crate) messages_out: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

/// A reply subject that may be answered although the lists deny it.
struct Allowance {
    since: Instant,
    used: u64,
}

/// Most reply subjects that are remembered before the spent ones are thrown out.
const REPLIES: usize = 4096;

/// One subscription.
pub(crate) struct Subscription {
    pub(crate) client: u64,
    pub(crate) sid: Box<[u8]>,
    pub(crate) subject: Box<[u8]>,
    pub(crate) queue: Option<Box<[u8]>>,
    pub(crate) max: Option<u64>,
    pub(crate) delivered: u64,
    /// Some of the subjects that match may not be delivered.
    pub(crate) filtered: bool,
}

impl Client {
    /// A client that has not sent its CONNECT; the options are those that nats-server assumes until then.
    pub(crate) fn new(id: u64, peer: Option<SocketAddr>, way: Way, authenticated: bool) -> Client {
        Client {
            id,
            peer,
            way,
            link: Arc::new(Link::default()),
            closing: None,
            out: Vec::new(),
            in_flight: 0,
            sids: HashMap::new(),
            authenticated,
            nonce: None,
            connected: false,
            first_pong_sent: false,
            pings_out: 0,
            last_input: Instant::now(),
            permissions: None,
            replies: HashMap::new(),
            verbose: true,
            pedantic: true,
            echo: true,
            headers: false,
            no_responders: false,
            protocol: 0,
            name: None,
            lang: None,
            version: None,
            user: None,
            messages_in: 0,
            messages_out: 0,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// Bytes that wait to be written.
    pub(crate) fn pending(&self) -> usize {
        self.out.len() + self.in_flight
    }

    /// Whether the client may publish to a subject; a reply that is allowed is used up by asking.
    pub(crate) fn may_publish(&mut self, subject: &[u8]) -> bool {
        let Some(rules) = &self.permissions else { return true };
        if rules.can_publish(subject) {
            return true;
        }
        let Some(responses) = rules.responses() else { return false };
        let Some(allowance) = self.replies.get_mut(subject) else { return false };
        if allowance.is_spent(responses) {
            self.replies.remove(subject);
            return false;
        }
        allowance.used += 1;
        true
    }

    /// Remembers that a request was delivered whose reply subject may be answered.
    pub(crate) fn allow_reply(&mut self, reply: &[u8]) {
        let Some(responses) = self.permissions.as_ref().and_then(|rules| rules.responses()) else { return };
        if self.replies.len() >= REPLIES {
            self.replies.retain(|_, allowance| !allowance.is_spent(responses));
        }
        self.replies.insert(reply.into(), Allowance { since: Instant::now(), used: 0 });
    }
}

impl Allowance {
    fn is_spent(&self, limit: Responses) -> bool {
        let used_up = limit.max > 0 && self.used >= limit.max;
        used_up || (!limit.expires.is_zero() && self.since.elapsed() > limit.expires)
    }
}
