//! `nuncio bench js-pub` and `js-sub`, on a real nats-server.

use serde_json::{Value, json};

use crate::stream::{fine, keys, object};
use crate::{jetstream, of, program, run};

const KEYS: [&str; 11] = [
    "cpu_ns_per_msg",
    "lost",
    "max_us",
    "msgs",
    "msgs_per_sec",
    "p50_us",
    "p90_us",
    "p999_us",
    "p99_us",
    "rss_bytes",
    "seconds",
];

#[track_caller]
fn assert_all(report: &Value, msgs: u64) {
    assert_eq!(keys(report), KEYS);
    assert_eq!((&report["msgs"], &report["lost"]), (&json!(msgs), &json!(0)), "{report}");
}

#[tokio::test]
async fn every_way_of_publishing_stores_all_and_times_what_it_waits_for() {
    for (way, timed) in [
        (&[][..], false),
        (&["--window", "7"], false),
        (&["--serial"], true),
        (&["--batch", "10"], true),
        (&["--fast"], false),
    ] {
        let server = jetstream().await;
        let bench = ["bench", "js-pub", "a", "--msgs", "301", "--clients", "2", "--create", "--headers", "1"];
        let report = object(&server, &[&bench[..], way].concat()).await;
        assert_all(&report, 301);
        assert_eq!(report["p50_us"].is_number(), timed, "{way:?}: {report}");
        let info = object(&server, &["stream", "info", "BENCH"]).await;
        assert_eq!(info["state"]["messages"], 301, "{way:?}");
    }
}

#[tokio::test]
async fn the_stream_is_made_and_purged_as_told_and_never_otherwise() {
    let server = jetstream().await;
    let bench = ["bench", "js-pub", "a", "--msgs", "10", "--stream", "S"];
    let with = |more: &[&'static str]| [&bench[..], more].concat();
    fine(&server, &with(&["--create", "--storage", "memory", "--replicas", "1"])).await;
    let messages = async || object(&server, &["stream", "info", "S"]).await["state"]["messages"].clone();
    assert_eq!(object(&server, &["stream", "info", "S"]).await["config"]["storage"], "memory");
    fine(&server, &bench).await;
    assert_eq!(messages().await, 20);
    fine(&server, &with(&["--purge"])).await;
    assert_eq!(messages().await, 10);
    run(of(&server, &with(&["--create"]))).await.failed(1, &["\"S\"", "leave --create out"]);
    run(of(&server, &["bench", "js-pub", "b", "--msgs", "100000"])).await.failed(1, &["\"b\"", "no stream"]);
    run(program(&with(&["--storage", "memory"]))).await.failed(2, &["--create"]);
    run(program(&with(&["--fast", "--serial"]))).await.failed(2, &["--fast", "--serial"]);
    run(program(&with(&["--batch", "1001"]))).await.failed(2, &["--batch", "1000"]);
}

#[tokio::test]
async fn every_way_of_consuming_takes_all_and_leaves_no_consumer() {
    let server = jetstream().await;
    fine(&server, &["bench", "js-pub", "a", "--msgs", "300", "--create"]).await;
    for (way, timed) in [
        (&[][..], false),
        (&["--ack", "none", "--pull", "10"], false),
        (&["--ack", "double", "--clients", "1"], true),
        (&["--fetch", "50"], false),
        (&["--filter", "a"], false),
    ] {
        let clients: &[_] = if way.contains(&"--clients") { &[] } else { &["--clients", "2"] };
        let bench = [&["bench", "js-sub", "BENCH", "--msgs", "300"], clients, way].concat();
        let report = object(&server, &bench).await;
        assert_all(&report, 300);
        assert_eq!(report["p50_us"].is_number(), timed, "{way:?}: {report}");
    }
    assert_eq!(fine(&server, &["consumer", "ls", "BENCH"]).await, "");
}

#[tokio::test]
async fn a_consumer_that_is_there_is_taken_from_and_stays() {
    let server = jetstream().await;
    fine(&server, &["bench", "js-pub", "a", "--msgs", "20", "--create"]).await;
    fine(&server, &["consumer", "add", "BENCH", "C"]).await;
    let bench = ["bench", "js-sub", "BENCH", "--consumer", "C", "--ack", "double"];
    let report = object(&server, &[&bench[..], &["--msgs", "12"]].concat()).await;
    assert_all(&report, 12);
    let info = object(&server, &["consumer", "info", "BENCH", "C"]).await;
    assert_eq!(info["ack_floor"]["stream_seq"], 12);
    let report = object(&server, &[&bench[..], &["--msgs", "100", "--idle", "300ms"]].concat()).await;
    assert_eq!((&report["msgs"], &report["lost"]), (&json!(8), &json!(92)));
}

#[tokio::test]
async fn a_stream_or_consumer_that_is_not_there_is_an_error_that_names_it() {
    let server = jetstream().await;
    run(of(&server, &["bench", "js-sub", "NOPE"])).await.failed(1, &["stream \"NOPE\"", "not found"]);
    fine(&server, &["stream", "add", "S"]).await;
    run(of(&server, &["bench", "js-sub", "S", "--consumer", "C"])).await.failed(1, &["\"C\"", "not found"]);
}
