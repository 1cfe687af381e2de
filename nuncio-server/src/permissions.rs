//! What a user may publish and subscribe to.

use std::io;
use std::time::Duration;

use crate::sublist::{Sublist, has_wildcard, overlap};

/// What a user may publish and subscribe to.
///
/// The rules are nats-server's. Without an allow list everything is allowed; a deny list takes away from that.
/// Entries may have wildcards. An entry of a subscribe list may name a queue group behind the subject, as in
/// `"work.* workers"`: it then speaks of subscriptions in that group only.
///
/// A subscription with wildcards that overlaps a deny entry is allowed, and the denied subjects are left out
/// when messages are delivered.
///
/// ```
/// use nuncio_server::Permissions;
///
/// let service = Permissions::new()
///     .deny_publish(">")
///     .allow_subscribe("orders.> workers")
///     .allow_responses(1, std::time::Duration::from_secs(5));
/// # let _ = service;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    publish: Rules,
    subscribe: Rules,
    responses: Option<Responses>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rules {
    allow: Option<Vec<String>>,
    deny: Vec<String>,
}

/// How often and how long a reply subject may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Responses {
    pub(crate) max: u64,
    pub(crate) expires: Duration,
}

impl Permissions {
    /// Everything is allowed.
    pub fn new() -> Permissions {
        Permissions::default()
    }

    /// Allows publishing to a subject and, from the first call on, to nothing that is not listed.
    pub fn allow_publish(mut self, subject: impl Into<String>) -> Permissions {
        self.publish.allow.get_or_insert_default().push(subject.into());
        self
    }

    /// Denies publishing to a subject.
    pub fn deny_publish(mut self, subject: impl Into<String>) -> Permissions {
        self.publish.deny.push(subject.into());
        self
    }

    /// Allows subscribing to a subject, or to `"subject queue"`, and from the first call on to nothing else.
    pub fn allow_subscribe(mut self, subject: impl Into<String>) -> Permissions {
        self.subscribe.allow.get_or_insert_default().push(subject.into());
        self
    }

    /// Denies subscribing to a subject, or to `"subject queue"`.
    pub fn deny_subscribe(mut self, subject: impl Into<String>) -> Permissions {
        self.subscribe.deny.push(subject.into());
        self
    }

    /// Allows `max` replies to each request received, within `expires`, whatever the publish lists say.
    ///
    /// If nothing is explicitly allowed to be published, nothing but replies is. nats-server's own defaults are
    /// one reply within two minutes. 0 and [`Duration::ZERO`] mean without limit.
    pub fn allow_responses(mut self, max: u64, expires: Duration) -> Permissions {
        self.responses = Some(Responses { max, expires });
        self.publish.allow.get_or_insert_default();
        self
    }

    pub(crate) fn compile(&self) -> io::Result<Compiled> {
        Ok(Compiled {
            publish_allow: self.publish.allow.as_deref().map(|list| tree(list, false)).transpose()?,
            publish_deny: tree(&self.publish.deny, false)?,
            subscribe_allow: self.subscribe.allow.as_deref().map(|list| tree(list, true)).transpose()?,
            subscribe_deny: tree(&self.subscribe.deny, true)?,
            denied: self
                .subscribe
                .deny
                .iter()
                .filter_map(|entry| entry.split_whitespace().next())
                .map(Into::into)
                .collect(),
            responses: self.responses,
        })
    }
}

