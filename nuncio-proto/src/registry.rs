//! The live subscriptions of one connection: sid → route, counts, and what is sent again after a reconnect.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::encode;

/// The largest maximum that nats-server reads in an `UNSUB`; a longer number ends the subscription at once.
pub const LARGEST_MAX: u64 = 999_999_999;

/// A maximum as an `UNSUB` can tell it; `None` when it is too large for that.
pub fn server_max(max: u64) -> Option<u64> {
    Some(max).filter(|max| *max <= LARGEST_MAX)
}

/// What the server was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    /// The subject, wildcards included.
    pub subject: Box<[u8]>,
    /// The queue group, if any.
    pub queue: Option<Box<[u8]>>,
}

/// One live subscription.
#[derive(Debug)]
pub struct Entry<R> {
    /// What the server was asked for.
    pub interest: Interest,
    /// Messages that arrived, those dropped locally included, since the first `SUB`.
    pub received: u64,
    /// How many of those arrived before the current server was told of the subscription.
    pub before: u64,
    /// The subscription ends at this count of received messages.
    pub max: Option<u64>,
    /// `UNSUB` was sent and the fence behind it is awaited: not sent again after a reconnect.
    pub draining: bool,
    /// Where its messages go.
    pub route: R,
}

impl<R> Entry<R> {
    /// Whether all messages asked for have arrived.
    pub fn is_spent(&self) -> bool {
        self.max.is_some_and(|max| self.received >= max)
    }

    /// The maximum as the current server counts it: from the `SUB` that it received.
    ///
    /// `None` also when it is more than a server reads ([`LARGEST_MAX`]): the client then counts alone, and
    /// unsubscribes when the count is reached.
    pub fn server_max(&self) -> Option<u64> {
        server_max(self.max?.saturating_sub(self.before))
    }
}

/// What became of a delivery.
#[derive(Debug)]
pub enum Delivery<'a, R> {
    /// No such subscription, or one that has all its messages: the message is dropped (it crossed an `UNSUB`).
    Unknown,
    /// The route to deliver to.
    Route(&'a mut R),
    /// The route to deliver to, for the last time: remove the subscription afterwards.
    Last(&'a mut R),
}

/// All live subscriptions of a connection. Sids are chosen by the client and never reused.
#[derive(Debug)]
pub struct Registry<R> {
    entries: HashMap<u64, Entry<R>, BuildHasherDefault<SidHasher>>,
}

impl<R> Default for Registry<R> {
    fn default() -> Self {
        Self { entries: HashMap::default() }
    }
}

impl<R> Registry<R> {
    /// Adds a subscription.
    pub fn insert(&mut self, sid: u64, interest: Interest, max: Option<u64>, route: R) {
        self.entries.insert(sid, Entry { interest, received: 0, before: 0, max, draining: false, route });
    }

    /// Removes a subscription and returns it.
    pub fn remove(&mut self, sid: u64) -> Option<Entry<R>> {
        self.entries.remove(&sid)
    }

    /// A subscription, to be read or changed.
    pub fn get_mut(&mut self, sid: u64) -> Option<&mut Entry<R>> {
        self.entries.get_mut(&sid)
    }

    /// Counts an arrived message and tells where it goes.
    ///
    /// Arrival is what the server counts against `max`, so a message dropped later counts as well.
    #[inline]
    pub fn deliver(&mut self, sid: u64) -> Delivery<'_, R> {
        self.deliver_run(sid, 1).0
    }

    /// Counts so many messages that arrived one behind the other, and tells where they go, and how many of them: none more
    /// than the subscription is to have.
    #[inline]
    pub fn deliver_run(&mut self, sid: u64, arrived: u64) -> (Delivery<'_, R>, u64) {
        let Some(entry) = self.entries.get_mut(&sid) else { return (Delivery::Unknown, 0) };
        let Some(max) = entry.max else {
            entry.received += arrived;
            return (Delivery::Route(&mut entry.route), arrived);
        };
        // None are left where there were more of the same read, before the subscription is removed.
        let wanted = arrived.min(max.saturating_sub(entry.received));
        entry.received += wanted;
        let delivery = match wanted {
            0 => Delivery::Unknown,
            _ if entry.received >= max => Delivery::Last(&mut entry.route),
            _ => Delivery::Route(&mut entry.route),
        };
        (delivery, wanted)
    }

    /// Sets the count at which a subscription ends; true if that count is reached already.
    pub fn set_max(&mut self, sid: u64, max: u64) -> bool {
        self.entries.get_mut(&sid).is_some_and(|entry| {
            entry.max = Some(max);
            entry.is_spent()
        })
    }

    /// The subscription that a permission violation is about: by sid where the server tells it, else the oldest
    /// live one with the same subject and queue group.
    pub fn find(&self, sid: Option<u64>, subject: &[u8], queue: Option<&[u8]>) -> Option<u64> {
        if let Some(sid) = sid {
            return self.entries.contains_key(&sid).then_some(sid);
        }
        self.entries
            .iter()
            .filter(|(_, e)| &*e.interest.subject == subject && e.interest.queue.as_deref() == queue)
            .map(|(sid, _)| *sid)
            .min()
    }

    /// Writes what a new server has to know: `SUB` for each live subscription in the order of their sids, with an
    /// `UNSUB` for the rest of its messages where it has a maximum.
    ///
    /// Returns the sids of those that are over: spent, or in the middle of a drain that the old server has taken
    /// along. The caller ends and removes them.
    pub fn replay(&mut self, out: &mut Vec<u8>) -> Vec<u64> {
        let sids = self.sids();
        let mut over = Vec::new();
        for sid in sids {
            let Some(entry) = self.entries.get_mut(&sid) else { continue };
            if entry.draining || entry.is_spent() {
                over.push(sid);
                continue;
            }
            encode::subscribe(out, &entry.interest.subject, entry.interest.queue.as_deref(), sid);
            entry.before = entry.received;
            if let Some(max) = entry.server_max() {
                encode::unsubscribe(out, sid, Some(max));
            }
        }
        over
    }

    /// All sids, the lowest first.
    pub fn sids(&self) -> Vec<u64> {
        let mut sids: Vec<u64> = self.entries.keys().copied().collect();
        sids.sort_unstable();
        sids
    }

    /// All subscriptions, in no particular order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry<R>> {
        self.entries.values()
    }

    /// Live subscriptions.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no subscription.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Removes all subscriptions and returns them.
    pub fn take_all(&mut self) -> Vec<Entry<R>> {
        self.entries.drain().map(|(_, entry)| entry).collect()
    }
}

