//! How a rule wants its server to be, for both kinds.

use std::fmt::Write as _;
use std::time::Duration;

use nuncio_server::{Permissions, Server};

/// How a rule wants its server to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) own: bool,
    users: Vec<(&'static str, &'static str, Option<Rules>)>,
    token: Option<&'static str>,
    max_payload: Option<i64>,
    max_control_line: Option<usize>,
    max_subscriptions: Option<usize>,
    max_connections: Option<usize>,
    ping_interval: Option<Duration>,
    auth_timeout: Option<Duration>,
    no_headers: bool,
}

/// What a user may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    publish_allow: Vec<&'static str>,
    publish_deny: Vec<&'static str>,
    subscribe_allow: Vec<&'static str>,
    subscribe_deny: Vec<&'static str>,
    responses: Option<(u64, Duration)>,
}

impl Rules {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn allow_publish(mut self, subject: &'static str) -> Self {
        self.publish_allow.push(subject);
        self
    }

    pub(crate) fn deny_publish(mut self, subject: &'static str) -> Self {
        self.publish_deny.push(subject);
        self
    }

    pub(crate) fn allow_subscribe(mut self, subject: &'static str) -> Self {
        self.subscribe_allow.push(subject);
        self
    }

    pub(crate) fn deny_subscribe(mut self, subject: &'static str) -> Self {
        self.subscribe_deny.push(subject);
        self
    }

    pub(crate) fn allow_responses(mut self, max: u64, expires: Duration) -> Self {
        self.responses = Some((max, expires));
        self
    }

    fn config(&self) -> String {
        let list = |name: &str, subjects: &[&str]| {
            if subjects.is_empty() { String::new() } else { format!("{name}: {subjects:?}, ") }
        };
        let mut text = String::from("permissions: {");
        for (name, allow, deny) in [
            ("publish", &self.publish_allow, &self.publish_deny),
            ("subscribe", &self.subscribe_allow, &self.subscribe_deny),
        ] {
            if !allow.is_empty() || !deny.is_empty() {
                write!(text, "{name}: {{{}{}}}, ", list("allow", allow), list("deny", deny)).unwrap();
            }
        }
        if let Some((max, expires)) = self.responses {
            write!(text, "allow_responses: {{max: {max}, expires: \"{}ms\"}}", expires.as_millis()).unwrap();
        }
        text + "}"
    }

    fn permissions(&self) -> Permissions {
        let mut all = Permissions::new();
        for subject in &self.publish_allow {
            all = all.allow_publish(*subject);
        }
        for subject in &self.publish_deny {
            all = all.deny_publish(*subject);
        }
        for subject in &self.subscribe_allow {
            all = all.allow_subscribe(*subject);
        }
        for subject in &self.subscribe_deny {
            all = all.deny_subscribe(*subject);
        }
        match self.responses {
            Some((max, expires)) => all.allow_responses(max, expires),
            None => all,
        }
    }
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The rule stops, pauses or disturbs its server.
    pub(crate) fn own(mut self) -> Self {
        self.own = true;
        self
    }

    pub(crate) fn user(mut self, name: &'static str, password: &'static str) -> Self {
        self.users.push((name, password, None));
        self
    }

    pub(crate) fn user_with(mut self, name: &'static str, password: &'static str, rules: Rules) -> Self {
        self.users.push((name, password, Some(rules)));
        self
    }

    pub(crate) fn token(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    pub(crate) fn max_payload(mut self, bytes: i64) -> Self {
        self.max_payload = Some(bytes);
        self
    }

    pub(crate) fn max_control_line(mut self, bytes: usize) -> Self {
        self.max_control_line = Some(bytes);
        self
    }

    pub(crate) fn max_subscriptions(mut self, max: usize) -> Self {
        self.max_subscriptions = Some(max);
        self
    }

    pub(crate) fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = Some(max);
        self
    }

    pub(crate) fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = Some(interval);
        self
    }

    pub(crate) fn auth_timeout(mut self, timeout: Duration) -> Self {
        self.auth_timeout = Some(timeout);
        self
    }

    pub(crate) fn no_headers(mut self) -> Self {
        self.no_headers = true;
        self
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.config().is_empty() && !self.own
    }

    pub(crate) fn config(&self) -> String {
        let mut text = String::new();
        let mut set = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                writeln!(text, "{name}: {value}").unwrap();
            }
        };
        set("max_payload", self.max_payload.map(|v| v.to_string()));
        set("max_control_line", self.max_control_line.map(|v| v.to_string()));
        set("max_subscriptions", self.max_subscriptions.map(|v| v.to_string()));
        set("max_connections", self.max_connections.map(|v| v.to_string()));
        set("ping_interval", self.ping_interval.map(|v| format!("\"{}ms\"", v.as_millis())));
        set("no_header_support", self.no_headers.then(|| "true".into()));
        if self.token.is_some() || !self.users.is_empty() {
            text.push_str("authorization {\n");
            if let Some(timeout) = self.auth_timeout {
                writeln!(text, "timeout: {}", timeout.as_secs_f64()).unwrap();
            }
            if let Some(token) = self.token {
                writeln!(text, "token: \"{token}\"").unwrap();
            }
            if !self.users.is_empty() {
                text.push_str("users: [\n");
                for (name, password, rules) in &self.users {
                    let rules = rules.as_ref().map(Rules::config).unwrap_or_default();
                    writeln!(text, "{{user: \"{name}\", password: \"{password}\", {rules}}}").unwrap();
                }
                text.push_str("]\n");
            }
            text.push_str("}\n");
        }
        text
    }

    pub(crate) fn builder(&self) -> nuncio_server::ServerBuilder {
        let mut builder = Server::builder();
        for (name, password, rules) in &self.users {
            let password = (*password).to_owned();
            builder = match rules {
                None => builder.user(*name, password),
                Some(rules) => builder.user_with_permissions(*name, password, rules.permissions()),
            };
        }
        if let Some(token) = self.token {
            builder = builder.token(token.to_owned());
        }
        if let Some(bytes) = self.max_payload {
            builder = builder.max_payload(bytes);
        }
        if let Some(bytes) = self.max_control_line {
            builder = builder.max_control_line(bytes);
        }
        if let Some(max) = self.max_subscriptions {
            builder = builder.max_subscriptions(max);
        }
        if let Some(max) = self.max_connections {
            builder = builder.max_connections(max);
        }
        if let Some(interval) = self.ping_interval {
            builder = builder.ping_interval(interval);
        }
        if let Some(timeout) = self.auth_timeout {
            builder = builder.auth_timeout(timeout);
        }
        if self.no_headers {
            builder = builder.headers(false);
        }
        builder
    }
}
