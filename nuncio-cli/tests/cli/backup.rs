//! `nuncio stream backup` and `nuncio stream restore`, on a real nats-server.

use std::path::{Path, PathBuf};

use nuncio_testkit::NatsServer;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stream::{fine, keys, object, orders};
use crate::{of, program, run};

/// As [`orders`], with a consumer that has had two messages, and a backup of that.
async fn saved() -> (NatsServer, TempDir, PathBuf) {
    let server = orders().await;
    fine(&server, &["consumer", "add", "ORDERS", "C"]).await;
    fine(&server, &["consumer", "next", "ORDERS", "C", "--count", "2", "--raw"]).await;
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("orders");
    fine(&server, &["stream", "backup", "ORDERS", dir.to_str().unwrap()]).await;
    (server, root, dir)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_stream_comes_back_with_its_messages_and_consumers() {
    let (server, _root, dir) = saved().await;
    fine(&server, &["stream", "rm", "ORDERS", "--force"]).await;
    let path = dir.to_str().unwrap();
    let back = object(&server, &["stream", "restore", path]).await;
    assert_eq!(keys(&back), ["consumers", "dir", "first_seq", "last_seq", "messages", "size", "stream"]);
    assert_eq!(
        (&back["stream"], &back["messages"], &back["consumers"]),
        (&json!("ORDERS"), &json!(5), &json!(1))
    );
    assert_eq!(fine(&server, &["stream", "view", "ORDERS", "--raw"]).await, "0\n1\n2\n3\n4\n");
    assert_eq!(fine(&server, &["consumer", "next", "ORDERS", "C", "--raw"]).await, "2\n");
}

#[tokio::test]
async fn a_backup_is_the_directory_that_the_nats_program_knows() {
    let (_server, root, dir) = saved().await;
    assert_eq!(names(root.path()), ["orders"]);
    assert_eq!(names(&dir), ["backup.json", "stream.arc.s2"]);
    let info: Value = serde_json::from_slice(&std::fs::read(dir.join("backup.json")).unwrap()).unwrap();
    assert_eq!(keys(&info), ["config", "state"]);
    assert_eq!((&info["config"]["name"], &info["config"]["retention"]), (&json!("ORDERS"), &json!("limits")));
    assert_eq!((&info["state"]["messages"], &info["state"]["last_seq"]), (&json!(5), &json!(5)));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&dir).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn servers_before_2_15_write_and_take_the_archive_of_that_time() {
    let server = NatsServer::builder().version("2.14.6").jetstream().start().await.unwrap();
    fine(&server, &["stream", "add", "S"]).await;
    fine(&server, &["pub", "S", "kept"]).await;
    let root = tempfile::tempdir().unwrap();
    let (dir, memory) = (root.path().join("s"), root.path().join("m"));
    let (path, memory) = (dir.to_str().unwrap(), memory.to_str().unwrap());
    let saved = fine(&server, &["stream", "backup", "S", path, "--check", "--no-consumers"]).await;
    assert!(
        saved.starts_with(&format!("saved stream \"S\" to {path}\n  messages: 1, sequences 1 to 1")),
        "{saved}"
    );
    assert_eq!(names(&dir), ["backup.json", "stream.tar.s2"]);
    run(of(&server, &["stream", "restore", path, "--as", "T", "--subjects", "t"]))
        .await
        .failed(1, &["\"T\"", "leave out --as"]);
    fine(&server, &["stream", "rm", "S", "--force"]).await;
    fine(&server, &["stream", "restore", path]).await;
    assert_eq!(fine(&server, &["stream", "view", "S", "--raw"]).await, "kept\n");
    fine(&server, &["stream", "add", "M", "--storage", "memory"]).await;
    run(of(&server, &["stream", "backup", "M", memory])).await.failed(1, &["\"M\"", "2.15 and newer"]);
    assert_eq!(names(root.path()), ["s"]);
}

#[tokio::test]
async fn a_stream_comes_back_under_another_name_and_with_another_configuration() {
    let (server, _root, dir) = saved().await;
    let restore = ["stream", "restore", dir.to_str().unwrap()];
    run(of(&server, &restore)).await.failed(1, &["\"ORDERS\"", "already in use", "--as"]);
    let other = [&restore[..], &["--as", "COPY"]].concat();
    run(of(&server, &other)).await.failed(1, &["\"COPY\"", "overlap", "--subjects"]);
    let options = ["--subjects", "copy.>", "--storage", "memory", "--max-msgs", "10"];
    let text = fine(&server, &[&other[..], &options].concat()).await;
    assert!(text.starts_with("restored stream \"COPY\" from "), "{text}");
    let config = &object(&server, &["stream", "info", "COPY"]).await["config"];
    assert_eq!((&config["storage"], &config["max_msgs"]), (&json!("memory"), &json!(10)));
    assert_eq!(fine(&server, &["stream", "view", "COPY", "--raw"]).await, "0\n1\n2\n3\n4\n");
}

#[tokio::test]
async fn a_damaged_archive_is_told_by_its_name_and_nothing_is_put_back() {
    let (server, _root, dir) = saved().await;
    fine(&server, &["stream", "rm", "ORDERS", "--force"]).await;
    let archive = dir.join("stream.arc.s2");
    let whole = std::fs::read(&archive).unwrap();
    std::fs::write(&archive, &whole[..whole.len() - 40]).unwrap();
    let ran = run(of(&server, &["stream", "restore", dir.to_str().unwrap()])).await;
    ran.failed(1, &["\"ORDERS\"", archive.to_str().unwrap(), "is whole"]);
    assert_eq!(fine(&server, &["stream", "ls"]).await, "");
}

#[tokio::test]
async fn what_is_no_backup_or_no_place_for_one_is_a_usage_error_before_anything_is_connected() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("file"), "").unwrap();
    let backup = |dir: String| async move {
        run(program(&["stream", "backup", "S", &dir, "--server", "127.0.0.1:1"])).await
    };
    backup(at("file")).await.failed(2, &[&at("file"), "directory to make"]);
    backup(at("none/b")).await.failed(2, &[&at("none/b"), "make it first"]);
    backup(root.path().to_str().unwrap().into()).await.failed(2, &["not empty"]);
    run(program(&["stream", "restore", &at("none"), "--server", "127.0.0.1:1"]))
        .await
        .failed(2, &[&at("none/backup.json"), "nuncio stream backup"]);
}

