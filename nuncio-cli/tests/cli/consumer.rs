//! `nuncio consumer`, on a real nats-server.

use nuncio_server::Server;
use nuncio_testkit::NatsServer;
use serde_json::{Value, json};

use crate::stream::{fine, keys, object, orders};
use crate::{Lines, client, finish, of, program, run, signal};

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
async fn editing_changes_what_is_given_and_nothing_else() {
    let server = odd().await;
    let edit = ["consumer", "edit", "ORDERS", "odd", "--ack-wait", "7s", "--description", "mine"];
    let changed = object(&server, &edit).await;
    assert_eq!(keys(&changed), ["changes", "consumer", "outcome", "stream"]);
    assert_eq!((&changed["consumer"], &changed["outcome"]), (&json!("odd"), &json!("updated")));
    assert_eq!(keys(&changed["changes"][0]), ["field", "fixed", "from", "to"]);
    assert_eq!(object(&server, &edit).await["outcome"], "unchanged");
    let config = &info(&server, "odd").await["config"];
    assert_eq!((&config["filter_subject"], &config["description"]), (&json!("orders.odd"), &json!("mine")));
    let text = fine(&server, &["consumer", "edit", "ORDERS", "odd", "--ack-wait", "1m"]).await;
    assert_eq!(text, "consumer \"odd\" of stream \"ORDERS\": updated\n  ack_wait: 7s -> 60s\n");
    let fixed = ["consumer", "edit", "ORDERS", "odd", "--deliver", "new"];
    run(of(&server, &fixed)).await.failed(1, &["\"odd\"", "deliver policy"]);
}

#[tokio::test]
async fn ensuring_makes_a_consumer_and_then_changes_what_differs() {
    let server = orders().await;
    let ensure = ["consumer", "ensure", "ORDERS", "C", "--filter", "orders.odd"];
    let made = fine(&server, &[&ensure[..], &["--max-deliver", "3"]].concat()).await;
    assert_eq!(made, "consumer \"C\" of stream \"ORDERS\": created\n");
    let text = fine(&server, &ensure).await;
    assert_eq!(text, "consumer \"C\" of stream \"ORDERS\": updated\n  max_deliver: 3 -> unset\n");
    assert_eq!(fine(&server, &ensure).await, "consumer \"C\" of stream \"ORDERS\": unchanged\n");
    assert_eq!(info(&server, "C").await["config"]["durable_name"], "C");
}

#[tokio::test]
async fn a_consumer_that_cannot_be_as_wanted_is_left_as_it_is() {
    let server = odd().await;
    let ensure =
        ["consumer", "ensure", "ORDERS", "odd", "--filter", "orders.odd", "--deliver", "new", "--json"];
    let ran = run(of(&server, &ensure)).await;
    assert_eq!((ran.code, &ran.json()[0]["outcome"]), (Some(1), &json!("conflict")), "{ran:?}");
    assert!(ran.stderr.contains("\"odd\"") && ran.stderr.contains("deliver_policy"), "{ran:?}");
    assert_eq!(info(&server, "odd").await["config"]["deliver_policy"], "all");
}

#[tokio::test]
async fn what_a_consumer_that_was_put_back_is_changed_to_is_told() {
    let server = odd().await;
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("b");
    fine(&server, &["stream", "backup", "ORDERS", dir.to_str().unwrap()]).await;
    fine(&server, &["stream", "rm", "ORDERS", "--force"]).await;
    fine(&server, &["stream", "restore", dir.to_str().unwrap()]).await;
    let text = fine(&server, &["consumer", "edit", "ORDERS", "odd", "--max-deliver", "3"]).await;
    assert_eq!(text, "consumer \"odd\" of stream \"ORDERS\": updated\n  max_deliver: unset -> 3\n");
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
    for arguments in [&["info"][..], &["edit"], &["rm", "--force"], &["pause", "--for", "1m"], &["resume"]] {
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
        let ran = run(client(&server, &[&["consumer"], arguments, &["--timeout", "2s"]].concat())).await;
        ran.failed(1, &["JetStream is not enabled"]);
    }
}

#[tokio::test]
async fn the_next_messages_are_printed_and_acknowledged() {
    let server = odd().await;
    let next = ["consumer", "next", "ORDERS", "odd"];
    let text = fine(&server, &next).await;
    assert!(text.starts_with("#2 orders.odd, ") && text.ends_with("Z\nn: 1\n\n1\n\n"), "{text}");
    let message = object(&server, &next).await;
    let all =
        ["delivered", "headers", "payload", "pending", "reply", "seq", "size", "stream", "subject", "time"];
    assert_eq!(keys(&message), all);
    assert_eq!(
        (&message["payload"], &message["seq"], &message["pending"]),
        (&json!("3"), &json!(4), &json!(0))
    );
    let info = info(&server, "odd").await;
    assert_eq!((&info["num_ack_pending"], &info["ack_floor"]["stream_seq"]), (&json!(0), &json!(4)));
}

