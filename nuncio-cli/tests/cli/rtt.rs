//! `nuncio rtt`.

use nuncio_server::Server;

use crate::{client, run};

#[tokio::test]
async fn each_round_trip_is_printed_and_then_their_spread() {
    let server = Server::start().await.unwrap();
    let ran = run(client(&server, &["rtt", "--count", "3"])).await.fine();
    let lines: Vec<_> = ran.text().lines().collect();
    assert_eq!(lines.len(), 4);
    let addr = server.addr().unwrap().to_string();
    assert!(lines[..3].iter().all(|l| l.starts_with(&addr) && l.ends_with(" ms")), "{lines:?}");
    assert!(
        lines[3].starts_with("min ") && lines[3].contains(", avg ") && lines[3].contains(", max "),
        "{lines:?}"
    );
}

#[tokio::test]
async fn with_json_each_is_an_object_and_the_figures_agree() {
    let server = Server::start().await.unwrap();
    let lines = run(client(&server, &["rtt", "--count", "2", "--json"])).await.fine().json();
    let ms = |value: &serde_json::Value| value.as_f64().unwrap();
    let (one, two, all) = (ms(&lines[0]["rtt_ms"]), ms(&lines[1]["rtt_ms"]), &lines[2]);
    assert_eq!((ms(&all["min_ms"]), ms(&all["max_ms"])), (one.min(two), one.max(two)));
    assert!((ms(&all["avg_ms"]) - (one + two) / 2.0).abs() < 0.002, "{lines:?}");
    assert_eq!(all["count"], 2);
    assert_eq!(all["server"], server.addr().unwrap().to_string());
}
