//! `nuncio pub`.

use nuncio_server::{Permissions, Server};
use tokio::io::AsyncWriteExt;

use crate::{client, connect, program, run, run_with_stdin, within};

#[tokio::test]
async fn a_message_is_delivered_and_the_result_told() {
    let server = Server::start().await.unwrap();
    let nc = connect(&server).await;
    let mut orders = nc.subscribe("orders").await.unwrap();
    nc.flush().await.unwrap();
    let ran = run(client(&server, &["pub", "orders", "42"])).await.fine();
    assert_eq!(ran.text(), "published 1 message (2 bytes) to \"orders\"\n");
    assert_eq!(within(orders.next()).await.unwrap().payload(), b"42");
}

#[tokio::test]
async fn with_json_the_result_is_one_object() {
    let server = Server::start().await.unwrap();
    let ran = run(client(&server, &["pub", "orders", "42", "--count", "3", "--json"])).await.fine();
    assert_eq!(ran.text(), "{\"subject\":\"orders\",\"published\":3,\"bytes\":6}\n");
}

#[tokio::test]
async fn headers_and_reply_subject_go_along() {
    let server = Server::start().await.unwrap();
    let nc = connect(&server).await;
    let mut orders = nc.subscribe("orders").await.unwrap();
    nc.flush().await.unwrap();
    let arguments =
        ["pub", "orders", "", "-H", "a: 1", "--header", "a: 2", "--header", "b:x:y", "--reply", "audit"];
    run(client(&server, &arguments)).await.fine();
    let message = within(orders.next()).await.unwrap();
    let headers: Vec<_> = message.headers().unwrap().iter().collect();
    assert_eq!(headers, [("a", "1"), ("a", "2"), ("b", "x:y")]);
    assert_eq!(message.reply().as_deref(), Some("audit"));
}

#[tokio::test]
async fn without_an_argument_the_payload_is_all_of_stdin_whatever_its_bytes() {
    let server = Server::start().await.unwrap();
    let nc = connect(&server).await;
    let mut orders = nc.subscribe("orders").await.unwrap();
    nc.flush().await.unwrap();
    run_with_stdin(client(&server, &["pub", "orders"]), b"one\ntwo\xff\0\n").await.fine();
    assert_eq!(within(orders.next()).await.unwrap().payload(), b"one\ntwo\xff\0\n");
}

#[tokio::test]
async fn a_closed_stdin_is_an_empty_payload() {
    let server = Server::start().await.unwrap();
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" <&-", env!("CARGO_BIN_EXE_nuncio"), "--server", &server.url()]);
    shell.args(["pub", "orders", "--json"]).stdout(std::process::Stdio::piped());
    let ran = run(shell).await;
    assert_eq!(ran.text(), "{\"subject\":\"orders\",\"published\":1,\"bytes\":0}\n");
}

#[tokio::test]
async fn a_message_that_the_server_denies_is_an_error_that_names_the_subject() {
    let permissions = Permissions::new().deny_publish("secret");
    let server = Server::builder().permissions(permissions).start().await.unwrap();
    run(client(&server, &["pub", "secret", "42"])).await.failed(1, &["\"secret\"", "permissions"]);
}

#[tokio::test]
async fn a_message_larger_than_the_server_takes_is_an_error() {
    let server = Server::builder().max_payload(10).start().await.unwrap();
    run(client(&server, &["pub", "orders", "12345678901"])).await.failed(1, &["\"orders\"", "11", "10"]);
    run_with_stdin(client(&server, &["pub", "orders"]), &[b'x'; 100_000])
        .await
        .failed(1, &["stdin", "10 bytes"]);
}

#[tokio::test]
async fn a_server_that_does_not_confirm_is_a_timeout() {
    let server = Server::start().await.unwrap();
    let mut child = client(&server, &["pub", "orders", "--timeout", "300ms"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // More than a pipe holds: once it is written, the program has connected and reads its stdin.
    let mut stdin = child.stdin.take().unwrap();
    within(stdin.write_all(&[b'x'; 500_000])).await.unwrap();
    server.faults().mute(true);
    drop(stdin);
    crate::finish(child).await.failed(3, &["\"orders\"", "300ms"]);
}

#[tokio::test]
async fn stopped_before_it_is_done_it_is_no_success() {
    let server = Server::start().await.unwrap();
    let child = client(&server, &["pub", "orders"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    within(server.wait_for_connections(1)).await;
    crate::signal(&child, "INT").await;
    let ran = crate::finish(child).await;
    assert_eq!((ran.code, ran.text(), ran.stderr.as_str()), (Some(130), "", ""));
}

#[tokio::test]
async fn options_may_stand_before_the_command_too() {
    let server = Server::start().await.unwrap();
    let url = server.url();
    let ran = run(program(&["--server", &url, "--json", "pub", "orders", "-5"])).await.fine();
    assert_eq!(ran.json()[0]["bytes"], 2);
}
