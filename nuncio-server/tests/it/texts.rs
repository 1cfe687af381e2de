//! What nats-server 2.15.1 was observed to answer, and whether it closed the connection.

use nuncio_server::Server;

use crate::wire::{Wire, connected, memory, quiet};

const UNKNOWN: &str = "-ERR 'Unknown Protocol Operation'\r\n";
const INVALID: &str = "-ERR 'Invalid Subject'\r\n";
const PUBLISH: &str = "-ERR 'Invalid Publish Subject'\r\n";

#[tokio::test]
async fn faults_that_close_the_connection() {
    let server = memory().await;
    for (sent, expected) in [
        ("\r\n", UNKNOWN),
        ("FOO\r\n", UNKNOWN),
        ("PUX a 1\r\n", UNKNOWN),
        ("MSG a 1 1\r\nx\r\n", UNKNOWN),
        ("PUB\r\n", UNKNOWN),
        ("HPUB\r\n", UNKNOWN),
        ("SUB\r\n", UNKNOWN),
        ("UNSUB\r\n", UNKNOWN),
        ("PUB a 1\nx\nPING\r\n", UNKNOWN),
        ("PUB a 1\r\nxyz\r\n", UNKNOWN),
        ("PUB a 3\r\nx\r\nPING\r\n", UNKNOWN),
        ("PUB a 1\r\nx\n\n", UNKNOWN),
        ("PUB a 1\r\nx\rb", UNKNOWN),
        ("PUB a 1\r\nx\r\n\r\n", UNKNOWN),
        ("PUB \r\n", ""),
        ("PUB a\r\n", ""),
        ("PUB a b c 4\r\n", ""),
        ("PUB a x\r\n", ""),
        ("PUB a -1\r\n", ""),
        ("PUB a +1\r\nx\r\n", ""),
        ("SUB a\r\n", ""),
        ("SUB a b c d\r\n", ""),
        ("UNSUB 1 2 3\r\n", ""),
        ("HPUB a\r\n", ""),
        ("HPUB a 1\r\n", ""),
        ("HPUB a 20 10\r\n", ""),
        ("HPUB a x 10\r\n", ""),
        ("HPUB a 12 x\r\n", ""),
        ("HPUB a -1 1\r\nx\r\n", ""),
        ("HPUB a b c 12 12\r\n", ""),
        ("PUB a 1048577\r\n", "-ERR 'Maximum Payload Violation'\r\n"),
        ("HPUB a 12 1048577\r\n", "-ERR 'Maximum Payload Violation'\r\n"),
        ("PUB a 9999999999\r\n", ""),
        ("PUB a 99999999999999999999999\r\n", ""),
        ("PUB a 999999999\r\n", "-ERR 'Maximum Payload Violation'\r\n"),
    ] {
        let mut wire = quiet(&server).await;
        wire.send(sent).await;
        assert_eq!(wire.rest().await, expected, "{sent:?}");
    }
}

#[tokio::test]
async fn faults_in_the_connect() {
    let server = memory().await;
    for (sent, expected) in [
        ("CONNECT\r\n", UNKNOWN_OR_SILENT),
        ("CONNECT \r\n", ""),
        ("CONNECT {x\r\n", ""),
        ("CONNECT []\r\n", ""),
        ("CONNECT {\"verbose\":false} x\r\n", ""),
        ("CONNECT {\"protocol\":2}\r\n", "-ERR 'invalid client protocol'\r\n"),
        ("CONNECT {\"protocol\":-1}\r\n", "-ERR 'invalid client protocol'\r\n"),
        ("CONNECT {\"no_responders\":true}\r\n", "-ERR 'no responders requires headers support'\r\n"),
    ] {
        let mut wire = Wire::new(server.pipe());
        wire.line().await;
        wire.send(sent).await;
        assert_eq!(wire.rest().await, expected, "{sent:?}");
    }
}

/// nats-server closes in silence here, this server says why.
const UNKNOWN_OR_SILENT: &str = UNKNOWN;

#[tokio::test]
async fn faults_that_the_connection_survives() {
    let server = memory().await;
    for (sent, expected) in [
        ("SUB a..b 1\r\n", INVALID),
        ("SUB a.>.b 1\r\n", INVALID),
        ("SUB .a 1\r\n", INVALID),
        ("SUB a. 1\r\n", INVALID),
        ("UNSUB 55\r\n", ""),
        ("UNSUB 1 0\r\n", ""),
        ("SUB a q.> 1\r\n", ""),
        ("PUB a..b 1\r\nx\r\n", ""),
        (
            "PUB a $JS.ACK.x 0\r\n\r\n",
            "-ERR 'Permissions Violation for Publish with Reply of \"$JS.ACK.x\"'\r\n",
        ),
        ("PUB a _R_.x 0\r\n\r\n", "-ERR 'Permissions Violation for Publish with Reply of \"_R_.x\"'\r\n"),
        ("PUB a _GR_.x 0\r\n\r\n", "-ERR 'Permissions Violation for Publish with Reply of \"_GR_.x\"'\r\n"),
    ] {
        let mut wire = quiet(&server).await;
        assert_eq!(wire.ask(sent).await, expected, "{sent:?}");
    }
}

