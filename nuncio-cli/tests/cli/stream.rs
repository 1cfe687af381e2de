//! `nuncio stream`, on a real nats-server.

use nuncio_server::Server;
use nuncio_testkit::NatsServer;
use serde_json::{Value, json};

use crate::{client, jetstream, of, program, run};

pub(crate) async fn fine(server: &NatsServer, arguments: &[&str]) -> String {
    run(of(server, arguments)).await.fine().text().to_owned()
}

pub(crate) async fn object(server: &NatsServer, arguments: &[&str]) -> Value {
    let text = fine(server, &[arguments, &["--json"]].concat()).await;
    serde_json::from_str(&text).unwrap()
}

/// A server with a stream that holds messages "0" to "4", the even ones on orders.even.
pub(crate) async fn orders() -> NatsServer {
    let server = jetstream().await;
    fine(&server, &["stream", "add", "ORDERS", "--subjects", "orders.>"]).await;
    let nc = nuncio::connect(server.url()).await.unwrap();
    for n in 0..5 {
        let subject = if n % 2 == 0 { "orders.even" } else { "orders.odd" };
        nc.jetstream().publish(subject, n.to_string()).header("n", &n.to_string()).await.unwrap();
    }
    server
}

pub(crate) fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_stream_is_made_as_the_options_say() {
    let server = jetstream().await;
    let arguments = [
        "stream",
        "add",
        "S",
        "--subjects",
        "a,b.*",
        "--storage",
        "memory",
        "--replicas",
        "1",
        "--retention",
        "interest",
        "--max-msgs",
        "10",
        "--max-bytes",
        "1MiB",
        "--max-age",
        "1h",
        "--max-msg-size",
        "1KiB",
        "--discard",
        "new",
        "--max-msgs-per-subject",
        "3",
        "--max-consumers",
        "4",
        "--duplicate-window",
        "10s",
        "--allow-direct",
        "--description",
        "of all",
    ];
    let made = object(&server, &arguments).await;
    let wanted = json!({
        "name": "S", "subjects": ["a", "b.*"], "storage": "memory", "num_replicas": 1, "retention": "interest",
        "max_msgs": 10, "max_bytes": 1 << 20, "max_age": 3_600_000_000_000_u64, "max_msg_size": 1024,
        "discard": "new", "max_msgs_per_subject": 3, "max_consumers": 4, "duplicate_window": 10_000_000_000_u64,
        "allow_direct": true, "description": "of all",
    });
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(&made["config"][field], value, "{field}");
    }
    assert_eq!(object(&server, &["stream", "info", "S"]).await["config"], made["config"]);
    let text = fine(&server, &["stream", "info", "S"]).await;
    assert!(text.starts_with("stream \"S\"\n  created: "), "{text}");
    assert!(text.contains("\n  subjects: a, b.*\n  storage: memory, replicas: 1\n"), "{text}");
    assert!(text.contains("\n  most bytes: 1.0 MiB\n  greatest age: 3600s\n"), "{text}");
}

#[tokio::test]
async fn what_is_the_default_is_told_as_well() {
    let server = jetstream().await;
    let config = &object(&server, &["stream", "add", "S"]).await["config"];
    assert_eq!((&config["storage"], &config["retention"]), (&json!("file"), &json!("limits")));
    assert_eq!((&config["discard"], &config["compression"]), (&json!("old"), &json!("none")));
    assert_eq!((&config["subjects"], &config["num_replicas"]), (&json!(["S"]), &json!(1)));
}

