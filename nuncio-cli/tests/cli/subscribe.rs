//! `nuncio sub`.

use std::process::Stdio;

use nuncio_server::{Permissions, Server};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{Lines, client, connect, finish, run, signal, start, within};

#[tokio::test]
async fn with_json_each_message_is_one_object_of_stable_keys() {
    let server = Server::start().await.unwrap();
    let sub = start(&server, &["sub", "orders.*", "--count", "3", "--json"]).await;
    let nc = connect(&server).await;
    nc.publish("orders.eu", "4\"2").await.unwrap();
    nc.publish("orders.us", &b"\xff\x00"[..]).reply("audit").await.unwrap();
    nc.publish("orders.us", "").header("b", "1").header("a", "2").header("b", "3").await.unwrap();
    nc.flush().await.unwrap();
    let expected = r#"{"subject":"orders.eu","reply":null,"headers":{},"size":3,"payload":"4\"2"}
{"subject":"orders.us","reply":"audit","headers":{},"size":2,"payload_base64":"/wA="}
{"subject":"orders.us","reply":null,"headers":{"b":["1","3"],"a":["2"]},"size":0,"payload":""}
"#;
    assert_eq!(finish(sub).await.fine().text(), expected);
}

#[tokio::test]
async fn for_people_a_message_is_a_numbered_paragraph_without_control_characters() {
    let server = Server::start().await.unwrap();
    let sub = start(&server, &["sub", "orders.*", "--count", "3"]).await;
    let nc = connect(&server).await;
    nc.publish("orders.eu", "two\nlines").await.unwrap();
    nc.publish("orders.us", "\u{1b}[2J").header("trace", "1").reply("audit").await.unwrap();
    nc.publish("orders.us", &b"\xff\x00"[..]).await.unwrap();
    nc.flush().await.unwrap();
    let expected = "#1 orders.eu\ntwo\nlines\n\n\
        #2 orders.us, reply to audit\ntrace: 1\n\n\\u{1b}[2J\n\n\
        #3 orders.us\n(2 bytes that are not text)\n\n";
    assert_eq!(finish(sub).await.fine().text(), expected);
}

#[tokio::test]
async fn raw_is_the_payload_and_an_end_of_line() {
    let server = Server::start().await.unwrap();
    let sub = start(&server, &["sub", ">", "--count", "2", "--raw"]).await;
    let nc = connect(&server).await;
    nc.publish("a", &b"\xff\x1b"[..]).header("x", "1").await.unwrap();
    nc.publish("b", "").await.unwrap();
    nc.flush().await.unwrap();
    assert_eq!(finish(sub).await.fine().stdout, b"\xff\x1b\n\n");
}

#[tokio::test]
async fn headers_only_leaves_the_payload_out() {
    let server = Server::start().await.unwrap();
    let people = start(&server, &["sub", "a", "--count", "1", "--headers-only"]).await;
    let json = start(&server, &["sub", "a", "--count", "1", "--headers-only", "--json"]).await;
    let nc = connect(&server).await;
    nc.publish("a", "payload").header("x", "1").await.unwrap();
    nc.flush().await.unwrap();
    assert_eq!(finish(people).await.fine().text(), "#1 a\nx: 1\n\n");
    let expected = "{\"subject\":\"a\",\"reply\":null,\"headers\":{\"x\":[\"1\"]},\"size\":7}\n";
    assert_eq!(finish(json).await.fine().text(), expected);
}

#[tokio::test]
async fn malformed_headers_are_told_and_the_message_is_shown() {
    let server = Server::start().await.unwrap();
    let sub = start(&server, &["sub", "a", "--count", "1", "--json"]).await;
    let id = server.connections()[0].id;
    let sid = server.connections()[0].subscriptions[0].sid.clone();
    let frame = format!("HMSG a {sid} 24 26\r\nNATS/1.0\r\nno colon!!\r\n\r\nhi\r\n");
    assert!(server.faults().inject_raw(id, frame.as_bytes()));
    let ran = finish(sub).await;
    let line = &ran.json()[0];
    assert_eq!(line["payload"], "hi");
    assert_eq!(line["headers"], serde_json::json!({}));
    assert!(line["headers_error"].is_string(), "{line}");
}

#[tokio::test]
async fn it_joins_the_queue_group_and_names_the_connection() {
    let server = Server::start().await.unwrap();
    let sub = start(&server, &["sub", "a", "--queue", "workers"]).await;
    let connection = &server.connections()[0];
    assert_eq!(connection.subscriptions[0].queue.as_deref(), Some("workers"));
    assert_eq!(connection.name.as_deref(), Some("nuncio sub"));
    drop(sub);
}

#[tokio::test]
async fn it_ends_when_nothing_has_come_for_the_time_given() {
    let server = Server::start().await.unwrap();
    let ran = run(client(&server, &["sub", "a", "--wait", "10ms"])).await.fine();
    assert_eq!(ran.text(), "");
}

#[tokio::test]
async fn fewer_messages_than_asked_for_in_the_time_given_is_a_timeout() {
    let server = Server::start().await.unwrap();
    let ran = run(client(&server, &["sub", "a", "--wait", "10ms", "--count", "2"])).await;
    ran.failed(3, &["0 of 2", "\"a\"", "10ms"]);
}

