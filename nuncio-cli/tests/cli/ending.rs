//! Errors, exit codes and help, which are the same for all commands.

use std::net::TcpListener;

use nuncio_server::Server;

use crate::{client, program, run};

const COMMANDS: [&[&str]; 14] = [
    &[],
    &["pub"],
    &["sub"],
    &["request"],
    &["reply"],
    &["rtt"],
    &["events"],
    &["server"],
    &["stream"],
    &["stream", "backup"],
    &["consumer"],
    &["consumer", "edit"],
    &["bench"],
    &["bench", "js-pub"],
];

/// What connects, with arguments that are right.
const CLIENTS: [&[&str]; 6] =
    [&["pub", "a", ""], &["sub", "a"], &["request", "a", ""], &["reply", "a", "b"], &["rtt"], &["events"]];

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failed_connection_that_names_it() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let addr = format!("127.0.0.1:{port}");
    for arguments in CLIENTS {
        let mut command = program(arguments);
        command.args(["--server", &addr]);
        run(command).await.failed(5, &[&addr]);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_failed_connection() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = silent.local_addr().unwrap().to_string();
    run(program(&["rtt", "--server", &addr, "--timeout", "100ms"]))
        .await
        .failed(5, &[&addr, "100ms", "--timeout"]);
}

#[tokio::test]
async fn a_wrong_password_is_a_failed_connection_and_is_not_shown() {
    let server = Server::builder().user("joe", "right").start().await.unwrap();
    for arguments in CLIENTS {
        let mut command = client(&server, arguments);
        command.args(["--user", "joe"]).env("NATS_PASSWORD", "wr0ng");
        let ran = run(command).await;
        ran.failed(5, &[&server.addr().unwrap().to_string(), "credentials"]);
        assert!(!ran.stderr.contains("wr0ng"), "{ran:?}");
    }
}

#[tokio::test]
async fn the_right_password_connects_however_it_is_given() {
    let server = Server::builder().user("joe", "right").start().await.unwrap();
    run(client(&server, &["rtt", "--user", "joe", "--password", "right"])).await.fine();
    let url = server.url().replace("nats://", "nats://joe:right@");
    run(program(&["rtt", "--server", &url])).await.fine();
    let mut command = client(&server, &["rtt"]);
    command.env("NATS_USER", "joe").env("NATS_PASSWORD", "right").env("NATS_TOKEN", "");
    run(command).await.fine();
}

#[tokio::test]
async fn a_bad_address_is_a_usage_error_without_its_secrets() {
    let ran = run(program(&["rtt", "--server", "nats://joe:s3cr3t@host:port"])).await;
    ran.failed(2, &["--server", "host"]);
    assert!(!ran.stderr.contains("s3cr3t"), "{ran:?}");
}

#[tokio::test]
async fn a_user_without_a_password_is_a_usage_error() {
    run(program(&["rtt", "--user", "joe"])).await.failed(2, &["--password"]);
    run(program(&["rtt", "--password", "s3cr3t"])).await.failed(2, &["--user"]);
}

#[tokio::test]
async fn a_bad_header_is_a_usage_error_before_anything_is_connected() {
    for arguments in [&["pub", "a", "b"][..], &["request", "a", "b"], &["reply", "a", "b"]] {
        let mut command = program(arguments);
        command.args(["--server", "127.0.0.1:1", "--header", "no colon"]);
        run(command).await.failed(2, &["header 1", "Name: value"]);
    }
}

#[tokio::test]
async fn a_bad_subject_is_a_usage_error_that_names_it() {
    let server = Server::start().await.unwrap();
    for arguments in
        [&["pub", "a..b", ""][..], &["sub", "a..b"], &["request", "a..b", ""], &["reply", "a..b", ""]]
    {
        run(client(&server, arguments)).await.failed(2, &["a..b"]);
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_a_usage_error_of_one_line() {
    run(program(&[])).await.failed(2, &[]);
    run(program(&["nonsense"])).await.failed(2, &["nonsense"]);
    run(program(&["pub"])).await.failed(2, &["<SUBJECT>", "--help"]);
    run(program(&["pub", "a", "b", "--jsn"])).await.failed(2, &["--jsn", "--json"]);
    run(program(&["rtt", "--timeout", "5"])).await.failed(2, &["--timeout", "5"]);
    run(program(&["sub", "a", "--count", "0"])).await.failed(2, &["--count"]);
    run(program(&["sub", "a", "--raw", "--json"])).await.failed(2, &["--raw", "--json"]);
}

#[tokio::test]
async fn every_help_has_the_exit_codes_and_no_secrets() {
    for command in COMMANDS {
        for help in ["-h", "--help"] {
            let arguments = [command, &[help]].concat();
            let mut command = program(&arguments);
            for variable in ["NATS_URL", "NATS_USER", "NATS_PASSWORD", "NATS_TOKEN"] {
                command.env(variable, "s3cr3t");
            }
            let ran = run(command).await.fine();
            assert!(ran.text().contains("Exit codes:"), "{arguments:?}");
            assert!(ran.text().contains("NATS_PASSWORD"), "{arguments:?}");
            assert!(!ran.text().contains("s3cr3t"), "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn help_to_a_reader_that_went_away_is_no_failure() {
    let mut child = program(&["--help"]).spawn().unwrap();
    drop(child.stdout.take());
    crate::finish(child).await.fine();
}

#[tokio::test]
async fn results_to_a_reader_that_went_away_are_no_failure() {
    let server = Server::start().await.unwrap();
    let nc = crate::connect(&server).await;
    let mut requests = nc.subscribe("a").await.unwrap();
    nc.flush().await.unwrap();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let _ = request.respond("").await;
        }
    });
    for arguments in [&["pub", "a", ""][..], &["request", "a", ""], &["rtt"]] {
        let mut child = client(&server, arguments).spawn().unwrap();
        drop(child.stdout.take());
        crate::finish(child).await.fine();
    }
}