#[tokio::test]
async fn a_stream_is_made_from_a_file_and_options_go_before_it() {
    let server = jetstream().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.json");
    std::fs::write(&path, r#"{"name":"other","subjects":["a"],"max_msgs":7,"deny_purge":true}"#).unwrap();
    let path = path.to_str().unwrap();
    let made = object(&server, &["stream", "add", "S", "--config", path, "--max-msgs", "8"]).await;
    let config = &made["config"];
    assert_eq!(config["name"], "S");
    assert_eq!(config["subjects"], json!(["a"]));
    assert_eq!(config["max_msgs"], 8);
    assert_eq!(config["deny_purge"], true);
}

#[tokio::test]
async fn a_file_that_holds_no_configuration_is_a_usage_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.json");
    let path = path.to_str().unwrap();
    let add = ["stream", "add", "S", "--config", path];
    run(program(&add)).await.failed(2, &[path]);
    std::fs::write(path, "[1]").unwrap();
    run(program(&add)).await.failed(2, &[path, "no JSON object"]);
    std::fs::write(path, r#"{"subjects":7}"#).unwrap();
    run(program(&add)).await.failed(2, &["--config"]);
}

#[tokio::test]
async fn a_stream_that_is_there_is_not_made_otherwise() {
    let server = orders().await;
    let made = fine(&server, &["stream", "add", "ORDERS", "--subjects", "orders.>"]).await;
    assert!(made.contains("messages: 5"), "{made}");
    run(of(&server, &["stream", "add", "ORDERS", "--subjects", "other"])).await.failed(1, &["\"ORDERS\""]);
}

#[tokio::test]
async fn editing_changes_what_is_given_and_nothing_else() {
    let server = orders().await;
    let edit = ["stream", "edit", "ORDERS", "--max-msgs", "100", "--description", "mine"];
    let changed = object(&server, &edit).await;
    assert_eq!(keys(&changed), ["changes", "outcome", "stream"]);
    assert_eq!((&changed["stream"], &changed["outcome"]), (&json!("ORDERS"), &json!("updated")));
    assert_eq!(keys(&changed["changes"][0]), ["field", "fixed", "from", "to"]);
    assert_eq!(object(&server, &edit).await["outcome"], "unchanged");
    let config = &object(&server, &["stream", "info", "ORDERS"]).await["config"];
    assert_eq!((&config["subjects"], &config["max_msgs"]), (&json!(["orders.>"]), &json!(100)));
    let text = fine(&server, &["stream", "edit", "ORDERS", "--max-msgs", "none"]).await;
    assert_eq!(text, "stream \"ORDERS\": updated\n  max_msgs: 100 -> unset\n");
}

#[tokio::test]
async fn ensuring_makes_a_stream_and_then_changes_what_differs() {
    let server = jetstream().await;
    let ensure = ["stream", "ensure", "S", "--subjects", "a"];
    assert_eq!(fine(&server, &ensure).await, "stream \"S\": created\n");
    assert_eq!(fine(&server, &ensure).await, "stream \"S\": unchanged\n");
    let changed = object(&server, &["stream", "ensure", "S", "--subjects", "a,b"]).await;
    assert_eq!(changed["outcome"], "updated");
    assert_eq!(
        changed["changes"],
        json!([{"field": "subjects", "from": ["a"], "to": ["a", "b"], "fixed": false}])
    );
}

#[tokio::test]
async fn what_cannot_be_changed_is_an_error_that_names_it_and_the_outcome_is_told() {
    let server = orders().await;
    for verb in ["edit", "ensure"] {
        let arguments = ["stream", verb, "ORDERS", "--subjects", "orders.>", "--storage", "memory", "--json"];
        let ran = run(of(&server, &arguments)).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert_eq!(ran.json()[0]["outcome"], "conflict");
        assert!(ran.stderr.contains("\"ORDERS\"") && ran.stderr.contains("storage"), "{ran:?}");
    }
}

#[tokio::test]
async fn streams_are_listed_all_or_those_of_a_subject() {
    let server = orders().await;
    assert_eq!(fine(&server, &["stream", "ls", "--subject", "none"]).await, "");
    fine(&server, &["stream", "add", "B", "--subjects", "b", "--description", "the other"]).await;
    assert_eq!(
        fine(&server, &["stream", "ls"]).await,
        "Stream  Subjects  Description\nB       b         the other\nORDERS  orders.>\n"
    );
    let line = object(&server, &["stream", "ls", "--subject", "orders.a"]).await;
    assert_eq!(keys(&line), ["created", "description", "stream", "subjects"]);
    assert_eq!(fine(&server, &["stream", "ls", "--names"]).await, "B\nORDERS\n");
    assert_eq!(object(&server, &["stream", "ls", "--names", "--subject", "b"]).await, json!({"stream": "B"}));
}

#[tokio::test]
async fn the_report_tells_what_streams_hold() {
    let server = orders().await;
    let text = fine(&server, &["stream", "report"]).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("Stream  Storage  Replicas  Messages"), "{text}");
    assert!(lines[1].starts_with("ORDERS  file            1         5"), "{text}");
    let figures = object(&server, &["stream", "report"]).await;
    let all = [
        "bytes",
        "consumers",
        "first_seq",
        "last_seq",
        "last_time",
        "messages",
        "replicas",
        "storage",
        "stream",
    ];
    assert_eq!(keys(&figures), all);
    assert_eq!((&figures["messages"], &figures["last_seq"]), (&json!(5), &json!(5)));
}

