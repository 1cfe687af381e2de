//! From a publish to the subscriptions.

use nuncio_proto::encode;

use super::Core;

/// A published message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) subject: &'a [u8],
    pub(crate) reply: Option<&'a [u8]>,
    pub(crate) header: Option<&'a [u8]>,
    pub(crate) payload: &'a [u8],
}

impl Core {
    /// Delivers a message to all plain subscriptions that match and to one of each queue group. Answers to how many.
    pub(crate) fn route(&mut self, from: u64, message: Message<'_>) -> usize {
        let found = self.tree.matches(message.subject);
        let mut delivered = 0;
        for key in found.plain {
            delivered += usize::from(self.deliver(from, key, message));
        }
        for group in found.groups {
            let count = group.members.len();
            let first = if count > 1 { self.random.usize(..count) } else { 0 };
            // A member that can't have the message leaves it to the next one.
            let taken = group
                .members
                .iter()
                .cycle()
                .skip(first)
                .take(count)
                .any(|key| self.deliver(from, *key, message));
            delivered += usize::from(taken);
        }
        delivered
    }

    /// Delivers a message to one subscription, unless something forbids it.
    fn deliver(&mut self, from: u64, key: u64, message: Message<'_>) -> bool {
        let Some(subscription) = self.subscriptions.get_mut(&key) else { return false };
        let id = subscription.client;
        let Some(client) = self.clients.get_mut(&id).filter(|client| client.closing.is_none()) else {
            return false;
        };
        if id == from && !client.echo {
            return false;
        }
        let may_receive =
            |subject| client.permissions.as_ref().is_none_or(|rules| rules.can_receive(subject));
        if subscription.filtered && !may_receive(message.subject) {
            return false;
        }
        subscription.delivered += 1;
        let complete = subscription.max.is_some_and(|max| subscription.delivered >= max);
        client.messages_out += 1;
        if let Some(reply) = message.reply {
            client.allow_reply(reply);
        }
        let header = message.header.filter(|_| client.headers);
        let sid = subscription.sid.clone();
        self.send(id, |out| {
            encode::message(out, message.subject, &sid, message.reply, header, message.payload);
        });
        if complete {
            self.unsubscribe(key);
        }
        true
    }

    /// Tells a client that nobody was there for its request, if it listens for the reply itself.
    ///
    /// As with nats-server this goes to a plain subscription only and does not count as a delivery.
    pub(crate) fn no_responders(&mut self, id: u64, subject: &[u8], reply: &[u8]) {
        let found = self.tree.matches(reply);
        let mut subscriptions = found.plain.iter().filter_map(|key| self.subscriptions.get(key));
        let Some(sid) =
            subscriptions.find(|subscription| subscription.client == id).map(|found| found.sid.clone())
        else {
            return;
        };
        let mut header = b"NATS/1.0 503\r\nNats-Subject: ".to_vec();
        header.extend_from_slice(subject);
        header.extend_from_slice(b"\r\n\r\n");
        self.send(id, |out| encode::message(out, reply, &sid, None, Some(&header), b""));
    }
}
