//! `nuncio bench`.

use nuncio_server::Server;
use serde_json::Value;

use crate::{client, finish, run, start};

fn number(report: &Value, key: &str) -> f64 {
    report[key].as_f64().unwrap_or_else(|| panic!("no number {key:?} in {report}"))
}

#[tokio::test]
async fn publishing_reports_what_was_published_and_what_it_took() {
    let server = Server::start().await.unwrap();
    let arguments = ["bench", "pub", "a", "--msgs", "1001", "--clients", "2", "--headers", "2", "--json"];
    let ran = run(client(&server, &arguments)).await.fine();
    let [report] = &ran.json()[..] else { panic!("{ran:?}") };
    assert_eq!((report["msgs"].as_u64(), report["lost"].as_u64()), (Some(1001), Some(0)));
    assert!(number(report, "seconds") > 0.0 && number(report, "msgs_per_sec") > 0.0, "{report}");
    assert!(number(report, "cpu_ns_per_msg") > 0.0, "{report}");
    assert_eq!(report["p50_us"], Value::Null);
}

#[tokio::test]
async fn each_subscriber_receives_all_and_those_of_a_queue_group_share_them() {
    for (queue, expected) in [(&[][..], 600), (&["--queue", "q"][..], 300)] {
        let server = Server::start().await.unwrap();
        let arguments = ["bench", "sub", "a", "--msgs", "300", "--clients", "2", "--json"];
        let child = client(&server, &[&arguments[..], queue].concat()).spawn().unwrap();
        crate::within(server.wait_for_subscriptions(2)).await;
        run(client(&server, &["bench", "pub", "a", "--msgs", "300"])).await.fine();
        let ran = finish(child).await.fine();
        let report = &ran.json()[0];
        assert_eq!((report["msgs"].as_u64(), report["lost"].as_u64()), (Some(expected), Some(0)), "{report}");
    }
}

#[tokio::test]
async fn a_subscriber_that_hears_no_more_ends_and_counts_what_is_missing() {
    let server = Server::start().await.unwrap();
    let arguments = ["bench", "sub", "a", "--msgs", "10", "--idle", "200ms", "--json"];
    let child = start(&server, &arguments).await;
    run(client(&server, &["bench", "pub", "a", "--msgs", "4"])).await.fine();
    let report = &finish(child).await.fine().json()[0];
    assert_eq!((report["msgs"].as_u64(), report["lost"].as_u64()), (Some(4), Some(6)), "{report}");
}

#[tokio::test]
async fn requests_are_answered_and_timed() {
    let server = Server::start().await.unwrap();
    let child = start(&server, &["bench", "reply", "a", "--msgs", "500", "--json"]).await;
    let arguments = ["bench", "request", "a", "--msgs", "500", "--in-flight", "8", "--json"];
    let report = &run(client(&server, &arguments)).await.fine().json()[0];
    assert_eq!((report["msgs"].as_u64(), report["lost"].as_u64()), (Some(500), Some(0)), "{report}");
    let all = ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"].map(|key| number(report, key));
    assert!(all[0] > 0.0 && all.is_sorted(), "{report}");
    assert_eq!(finish(child).await.fine().json()[0]["msgs"].as_u64(), Some(500));
}

#[tokio::test]
async fn for_people_latencies_are_drawn_as_bars() {
    let server = Server::start().await.unwrap();
    let child = start(&server, &["bench", "reply", "a", "--msgs", "20", "--size", "3"]).await;
    let ran = run(client(&server, &["bench", "request", "a", "--msgs", "20"])).await.fine();
    let lines: Vec<_> = ran.text().lines().collect();
    assert!(lines[0].starts_with("20 messages in ") && lines[0].ends_with(" a second"), "{lines:?}");
    assert!(lines[1].starts_with("processor ") && lines[1].ends_with(", lost 0"), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("µs  █")).count(), 5, "{lines:?}");
    finish(child).await.fine();
}

#[tokio::test]
async fn a_request_that_nobody_answers_fails_at_once() {
    let server = Server::start().await.unwrap();
    run(client(&server, &["bench", "request", "a", "--msgs", "5"])).await.failed(4, &["\"a\""]);
}
