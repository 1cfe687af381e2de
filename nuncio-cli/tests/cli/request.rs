//! `nuncio request`.

use nuncio::Client;
use nuncio_server::Server;

use crate::{client, connect, run, run_with_stdin, within};

/// Answers requests on `time` with so many replies each.
async fn responder(server: &Server, replies: usize) -> Client {
    let nc = connect(server).await;
    let mut requests = nc.subscribe("time").await.unwrap();
    nc.flush().await.unwrap();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            for n in 0..replies {
                let payload = format!("{n} {}", request.text().unwrap());
                request.respond(payload).header("n", &n.to_string()).await.unwrap();
            }
        }
    });
    nc
}

#[tokio::test]
async fn the_reply_is_printed_with_its_headers_before_it() {
    let server = Server::start().await.unwrap();
    let _nc = responder(&server, 1).await;
    let ran = run(client(&server, &["request", "time", "now"])).await.fine();
    assert_eq!(ran.text(), "n: 0\n\n0 now\n");
}

#[tokio::test]
async fn raw_is_the_payload_alone() {
    let server = Server::start().await.unwrap();
    let _nc = responder(&server, 1).await;
    let ran = run(client(&server, &["request", "time", "now", "--raw"])).await.fine();
    assert_eq!(ran.text(), "0 now\n");
}

#[tokio::test]
async fn with_json_the_reply_is_one_object() {
    let server = Server::start().await.unwrap();
    let _nc = responder(&server, 1).await;
    let ran = run_with_stdin(client(&server, &["request", "time", "--json"]), b"piped").await.fine();
    let [line] = &ran.json()[..] else { panic!("{ran:?}") };
    assert_eq!(line["payload"], "0 piped");
    assert_eq!(line["headers"], serde_json::json!({"n": ["0"]}));
    assert_eq!(line["reply"], serde_json::Value::Null);
    assert!(line["subject"].as_str().unwrap().starts_with("_INBOX."), "{line}");
}

#[tokio::test]
async fn headers_go_along() {
    let server = Server::start().await.unwrap();
    let nc = connect(&server).await;
    let mut requests = nc.subscribe("time").await.unwrap();
    nc.flush().await.unwrap();
    let request = client(&server, &["request", "time", "", "-H", "zone: UTC"]).spawn().unwrap();
    let received = within(requests.next()).await.unwrap();
    assert_eq!(received.header("zone"), Some("UTC"));
    received.respond("").await.unwrap();
    assert_eq!(crate::finish(request).await.fine().text(), "\n");
}

#[tokio::test]
async fn several_replies_are_printed_as_they_come() {
    let server = Server::start().await.unwrap();
    let _nc = responder(&server, 5).await;
    let ran = run(client(&server, &["request", "time", "x", "--raw", "--replies", "3"])).await.fine();
    assert_eq!(ran.text(), "0 x\n1 x\n2 x\n");
}

#[tokio::test]
async fn a_stall_ends_the_wait_for_further_replies() {
    let server = Server::start().await.unwrap();
    let _nc = responder(&server, 2).await;
    let ran = run(client(&server, &["request", "time", "x", "--raw", "--stall", "200ms"])).await.fine();
    assert_eq!(ran.text(), "0 x\n1 x\n");
}

#[tokio::test]
async fn fewer_replies_than_asked_for_is_a_timeout_and_those_that_came_are_printed() {
    let server = Server::start().await.unwrap();
    let _nc = responder(&server, 2).await;
    let arguments = ["request", "time", "x", "--raw", "--replies", "3", "--stall", "200ms"];
    let ran = run(client(&server, &arguments)).await;
    assert_eq!((ran.code, ran.text()), (Some(3), "0 x\n1 x\n"));
    assert_eq!(ran.stderr, "nuncio: 2 of 3 replies on \"time\" came in time\n");
}

#[tokio::test]
async fn no_reply_in_time_is_a_timeout() {
    let server = Server::start().await.unwrap();
    let _nc = responder(&server, 0).await;
    run(client(&server, &["request", "time", "", "--timeout", "300ms"]))
        .await
        .failed(3, &["\"time\"", "300ms"]);
    let all = ["request", "time", "", "--timeout", "300ms", "--replies", "0"];
    run(client(&server, &all)).await.failed(3, &["\"time\"", "300ms"]);
}

#[tokio::test]
async fn nobody_there_to_respond_has_an_exit_code_of_its_own() {
    let server = Server::start().await.unwrap();
    run(client(&server, &["request", "time", ""])).await.failed(4, &["\"time\"", "no responders"]);
    run(client(&server, &["request", "time", "", "--replies", "2"])).await.failed(4, &["\"time\""]);
}

#[tokio::test]
async fn a_connection_lost_before_the_reply_is_a_failure() {
    let server = Server::start().await.unwrap();
    let nc = connect(&server).await;
    let mut requests = nc.subscribe("time").await.unwrap();
    nc.flush().await.unwrap();
    let request = client(&server, &["request", "time", ""]).spawn().unwrap();
    within(requests.next()).await.unwrap();
    server.disconnect_all();
    crate::finish(request).await.failed(5, &["\"time\"", "lost"]);
}

#[tokio::test]
async fn stopped_before_the_reply_it_is_no_success() {
    let server = Server::start().await.unwrap();
    let nc = connect(&server).await;
    let mut requests = nc.subscribe("time").await.unwrap();
    nc.flush().await.unwrap();
    let request = client(&server, &["request", "time", ""]).spawn().unwrap();
    within(requests.next()).await.unwrap();
    crate::signal(&request, "TERM").await;
    let ran = crate::finish(request).await;
    assert_eq!((ran.code, ran.text(), ran.stderr.as_str()), (Some(130), "", ""));
}
