use nuncio_server::{Server, ServerInfo};

use crate::wire::{QUIET, Wire, connected, memory, quiet, tcp};

fn info(line: &str) -> ServerInfo {
    ServerInfo::parse(line.strip_prefix("INFO ").unwrap().as_bytes()).unwrap()
}

#[tokio::test]
async fn info_comes_first_and_has_what_a_client_meets() {
    let server = Server::builder()
        .server_name("n1")
        .version("2.11.3")
        .max_payload(77)
        .connect_urls(["10.0.0.1:4222"])
        .start()
        .await
        .unwrap();
    let mut wire = tcp(&server).await;
    let info = info(&wire.line().await);
    assert_eq!(info.server_id.len(), 56);
    assert!(info.server_id.starts_with('N'));
    assert_eq!((info.server_name.as_str(), info.version.as_str()), ("n1", "2.11.3"));
    assert_eq!((info.host.as_str(), info.port), ("127.0.0.1", server.port()));
    assert_eq!((info.proto, info.client_id, info.max_payload), (1, 1, 77));
    assert_eq!(info.client_ip, "127.0.0.1");
    assert_eq!(info.connect_urls, ["10.0.0.1:4222"]);
    assert!(info.headers && !info.auth_required && !info.lame_duck_mode && !info.connect_info);
    assert_eq!(info.nonce, None);
}

#[tokio::test]
async fn a_nameless_server_is_named_by_its_id() {
    let server = memory().await;
    let info = info(&Wire::new(server.pipe()).line().await);
    assert_eq!(info.server_name, info.server_id);
}

#[tokio::test]
async fn client_ids_count_up() {
    let server = memory().await;
    for expected in 1..4 {
        assert_eq!(info(&Wire::new(server.pipe()).line().await).client_id, expected);
    }
}

