//! The servers that the rules run against, seen alike.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use nuncio::{Client, Connect};
use nuncio_server::{Permissions, Server};
use nuncio_testkit::{NatsServer, Port, eventually_async};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::support::SOON;

/// No rule takes longer, on however busy a machine.
const LIMIT: Duration = Duration::from_secs(60);

/// How a rule wants its server to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    own: bool,
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

    fn is_plain(&self) -> bool {
        self.config().is_empty() && !self.own
    }

    fn config(&self) -> String {
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

    fn builder(&self) -> nuncio_server::ServerBuilder {
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

#[allow(clippy::large_enum_variant)]
enum Kind {
    Embedded(Server),
    Shared(Arc<NatsServer>),
    Own(NatsServer),
}

/// The server of one rule.
pub(crate) struct Target {
    kind: Kind,
}

/// A subscription as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) subject: String,
    pub(crate) queue: Option<String>,
    pub(crate) sid: u64,
}

/// The plain server of all rules that need nothing special, for as long as one of them runs.
static SHARED: Mutex<Weak<NatsServer>> = Mutex::const_new(Weak::new());

fn version() -> String {
    std::env::var("NUNCIO_NATS_VERSION").unwrap_or_else(|_| nuncio_testkit::default_version())
}

/// Runs a rule against nuncio-server.
pub(crate) fn embedded<F: Future<Output = ()>>(setup: Setup, rule: impl FnOnce(Target) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut builder = setup.builder();
        // A port that the server leaves for a while must not be given to anybody else meanwhile.
        let lease = setup.own.then(|| Port::lease().unwrap());
        if let Some(port) = &lease {
            builder = builder.bind(format!("127.0.0.1:{}", port.number()));
        }
        let server = builder.start().await.unwrap();
        timeout(LIMIT, rule(Target { kind: Kind::Embedded(server) })).await.expect("the rule hangs");
    });
}

/// Runs a rule against nats-server.
pub(crate) fn real<F: Future<Output = ()>>(setup: Setup, rule: impl FnOnce(Target) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let kind = if setup.is_plain() {
            Kind::Shared(shared().await)
        } else {
            let builder = NatsServer::builder().version(version()).config(setup.config());
            Kind::Own(builder.start().await.unwrap())
        };
        timeout(LIMIT, rule(Target { kind })).await.expect("the rule hangs");
    });
}

async fn shared() -> Arc<NatsServer> {
    let mut shared = SHARED.lock().await;
    if let Some(server) = shared.upgrade() {
        return server;
    }
    let server = Arc::new(NatsServer::builder().version(version()).start().await.unwrap());
    *shared = Arc::downgrade(&server);
    server
}