#[tokio::test]
async fn a_pedantic_client_is_told_of_subjects_that_are_not_literal() {
    let server = memory().await;
    for (subject, expected) in [
        ("a..b", PUBLISH),
        (".a", PUBLISH),
        ("a.", PUBLISH),
        ("*", PUBLISH),
        (">", PUBLISH),
        ("a.>", PUBLISH),
        ("a*", ""),
        ("ok", ""),
    ] {
        let mut wire = connected(&server, r#"{"verbose":false,"pedantic":true}"#).await;
        assert_eq!(wire.ask(format!("PUB {subject} 1\r\nx\r\n")).await, expected, "{subject}");
        assert_eq!(wire.ask(format!("PUB ok {subject} 1\r\nx\r\n")).await, "", "reply {subject}");
    }
}

#[tokio::test]
async fn a_pedantic_clients_message_is_delivered_all_the_same() {
    let server = memory().await;
    let mut wire = connected(&server, r#"{"verbose":false,"pedantic":true}"#).await;
    let answer = wire.ask("SUB > 1\r\nPUB a..b 1\r\nx\r\nPUB a.* 1\r\nx\r\n").await;
    assert_eq!(answer, format!("{PUBLISH}{PUBLISH}MSG a.* 1 1\r\nx\r\n"));
}

#[tokio::test]
async fn headers_of_a_client_that_announced_none_close_the_connection() {
    let server = memory().await;
    let mut wire = connected(&server, r#"{"verbose":false}"#).await;
    wire.send("HPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n").await;
    assert_eq!(wire.rest().await, "");
}

#[tokio::test]
async fn a_server_without_headers_takes_none() {
    let server = Server::builder().in_memory().headers(false).start().await.unwrap();
    let mut wire = Wire::new(server.pipe());
    assert!(wire.line().await.contains("\"headers\":false"));
    wire.send("CONNECT {\"verbose\":false,\"headers\":true}\r\nHPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n").await;
    assert_eq!(wire.rest().await, "");
    let mut wire = Wire::new(server.pipe());
    wire.line().await;
    wire.send("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n").await;
    assert_eq!(wire.rest().await, "-ERR 'no responders requires headers support'\r\n");
}

#[tokio::test]
async fn the_server_is_tolerant_where_the_real_one_is() {
    let server = memory().await;
    for (sent, expected) in [
        ("sub a 1\r\npub a 1\r\nx\r\nunsub 1\r\n", "MSG a 1 1\r\nx\r\n"),
        ("SUB\ta \t  1\r\nPUB  a\t\t1\r\nx\r\n", "MSG a 1 1\r\nx\r\n"),
        ("SUB a 1\nUNSUB 1\n", ""),
        ("SUB a 1\r\nPUB a 1 \r\nx\r\n", "MSG a 1 1\r\nx\r\n"),
        ("SUB a abc\r\nPUB a 1\r\nx\r\n", "MSG a abc 1\r\nx\r\n"),
        ("CONNECT   {\"verbose\":true}  \r\n", "+OK\r\n"),
        ("SUB a* 1\r\nPUB a* 1\r\nx\r\nPUB ab 1\r\nx\r\n", "MSG a* 1 1\r\nx\r\n"),
    ] {
        let mut wire = quiet(&server).await;
        assert_eq!(wire.ask(sent).await, expected, "{sent:?}");
    }
}

#[tokio::test]
async fn the_longest_control_line_has_4096_bytes_of_arguments() {
    let server = memory().await;
    for (length, fits) in [(4096, true), (4097, false)] {
        let mut wire = quiet(&server).await;
        wire.send(format!("SUB {} 1\r\nPING\r\n", "a".repeat(length - 2))).await;
        if fits {
            assert_eq!(wire.line().await, "PONG\r\n");
        } else {
            assert_eq!(wire.rest().await, "-ERR 'maximum control line exceeded'\r\n");
        }
    }
}

#[tokio::test]
async fn a_control_line_is_too_long_before_it_ends() {
    let server = memory().await;
    for start in ["PUB ", "SUB ", "CONNECT {\"name\":\""] {
        let mut wire = quiet(&server).await;
        wire.send(format!("{start}{}", "a".repeat(5000))).await;
        assert_eq!(wire.rest().await, "-ERR 'maximum control line exceeded'\r\n", "{start}");
    }
}