#[tokio::test]
async fn a_message_is_read_by_its_sequence_or_as_the_last_of_a_subject() {
    let server = orders().await;
    let message = object(&server, &["stream", "get", "ORDERS", "2"]).await;
    assert_eq!(keys(&message), ["headers", "payload", "seq", "size", "stream", "subject", "time"]);
    assert_eq!((&message["payload"], &message["subject"]), (&json!("1"), &json!("orders.odd")));
    assert_eq!(message["headers"], json!({"n": ["1"]}));
    let last = object(&server, &["stream", "get", "ORDERS", "--last", "orders.even"]).await;
    assert_eq!((&last["seq"], &last["payload"]), (&json!(5), &json!("4")));
    assert_eq!(fine(&server, &["stream", "get", "ORDERS", "2", "--raw"]).await, "1\n");
    let text = fine(&server, &["stream", "get", "ORDERS", "2"]).await;
    assert!(text.starts_with("#2 orders.odd, ") && text.ends_with("Z\nn: 1\n\n1\n\n"), "{text}");
    run(of(&server, &["stream", "get", "ORDERS", "9"])).await.failed(1, &["\"ORDERS\"", "no message found"]);
    run(program(&["stream", "get", "ORDERS"])).await.failed(2, &["SEQ"]);
}

#[tokio::test]
async fn messages_are_viewed_in_their_order_from_the_leader_or_any_replica() {
    let server = orders().await;
    for _ in 0..2 {
        let view = fine(&server, &["stream", "view", "ORDERS", "--raw"]).await;
        assert_eq!(view, "0\n1\n2\n3\n4\n");
        let view = fine(&server, &["stream", "view", "ORDERS", "--from", "2", "--count", "2", "--raw"]).await;
        assert_eq!(view, "1\n2\n");
        let view = fine(&server, &["stream", "view", "ORDERS", "--subject", "*.even", "--raw"]).await;
        assert_eq!(view, "0\n2\n4\n");
        let second = object(&server, &["stream", "view", "ORDERS", "--from", "2", "--count", "1"]).await;
        assert_eq!(second["headers"], json!({"n": ["1"]}), "what was published, and no more");
        fine(&server, &["stream", "edit", "ORDERS", "--allow-direct"]).await;
    }
}