#[tokio::test]
async fn the_first_pong_brings_a_second_info_from_protocol_1_on() {
    let server = memory().await;
    let mut wire = connected(&server, r#"{"verbose":false,"protocol":1}"#).await;
    let second = info(&wire.line().await);
    assert!(second.connect_info);
    assert_eq!(second.remote_account.as_deref(), Some("$G"));
    assert_eq!(second.client_id, 1);
    assert_eq!(wire.ask("").await, "");
}

#[tokio::test]
async fn with_protocol_0_there_is_no_second_info() {
    let server = memory().await;
    let mut wire = connected(&server, r#"{"verbose":false}"#).await;
    assert_eq!(wire.ask("").await, "");
}

#[tokio::test]
async fn a_pong_before_the_connect_is_not_the_first() {
    let server = memory().await;
    let mut wire = Wire::new(server.pipe());
    wire.until("\r\n").await;
    assert_eq!(wire.ask("").await, "");
    wire.send("CONNECT {\"verbose\":false,\"protocol\":1}\r\nPING\r\n").await;
    wire.until("PONG\r\n").await;
    assert!(info(&wire.line().await).connect_info);
}

#[tokio::test]
async fn without_connect_a_client_is_verbose() {
    let server = memory().await;
    let mut wire = Wire::new(server.pipe());
    wire.line().await;
    assert_eq!(
        wire.ask("SUB a 1\r\nPUB a 1\r\nx\r\nUNSUB 1\r\n").await,
        "+OK\r\n+OK\r\nMSG a 1 1\r\nx\r\n+OK\r\n"
    );
}

#[tokio::test]
async fn verbose_confirms_what_it_does_not_refuse() {
    let server = memory().await;
    let mut wire = Wire::new(server.pipe());
    wire.line().await;
    assert_eq!(wire.ask("CONNECT {\"verbose\":true,\"headers\":true}\r\n").await, "+OK\r\n");
    assert_eq!(
        wire.ask("SUB a 1\r\nSUB a 1\r\nSUB a..b 2\r\nUNSUB 9\r\nHPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n")
            .await,
        "+OK\r\n+OK\r\n-ERR 'Invalid Subject'\r\n+OK\r\n+OK\r\nHMSG a 1 12 13\r\nNATS/1.0\r\n\r\nx\r\n"
    );
}

#[tokio::test]
async fn a_second_connect_drops_the_subscriptions() {
    let server = memory().await;
    let mut wire = quiet(&server).await;
    let answer = wire.ask("SUB a 1\r\nCONNECT {\"verbose\":true,\"protocol\":1}\r\nPUB a 1\r\nx\r\n").await;
    assert_eq!(answer, "+OK\r\n+OK\r\n");
}

#[tokio::test]
async fn pongs_follow_in_order_with_everything_else() {
    let server = memory().await;
    let mut wire = quiet(&server).await;
    wire.send("SUB a 1\r\nPING\r\nPUB a 1\r\nx\r\nPING\r\nSUB a..b 2\r\nPING\r\n").await;
    let expected = "PONG\r\nMSG a 1 1\r\nx\r\nPONG\r\n-ERR 'Invalid Subject'\r\nPONG\r\n";
    assert_eq!(wire.until(expected).await, expected);
}

#[tokio::test]
async fn users_and_tokens_let_in_and_nobody_else() {
    let server =
        Server::builder().in_memory().user("u", "p").user("v", "q").token("t").start().await.unwrap();
    for (credentials, good) in [
        (r#""user":"u","pass":"p""#, true),
        (r#""user":"v","pass":"q""#, true),
        (r#""auth_token":"t""#, true),
        (r#""user":"u","pass":"q""#, false),
        (r#""user":"u""#, false),
        (r#""auth_token":"p""#, false),
        (r#""user":"t""#, false),
        (r#""pass":"t""#, false),
        (r#""name":"x""#, false),
    ] {
        let mut wire = Wire::new(server.pipe());
        assert!(info(&wire.line().await).auth_required);
        wire.send(format!("CONNECT {{\"verbose\":false,{credentials}}}\r\nPING\r\n")).await;
        if good {
            assert_eq!(wire.line().await, "PONG\r\n", "{credentials}");
        } else {
            assert_eq!(wire.rest().await, "-ERR 'Authorization Violation'\r\n", "{credentials}");
        }
    }
}

#[tokio::test]
async fn anything_before_the_connect_is_a_violation_where_credentials_are_wanted() {
    let server = Server::builder().in_memory().token("t").start().await.unwrap();
    for early in ["PING\r\n", "SUB a 1\r\n", "PUB a 1\r\n", "FOO\r\n", "PONG\r\n"] {
        let mut wire = Wire::new(server.pipe());
        wire.line().await;
        wire.send(early).await;
        assert_eq!(wire.rest().await, "-ERR 'Authorization Violation'\r\n", "{early}");
    }
    let mut wire = Wire::new(server.pipe());
    wire.line().await;
    wire.send("CFOO a 1\r\n").await;
    assert_eq!(wire.rest().await, "-ERR 'Unknown Protocol Operation'\r\n");
}

#[tokio::test]
async fn a_client_that_loses_its_credentials_in_a_second_connect_is_closed() {
    let server = Server::builder().in_memory().token("t").start().await.unwrap();
    let mut wire = connected(&server, r#"{"verbose":false,"auth_token":"t"}"#).await;
    wire.send("CONNECT {\"auth_token\":\"x\"}\r\nPING\r\n").await;
    assert_eq!(wire.rest().await, "-ERR 'Authorization Violation'\r\n");
}

#[tokio::test]
async fn tcp_and_pipe_clients_meet() {
    let server = Server::start().await.unwrap();
    let mut pipe = quiet(&server).await;
    let mut socket = tcp(&server).await;
    socket.handshake(QUIET).await;
    pipe.ask("SUB a 1\r\n").await;
    socket.send("PUB a 2\r\nhi\r\n").await;
    assert_eq!(pipe.until("hi\r\n").await, "MSG a 1 2\r\nhi\r\n");
}
