use std::time::Duration;

use nuncio_server::{Server, ServerInfo};
use tokio::net::TcpStream;

use crate::wire::{QUIET, Wire, connected, memory, quiet, tcp};

const ASYNC: &str = r#"{"verbose":false,"protocol":1,"headers":true}"#;

fn info(line: &str) -> ServerInfo {
    ServerInfo::parse(line.strip_prefix("INFO ").unwrap().as_bytes()).unwrap()
}

#[tokio::test]
async fn a_changed_info_goes_to_those_who_understand_it() {
    let server = memory().await;
    let mut new = connected(&server, ASYNC).await;
    new.line().await;
    let mut old = quiet(&server).await;
    let mut early = Wire::new(server.pipe());
    early.line().await;
    early.send(format!("CONNECT {ASYNC}\r\n")).await;
    server.update_info(|info| {
        info.connect_urls = vec!["10.0.0.1:4222".into()];
        info.max_payload = 5;
    });
    let update = info(&new.line().await);
    assert_eq!(update.connect_urls, ["10.0.0.1:4222"]);
    assert_eq!((update.max_payload, update.client_id, update.connect_info), (5, 1, false));
    assert_eq!(old.ask("").await, "");
    assert_eq!(early.ask("").await, "");
    assert_eq!(info(&early.line().await).max_payload, 5);
    new.send("PUB a 6\r\n").await;
    assert_eq!(new.rest().await, "-ERR 'Maximum Payload Violation'\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_lame_duck_says_so_takes_nobody_and_closes_later() {
    let server = Server::builder()
        .in_memory()
        .lame_duck_times(Duration::from_secs(1), Duration::from_secs(4))
        .start()
        .await
        .unwrap();
    let mut first = connected(&server, ASYNC).await;
    first.line().await;
    let mut second = quiet(&server).await;
    server.lame_duck();
    let began = tokio::time::Instant::now();
    assert!(info(&first.line().await).lame_duck_mode);
    assert_eq!(Wire::new(server.pipe()).rest().await, "");
    assert_eq!(first.rest().await, "");
    assert_eq!(began.elapsed().as_secs(), 1);
    assert_eq!(second.rest().await, "PING\r\n");
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn a_lame_duck_closes_its_port() {
    let server = Server::start().await.unwrap();
    server.lame_duck();
    server.stop_listening().await;
    while TcpStream::connect(server.addr().unwrap()).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_lame_duck_names_the_other_servers_only() {
    let server = Server::start().await.unwrap();
    let own = server.addr().unwrap().to_string();
    server.update_info(|info| info.connect_urls = vec![own.clone(), "10.0.0.1:4222".into()]);
    let mut wire = connected(&server, ASYNC).await;
    assert_eq!(info(&wire.line().await).connect_urls, [own.as_str(), "10.0.0.1:4222"]);
    server.lame_duck();
    assert_eq!(info(&wire.line().await).connect_urls, ["10.0.0.1:4222"]);
}

#[tokio::test]
async fn a_thousand_servers_live_side_by_side() {
    let mut servers = Vec::new();
    for _ in 0..1000 {
        servers.push(memory().await);
    }
    for server in &servers {
        let mut wire = quiet(server).await;
        assert_eq!(wire.ask("SUB a 1\r\nPUB a 1\r\nx\r\n").await, "MSG a 1 1\r\nx\r\n");
    }
}

#[tokio::test]
async fn connections_are_reported_with_their_subscriptions() {
    let server = Server::builder().user("u", "p").start().await.unwrap();
    let mut wire = tcp(&server).await;
    wire.handshake(
        r#"{"verbose":false,"user":"u","pass":"p","name":"orders","lang":"rust","version":"1.2","headers":true}"#,
    )
    .await;
    wire.ask("SUB b q 9\r\nSUB a.> 3\r\nUNSUB 3 5\r\nPUB a.b 2\r\nhi\r\n").await;
    let connections = server.connections();
    let [connection] = connections.as_slice() else { panic!("{connections:?}") };
    assert_eq!((connection.id, connection.connected), (1, true));
    assert_eq!(connection.name.as_deref(), Some("orders"));
    assert_eq!(connection.user.as_deref(), Some("u"));
    assert_eq!((connection.lang.as_deref(), connection.version.as_deref()), (Some("rust"), Some("1.2")));
    assert!(connection.addr.unwrap().ip().is_loopback());
    assert_eq!((connection.messages_in, connection.messages_out), (1, 1));
    let [queued, plain] = connection.subscriptions.as_slice() else { panic!("{connection:?}") };
    assert_eq!(
        (queued.subject.as_str(), queued.queue.as_deref(), queued.sid.as_str()),
        ("b", Some("q"), "9")
    );
    assert_eq!((plain.subject.as_str(), plain.max, plain.delivered), ("a.>", Some(5), 1));
    assert_eq!(server.subscriptions_count(), 2);
}

#[tokio::test]
async fn a_disconnected_client_ends_and_the_others_stay() {
    let server = memory().await;
    let (mut first, mut second) = (quiet(&server).await, quiet(&server).await);
    first.ask("SUB a 1\r\n").await;
    assert!(server.disconnect(1));
    assert_eq!(server.subscriptions_count(), 0);
    assert_eq!(first.rest().await, "");
    assert!(!server.disconnect(1));
    assert_eq!(second.ask("").await, "");
    server.disconnect_all();
    assert_eq!(second.rest().await, "");
    server.wait_for_connections(0).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_can_be_disconnected() {
    let server = memory().await;
    let mut wire = Wire::new(server.pipe_with_capacity(64));
    // The rest of the INFO fills the pipe again, and the writer waits.
    wire.until("INFO {").await;
    tokio::task::yield_now().await;
    assert!(server.disconnect(1));
    server.wait_for_connections(0).await;
    assert!(!wire.rest().await.contains("\r\n"));
}

#[tokio::test]
async fn a_restart_ends_all_and_comes_back_on_the_same_port() {
    let server = Server::start().await.unwrap();
    let (port, before) = (server.port(), server.info().server_id);
    let mut wire = tcp(&server).await;
    wire.handshake(QUIET).await;
    let mut pipe = quiet(&server).await;
    pipe.ask("SUB a 1\r\n").await;
    server.restart().await.unwrap();
    assert_eq!(wire.rest().await, "");
    assert_eq!(pipe.rest().await, "");
    assert_eq!((server.port(), server.subscriptions_count()), (port, 0));
    assert_ne!(server.info().server_id, before);
    tcp(&server).await.handshake(QUIET).await;
    quiet(&server).await;
}

#[tokio::test]
async fn a_closed_port_refuses_and_opens_again() {
    let server = Server::start().await.unwrap();
    let mut before = tcp(&server).await;
    before.handshake(QUIET).await;
    server.stop_listening().await;
    let refused = TcpStream::connect(server.addr().unwrap()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(Wire::new(server.pipe()).rest().await, "");
    assert_eq!(before.ask("").await, "");
    server.start_listening().await.unwrap();
    server.start_listening().await.unwrap();
    tcp(&server).await.handshake(QUIET).await;
}

#[tokio::test(start_paused = true)]
async fn a_port_in_use_for_a_moment_is_waited_for_and_one_taken_for_good_is_an_error() {
    let server = Server::start().await.unwrap();
    server.stop_listening().await;
    let held = std::net::TcpListener::bind(server.addr().unwrap()).unwrap();
    assert_eq!(server.start_listening().await.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    let mut start = std::pin::pin!(server.start_listening());
    tokio::select! {
        biased;
        started = &mut start => panic!("{started:?}"),
        () = tokio::task::yield_now() => drop(held),
    }
    start.await.unwrap();
    tcp(&server).await.handshake(QUIET).await;
}

#[tokio::test]
async fn a_shutdown_sends_what_is_queued() {
    let server = Server::start().await.unwrap();
    let addr = server.addr().unwrap();
    let mut wire = tcp(&server).await;
    wire.handshake(QUIET).await;
    server.faults().garble(b"last words\r\n");
    server.shutdown().await;
    assert_eq!(wire.rest().await, "last words\r\n");
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_long_for_a_client_that_does_not_read() {
    let server = Server::builder().in_memory().start().await.unwrap();
    let mut wire = Wire::new(server.pipe_with_capacity(8));
    let began = tokio::time::Instant::now();
    server.shutdown().await;
    assert_eq!(began.elapsed().as_secs(), 1);
    assert_eq!(wire.rest().await.len(), 8);
}

#[tokio::test]
async fn dropping_the_server_ends_everything() {
    let server = Server::start().await.unwrap();
    let addr = server.addr().unwrap();
    let (mut pipe, mut socket) = (quiet(&server).await, tcp(&server).await);
    socket.handshake(QUIET).await;
    drop(server);
    assert_eq!(pipe.rest().await, "");
    assert_eq!(socket.rest().await, "");
    while TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn the_server_may_be_dropped_and_used_without_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start()).unwrap();
    let pipe = server.pipe();
    server.update_info(|info| info.max_payload = 1);
    drop(runtime);
    assert_eq!(server.connections(), []);
    let _late = server.pipe();
    assert_eq!(server.connections(), []);
    server.lame_duck();
    drop(server);
    drop(pipe);
}

#[test]
fn starting_without_a_runtime_is_an_error() {
    let mut start = std::pin::pin!(Server::builder().in_memory().start());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(result) = start.as_mut().poll(&mut context) else { panic!("pending") };
    assert!(result.is_err());
}

#[tokio::test]
async fn an_address_in_use_is_an_error() {
    let server = Server::start().await.unwrap();
    assert!(Server::builder().bind(server.addr().unwrap().to_string()).start().await.is_err());
}

#[tokio::test]
async fn the_url_leads_to_the_port() {
    let server = Server::builder().bind("0.0.0.0:0").start().await.unwrap();
    assert_eq!(server.url(), format!("nats://127.0.0.1:{}", server.port()));
    assert_eq!(memory().await.port(), 0);
}
