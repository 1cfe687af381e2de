use std::time::Duration;

use nuncio_server::{Permissions, Server};
use tokio::io::DuplexStream;

use crate::wire::{Wire, connected, quiet};

async fn server() -> Server {
    let limited = Permissions::new()
        .allow_publish("ok.>")
        .deny_publish("ok.no")
        .allow_subscribe("ok.>")
        .allow_subscribe("wq q1")
        .deny_subscribe("ok.no")
        .deny_subscribe("ok.d.*");
    let once = Permissions::new().deny_publish(">").allow_responses(1, Duration::from_secs(120));
    let twice = Permissions::new().allow_publish("ok").allow_responses(2, Duration::from_secs(1));
    Server::builder()
        .in_memory()
        .user("all", "x")
        .user_with_permissions("limited", "x", limited)
        .user_with_permissions("filtered", "x", Permissions::new().deny_subscribe("x.no"))
        .user_with_permissions("once", "x", once)
        .user_with_permissions("twice", "x", twice)
        .start()
        .await
        .unwrap()
}

async fn login(server: &Server, user: &str) -> Wire<DuplexStream> {
    let options = format!(
        r#"{{"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"user":"{user}","pass":"x"}}"#
    );
    connected(server, &options).await
}

#[tokio::test]
async fn a_denied_publish_is_reported_and_goes_nowhere() {
    let server = server().await;
    let mut all = login(&server, "all").await;
    all.ask("SUB > 1\r\n").await;
    let mut wire = login(&server, "limited").await;
    assert_eq!(
        wire.ask("PUB ok.no 0\r\n\r\nPUB a\"b 1\r\nx\r\nPUB ok.x 0\r\n\r\n").await,
        "-ERR 'Permissions Violation for Publish to \"ok.no\"'\r\n\
         -ERR 'Permissions Violation for Publish to \"a\\\"b\"'\r\n"
    );
    assert_eq!(all.ask("").await, "MSG ok.x 1 0\r\n\r\n");
}

#[tokio::test]
async fn a_denied_request_gets_no_503() {
    let server = server().await;
    let mut wire = login(&server, "limited").await;
    assert_eq!(
        wire.ask("SUB ok.r 1\r\nPUB none ok.r 0\r\n\r\n").await,
        "-ERR 'Permissions Violation for Publish to \"none\"'\r\n"
    );
}

#[tokio::test]
async fn a_denied_subscription_is_reported_and_never_made() {
    let server = server().await;
    let mut wire = login(&server, "limited").await;
    assert_eq!(
        wire.ask(
            "SUB no 1\r\nSUB no qq 2\r\nSUB ok.no 3\r\nSUB > 4\r\nSUB wq 5\r\nSUB wq q1 6\r\nSUB a..b 7\r\n"
        )
        .await,
        "-ERR 'Permissions Violation for Subscription to \"no\"'\r\n\
         -ERR 'Permissions Violation for Subscription to \"no\" using queue \"qq\"'\r\n\
         -ERR 'Permissions Violation for Subscription to \"ok.no\"'\r\n\
         -ERR 'Permissions Violation for Subscription to \">\"'\r\n\
         -ERR 'Permissions Violation for Subscription to \"wq\"'\r\n\
         -ERR 'Permissions Violation for Subscription to \"a..b\"'\r\n"
    );
    assert_eq!(server.subscriptions_count(), 1);
}

#[tokio::test]
async fn denied_subjects_are_left_out_of_a_wildcard() {
    let server = server().await;
    let mut wire = login(&server, "filtered").await;
    assert_eq!(
        wire.ask("SUB x.* 1\r\nSUB > 2\r\nPUB x.no 0\r\n\r\nPUB x.yes 0\r\n\r\n").await,
        "MSG x.yes 2 0\r\n\r\nMSG x.yes 1 0\r\n\r\n"
    );
}

