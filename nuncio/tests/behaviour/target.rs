//! The servers that the rules run against, seen alike.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use nuncio::{Client, Connect};
use nuncio_server::Server;
use nuncio_testkit::{NatsServer, Port, eventually_async};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::timeout;

pub(crate) use crate::raw::Raw;
use crate::support::SOON;
pub(crate) use crate::wanted::*;

/// No rule takes longer, on however busy a machine.
const LIMIT: Duration = Duration::from_secs(60);

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
