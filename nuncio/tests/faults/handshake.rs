//! Servers that go wrong before the connection stands.

use std::time::Duration;

use nuncio::{ConnectError, ServerError};

use crate::evil::{INFO, Stage, limited, script};

/// What connecting fails with where the server says `bytes` and then closes or stays.
async fn fails(bytes: impl Into<Vec<u8>>, close: bool) -> ConnectError {
    let bytes = bytes.into();
    let stage = Stage::new([script(move |mut peer| async move {
        peer.say(&bytes).await;
        if close {
            // As a server does that has read the greeting.
            let _ = tokio::time::timeout(Duration::from_secs(1), peer.hear(b"PING\r\n")).await;
        } else {
            peer.listen().await;
        }
    })])
    .await;
    stage.refused().await
}

fn info_and(bytes: &str) -> Vec<u8> {
    [INFO, bytes.as_bytes()].concat()
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_a_timeout_that_says_what_was_awaited() {
    let error = fails("", false).await;
    assert!(matches!(error, ConnectError::Timeout { stage: "INFO", .. }), "{error:?}");
    let error = fails("INFO {\"a\":", false).await;
    assert!(matches!(error, ConnectError::Timeout { stage: "INFO", .. }), "{error:?}");
    let error = fails(INFO, false).await;
    assert!(matches!(error, ConnectError::Timeout { stage: "PONG", .. }), "{error:?}");
    let error = fails(info_and(&"+OK\r\nPING\r\nINFO {}\r\n".repeat(1000)), false).await;
    assert!(matches!(error, ConnectError::Timeout { stage: "PONG", .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_during_the_handshake_is_a_typed_error() {
    for bytes in [Vec::new(), b"INFO {\"a\":".to_vec(), INFO.to_vec(), info_and("PO")] {
        let what = bytes.escape_ascii().to_string();
        let error = fails(bytes, true).await;
        assert!(
            matches!(error, ConnectError::Protocol { .. } | ConnectError::Io { .. }),
            "{what}: {error:?}"
        );
        assert!(error.is_retryable(), "{what}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_during_the_handshake_carries_the_servers_reason() {
    for (text, reason) in [
        ("Authorization Violation", ServerError::AuthorizationViolation),
        ("Maximum Connections Exceeded", ServerError::MaxConnections),
        ("User Authentication Expired", ServerError::AuthenticationExpired),
    ] {
        for close in [true, false] {
            for bytes in [info_and(&format!("-ERR '{text}'\r\n")), format!("-ERR '{text}'\r\n").into_bytes()]
            {
                let error = fails(bytes, close).await;
                assert!(
                    matches!(&error, ConnectError::Refused { error, .. } if *error == reason),
                    "{text}: {error:?}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_nats_server_is_a_typed_error() {
    let deep = format!("INFO {{\"a\":{}{}}}\r\n", "[".repeat(5000), "]".repeat(5000));
    let endless = format!("INFO {{\"a\":\"{}", "x".repeat(2 << 20));
    for bytes in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "PONG\r\n",
        "MSG s 2 5\r\nhello\r\n",
        "220 mail ESMTP\r\n",
        "INFO\r\n",
        "INFO []\r\n",
        "INFO {\r\n",
        "\r\n\r\n",
        &deep,
        &endless,
    ] {
        let what = &bytes[..bytes.len().min(60)];
        let error = fails(bytes, false).await;
        assert!(
            matches!(error, ConnectError::Protocol { .. } | ConnectError::Info { .. }),
            "{what}: {error:?}"
        );
        assert!(error.to_string().len() < 1000, "{what}");
    }
    let error = fails(&b"\x15\x03\x01\x00\x02\x02\x28"[..], true).await;
    assert!(matches!(error, ConnectError::Protocol { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_first_info_of_null_and_nonsense_fields_is_enough_to_connect() {
    for info in [
        "INFO {}\r\n",
        "INFO {\"max_payload\":null,\"connect_urls\":null,\"headers\":null}\r\n",
        "INFO {\"max_payload\":-1,\"port\":-1,\"client_id\":-5,\"proto\":-1}\r\n",
        "INFO {\"max_payload\":\"1\",\"connect_urls\":{},\"headers\":1,\"proto\":\"one\",\"version\":[]}\r\n",
    ] {
        let stage = Stage::new([script(move |mut peer| async move {
            peer.say(info).await;
            peer.hear(b"PING\r\n").await;
            // Some servers say more in the same breath.
            peer.say("PONG\r\nINFO {\"ldm\":false}\r\nPING\r\n").await;
            peer.answer().await;
        })])
        .await;
        let nc = stage.client().await;
        limited(info, nc.flush()).await.unwrap();
        nc.publish("s", "x").await.unwrap_or_else(|e| panic!("{info}: {e}"));
    }
}
