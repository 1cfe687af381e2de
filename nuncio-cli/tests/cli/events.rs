//! `nuncio events`.

use nuncio_server::Server;
use serde_json::Value;

use crate::{Lines, client, finish, signal};

async fn next(lines: &mut Lines) -> Value {
    let mut event: Value = serde_json::from_str(&lines.next().await).unwrap();
    let time = event.as_object_mut().unwrap().remove("time").unwrap();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    event
}

#[tokio::test]
async fn the_life_of_a_connection_is_told_as_objects() {
    let server = Server::start().await.unwrap();
    let mut child = client(&server, &["events", "--json"]).spawn().unwrap();
    let mut lines = Lines::of(&mut child);
    let addr = server.addr().unwrap().to_string();
    assert_eq!(next(&mut lines).await, serde_json::json!({"event": "connected", "server": addr}));
    server.restart().await.unwrap();
    let event = next(&mut lines).await;
    assert_eq!((&event["event"], &event["server"]), (&"disconnected".into(), &addr.as_str().into()));
    let mut seen = Vec::new();
    while seen.last() != Some(&Value::from("reconnected")) {
        seen.push(next(&mut lines).await["event"].clone());
    }
    assert_eq!(seen[0], "reconnecting");
    signal(&child, "INT").await;
    let closed = serde_json::json!({"event": "closed", "reason": "closed by the application"});
    assert_eq!(next(&mut lines).await, closed);
    finish(child).await.fine();
}

#[tokio::test]
async fn for_people_an_event_is_one_line() {
    let server = Server::start().await.unwrap();
    let mut child = client(&server, &["events"]).spawn().unwrap();
    let mut lines = Lines::of(&mut child);
    assert!(lines.next().await.ends_with(&format!("Z connected to {}", server.addr().unwrap())));
    server.lame_duck();
    assert!(lines.next().await.contains("about to shut down"));
}

#[tokio::test]
async fn without_reconnecting_a_lost_connection_is_a_failure() {
    let server = Server::start().await.unwrap();
    let mut child = client(&server, &["events", "--json", "--no-reconnect"]).spawn().unwrap();
    let mut lines = Lines::of(&mut child);
    next(&mut lines).await;
    server.disconnect_all();
    assert_eq!(next(&mut lines).await["event"], "disconnected");
    assert_eq!(next(&mut lines).await["event"], "closed");
    finish(child).await.failed(5, &["lost"]);
}

#[tokio::test]
async fn it_ends_quietly_when_the_reader_goes_away() {
    let server = Server::start().await.unwrap();
    let mut child = client(&server, &["events"]).spawn().unwrap();
    let mut lines = Lines::of(&mut child);
    lines.next().await;
    drop(lines);
    finish(child).await.fine();
}