/// Sids are our own counter, so one multiplication spreads them well enough and no peer can choose them.
#[derive(Debug, Default)]
struct SidHasher(u64);

impl Hasher for SidHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.0 = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 ^= self.0 >> 32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interest(subject: &str, queue: Option<&str>) -> Interest {
        Interest { subject: subject.as_bytes().into(), queue: queue.map(|q| q.as_bytes().into()) }
    }

    fn replayed(registry: &mut Registry<()>) -> (String, Vec<u64>) {
        let mut out = Vec::new();
        let over = registry.replay(&mut out);
        (String::from_utf8(out).unwrap(), over)
    }

    #[test]
    fn messages_are_counted_on_arrival_and_the_last_one_is_told() {
        let mut registry = Registry::default();
        registry.insert(1, interest("a", None), Some(2), ());
        assert!(matches!(registry.deliver(1), Delivery::Route(())));
        assert!(matches!(registry.deliver(1), Delivery::Last(())));
        assert!(matches!(registry.deliver(1), Delivery::Unknown), "more than asked for");
        assert!(matches!(registry.deliver(2), Delivery::Unknown));
    }

    #[test]
    fn of_a_run_of_messages_no_more_are_delivered_than_were_asked_for() {
        let mut registry = Registry::default();
        registry.insert(1, interest("a", None), Some(5), ());
        registry.insert(2, interest("b", None), None, ());
        assert!(matches!(registry.deliver_run(1, 3), (Delivery::Route(()), 3)));
        assert!(matches!(registry.deliver_run(1, 3), (Delivery::Last(()), 2)));
        assert!(matches!(registry.deliver_run(1, 3), (Delivery::Unknown, 0)));
        assert!(matches!(registry.deliver_run(2, 700), (Delivery::Route(()), 700)));
        assert_eq!(registry.get_mut(2).unwrap().received, 700);
    }

    #[test]
    fn replay_sends_subs_in_order_with_the_remaining_maximum() {
        let mut registry = Registry::default();
        registry.insert(9, interest("b.>", Some("q")), Some(5), ());
        registry.insert(3, interest("a", None), None, ());
        registry.deliver(9);
        registry.deliver(9);
        assert_eq!(replayed(&mut registry), ("SUB a 3\r\nSUB b.> q 9\r\nUNSUB 9 3\r\n".into(), vec![]));
    }

    #[test]
    fn replay_leaves_out_what_is_spent_or_draining() {
        let mut registry = Registry::default();
        registry.insert(1, interest("a", None), Some(1), ());
        registry.insert(2, interest("b", None), None, ());
        registry.deliver(1);
        registry.get_mut(2).unwrap().draining = true;
        assert_eq!(replayed(&mut registry), (String::new(), vec![1, 2]));
    }

    #[test]
    fn a_maximum_already_reached_ends_at_once() {
        let mut registry = Registry::default();
        registry.insert(1, interest("a", None), None, ());
        registry.deliver(1);
        assert!(registry.set_max(1, 1));
        assert!(!registry.set_max(1, 2));
    }

    #[test]
    fn a_maximum_that_servers_cannot_read_is_not_sent() {
        let mut registry = Registry::default();
        registry.insert(1, interest("a", None), Some(LARGEST_MAX + 1), ());
        assert_eq!(replayed(&mut registry), ("SUB a 1\r\n".into(), vec![]));
        registry.deliver(1);
        assert_eq!(replayed(&mut registry).0, "SUB a 1\r\nUNSUB 1 999999999\r\n");
    }

    #[test]
    fn a_new_server_counts_from_its_own_sub() {
        let mut registry = Registry::default();
        registry.insert(1, interest("a", None), None, ());
        registry.deliver(1);
        replayed(&mut registry);
        registry.set_max(1, 5);
        assert_eq!(registry.get_mut(1).unwrap().server_max(), Some(4));
    }

    #[test]
    fn a_violation_finds_its_subscription_by_sid_or_by_subject_and_queue() {
        let mut registry = Registry::default();
        registry.insert(4, interest("a", Some("q")), None, ());
        registry.insert(2, interest("a", None), None, ());
        registry.insert(3, interest("a", None), None, ());
        assert_eq!(registry.find(None, b"a", None), Some(2));
        assert_eq!(registry.find(None, b"a", Some(b"q")), Some(4));
        assert_eq!(registry.find(Some(3), b"a", None), Some(3));
        assert_eq!(registry.find(Some(8), b"a", None), None);
    }
}
