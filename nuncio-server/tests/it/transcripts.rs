//! The same bytes to this server and to nats-server 2.15.1: both answer the same, but for what names the server, and
//! for the faults that this server refuses on purpose (`texts.rs`).

use std::time::Duration;

use nuncio_server::{Permissions, Server, ServerBuilder};
use nuncio_testkit::NatsServer;
use tokio::net::TcpStream;

use crate::wire::Wire;

/// What a client says after its `CONNECT`, by name.
type Transcript = (&'static str, &'static str, String);

const QUIET: &str = r#"{"verbose":false,"headers":true,"no_responders":true}"#;
const VERBOSE: &str = r#"{"verbose":true,"headers":true}"#;
const PEDANTIC: &str = r#"{"verbose":false,"pedantic":true,"headers":true}"#;
const BARE: &str = r#"{"verbose":false}"#;
const NO_ECHO: &str = r#"{"verbose":false,"echo":false,"protocol":1}"#;
const USER: &str = r#"{"verbose":false,"user":"u","pass":"p","headers":true}"#;
const USER_VERBOSE: &str = r#"{"verbose":true,"user":"u","pass":"p"}"#;

/// All that a server answers to a client that says this and then nothing more, INFO left out.
async fn answers(addr: &str, connect: &str, said: &str) -> String {
    let mut wire = Wire::new(TcpStream::connect(addr).await.unwrap());
    assert!(wire.line().await.starts_with("INFO {"));
    if !connect.is_empty() {
        wire.send(format!("CONNECT {connect}\r\nPING\r\n")).await;
        // Whoever is refused here says no more.
        if wire.line_or_end().await.is_none_or(|line| line.starts_with("-ERR")) {
            return "refused".to_owned();
        }
    }
    wire.try_send(said).await;
    wire.half_close().await;
    let all = wire.rest().await;
    // What is an INFO is not compared, that there is one is.
    let lines = all.split_inclusive("\r\n");
    lines.map(|line| if line.starts_with("INFO {") { "INFO\r\n" } else { line }).collect()
}

/// Says the same to both servers and compares what they answer.
async fn compare(builder: ServerBuilder, config: &str, transcripts: &[Transcript]) {
    let here = builder.start().await.unwrap();
    let there = NatsServer::builder().version("2.15.1").config(config).start().await.unwrap();
    let addr = here.addr().unwrap().to_string();
    let mut differ = Vec::new();
    for (name, connect, said) in transcripts {
        let answer = answers(&addr, connect, said).await;
        let expected = answers(&there.addr(), connect, said).await;
        if answer != expected {
            differ.push(format!("{name}:\n  nuncio-server {answer:?}\n  nats-server   {expected:?}"));
        }
    }
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
}

fn said(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\r\n")).chain(["PING\r\n".to_owned()]).collect()
}

/// `said` with ends of lines of one's own.
fn raw(text: &str) -> String {
    format!("{text}PING\r\n")
}