#[tokio::test]
async fn a_purge_removes_what_it_is_told() {
    let server = orders().await;
    let purge = |more: &[&'static str]| [&["stream", "purge", "ORDERS", "--force"][..], more].concat();
    assert_eq!(
        object(&server, &purge(&["--subject", "orders.odd"])).await,
        json!({"stream": "ORDERS", "purged": 2})
    );
    assert_eq!(object(&server, &purge(&["--seq", "3"])).await["purged"], 1);
    let text = fine(&server, &purge(&["--keep", "1"])).await;
    assert_eq!(text, "removed 1 message from stream \"ORDERS\"\n");
    assert_eq!(fine(&server, &["stream", "view", "ORDERS", "--raw"]).await, "4\n");
    assert_eq!(object(&server, &purge(&[])).await["purged"], 1);
    run(program(&purge(&["--keep", "1", "--seq", "2"]))).await.failed(2, &["--keep", "--seq"]);
}

#[tokio::test]
async fn nothing_is_removed_without_force() {
    let server = orders().await;
    for verb in ["purge", "rm"] {
        run(of(&server, &["stream", verb, "ORDERS"])).await.failed(2, &["\"ORDERS\"", "--force"]);
    }
    assert_eq!(object(&server, &["stream", "info", "ORDERS"]).await["state"]["messages"], 5);
    let removed = object(&server, &["stream", "rm", "ORDERS", "--force"]).await;
    assert_eq!(removed, json!({"stream": "ORDERS", "removed": true}));
    assert_eq!(fine(&server, &["stream", "ls"]).await, "");
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_an_error_that_names_it() {
    let server = jetstream().await;
    for arguments in [
        &["info", "NOPE"][..],
        &["edit", "NOPE"],
        &["get", "NOPE", "1"],
        &["view", "NOPE"],
        &["purge", "NOPE", "--force"],
        &["rm", "NOPE", "--force"],
    ] {
        let ran = run(of(&server, &[&["stream"], arguments].concat())).await;
        ran.failed(1, &["stream \"NOPE\"", "stream not found"]);
    }
}

#[tokio::test]
async fn a_name_that_no_stream_can_have_is_a_usage_error() {
    let server = jetstream().await;
    for verb in ["info", "add", "edit", "ensure", "view"] {
        run(of(&server, &["stream", verb, "a.b"])).await.failed(2, &["a.b"]);
    }
    run(program(&["stream", "add", "S", "--storage", "tape"])).await.failed(2, &["--storage", "memory"]);
    run(program(&["stream", "add", "S", "--max-bytes", "lots"])).await.failed(2, &["--max-bytes", "64MiB"]);
}

#[tokio::test]
async fn without_jetstream_it_says_so() {
    let server = Server::start().await.unwrap();
    for arguments in [&["ls"][..], &["info", "S"], &["ls", "--js-domain", "hub"]] {
        let ran = run(client(&server, &[&["stream"], arguments, &["--timeout", "2s"]].concat())).await;
        ran.failed(1, &["JetStream is not enabled"]);
    }
}

#[tokio::test]
async fn the_domain_and_the_prefix_of_the_api_are_used() {
    let server = orders().await;
    assert_eq!(fine(&server, &["stream", "ls", "--names", "--js-api-prefix", "$JS.API"]).await, "ORDERS\n");
    let wrong = ["stream", "ls", "--js-api-prefix", "elsewhere", "--timeout", "2s"];
    run(of(&server, &wrong)).await.failed(1, &["elsewhere.STREAM.LIST"]);
    let dir = crate::context::contexts(&[("far", r#"{"jetstream_api_prefix":"far"}"#.into())]);
    let mut command = crate::context::with(&dir, &["--context", "far", "stream", "ls", "--timeout", "2s"]);
    command.env("NATS_URL", server.url());
    run(command).await.failed(1, &["far.STREAM.LIST"]);
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout_that_names_the_stream() {
    let server = Server::start().await.unwrap();
    let nc = crate::connect(&server).await;
    let _silent = nc.subscribe("$JS.API.>").await.unwrap();
    nc.flush().await.unwrap();
    let ran = run(client(&server, &["stream", "info", "S", "--timeout", "2s"])).await;
    ran.failed(3, &["stream \"S\"", "2s", "--timeout"]);
}

#[tokio::test]
async fn a_prefix_that_cannot_be_is_a_usage_error() {
    let server = Server::start().await.unwrap();
    run(client(&server, &["stream", "ls", "--js-api-prefix", "a..b"])).await.failed(2, &["prefix"]);
    for (field, value) in [("jetstream_api_prefix", "a..b"), ("jetstream_domain", "a.b")] {
        let dir = crate::context::contexts(&[("wrong", format!(r#"{{"{field}":"{value}"}}"#))]);
        let arguments = ["--context", "wrong", "stream", "ls", "--server", "127.0.0.1:1"];
        run(crate::context::with(&dir, &arguments)).await.failed(2, &[field]);
    }
    run(program(&["stream", "ls", "--js-api-prefix", "a", "--js-domain", "b"]))
        .await
        .failed(2, &["--js-api-prefix", "--js-domain"]);
}
