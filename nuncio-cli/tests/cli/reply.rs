//! `nuncio reply`.

use nuncio_server::Server;

use crate::{connect, finish, program, run, signal, start};

#[tokio::test]
async fn a_fixed_payload_is_the_answer_to_every_request() {
    let server = Server::start().await.unwrap();
    let reply = start(&server, &["reply", "time.*", "noon", "-H", "zone: UTC", "--count", "2"]).await;
    let nc = connect(&server).await;
    for subject in ["time.eu", "time.us"] {
        let answer = nc.request(subject, "when?").await.unwrap();
        assert_eq!((answer.payload(), answer.header("zone")), (&b"noon"[..], Some("UTC")));
    }
    let expected = "#1 time.eu: 5 bytes, answered with 4 bytes\n#2 time.us: 5 bytes, answered with 4 bytes\n";
    assert_eq!(finish(reply).await.fine().text(), expected);
}

#[tokio::test]
async fn echo_gives_payload_and_headers_back() {
    let server = Server::start().await.unwrap();
    let reply = start(&server, &["reply", "a", "--echo", "--count", "1", "--queue", "q"]).await;
    assert_eq!(server.connections()[0].subscriptions[0].queue.as_deref(), Some("q"));
    let answer = connect(&server).await.request("a", &b"\xff\0"[..]).header("x", "1").await.unwrap();
    assert_eq!((answer.payload(), answer.header("x")), (&b"\xff\0"[..], Some("1")));
    finish(reply).await.fine();
}

#[tokio::test]
async fn a_program_gets_payload_and_subject_and_its_stdout_is_the_answer() {
    let server = Server::start().await.unwrap();
    let script = "printf '%s ' \"$NUNCIO_SUBJECT\"; tr a-z A-Z";
    let reply =
        start(&server, &["reply", "a.*", "--count", "1", "--command", "sh", "--", "-c", script]).await;
    let answer = connect(&server).await.request("a.b", "hello").timeout(crate::PATIENCE).await.unwrap();
    assert_eq!(answer.text(), Ok("a.b HELLO"));
    finish(reply).await.fine();
}

#[tokio::test]
async fn a_program_that_does_not_read_its_stdin_is_no_failure() {
    let server = Server::start().await.unwrap();
    let reply =
        start(&server, &["reply", "a", "--count", "1", "--command", "echo", "--", "-n", "done"]).await;
    let large = vec![b'x'; 900_000];
    let answer = connect(&server).await.request("a", &large).timeout(crate::PATIENCE).await.unwrap();
    assert_eq!(answer.text(), Ok("done"));
    finish(reply).await.fine();
}

#[tokio::test]
async fn a_program_that_fails_is_told_to_the_requester_and_the_next_request_is_answered() {
    let server = Server::start().await.unwrap();
    let script = "test \"$(cat)\" = good";
    let reply = start(&server, &["reply", "a", "--count", "2", "--command", "sh", "--", "-c", script]).await;
    let nc = connect(&server).await;
    let answer = nc.request("a", "bad").timeout(crate::PATIENCE).await.unwrap();
    assert_eq!(answer.header("Nats-Service-Error-Code"), Some("500"));
    assert!(answer.header("Nats-Service-Error").unwrap().starts_with("sh failed"), "{answer:?}");
    let answer = nc.request("a", "good").timeout(crate::PATIENCE).await.unwrap();
    assert!(!answer.has_headers());
    let ran = finish(reply).await;
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.starts_with("nuncio: request on \"a\": sh failed"), "{ran:?}");
}

#[tokio::test]
async fn a_program_that_takes_too_long_or_is_not_there_is_told_to_the_requester() {
    for (program, problem) in
        [(&["sleep", "--", "1000"][..], "longer than"), (&["/nowhere"][..], "cannot run")]
    {
        let server = Server::start().await.unwrap();
        let arguments = [&["reply", "a", "--count", "1", "--timeout", "2s", "--command"], program].concat();
        let reply = start(&server, &arguments).await;
        let answer = connect(&server).await.request("a", "").timeout(crate::PATIENCE).await.unwrap();
        assert!(answer.header("Nats-Service-Error").unwrap().contains(problem), "{answer:?}");
        finish(reply).await;
    }
}

#[tokio::test]
async fn an_answer_larger_than_the_server_takes_is_told_to_the_requester() {
    let server = Server::builder().max_payload(1000).start().await.unwrap();
    let script = "head -c 100000 /dev/zero";
    let reply = start(&server, &["reply", "a", "--count", "1", "--command", "sh", "--", "-c", script]).await;
    let answer = connect(&server).await.request("a", "").timeout(crate::PATIENCE).await.unwrap();
    assert!(answer.header("Nats-Service-Error").unwrap().contains("1000 bytes"), "{answer:?}");
    assert_eq!(finish(reply).await.code, Some(0));
}

#[tokio::test]
async fn with_json_a_request_is_one_object_with_its_answer() {
    let server = Server::start().await.unwrap();
    let reply = start(&server, &["reply", "a", "noon", "--count", "2", "--json"]).await;
    let nc = connect(&server).await;
    nc.publish("a", "no request").await.unwrap();
    nc.request("a", "when?").await.unwrap();
    let lines = finish(reply).await.fine().json();
    assert_eq!(
        lines[0],
        serde_json::json!({"subject": "a", "reply": null, "headers": {}, "size": 10, "payload": "no request",
            "answered": false})
    );
    assert_eq!((&lines[1]["payload"], &lines[1]["answered"]), (&"when?".into(), &true.into()));
    assert_eq!(lines[1]["response"], "noon");
}

#[tokio::test]
async fn ctrl_c_is_a_clean_end() {
    let server = Server::start().await.unwrap();
    let reply = start(&server, &["reply", "a", "noon"]).await;
    signal(&reply, "INT").await;
    finish(reply).await.fine();
}

#[tokio::test]
async fn the_answer_is_written_even_when_nobody_reads_stdout() {
    let server = Server::start().await.unwrap();
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" >&-", env!("CARGO_BIN_EXE_nuncio"), "--server", &server.url()]);
    let child = shell.args(["reply", "a", "noon", "--count", "1"]).kill_on_drop(true).spawn().unwrap();
    crate::within(server.wait_for_subscriptions(1)).await;
    let answer = connect(&server).await.request("a", "").await.unwrap();
    assert_eq!(answer.text(), Ok("noon"));
    assert_eq!(finish(child).await.code, Some(0));
}

#[tokio::test]
async fn exactly_one_kind_of_answer_has_to_be_given() {
    run(program(&["reply", "a"])).await.failed(2, &["--echo", "--command"]);
    run(program(&["reply", "a", "b", "--echo"])).await.failed(2, &["--echo"]);
    run(program(&["reply", "a", "b", "--", "c"])).await.failed(2, &["--command"]);
}
