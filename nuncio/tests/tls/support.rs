//! What many rules need.

use std::path::Path;
use std::time::Duration;

use nuncio::{Client, Connect, ConnectError, Event, Events, Subscription, Tls, TlsProblem};
use nuncio_testkit::{Authority, Identity, NatsServer, Readiness, ServerBuilder};
use tempfile::TempDir;
use tokio::time::timeout;

pub(crate) use crate::listening::*;

/// What must happen has this long, on however busy a machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A real server with a certificate for localhost and 127.0.0.1, and the authority that signed it.
pub(crate) struct Rig {
    pub(crate) server: NatsServer,
    pub(crate) authority: Authority,
    pub(crate) dir: TempDir,
}

impl Rig {
    /// A server that requires TLS.
    pub(crate) async fn new() -> Rig {
        Rig::with("").await
    }

    /// The same with more settings in its TLS block.
    pub(crate) async fn with(settings: &str) -> Rig {
        let authority = authority();
        let identity = authority.server(["localhost", "127.0.0.1"]).unwrap();
        Rig::start(NatsServer::builder(), authority, &identity, settings).await
    }

    /// A server that takes clients without TLS as well.
    pub(crate) async fn optional() -> Rig {
        let authority = authority();
        let identity = authority.server(["localhost", "127.0.0.1"]).unwrap();
        Rig::start(NatsServer::builder().config("allow_non_tls: true"), authority, &identity, "").await
    }

    pub(crate) async fn version(version: &str) -> Rig {
        let authority = authority();
        let identity = authority.server(["localhost", "127.0.0.1"]).unwrap();
        Rig::start(NatsServer::builder().version(version), authority, &identity, "").await
    }

    pub(crate) async fn identified(authority: Authority, identity: &Identity) -> Rig {
        Rig::start(NatsServer::builder(), authority, identity, "").await
    }

    async fn start(builder: ServerBuilder, authority: Authority, identity: &Identity, settings: &str) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        identity.write(dir.path(), "server").unwrap();
        authority.write(dir.path(), "ca").unwrap();
        let mut builder = builder.config(block(dir.path(), settings));
        if settings.contains("handshake_first") {
            builder = builder.readiness(Readiness::Healthz);
        }
        Rig { server: builder.start().await.unwrap(), authority, dir }
    }

    /// Options that trust the server.
    pub(crate) fn tls(&self) -> Tls {
        Tls::required().ca_pem(self.authority.certificate())
    }

    pub(crate) fn connect(&self, tls: Tls) -> Connect {
        quick(nuncio::connect(self.server.url()).tls(tls))
    }

    pub(crate) async fn client(&self) -> Client {
        self.connect(self.tls()).await.unwrap()
    }

    /// The TLS version of the one connection, as the server sees it.
    pub(crate) async fn seen(&self, client: &Client) -> Option<String> {
        connection(&self.server, client).await["tls_version"].as_str().map(str::to_owned)
    }
}

/// What the server tells of a connection.
pub(crate) async fn connection(server: &NatsServer, client: &Client) -> serde_json::Value {
    let id = client.server_info().client_id;
    let all: serde_json::Value = serde_json::from_str(&server.connz().await.unwrap()).unwrap();
    let all = all["connections"].as_array().unwrap().clone();
    all.into_iter().find(|c| c["cid"] == id).expect("the server does not know the connection")
}

pub(crate) fn authority() -> Authority {
    Authority::new("an authority of the tests").unwrap()
}

/// The TLS block of a server with these files.
pub(crate) fn block(dir: &Path, settings: &str) -> String {
    let dir = dir.display();
    format!(
        "tls {{ cert_file: \"{dir}/server.pem\", key_file: \"{dir}/server-key.pem\", ca_file: \"{dir}/ca.pem\"\n timeout: 10\n {settings} }}"
    )
}

/// No waits between attempts.
pub(crate) fn quick(connect: Connect) -> Connect {
    connect.max_reconnects(None).backoff(nuncio::Backoff::fixed(Duration::from_millis(5), Duration::ZERO))
}

/// The TLS problem of an attempt that has to fail with one.
pub(crate) async fn problem(connect: Connect) -> TlsProblem {
    match connect.await {
        Err(ConnectError::Tls { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

/// Publishes on one subject and sees to it that it comes back once.
pub(crate) async fn round_trip(client: &Client) {
    let mut sub = client.subscribe(nuncio::nuid()).await.unwrap();
    client.publish(sub.subject(), "there and back").await.unwrap();
    assert_eq!(next(&mut sub).await, "there and back");
}

pub(crate) async fn next(subscription: &mut Subscription) -> String {
    let message =
        timeout(SOON, subscription.next()).await.expect("no message").expect("the subscription ended");
    String::from_utf8_lossy(message.payload()).into_owned()
}

/// The TLS problem of the next attempt that fails with one.
pub(crate) async fn tls_failure(events: &mut Events) -> TlsProblem {
    event(events, |e| match e {
        Event::ConnectFailed { error: ConnectError::Tls { problem, .. }, .. } => Some(problem),
        _ => None,
    })
    .await
}