#[tokio::test]
async fn a_backup_that_fails_or_is_broken_off_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("b");
    let path = dir.to_str().unwrap();
    let server = orders().await;
    run(of(&server, &["stream", "backup", "NOPE", path])).await.failed(1, &["\"NOPE\"", "not found"]);
    assert_eq!(names(root.path()), [""; 0]);
    // Nobody answers, so it waits until it is stopped.
    let silent = nuncio_server::Server::start().await.unwrap();
    let nc = crate::connect(&silent).await;
    let mut asked = nc.subscribe("$JS.API.STREAM.SNAPSHOT.>").await.unwrap();
    nc.flush().await.unwrap();
    let child = crate::client(&silent, &["stream", "backup", "S", path]).spawn().unwrap();
    let request = crate::within(asked.next()).await.unwrap();
    let info = json!({
        "config": {"name": "S", "retention": "limits", "storage": "file", "discard": "old"},
        "state": {"messages": 1, "bytes": 1, "first_seq": 1, "last_seq": 1, "consumer_count": 0},
    });
    request.respond(info.to_string()).await.unwrap();
    let body: Value = serde_json::from_slice(request.payload()).unwrap();
    let inbox = body["deliver_subject"].as_str().unwrap();
    nc.publish(inbox, "a first chunk").await.unwrap();
    let begun =
        || names(root.path()).iter().any(|name| name.starts_with(".b.") && name.ends_with(".partial"));
    nuncio_testkit::eventually("the backup begins", crate::PATIENCE, begun).await.unwrap();
    crate::signal(&child, "INT").await;
    assert_eq!(crate::finish(child).await.code, Some(130));
    assert_eq!(names(root.path()), [""; 0]);
}
