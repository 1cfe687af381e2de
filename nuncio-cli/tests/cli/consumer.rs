//! `nuncio consumer`, on a real nats-server.

use nuncio_server::Server;
use nuncio_testkit::NatsServer;
use serde_json::{Value, json};

use crate::stream::{fine, keys, object, orders};
use crate::{client, of, program, run};

/// As [`orders`], with a consumer of all that is odd.
async fn odd() -> NatsServer {
    let server = orders().await;
    fine(&server, &["consumer", "add", "ORDERS", "odd", "--filter", "orders.odd"]).await;
    server
}

async fn info(server: &NatsServer, name: &str) -> Value {
    object(server, &["consumer", "info", "ORDERS", name]).await
}

#[tokio::test]
async fn a_consumer_is_made_as_the_options_say() {
    let server = orders().await;
    let arguments = [
        "consumer",
        "add",
        "ORDERS",
        "C",
        "--filter",
        "orders.odd,orders.even",
        "--deliver",
        "3",
        "--ack",
        "explicit",
        "--ack-wait",
        "7s",
        "--max-deliver",
        "4",
        "--max-pending",
        "5",
        "--inactive-threshold",
        "1h",
        "--description",
        "of all",
        "--pull",
    ];
    let made = object(&server, &arguments).await;
    let wanted = json!({
        "name": "C", "durable_name": "C", "filter_subjects": ["orders.odd", "orders.even"],
        "deliver_policy": "by_start_sequence", "opt_start_seq": 3, "ack_policy": "explicit",
        "ack_wait": 7_000_000_000_u64, "max_deliver": 4, "max_ack_pending": 5,
        "inactive_threshold": 3_600_000_000_000_u64, "description": "of all",
    });
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(&made["config"][field], value, "{field}");
    }
    let info = info(&server, "C").await;
    assert_eq!(info["config"], made["config"]);
    assert_eq!(info["num_pending"], 3);
}

#[tokio::test]
async fn a_consumer_is_pulled_from_unless_it_is_told_where_to_push() {
    let server = odd().await;
    assert_eq!(info(&server, "odd").await["config"].get("deliver_subject"), None);
    let text = fine(&server, &["consumer", "info", "ORDERS", "odd"]).await;
    assert!(text.starts_with("consumer \"odd\" of stream \"ORDERS\"\n"), "{text}");
    assert!(text.contains("\n  messages are: pulled\n  filter: orders.odd\n"), "{text}");
    assert!(text.contains("\n  not delivered yet: 2\n"), "{text}");
    let push = ["consumer", "add", "ORDERS", "P", "--push", "to.here", "--push-queue", "q", "--ack", "none"];
    let config = &object(&server, &push).await["config"];
    assert_eq!((&config["deliver_subject"], &config["deliver_group"]), (&json!("to.here"), &json!("q")));
    assert_eq!(config["ack_policy"], "none");
    run(program(&[&push[..], &["--pull"]].concat())).await.failed(2, &["--pull"]);
}