#[tokio::test]
async fn a_request_may_be_answered_once() {
    let server = server().await;
    let (mut service, mut asker) = (login(&server, "once").await, login(&server, "all").await);
    service.ask("SUB svc 1\r\n").await;
    asker.ask("SUB rep 1\r\nPUB svc rep 0\r\n\r\n").await;
    assert_eq!(
        service.ask("PUB rep 1\r\n1\r\nPUB rep 1\r\n2\r\nPUB other 0\r\n\r\n").await,
        "MSG svc 1 rep 0\r\n\r\n-ERR 'Permissions Violation for Publish to \"rep\"'\r\n\
         -ERR 'Permissions Violation for Publish to \"other\"'\r\n"
    );
    assert_eq!(asker.ask("PUB svc rep 0\r\n\r\n").await, "MSG rep 1 1\r\n1\r\n");
    assert_eq!(service.ask("PUB rep 0\r\n\r\n").await, "MSG svc 1 rep 0\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_request_may_be_answered_for_a_time_only() {
    let server = server().await;
    let (mut service, mut asker) = (login(&server, "twice").await, login(&server, "all").await);
    service.ask("SUB svc 1\r\n").await;
    asker.ask("SUB rep 1\r\nPUB svc rep 0\r\n\r\n").await;
    assert_eq!(service.ask("PUB rep 0\r\n\r\nPUB ok 0\r\n\r\n").await, "MSG svc 1 rep 0\r\n\r\n");
    tokio::time::advance(Duration::from_millis(1001)).await;
    let answer = service.ask("PUB rep 0\r\n\r\n").await;
    assert_eq!(answer, "-ERR 'Permissions Violation for Publish to \"rep\"'\r\n");
}

#[tokio::test]
async fn verbose_does_not_confirm_what_is_denied() {
    let server = server().await;
    let options = r#"{"verbose":true,"pedantic":true,"user":"limited","pass":"x"}"#;
    let mut wire = connected(&server, options).await;
    assert_eq!(
        wire.ask("PUB no..a 0\r\n\r\nSUB no 1\r\nPUB ok.a 0\r\n\r\nUNSUB 1\r\n").await,
        "-ERR 'Invalid Publish Subject'\r\n-ERR 'Permissions Violation for Publish to \"no..a\"'\r\n\
         -ERR 'Permissions Violation for Subscription to \"no\"'\r\n+OK\r\n+OK\r\n"
    );
}

#[tokio::test]
async fn permissions_of_all_hold_without_credentials_too() {
    let permissions = Permissions::new().deny_publish("no");
    let server = Server::builder().in_memory().permissions(permissions).start().await.unwrap();
    let mut wire = quiet(&server).await;
    assert_eq!(wire.ask("PUB no 0\r\n\r\n").await, "-ERR 'Permissions Violation for Publish to \"no\"'\r\n");
}

#[tokio::test]
async fn a_permission_that_is_no_subject_is_refused_at_the_start() {
    let permissions = Permissions::new().deny_publish("a..b");
    let error = Server::builder().in_memory().permissions(permissions).start().await.unwrap_err();
    assert!(error.to_string().contains("a..b"), "{error}");
}

#[tokio::test]
async fn permissions_that_change_end_subscriptions_and_name_them() {
    let server = server().await;
    let (mut wire, mut other) = (login(&server, "all").await, login(&server, "filtered").await);
    wire.ask("SUB a 21\r\nSUB b q 22\r\nSUB > 23\r\nSUB a 24\r\n").await;
    other.ask("SUB a 1\r\n").await;
    let denied = Permissions::new().deny_subscribe("a").deny_subscribe("b").deny_publish("x");
    server.set_permissions(Some("all"), denied).unwrap();
    assert_eq!(
        wire.ask("PUB x 0\r\n\r\nPUB a 0\r\n\r\nPUB c 0\r\n\r\nSUB a 30\r\n").await,
        "-ERR 'Permissions Violation for Subscription to \"a\" (sid \"21\")'\r\n\
         -ERR 'Permissions Violation for Subscription to \"b\" using queue \"q\" (sid \"22\")'\r\n\
         -ERR 'Permissions Violation for Subscription to \"a\" (sid \"24\")'\r\n\
         -ERR 'Permissions Violation for Publish to \"x\"'\r\nMSG c 23 0\r\n\r\n\
         -ERR 'Permissions Violation for Subscription to \"a\"'\r\n"
    );
    assert_eq!(other.ask("").await, "MSG a 1 0\r\n\r\n");
}

#[tokio::test]
async fn permissions_of_nobody_cannot_change() {
    let error = server().await.set_permissions(Some("nobody"), Permissions::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_denial_for_all_holds_for_those_who_are_connected() {
    let server = Server::builder().in_memory().start().await.unwrap();
    let mut wire = quiet(&server).await;
    server.set_permissions(None, Permissions::new().deny_publish("no")).unwrap();
    assert_eq!(wire.ask("PUB no 0\r\n\r\n").await, "-ERR 'Permissions Violation for Publish to \"no\"'\r\n");
}
