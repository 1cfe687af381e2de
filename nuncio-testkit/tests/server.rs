//! One real server: it starts as configured, and obeys.

#![allow(clippy::unwrap_used, reason = "a helper of tests may panic as a test may")]

use std::time::Duration;

use nuncio_testkit::{Error, NatsServer, PINNED_VERSIONS, Readiness, eventually_async};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(20);

async fn info(server: &NatsServer) -> Value {
    serde_json::from_str(&server.info().await.unwrap()).unwrap()
}

/// Sends these lines after the greeting and returns the answer to the PING behind them.
async fn session(server: &NatsServer, lines: &str) -> (BufReader<TcpStream>, String) {
    let mut stream = BufReader::new(TcpStream::connect(server.addr()).await.unwrap());
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("INFO "));
    stream.write_all(format!("{lines}PING\r\n").as_bytes()).await.unwrap();
    line.clear();
    stream.read_line(&mut line).await.unwrap();
    (stream, line)
}

#[tokio::test]
async fn every_pinned_version_is_installed_and_starts() {
    for version in PINNED_VERSIONS {
        let server = NatsServer::builder().version(*version).jetstream().start().await.unwrap();
        let info = info(&server).await;
        assert_eq!(info["version"], *version);
        assert_eq!(info["jetstream"], true);
        assert_eq!(info["server_name"], server.name());
    }
}

#[tokio::test]
async fn the_url_names_the_port_that_answers() {
    let server = NatsServer::start().await.unwrap();
    assert_eq!(server.url(), format!("nats://127.0.0.1:{}", server.port()));
    assert_eq!(info(&server).await["port"], server.port());
    assert!(server.is_healthy().await);
}

#[tokio::test]
async fn the_configuration_and_the_arguments_are_honoured() {
    let builder = NatsServer::builder().config("max_payload: 4242").config("ping_interval: 7");
    let server = builder.arg("--auth").arg("secret").name("mine").start().await.unwrap();
    let info = info(&server).await;
    assert_eq!(info["max_payload"], 4242);
    assert_eq!(info["auth_required"], true);
    assert_eq!(info["server_name"], "mine");
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let error = NatsServer::builder().config("nonsense: { a: 1 }").start().await.unwrap_err();
    let Error::Start { reason, log, .. } = error else { panic!("{error:?}") };
    assert!(reason.starts_with("it ended"), "{reason}");
    assert!(log.contains("nonsense"), "{log}");
}

#[tokio::test]
async fn a_fixed_port_in_use_is_an_error() {
    let first = NatsServer::start().await.unwrap();
    let second = NatsServer::builder().port(first.port()).start().await;
    assert!(matches!(second, Err(Error::Start { .. })), "{second:?}");
}

#[tokio::test]
async fn a_killed_server_comes_back_on_its_port() {
    let mut server = NatsServer::start().await.unwrap();
    let (port, before) = (server.port(), info(&server).await);
    server.kill();
    assert!(!server.is_running());
    assert!(TcpStream::connect(server.addr()).await.is_err());
    server.restart().await.unwrap();
    assert_eq!(server.port(), port);
    assert_ne!(info(&server).await["server_id"], before["server_id"]);
}