impl Target {
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self.kind, Kind::Embedded(_))
    }

    pub(crate) fn port(&self) -> u16 {
        match &self.kind {
            Kind::Embedded(server) => server.port(),
            Kind::Shared(server) => server.port(),
            Kind::Own(server) => server.port(),
        }
    }

    /// `127.0.0.1:port`.
    pub(crate) fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.addr())
    }

    /// The builder of a connection to this server.
    pub(crate) fn connect(&self) -> Connect {
        nuncio::connect(self.url())
    }

    /// A connection with all defaults.
    pub(crate) async fn client(&self) -> Client {
        self.connect().await.unwrap()
    }

    /// Two connections with all defaults.
    pub(crate) async fn clients(&self) -> (Client, Client) {
        (self.client().await, self.client().await)
    }

    /// A connection that the rule writes itself.
    pub(crate) async fn raw(&self) -> Raw {
        // Protocol 0: no INFO comes between the lines.
        Raw::connect(&self.addr(), r#"{"verbose":false,"headers":true,"no_responders":true,"protocol":0}"#)
            .await
    }

    /// What the server tells of a connection, under nats-server's names for it; `None` if there is no such connection.
    pub(crate) async fn connection(&self, id: u64) -> Option<Value> {
        match &self.kind {
            Kind::Embedded(server) => {
                let connection = server.connections().into_iter().find(|c| c.id == id)?;
                Some(serde_json::json!({
                    "name": connection.name,
                    "lang": connection.lang,
                    "version": connection.version,
                    "authorized_user": connection.user,
                    "in_msgs": connection.messages_in,
                    "out_msgs": connection.messages_out,
                    "subscriptions_list_detail": connection.subscriptions.iter().map(|s| serde_json::json!({
                        "subject": s.subject, "qgroup": s.queue, "sid": s.sid,
                    })).collect::<Vec<_>>(),
                }))
            }
            Kind::Shared(server) => ask(server, id).await,
            Kind::Own(server) => ask(server, id).await,
        }
    }

    /// The client's subscriptions as the server has them.
    pub(crate) async fn held(&self, client: &Client) -> Vec<Held> {
        let connection = self.connection(client.server_info().client_id).await.unwrap_or_default();
        let list = connection["subscriptions_list_detail"].as_array().cloned().unwrap_or_default();
        let mut held: Vec<Held> = list
            .iter()
            .map(|s| Held {
                subject: s["subject"].as_str().unwrap().to_owned(),
                queue: s["qgroup"].as_str().map(str::to_owned),
                sid: s["sid"].as_str().unwrap().parse().unwrap(),
            })
            .collect();
        held.sort_by_key(|s| s.sid);
        held
    }

    /// Waits until the server has exactly so many subscriptions of the client.
    pub(crate) async fn until_held(&self, client: &Client, count: usize) {
        let look = async || (self.held(client).await.len() == count).then_some(());
        eventually_async(&format!("{count} subscriptions at the server"), SOON, look).await.unwrap();
    }

    /// Waits until the server has forgotten a connection.
    pub(crate) async fn until_gone(&self, id: u64) {
        let look = async || self.connection(id).await.is_none().then_some(());
        eventually_async("the end of the connection at the server", SOON, look).await.unwrap();
    }

    /// Takes the server away; every connection breaks.
    pub(crate) async fn stop(&mut self) {
        match &mut self.kind {
            Kind::Embedded(server) => {
                server.stop_listening().await;
                server.disconnect_all();
                server.wait_for_connections(0).await;
                server.faults().mute(false);
            }
            Kind::Own(server) => server.kill(),
            Kind::Shared(_) => panic!("a rule that stops its server has to be `on Setup::new().own()`"),
        }
    }

    /// Brings the server back on the same port.
    pub(crate) async fn start(&mut self) {
        match &mut self.kind {
            Kind::Embedded(server) => server.start_listening().await.unwrap(),
            Kind::Own(server) => server.restart().await.unwrap(),
            Kind::Shared(_) => panic!("a rule that starts its server has to be `on Setup::new().own()`"),
        }
    }

    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// The server neither reads nor answers, and keeps its connections.
    pub(crate) async fn pause(&mut self) {
        match &mut self.kind {
            Kind::Embedded(server) => server.faults().mute(true),
            Kind::Own(server) => server.pause().await.unwrap(),
            Kind::Shared(_) => panic!("a rule that pauses its server has to be `on Setup::new().own()`"),
        }
    }

    pub(crate) async fn resume(&mut self) {
        match &mut self.kind {
            Kind::Embedded(server) => server.faults().mute(false),
            Kind::Own(server) => server.resume().await.unwrap(),
            Kind::Shared(_) => panic!("a rule that resumes its server has to be `on Setup::new().own()`"),
        }
    }

    pub(crate) async fn lame_duck(&mut self) {
        match &mut self.kind {
            Kind::Embedded(server) => server.lame_duck(),
            Kind::Own(server) => server.lame_duck().await.unwrap(),
            Kind::Shared(_) => panic!("a rule that lames its server has to be `on Setup::new().own()`"),
        }
    }
}

async fn ask(server: &NatsServer, id: u64) -> Option<Value> {
    let body = server.get(&format!("/connz?cid={id}&subs=detail&auth=1")).await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    body["connections"].as_array().and_then(|list| list.first()).cloned()
}

/// A bare TCP connection that speaks the protocol by hand.
pub(crate) struct Raw {
    io: BufReader<TcpStream>,
}

impl Raw {
    pub(crate) async fn connect(addr: &str, options: &str) -> Raw {
        let mut raw = Raw { io: BufReader::new(TcpStream::connect(addr).await.unwrap()) };
        assert!(raw.line().await.starts_with(b"INFO "));
        raw.send(format!("CONNECT {options}\r\n")).await;
        raw.sync().await;
        raw
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    /// Publishes with a header block, whatever is in either.
    pub(crate) async fn hpub(&mut self, subject: &[u8], header: &[u8], payload: &[u8]) {
        let counts = format!(" {} {}\r\n", header.len(), header.len() + payload.len());
        self.send([b"HPUB ", subject, counts.as_bytes(), header, payload, b"\r\n"].concat()).await;
    }

    pub(crate) async fn publish(&mut self, subject: &[u8], payload: &[u8]) {
        let count = format!(" {}\r\n", payload.len());
        self.send([b"PUB ", subject, count.as_bytes(), payload, b"\r\n"].concat()).await;
    }

    /// Waits until the server has processed everything, and returns what it said until then.
    pub(crate) async fn sync(&mut self) -> Vec<u8> {
        self.send(b"PING\r\n").await;
        let mut said = Vec::new();
        loop {
            let line = self.line().await;
            if line == b"PONG\r\n" {
                return said;
            }
            said.extend(line);
        }
    }

    pub(crate) async fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        timeout(SOON, self.io.read_until(b'\n', &mut line)).await.unwrap().unwrap();
        assert!(line.ends_with(b"\n"), "the server closed the connection");
        line
    }

    /// Everything until the server closes the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        timeout(SOON, self.io.read_to_end(&mut rest)).await.unwrap().unwrap();
        rest
    }
}