#[tokio::test]
async fn fewer_messages_than_asked_for_is_a_timeout_and_those_that_came_are_printed_and_acknowledged() {
    let server = odd().await;
    let more = ["consumer", "next", "ORDERS", "odd", "--count", "3", "--raw", "--timeout", "3s"];
    let ran = run(of(&server, &more)).await;
    assert_eq!((ran.code, ran.text()), (Some(3), "1\n3\n"));
    assert!(ran.stderr.contains("2 of 3 messages of consumer \"odd\" of stream \"ORDERS\""), "{ran:?}");
    assert_eq!(info(&server, "odd").await["ack_floor"]["stream_seq"], 4);
}

#[tokio::test]
async fn without_acknowledgement_a_message_comes_again() {
    let server = orders().await;
    fine(&server, &["consumer", "add", "ORDERS", "C", "--ack-wait", "200ms"]).await;
    let next = ["consumer", "next", "ORDERS", "C", "--count", "5", "--no-ack", "--raw"];
    assert_eq!(fine(&server, &next).await, "0\n1\n2\n3\n4\n");
    let text = fine(&server, &["consumer", "next", "ORDERS", "C"]).await;
    assert!(text.starts_with("#1 ") && text.contains("Z, delivery 2\n"), "{text}");
}

#[tokio::test]
async fn a_consumer_without_acknowledgements_is_taken_from_as_well() {
    let server = orders().await;
    fine(&server, &["consumer", "add", "ORDERS", "C", "--ack", "none"]).await;
    assert_eq!(fine(&server, &["consumer", "next", "ORDERS", "C", "--count", "2", "--raw"]).await, "0\n1\n");
}

#[tokio::test]
async fn consuming_goes_on_until_it_is_stopped_and_acknowledges() {
    let server = odd().await;
    let mut child = of(&server, &["consumer", "consume", "ORDERS", "odd", "--raw"]).spawn().unwrap();
    let mut lines = Lines::of(&mut child);
    assert_eq!((lines.next().await, lines.next().await), ("1".into(), "3".into()));
    fine(&server, &["pub", "orders.odd", "later"]).await;
    assert_eq!(lines.next().await, "later");
    signal(&child, "INT").await;
    finish(child).await.fine();
    // What was written is acknowledged before it stops.
    assert_eq!(info(&server, "odd").await["ack_floor"]["stream_seq"], 6);
}

#[tokio::test]
async fn consuming_ends_after_so_many_messages_or_when_nothing_comes() {
    let server = orders().await;
    fine(&server, &["consumer", "add", "ORDERS", "C"]).await;
    let consume = ["consumer", "consume", "ORDERS", "C", "--raw"];
    let some = fine(&server, &[&consume[..], &["--count", "2"]].concat()).await;
    assert_eq!(some, "0\n1\n");
    let rest = fine(&server, &[&consume[..], &["--wait", "2s"]].concat()).await;
    assert_eq!(rest, "2\n3\n4\n");
    let ran = run(of(&server, &[&consume[..], &["--count", "1", "--wait", "300ms"]].concat())).await;
    ran.failed(3, &["0 of 1 messages", "\"C\"", "300ms"]);
}

#[tokio::test]
async fn what_pushes_its_messages_or_is_not_there_cannot_be_taken_from() {
    let server = orders().await;
    fine(&server, &["consumer", "add", "ORDERS", "P", "--push", "to.here"]).await;
    for verb in ["next", "consume"] {
        run(of(&server, &["consumer", verb, "ORDERS", "P"])).await.failed(1, &["\"P\"", "pushes"]);
        run(of(&server, &["consumer", verb, "ORDERS", "NOPE"])).await.failed(1, &["\"NOPE\"", "not found"]);
    }
}

#[tokio::test]
async fn a_consumer_that_is_removed_ends_consuming_with_an_error_that_names_it() {
    let server = odd().await;
    let mut child = of(&server, &["consumer", "consume", "ORDERS", "odd", "--raw"]).spawn().unwrap();
    let mut lines = Lines::of(&mut child);
    assert_eq!((lines.next().await, lines.next().await), ("1".into(), "3".into()));
    fine(&server, &["consumer", "rm", "ORDERS", "odd", "--force"]).await;
    let ran = finish(child).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stderr.contains("consumer \"odd\" of stream \"ORDERS\": the consumer was deleted"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn consuming_ends_with_the_reader_of_stdout() {
    let server = odd().await;
    let mut child = of(&server, &["consumer", "consume", "ORDERS", "odd", "--raw"]).spawn().unwrap();
    let mut lines = Lines::of(&mut child);
    assert_eq!((lines.next().await, lines.next().await), ("1".into(), "3".into()));
    drop(lines);
    finish(child).await.fine();
}