#[tokio::test]
async fn a_stopped_server_ends_in_good_order_and_its_connections_with_it() {
    let mut server = NatsServer::start().await.unwrap();
    let (mut stream, pong) = session(&server, "CONNECT {\"verbose\":false}\r\n").await;
    assert_eq!(pong, "PONG\r\n");
    server.stop().await.unwrap();
    assert!(server.log_tail(5).contains("Server Exiting"), "{}", server.log_tail(5));
    stream.read_to_end(&mut Vec::new()).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_store_outlives_a_kill_and_is_empty_after_a_wipe() {
    let mut server = NatsServer::builder().jetstream().start().await.unwrap();
    let body = r#"{"name":"S","subjects":["s"]}"#;
    let create = format!("PUB $JS.API.STREAM.CREATE.S {}\r\n{body}\r\n", body.len());
    session(&server, &format!("CONNECT {{\"verbose\":false}}\r\n{create}")).await;
    let streams = async |server: &NatsServer| {
        let jsz: Value = serde_json::from_str(&server.get("/jsz").await.unwrap()).unwrap();
        jsz["streams"].as_u64().unwrap()
    };
    let created = async || (streams(&server).await == 1).then_some(());
    eventually_async("the stream", SOON, created).await.unwrap();
    server.kill();
    server.restart().await.unwrap();
    assert_eq!(streams(&server).await, 1);
    assert!(matches!(server.wipe_store(), Err(Error::Running { .. })));
    server.stop().await.unwrap();
    server.wipe_store().unwrap();
    server.restart().await.unwrap();
    assert_eq!(streams(&server).await, 0);
}

#[tokio::test]
async fn a_paused_server_is_silent_until_resumed() {
    let mut server = NatsServer::start().await.unwrap();
    let (mut stream, _) = session(&server, "CONNECT {\"verbose\":false}\r\n").await;
    server.pause().await.unwrap();
    assert!(server.is_running());
    stream.write_all(b"PING\r\n").await.unwrap();
    let mut line = String::new();
    let silence = tokio::time::timeout(Duration::from_millis(200), stream.read_line(&mut line)).await;
    assert!(silence.is_err(), "a paused server said {line:?}");
    server.resume().await.unwrap();
    stream.read_line(&mut line).await.unwrap();
    assert_eq!(line, "PONG\r\n");
}

#[tokio::test]
async fn a_paused_server_can_be_restarted() {
    let mut server = NatsServer::start().await.unwrap();
    server.pause().await.unwrap();
    server.restart().await.unwrap();
    assert!(server.is_healthy().await);
}

#[tokio::test]
async fn a_lame_duck_tells_its_clients() {
    for version in ["2.10.25", "2.15.1"] {
        let config = "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"1s\"";
        let mut server = NatsServer::builder().version(version).config(config).start().await.unwrap();
        let (mut stream, _) = session(&server, "CONNECT {\"verbose\":false,\"protocol\":1}\r\n").await;
        server.lame_duck().await.unwrap();
        let mut line = String::new();
        while !line.contains("\"ldm\":true") {
            line.clear();
            assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "{version}: closed without a word");
        }
        assert!(line.starts_with("INFO "), "{version}: {line}");
    }
}

#[tokio::test]
async fn a_reload_takes_effect_before_it_returns_and_a_bad_one_is_refused() {
    for version in PINNED_VERSIONS {
        let builder = NatsServer::builder().version(*version).jetstream_with("domain: hub");
        let mut server = builder.config("max_payload: 1000").start().await.unwrap();
        server.set_config("max_payload: 2000");
        server.reload().await.unwrap();
        let info = info(&server).await;
        assert_eq!(info["max_payload"], 2000, "{version}");
        assert_eq!(info["jetstream"], true, "{version}");
        server.set_config("max_payload: {");
        assert!(matches!(server.reload().await, Err(Error::Reload { .. })), "{version}");
        server.set_config("");
        server.reload().await.unwrap();
    }
}

#[tokio::test]
async fn the_monitoring_port_shows_connections_and_subscriptions() {
    let server = NatsServer::start().await.unwrap();
    let connz = async || serde_json::from_str::<Value>(&server.connz().await.unwrap()).unwrap();
    assert_eq!(connz().await["num_connections"], 0, "the kit's own look must not be counted");
    let (_stream, _) = session(&server, "CONNECT {\"verbose\":false,\"name\":\"me\"}\r\nSUB a.b 7\r\n").await;
    let connz = connz().await;
    assert_eq!(connz["connections"][0]["name"], "me");
    assert_eq!(connz["connections"][0]["subscriptions_list"][0], "a.b");
    assert!(server.subsz().await.unwrap().contains("\"a.b\""));
    assert!(matches!(server.get("/nonsense").await, Err(Error::Http { .. })));
}

#[tokio::test]
async fn listeners_of_the_configuration_are_found() {
    let config = "websocket { listen: \"127.0.0.1:-1\", no_tls: true }";
    let server = NatsServer::builder().config(config).start().await.unwrap();
    let urls = server.listeners("websocket").await.unwrap();
    let addr = urls[0].strip_prefix("ws://").unwrap();
    TcpStream::connect(addr).await.unwrap();
}

#[tokio::test]
async fn readiness_can_be_told_by_the_monitoring_port() {
    let server = NatsServer::builder().readiness(Readiness::Healthz).start().await.unwrap();
    assert!(server.is_healthy().await);
}

#[tokio::test]
async fn nothing_can_be_asked_of_a_server_that_is_down() {
    let mut server = NatsServer::start().await.unwrap();
    server.kill();
    for result in
        [server.pause().await, server.resume().await, server.lame_duck().await, server.reload().await]
    {
        assert!(matches!(result, Err(Error::NotRunning { .. })), "{result:?}");
    }
}