async fn what_has_come_is_printed_after(name: &str) {
    let server = Server::start().await.unwrap();
    let sub = start(&server, &["sub", "a", "--raw"]).await;
    let nc = connect(&server).await;
    // More than the pipe holds: most of it is on its way or in memory when the signal comes.
    for _ in 0..1000 {
        nc.publish("a", "x".repeat(1000)).await.unwrap();
    }
    nc.flush().await.unwrap();
    signal(&sub, name).await;
    assert_eq!(finish(sub).await.fine().text().lines().count(), 1000);
}

#[tokio::test]
async fn ctrl_c_is_a_clean_end_that_loses_nothing() {
    what_has_come_is_printed_after("INT").await;
}

#[tokio::test]
async fn sigterm_is_a_clean_end_that_loses_nothing() {
    what_has_come_is_printed_after("TERM").await;
}

#[tokio::test]
async fn it_ends_quietly_when_the_reader_goes_away_though_no_message_comes() {
    let server = Server::start().await.unwrap();
    let mut sub = start(&server, &["sub", "a"]).await;
    drop(sub.stdout.take());
    finish(sub).await.fine();
}

#[tokio::test]
async fn it_ends_quietly_when_the_reader_goes_away_in_a_flood() {
    let server = Server::start().await.unwrap();
    let mut sub = start(&server, &["sub", "a", "--json"]).await;
    let nc = connect(&server).await;
    let flood = tokio::spawn(async move {
        while nc.publish("a", "x".repeat(100)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    let mut lines = Lines::of(&mut sub);
    assert!(lines.next().await.starts_with("{\"subject\":\"a\""));
    drop(lines);
    finish(sub).await.fine();
    flood.abort();
}

#[tokio::test]
async fn a_full_disk_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    // Where there is no such device there is nothing to try.
    let Ok(full) = full else { return };
    let server = Server::start().await.unwrap();
    let mut command = client(&server, &["sub", "a"]);
    let child = command.stdout(full).spawn().unwrap();
    within(server.wait_for_subscriptions(1)).await;
    let nc = connect(&server).await;
    nc.publish("a", "").await.unwrap();
    nc.flush().await.unwrap();
    finish(child).await.failed(1, &["stdout"]);
}

#[tokio::test]
async fn stdout_may_be_a_file() {
    let server = Server::start().await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = client(&server, &["sub", "a", "--raw", "--count", "1"]);
    let child = command.stdout(Stdio::from(file.reopen().unwrap())).spawn().unwrap();
    within(server.wait_for_subscriptions(1)).await;
    let nc = connect(&server).await;
    nc.publish("a", "kept").await.unwrap();
    nc.flush().await.unwrap();
    finish(child).await.fine();
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "kept\n");
}

#[tokio::test]
async fn a_subscription_that_the_server_denies_is_an_error() {
    let permissions = Permissions::new().deny_subscribe("secret");
    let server = Server::builder().permissions(permissions).start().await.unwrap();
    run(client(&server, &["sub", "secret"])).await.failed(1, &["\"secret\"", "permissions"]);
}

#[tokio::test]
async fn it_goes_on_after_the_server_comes_back_and_tells_on_stderr() {
    let server = Server::start().await.unwrap();
    let sub = start(&server, &["sub", "a", "--raw", "--count", "1"]).await;
    server.restart().await.unwrap();
    within(server.wait_for_subscriptions(1)).await;
    let nc = connect(&server).await;
    nc.publish("a", "after").await.unwrap();
    nc.flush().await.unwrap();
    let ran = finish(sub).await;
    assert_eq!((ran.code, ran.text()), (Some(0), "after\n"));
    let notes: Vec<_> = ran.stderr.lines().collect();
    assert!(notes[0].starts_with("nuncio: connection to 127.0.0.1:"), "{notes:?}");
    assert!(notes[1].starts_with("nuncio: connected again, to 127.0.0.1:"), "{notes:?}");
}

#[tokio::test]
async fn without_reconnecting_a_lost_connection_is_a_failure() {
    let server = Server::start().await.unwrap();
    let sub = start(&server, &["sub", "a", "--no-reconnect"]).await;
    server.disconnect_all();
    let ran = finish(sub).await;
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(ran.stderr.lines().all(|line| line.starts_with("nuncio: ")), "{ran:?}");
    assert!(ran.stderr.contains("lost"), "{ran:?}");
}

#[tokio::test]
async fn ctrl_c_is_a_clean_end_while_the_server_is_away_too() {
    let server = Server::start().await.unwrap();
    let mut sub = start(&server, &["sub", "a", "--timeout", "1h"]).await;
    let mut notes = BufReader::new(sub.stderr.take().unwrap()).lines();
    server.stop_listening().await;
    server.disconnect_all();
    assert!(within(notes.next_line()).await.unwrap().unwrap().contains("lost"));
    signal(&sub, "INT").await;
    assert_eq!(finish(sub).await.code, Some(0));
}
