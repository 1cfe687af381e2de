//! WebSocket with nats-server.

use nuncio_testkit::{NatsServer, Port};

use crate::support::*;

/// A nats-server with a WebSocket listener that keeps its port.
pub(crate) struct Real {
    pub(crate) server: NatsServer,
    port: Port,
}

impl Real {
    async fn start(config: &str) -> Real {
        Real::with("", config).await
    }

    /// With more settings in its WebSocket block and outside of it.
    pub(crate) async fn with(settings: &str, config: &str) -> Real {
        let port = Port::lease().unwrap();
        let number = port.number();
        let websocket = format!(
            "websocket {{ host: \"127.0.0.1\", port: {number}, no_tls: true, {settings} }}\n{config}"
        );
        let server = NatsServer::builder().version("2.15.1").config(websocket).start().await.unwrap();
        Real { server, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port.number())
    }
}

#[tokio::test]
async fn messages_headers_and_requests_pass() {
    let real = Real::start("").await;
    assert_eq!(real.server.listeners("websocket").await.unwrap(), [real.url()]);
    let nc = connect(real.url()).await.unwrap();
    let other = connect(real.server.url()).await.unwrap();
    let mut sub = nc.subscribe("a.*").await.unwrap();
    nc.flush().await.unwrap();
    other.publish("a.tcp", "hello").header("k", "v").await.unwrap();
    let message = next(&mut sub).await;
    assert_eq!(message.subject(), "a.tcp");
    assert_eq!(message.header("k"), Some("v"));

    let mut service = other.subscribe("double").await.unwrap();
    other.flush().await.unwrap();
    let answer = async {
        let request = next(&mut service).await;
        request.respond([request.payload(), request.payload()].concat()).await.unwrap();
    };
    let (reply, ()) = tokio::join!(async { nc.request("double", "ab").await }, answer);
    assert_eq!(reply.unwrap().payload(), b"abab".as_slice());
    assert!(nc.request("nobody", "").await.unwrap_err().is_no_responders());
    nc.drain().await.unwrap();
}

#[tokio::test]
async fn a_path_and_a_query_do_not_disturb_the_server() {
    let real = Real::start("").await;
    works(&connect(format!("{}/some/path?and=query", real.url())).await.unwrap()).await;
}

#[tokio::test]
async fn messages_of_a_mebibyte_pass_both_ways_unchanged() {
    let real = Real::start("").await;
    let nc = connect(real.url()).await.unwrap();
    let mut sub = nc.subscribe("large").await.unwrap();
    let payload: Vec<u8> = (0..1024 * 1024_u32).map(|i| (i * 7 % 251) as u8).collect();
    for _ in 0..4 {
        nc.publish("large", payload.as_slice()).await.unwrap();
    }
    for _ in 0..4 {
        assert!(next(&mut sub).await.payload() == payload, "changed on its way");
    }
}

#[tokio::test]
async fn a_flood_of_small_messages_arrives_whole_and_in_order() {
    let real = Real::start("").await;
    let nc = connect(real.url()).await.unwrap();
    let mut sub = nc.subscribe("flood").await.unwrap();
    let flood = async {
        for i in 0..50_000 {
            nc.publish("flood", i.to_string()).await.unwrap();
        }
    };
    let read = async {
        for i in 0..50_000 {
            assert_eq!(next(&mut sub).await.payload(), i.to_string().as_bytes());
        }
    };
    tokio::join!(flood, read);
}

#[tokio::test]
async fn subscriptions_survive_a_restart_of_the_server() {
    let mut real = Real::start("").await;
    let nc = connect(real.url()).await.unwrap();
    let mut events = nc.events();
    let mut sub = nc.subscribe("s").await.unwrap();
    nc.flush().await.unwrap();
    real.server.restart().await.unwrap();
    reconnected(&mut events).await;
    let other = connect(real.server.url()).await.unwrap();
    nc.flush().await.unwrap();
    other.publish("s", "again").await.unwrap();
    assert_eq!(next(&mut sub).await.payload(), b"again".as_slice());
}

#[tokio::test]
async fn a_refusal_of_the_credentials_is_known_as_one() {
    let real = Real::start("authorization { user: me, password: secret }").await;
    let error = connect(real.url()).await.unwrap_err();
    assert!(error.is_auth(), "{error}");
    works(&connect(real.url().replace("ws://", "ws://me:secret@")).await.unwrap()).await;
}

#[tokio::test]
async fn the_other_port_of_the_server_is_told_from_that_of_websocket() {
    let real = Real::start("").await;
    let error = connect(real.server.url().replace("nats://", "ws://")).await.unwrap_err();
    assert!(error.to_string().contains("without WebSocket"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn websocket_runs_on_top_of_a_connector() {
    let real = Real::start("").await;
    let socket = crate::unix::Socket::to(real.url().replace("ws://", "")).await;
    let connector = nuncio::connector::unix(socket.path());
    works(&connect("ws://behind.the.socket").connector(connector).await.unwrap()).await;
}