#[tokio::test]
async fn publishing_and_subscribing() {
    let all = [
        ("nothing", QUIET, said(&[])),
        ("a message to oneself", QUIET, said(&["SUB a 1", "PUB a 1", "x"])),
        ("an empty message", QUIET, said(&["SUB a 1", "PUB a 0", ""])),
        ("a reply subject", QUIET, said(&["SUB a 1", "PUB a r.s 2", "hi"])),
        (
            "wildcards",
            QUIET,
            said(&["SUB a.* 1", "SUB b.> 3", "PUB a.b 1", "x", "PUB a 1", "x", "PUB b.c.d 1", "y"]),
        ),
        (
            "two subscriptions under one id",
            QUIET,
            said(&["SUB a 1", "SUB b 1", "PUB a 1", "x", "PUB b 1", "y"]),
        ),
        ("unsubscribing", QUIET, said(&["SUB a 1", "UNSUB 1", "PUB a 1", "x"])),
        (
            "unsubscribing after two",
            QUIET,
            said(&["SUB a 1", "UNSUB 1 2", "PUB a 1", "x", "PUB a 1", "y", "PUB a 1", "z"]),
        ),
        (
            "unsubscribing after fewer than there were",
            QUIET,
            said(&["SUB a 1", "PUB a 1", "x", "PUB a 1", "y", "UNSUB 1 1", "PUB a 1", "z"]),
        ),
        (
            "unsubscribing twice, the second time for more",
            QUIET,
            said(&["SUB a 1", "UNSUB 1 1", "UNSUB 1 2", "PUB a 1", "x", "PUB a 1", "y", "PUB a 1", "z"]),
        ),
        ("unsubscribing what is not there", QUIET, said(&["UNSUB 9", "UNSUB 9 3", "UNSUB x"])),
        ("a queue group of one", QUIET, said(&["SUB a q 1", "PUB a 1", "x", "PUB a 1", "y"])),
        (
            "a queue group that leaves after one",
            QUIET,
            said(&["SUB a q 1", "UNSUB 1 1", "PUB a 1", "x", "PUB a 1", "y"]),
        ),
        ("pings in between", QUIET, said(&["PING", "SUB a 1", "PING", "PUB a 1", "x", "PING", "PONG"])),
        ("several ends of lines in a payload", QUIET, said(&["SUB a 1", "PUB a 6", "\r\n\r\n\r\n"])),
        (
            "a subscription on an inbox with odd letters",
            QUIET,
            said(&["SUB _INBOX.*.ü 1", "PUB _INBOX.x.ü 1", "x"]),
        ),
        (
            "a stray wildcard letter within a token",
            QUIET,
            said(&["SUB a*b 1", "PUB a*b 1", "x", "PUB axb 1", "y"]),
        ),
        ("no echo", NO_ECHO, said(&["SUB a 1", "PUB a 1", "x"])),
        ("protocol 1", r#"{"verbose":false,"protocol":1}"#, said(&["SUB a 1", "PUB a 1", "x"])),
        ("no CONNECT", "", said(&["SUB a 1", "PUB a 1", "x", "UNSUB 1"])),
    ];
    compare(Server::builder(), "", &all).await;
}

#[tokio::test]
async fn verbose_and_pedantic_clients() {
    let all = [
        ("verbose", VERBOSE, said(&["SUB a 1", "PUB a 1", "x", "UNSUB 1", "PONG", "UNSUB 9"])),
        ("verbose, with a fault", VERBOSE, said(&["SUB a..b 1", "SUB b 2", "PUB b..c 1", "x"])),
        ("verbose, with headers", VERBOSE, said(&["SUB a 1", "HPUB a 12 13", "NATS/1.0\r\n\r\nx"])),
        (
            "verbose, connecting again",
            VERBOSE,
            said(&["SUB a 1", "CONNECT {\"verbose\":true}", "PUB a 1", "x"]),
        ),
        ("pedantic", PEDANTIC, said(&["SUB > 1", "PUB a..b 1", "x", "PUB a.* 1", "x", "PUB ok 1", "x"])),
        (
            "pedantic, with a bad reply",
            PEDANTIC,
            said(&["SUB ok 1", "PUB ok a..b 1", "x", "PUB ok a.* 1", "x"]),
        ),
        (
            "pedantic, with bad subscriptions",
            PEDANTIC,
            said(&["SUB a..b 1", "SUB .a 2", "SUB a. 3", "SUB a.>.b 4", "SUB a q..r 5"]),
        ),
        (
            "not pedantic, with bad subscriptions",
            QUIET,
            said(&["SUB a..b 1", "SUB .a 2", "SUB a. 3", "SUB a.>.b 4", "SUB a q..r 5"]),
        ),
        (
            "not pedantic, with bad subjects",
            QUIET,
            said(&["SUB > 1", "PUB a..b 1", "x", "PUB a.* 1", "x", "PUB .a 1", "x"]),
        ),
        (
            "nobody there",
            QUIET,
            said(&["SUB r.* 1", "PUB a r.x 1", "x", "HPUB a r.y 12 13", "NATS/1.0\r\n\r\nx"]),
        ),
        ("nobody there and nobody asks", QUIET, said(&["SUB r 1", "PUB a 1", "x"])),
        ("nobody there but the reply matches itself", QUIET, said(&["SUB a 1", "PUB a a 1", "x"])),
        ("nobody there, to a client that is not told", VERBOSE, said(&["SUB r 1", "PUB a r 1", "x"])),
        ("no responders without headers", r#"{"verbose":false,"no_responders":true}"#, said(&[])),
        ("a protocol that is not there", r#"{"verbose":false,"protocol":2}"#, said(&[])),
    ];
    compare(Server::builder(), "", &all).await;
}

#[tokio::test]
async fn headers() {
    let all = [
        ("headers", QUIET, said(&["SUB a 1", "HPUB a 18 19", "NATS/1.0\r\nA: b\r\n\r\nx"])),
        ("headers and a reply", QUIET, said(&["SUB a 1", "HPUB a r 18 18", "NATS/1.0\r\nA: b\r\n\r\n"])),
        ("headers that are none", QUIET, said(&["SUB a 1", "HPUB a 5 6", "helloo"])),
        ("more header than message", QUIET, said(&["HPUB a 20 10", "0123456789"])),
        ("a size that is none", QUIET, said(&["HPUB a x 10", "0123456789"])),
        ("too few arguments", QUIET, said(&["HPUB a 12", "NATS/1.0\r\n\r\n"])),
        ("too many arguments", QUIET, said(&["HPUB a b c 12 12", "NATS/1.0\r\n\r\n"])),
        ("from a client without headers", BARE, said(&["HPUB a 12 13", "NATS/1.0\r\n\r\nx"])),
    ];
    compare(Server::builder(), "", &all).await;
}

#[tokio::test]
async fn spelling() {
    let all = [
        ("lower case", QUIET, raw("sub a 1\r\npub a 1\r\nx\r\nunsub 1\r\nping\r\npong\r\n")),
        ("mixed case", QUIET, raw("Sub a 1\r\npUb a 1\r\nx\r\nhPuB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n")),
        ("tabs", QUIET, raw("SUB\ta\t1\r\nPUB\ta\t1\r\nx\r\nUNSUB\t1\r\n")),
        ("many blanks", QUIET, raw("SUB   a \t  1  \r\nPUB  a   1 \r\nx\r\nUNSUB   1  \r\n")),
        ("lines that end with LF alone", QUIET, raw("SUB a 1\nUNSUB 1\n")),
        ("a payload that ends with LF alone", QUIET, raw("SUB a 1\r\nPUB a 1\r\nx\nPUB a 1\r\nx\r\n")),
    ];
    compare(Server::builder(), "", &all).await;
}

#[tokio::test]
async fn faults() {
    let texts = [
        "\r\n",
        "FOO\r\n",
        "PUX a 1\r\n",
        "SUBX a 1\r\n",
        "PUB\r\n",
        "PUB \r\n",
        "PUB a\r\n",
        "PUB a b c 4\r\nabcd\r\n",
        "PUB a x\r\n",
        "PUB a -1\r\n",
        "PUB a 3\r\nx\r\n",
        "PUB a 1\r\nxyz\r\n",
        "SUB\r\n",
        "SUB a\r\n",
        "SUB a b c d\r\n",
        "UNSUB\r\n",
        "UNSUB 1 2 3\r\n",
        "CONNECT {\r\n",
        "CONNECT []\r\n",
        "PUB a 999999999\r\n",
        "PUB a 99999999999\r\n",
        "HPUB a 12 1048577\r\n",
        "PUB a 1048577\r\n",
        "PUB a\0b 1\r\nx\r\n",
        "SUB a\0 1\r\n",
        "PIN\r\n",
        "PUB $JS.ACK.x 0\r\n\r\n",
        "PUB a $JS.ACK.x 0\r\n\r\n",
        "PUB a _R_.x 0\r\n\r\n",
        "PUB _GR_.x 0\r\n\r\n",
        "SUB $SYS.> 1\r\n",
    ];
    let all: Vec<Transcript> = texts.into_iter().map(|text| (text, QUIET, raw(text))).collect();
    compare(Server::builder(), "", &all).await;
}

#[tokio::test]
async fn limits() {
    let long = "a".repeat(300);
    let all = [
        ("the largest payload", QUIET, said(&["SUB a 1", "PUB a 64", &"x".repeat(64)])),
        ("too large a payload", QUIET, said(&["SUB a 1", "PUB a 65", &"x".repeat(65)])),
        (
            "the largest with headers",
            QUIET,
            said(&["SUB a 1", "HPUB a 12 64", &format!("NATS/1.0\r\n\r\n{}", "x".repeat(52))]),
        ),
        (
            "too large with headers",
            QUIET,
            said(&["HPUB a 12 65", &format!("NATS/1.0\r\n\r\n{}", "x".repeat(53))]),
        ),
        ("the longest line", QUIET, raw(&format!("SUB {} 1\r\n", "a".repeat(254)))),
        ("too long a line", QUIET, raw(&format!("SUB {} 1\r\n", "a".repeat(255)))),
        ("too long a line without an end", QUIET, format!("SUB {long}")),
        (
            "too many subscriptions",
            QUIET,
            said(&["SUB a 1", "SUB b 2", "SUB c 3", "UNSUB 1", "SUB d 4", "PUB d 1", "x"]),
        ),
    ];
    let here = Server::builder().max_payload(64).max_control_line(256).max_subscriptions(2);
    compare(here, "max_payload: 64\nmax_control_line: 256\nmax_subscriptions: 2", &all).await;
}

#[tokio::test]
async fn permissions() {
    let all = [
        ("the wrong password", r#"{"user":"u","pass":"q"}"#, said(&[])),
        ("no password", r#"{"verbose":false}"#, said(&[])),
        ("something before CONNECT", "", said(&["SUB a 1"])),
        ("publishing", USER, said(&["SUB ok.> 1", "PUB ok.a 1", "x", "PUB no.a 1", "x", "PUB ok.no 1", "x"])),
        ("publishing with headers", USER, said(&["HPUB no.a 12 13", "NATS/1.0\r\n\r\nx"])),
        ("publishing with a reply", USER, said(&["SUB ok.> 1", "PUB ok.a no.b 1", "x"])),
        (
            "subscribing",
            USER,
            said(&["SUB ok.a 1", "SUB no.a 2", "SUB > 3", "SUB ok.no 4", "PUB ok.a 1", "x"]),
        ),
        (
            "subscribing in a queue group",
            USER,
            said(&["SUB no.a q 1", "SUB jobs q 2", "SUB jobs other 3", "SUB jobs 4"]),
        ),
        (
            "a wildcard over what is denied",
            USER,
            said(&["SUB ok.* 1", "PUB ok.no 1", "x", "PUB ok.a 1", "x"]),
        ),
        ("odd letters in what is denied", USER, said(&["PUB no.\"ü\\ 1", "x", "SUB no.\"ü\\ 1"])),
        ("verbose", USER_VERBOSE, said(&["SUB no.a 1", "PUB no.a 1", "x", "SUB ok.a 2"])),
    ];
    let rules = Permissions::new()
        .allow_publish("ok.>")
        .deny_publish("ok.no")
        .allow_subscribe("ok.>")
        .allow_subscribe("jobs q")
        .deny_subscribe("ok.no");
    let config = r#"authorization { users: [ { user: u, password: p, permissions: {
        publish: { allow: ["ok.>"], deny: ["ok.no"] }
        subscribe: { allow: ["ok.>", "jobs q"], deny: ["ok.no"] }
    } } ] }"#;
    compare(Server::builder().user_with_permissions("u", "p", rules), config, &all).await;
}

#[tokio::test]
async fn answers_that_a_responder_may_give() {
    let all = [
        ("answers", USER, said(&["SUB svc 1", "PUB svc in.x 1", "x", "PUB in.x 1", "y", "PUB in.x 1", "z"])),
        ("what is no answer", USER, said(&["SUB svc 1", "PUB in.x 1", "x"])),
    ];
    let rules = Permissions::new()
        .allow_publish("svc")
        .allow_subscribe("svc")
        .allow_responses(1, Duration::from_secs(60));
    let config = r#"authorization { users: [ { user: u, password: p, permissions: {
        publish: "svc", subscribe: "svc", allow_responses: { max: 1, expires: "1m" }
    } } ] }"#;
    compare(Server::builder().user_with_permissions("u", "p", rules), config, &all).await;
}