fn tree(entries: &[String], queues: bool) -> io::Result<Sublist<()>> {
    let mut list = Sublist::new();
    for entry in entries {
        let mut words = entry.split_whitespace();
        let (subject, queue, more) = (words.next().unwrap_or_default(), words.next(), words.next());
        let sound = more.is_none() && (queues || queue.is_none());
        if !sound || list.insert(subject.as_bytes(), queue.map(str::as_bytes), ()).is_err() {
            let text =
                format!("the permission entry {entry:?} is not a subject, or a subject and a queue group");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
    }
    Ok(list)
}

/// Permissions in the form that is asked for each message.
pub(crate) struct Compiled {
    publish_allow: Option<Sublist<()>>,
    publish_deny: Sublist<()>,
    subscribe_allow: Option<Sublist<()>>,
    subscribe_deny: Sublist<()>,
    denied: Vec<Box<str>>,
    responses: Option<Responses>,
}

impl Compiled {
    /// Whether the lists allow publishing to the subject; replies are the caller's matter.
    pub(crate) fn can_publish(&self, subject: &[u8]) -> bool {
        self.publish_allow.as_ref().is_none_or(|allow| has_plain(allow, subject))
            && !has_plain(&self.publish_deny, subject)
    }

    pub(crate) fn can_subscribe(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        let allowed = match &self.subscribe_allow {
            None => true,
            Some(allow) => verdict(allow, subject, queue).unwrap_or_else(|plain| plain),
        };
        allowed && !verdict(&self.subscribe_deny, subject, queue).unwrap_or_else(|plain| plain)
    }

    /// Whether messages for this subscription must be asked about one by one.
    pub(crate) fn needs_filter(&self, subject: &[u8]) -> bool {
        has_wildcard(subject) && self.denied.iter().any(|denied| overlap(denied.as_bytes(), subject))
    }

    /// Whether a message may be delivered where a filter is needed.
    pub(crate) fn can_receive(&self, subject: &[u8]) -> bool {
        !has_plain(&self.subscribe_deny, subject)
    }

    pub(crate) fn responses(&self) -> Option<Responses> {
        self.responses
    }
}

fn has_plain(list: &Sublist<()>, subject: &[u8]) -> bool {
    list.len() > 0 && !list.matches(subject).plain.is_empty()
}

/// `Ok` says whether an entry with a queue group fits; `Err` that no such entry speaks of the subject, and
/// whether a plain one does.
fn verdict(list: &Sublist<()>, subject: &[u8], queue: Option<&[u8]>) -> Result<bool, bool> {
    let found = list.matches(subject);
    match queue {
        Some(queue) if !found.groups.is_empty() => {
            Ok(found.groups.iter().any(|group| nuncio_proto::subject::matches(&group.name, queue)))
        }
        _ => Err(!found.plain.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribe(permissions: &Permissions, subject: &str, queue: Option<&str>) -> bool {
        permissions.compile().unwrap().can_subscribe(subject.as_bytes(), queue.map(str::as_bytes))
    }

    #[test]
    fn without_lists_everything_is_allowed() {
        let compiled = Permissions::new().compile().unwrap();
        assert!(compiled.can_publish(b"a") && compiled.can_subscribe(b">", None));
    }

    #[test]
    fn deny_takes_away_from_allow() {
        let compiled = Permissions::new()
            .allow_publish("ok.>")
            .allow_publish("req")
            .deny_publish("ok.no")
            .deny_publish("ok.d.*")
            .compile()
            .unwrap();
        for (subject, expected) in [
            ("ok.x", true),
            ("req", true),
            ("ok.no", false),
            ("ok.d.1", false),
            ("ok.d.1.2", true),
            ("x", false),
        ] {
            assert_eq!(compiled.can_publish(subject.as_bytes()), expected, "{subject}");
        }
    }

    #[test]
    fn an_entry_with_a_queue_speaks_of_that_group_only() {
        let permissions = Permissions::new()
            .allow_subscribe("ok.>")
            .allow_subscribe("wq q1")
            .allow_subscribe("wq2 q.*")
            .allow_subscribe("both")
            .allow_subscribe("both q")
            .deny_subscribe("both qx");
        for (subject, queue, expected) in [
            ("wq", None, false),
            ("wq", Some("q1"), true),
            ("wq", Some("q2"), false),
            ("wq2", Some("q.a"), true),
            ("wq2", Some("q"), false),
            ("both", None, true),
            ("both", Some("q"), true),
            ("both", Some("qx"), false),
            ("both", Some("qy"), false),
            ("ok.a", Some("any"), true),
        ] {
            assert_eq!(subscribe(&permissions, subject, queue), expected, "{subject} {queue:?}");
        }
    }

    #[test]
    fn a_denied_queue_leaves_the_plain_subscription() {
        let permissions = Permissions::new().deny_subscribe("x q1").deny_subscribe("y *");
        for (subject, queue, expected) in [
            ("x", None, true),
            ("x", Some("q1"), false),
            ("x", Some("q2"), true),
            ("y", None, true),
            ("y", Some("q"), false),
        ] {
            assert_eq!(subscribe(&permissions, subject, queue), expected, "{subject} {queue:?}");
        }
    }

    #[test]
    fn a_wildcard_over_a_denied_subject_is_allowed_and_filtered() {
        let compiled = Permissions::new().deny_subscribe("x.no").deny_subscribe("z.*").compile().unwrap();
        for (subject, allowed, filtered) in [
            ("x.no", false, false),
            ("x.*", true, true),
            (">", true, true),
            ("z.*", false, true),
            ("z.>", false, true),
            ("*.no", true, true),
            ("z.*.*", true, false),
            ("a.*", true, false),
        ] {
            assert_eq!(compiled.can_subscribe(subject.as_bytes(), None), allowed, "{subject}");
            assert_eq!(compiled.needs_filter(subject.as_bytes()), filtered, "{subject}");
        }
        assert!(!compiled.can_receive(b"x.no") && compiled.can_receive(b"x.yes"));
    }

    #[test]
    fn allowing_replies_alone_forbids_the_rest() {
        let compiled = Permissions::new().allow_responses(1, Duration::ZERO).compile().unwrap();
        assert!(!compiled.can_publish(b"x") && compiled.can_subscribe(b"x", None));
    }

    #[test]
    fn an_entry_that_is_no_subject_is_refused_by_name() {
        for permissions in [
            Permissions::new().allow_publish("a b"),
            Permissions::new().deny_publish("a..b"),
            Permissions::new().allow_subscribe("a b c"),
            Permissions::new().deny_subscribe(""),
        ] {
            let error = permissions.compile().map(|_| ()).unwrap_err();
            assert!(error.to_string().starts_with("the permission entry \""), "{error}");
        }
    }
}