#[tokio::test]
async fn a_consumer_is_made_from_a_file_and_options_go_before_it() {
    let server = orders().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.json");
    std::fs::write(&path, r#"{"durable_name":"other","max_deliver":7,"headers_only":true}"#).unwrap();
    let add = ["consumer", "add", "ORDERS", "C", "--config", path.to_str().unwrap(), "--max-deliver", "8"];
    let made = object(&server, &add).await;
    assert_eq!(made["name"], "C");
    assert_eq!((&made["config"]["max_deliver"], &made["config"]["headers_only"]), (&json!(8), &json!(true)));
}

#[tokio::test]
async fn a_consumer_that_is_there_is_not_made_otherwise() {
    let server = odd().await;
    fine(&server, &["consumer", "add", "ORDERS", "odd", "--filter", "orders.odd"]).await;
    let other = ["consumer", "add", "ORDERS", "odd", "--filter", "orders.even"];
    run(of(&server, &other)).await.failed(1, &["\"odd\"", "\"ORDERS\"", "already exists"]);
}

#[tokio::test]
async fn consumers_are_listed_and_their_progress_is_reported() {
    let server = orders().await;
    for arguments in [&["ls", "ORDERS"][..], &["ls", "ORDERS", "--names"], &["report", "ORDERS"]] {
        assert_eq!(fine(&server, &[&["consumer"], arguments].concat()).await, "");
    }
    fine(&server, &["consumer", "add", "ORDERS", "odd", "--filter", "orders.odd"]).await;
    assert_eq!(
        fine(&server, &["consumer", "ls", "ORDERS"]).await,
        "Consumer  Kind  Filter      Description\nodd       pull  orders.odd\n"
    );
    let line = object(&server, &["consumer", "ls", "ORDERS"]).await;
    assert_eq!(keys(&line), ["consumer", "description", "filter", "kind", "stream"]);
    assert_eq!(fine(&server, &["consumer", "ls", "ORDERS", "--names"]).await, "odd\n");
    assert_eq!(
        object(&server, &["consumer", "ls", "ORDERS", "--names"]).await,
        json!({"stream": "ORDERS", "consumer": "odd"})
    );
    let text = fine(&server, &["consumer", "report", "ORDERS"]).await;
    assert!(text.starts_with("Consumer  Kind  Ack       Unacknowledged"), "{text}");
    let figures = object(&server, &["consumer", "report", "ORDERS"]).await;
    let all = [
        "ack",
        "ack_floor_seq",
        "ack_pending",
        "consumer",
        "delivered_seq",
        "kind",
        "paused",
        "pending",
        "redelivered",
        "stream",
        "waiting",
    ];
    assert_eq!(keys(&figures), all);
    assert_eq!(figures["pending"], 2);
}

#[tokio::test]
async fn a_consumer_is_paused_for_a_time_or_until_one_and_resumed() {
    let server = odd().await;
    let pause = ["consumer", "pause", "ORDERS", "odd"];
    let state = object(&server, &[&pause[..], &["--until", "2090-01-31T12:00:00Z"]].concat()).await;
    let paused =
        json!({"stream": "ORDERS", "consumer": "odd", "paused": true, "until": "2090-01-31T12:00:00Z"});
    assert_eq!(state, paused);
    assert_eq!(info(&server, "odd").await["paused"], true);
    let resumed = fine(&server, &["consumer", "resume", "ORDERS", "odd"]).await;
    assert_eq!(resumed, "consumer \"odd\" of stream \"ORDERS\" is not paused\n");
    assert_eq!(info(&server, "odd").await.get("paused"), None);
    let text = fine(&server, &[&pause[..], &["--for", "10m"]].concat()).await;
    assert!(text.starts_with("consumer \"odd\" of stream \"ORDERS\" is paused until 2"), "{text}");
    run(program(&pause)).await.failed(2, &["--until", "--for"]);
    run(program(&[&pause[..], &["--for", "1m", "--until", "2090-01-31T12:00:00Z"]].concat()))
        .await
        .failed(2, &["--until", "--for"]);
    run(program(&[&pause[..], &["--until", "later"]].concat())).await.failed(2, &["2030-01-31T12:00:00Z"]);
}

#[tokio::test]
async fn a_consumer_is_removed_with_force_alone() {
    let server = odd().await;
    let rm = ["consumer", "rm", "ORDERS", "odd"];
    run(of(&server, &rm)).await.failed(2, &["\"odd\"", "\"ORDERS\"", "--force"]);
    assert_eq!(fine(&server, &["consumer", "ls", "ORDERS", "--names"]).await, "odd\n");
    let removed = object(&server, &[&rm[..], &["--force"]].concat()).await;
    assert_eq!(removed, json!({"stream": "ORDERS", "consumer": "odd", "removed": true}));
    assert_eq!(fine(&server, &["consumer", "ls", "ORDERS"]).await, "");
}

#[tokio::test]
async fn a_consumer_or_stream_that_is_not_there_is_an_error_that_names_it() {
    let server = orders().await;
    for arguments in [&["info"][..], &["rm", "--force"], &["pause", "--for", "1m"], &["resume"]] {
        let ran = run(of(&server, &[&["consumer"], arguments, &["ORDERS", "NOPE"]].concat())).await;
        ran.failed(1, &["consumer \"NOPE\" of stream \"ORDERS\"", "consumer not found"]);
    }
    for arguments in [&["ls", "NOPE"][..], &["report", "NOPE"], &["info", "NOPE", "C"], &["add", "NOPE", "C"]]
    {
        let ran = run(of(&server, &[&["consumer"], arguments].concat())).await;
        ran.failed(1, &["stream \"NOPE\"", "stream not found"]);
    }
}

#[tokio::test]
async fn a_name_that_no_consumer_can_have_is_a_usage_error() {
    let server = orders().await;
    for verb in ["info", "add", "resume"] {
        run(of(&server, &["consumer", verb, "ORDERS", "a.b"])).await.failed(2, &["a.b"]);
    }
    run(program(&["consumer", "add", "S", "C", "--deliver", "soon"])).await.failed(2, &["--deliver"]);
    run(program(&["consumer", "add", "S", "C", "--ack", "maybe"])).await.failed(2, &["--ack", "explicit"]);
}

#[tokio::test]
async fn without_jetstream_it_says_so() {
    let server = Server::start().await.unwrap();
    for arguments in [&["ls", "S"][..], &["info", "S", "C"]] {
        let ran = run(client(&server, &[&["consumer"], arguments, &["--timeout", "500ms"]].concat())).await;
        ran.failed(1, &["JetStream is not enabled"]);
    }
}
