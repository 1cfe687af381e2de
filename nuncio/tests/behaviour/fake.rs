//! Servers that do what no good one does, played by hand. No kind of server is the target here.

use std::time::Duration;

use nuncio::{Backoff, CloseReason, ConnectError, DisconnectCause, Event, ServerError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

const INFO: &str =
    r#"INFO {"server_id":"F","version":"2.15.1","proto":1,"headers":true,"max_payload":1048576}"#;

struct Fake {
    listener: TcpListener,
}

/// One connection of a fake server.
struct Peer {
    io: BufReader<TcpStream>,
}

impl Fake {
    async fn new() -> Fake {
        Fake { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    fn addr(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    fn connect(&self) -> nuncio::Connect {
        nuncio::connect(self.addr())
            .max_reconnects(None)
            .backoff(Backoff::fixed(Duration::from_millis(5), Duration::ZERO))
    }

    async fn accept(&self) -> Peer {
        let (io, _) =
            tokio::time::timeout(SOON, self.listener.accept()).await.expect("nobody connects").unwrap();
        io.set_nodelay(true).unwrap();
        Peer { io: BufReader::new(io) }
    }

    /// Accepts a connection and goes through the handshake with it.
    async fn welcome(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        assert!(peer.line().await.starts_with("CONNECT {"));
        assert_eq!(peer.line().await, "PING\r\n");
        peer.send("PONG\r\n").await;
        peer
    }

    /// A client and the server's end of its connection.
    async fn pair(&self) -> (nuncio::Client, Peer) {
        let (nc, peer) = tokio::join!(self.connect().into_future(), self.welcome());
        (nc.unwrap(), peer)
    }
}

use std::future::IntoFuture;

impl Peer {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        tokio::time::timeout(SOON, self.io.read_line(&mut line)).await.expect("nothing is sent").unwrap();
        line
    }

    /// Reads lines until one starts so.
    async fn until(&mut self, start: &str) -> String {
        loop {
            let line = self.line().await;
            assert!(!line.is_empty(), "closed before {start:?} came");
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// Waits until the client closes the connection.
    async fn closed(&mut self) {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(SOON, self.io.read_to_end(&mut rest)).await.expect("still open");
    }
}

async fn lost(events: &mut nuncio::Events) -> DisconnectCause {
    event(events, |e| match e {
        Event::Disconnected { cause, .. } => Some(cause),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let fake = Fake::new().await;
    let after = Duration::from_millis(50);
    let (error, _peer) = tokio::join!(fake.connect().connect_timeout(after).into_future(), fake.accept());
    assert_eq!(error.unwrap_err(), ConnectError::Timeout { server: fake.addr(), after, stage: "INFO" });
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_first_ping_is_given_up_in_time() {
    let fake = Fake::new().await;
    let after = Duration::from_millis(100);
    let (error, _peer) = tokio::join!(fake.connect().connect_timeout(after).into_future(), async {
        let mut peer = fake.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        peer
    });
    let error = error.unwrap_err();
    assert_eq!(error, ConnectError::Timeout { server: fake.addr(), after, stage: "PONG" });
    assert!(error.is_timeout() && error.to_string().contains(&fake.addr()), "{error}");
}

#[tokio::test]
async fn an_info_may_come_in_pieces() {
    let fake = Fake::new().await;
    let info = format!("{INFO}\r\n");
    for cut in [1, 4, 5, 20, info.len() - 2, info.len() - 1] {
        let nc = tokio::join!(fake.connect().into_future(), async {
            let mut peer = fake.accept().await;
            peer.send(&info[..cut]).await;
            tokio::task::yield_now().await;
            peer.send(&info[cut..]).await;
            peer.until("PING").await;
            peer.send("PO").await;
            tokio::task::yield_now().await;
            peer.send("NG\r\n").await;
            peer
        });
        drop(nc.0.unwrap());
    }
}

#[tokio::test]
async fn what_comes_in_one_read_with_the_first_pong_is_not_lost() {
    let fake = Fake::new().await;
    let (nc, mut peer) =
        tokio::join!(fake.connect().retry_on_initial_connect(true).into_future(), fake.accept());
    let nc = nc.unwrap();
    let mut sub = nc.subscribe("s").await.unwrap();
    peer.send(format!("{INFO}\r\n")).await;
    peer.until("PING").await;
    let second = r#"INFO {"server_id":"F2","max_payload":77,"headers":true}"#;
    peer.send(format!("PONG\r\n{second}\r\nMSG s {} 2\r\nhi\r\n", sub.sid())).await;
    assert_eq!(texts(&mut sub, 1).await, ["hi"]);
    assert_eq!((nc.server_info().server_id.as_str(), nc.max_payload()), ("F2", 77));
}

#[tokio::test]
async fn what_a_server_may_say_before_the_first_pong_is_understood() {
    let fake = Fake::new().await;
    let nc = tokio::join!(fake.connect().into_future(), async {
        let mut peer = fake.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        peer.until("PING").await;
        peer.send(format!("+OK\r\nPING\r\n{INFO}\r\n")).await;
        assert_eq!(peer.line().await, "PONG\r\n");
        peer.send("pong \r\n").await;
        peer
    });
    drop(nc.0.unwrap());
}

#[tokio::test]
async fn what_does_not_speak_nats_is_named() {
    for said in ["SSH-2.0-OpenSSH\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "PONG\r\n", "INFO not json\r\n"] {
        let fake = Fake::new().await;
        let (error, ()) = tokio::join!(fake.connect().into_future(), async {
            let mut peer = fake.accept().await;
            peer.send(said).await;
            peer.closed().await;
        });
        let error = error.unwrap_err();
        assert!(
            matches!(error, ConnectError::Protocol { .. } | ConnectError::Info { .. }),
            "{said:?}: {error:?}"
        );
        assert!(error.to_string().contains(&fake.addr()), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_closes_during_the_handshake_is_an_error() {
    let fake = Fake::new().await;
    let (error, ()) = tokio::join!(fake.connect().into_future(), async {
        let mut peer = fake.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        peer.until("PING").await;
    });
    assert!(matches!(error, Err(ConnectError::Protocol { .. } | ConnectError::Io { .. })), "{error:?}");
}

#[tokio::test]
async fn a_refusal_is_reported_even_when_the_server_closes_right_behind_it() {
    let fake = Fake::new().await;
    let (error, ()) = tokio::join!(fake.connect().into_future(), async {
        let mut peer = fake.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        peer.until("PING").await;
        peer.send("-ERR 'Authorization Violation'\r\n").await;
    });
    let expected = ConnectError::Refused { server: fake.addr(), error: ServerError::AuthorizationViolation };
    assert_eq!(error.unwrap_err(), expected);
}

#[tokio::test]
async fn a_server_without_echo_support_is_refused_when_echo_is_off() {
    let fake = Fake::new().await;
    let (error, ()) = tokio::join!(fake.connect().echo(false).into_future(), async {
        let mut peer = fake.accept().await;
        peer.send("INFO {\"server_id\":\"old\",\"proto\":0}\r\n").await;
        peer.closed().await;
    });
    assert!(matches!(error, Err(ConnectError::Unsupported { .. })), "{error:?}");
}

#[tokio::test]
async fn a_server_that_demands_tls_is_not_sent_credentials_in_the_clear() {
    let fake = Fake::new().await;
    let (error, said) = tokio::join!(fake.connect().user_and_password("me", "s3cr3t").into_future(), async {
        let mut peer = fake.accept().await;
        peer.send("INFO {\"server_id\":\"T\",\"proto\":1,\"tls_required\":true}\r\n").await;
        // The greeting of TLS, and nothing else: nobody answers it.
        let mut said = vec![0; 4096];
        let n = peer.io.read(&mut said).await.unwrap();
        said.truncate(n);
        peer.io.get_mut().shutdown().await.unwrap();
        let _ = peer.io.read_to_end(&mut said).await;
        said
    });
    assert!(error.unwrap_err().to_string().contains("TLS"));
    assert!(!String::from_utf8_lossy(&said).contains("s3cr3t"), "{said:?}");
}

#[tokio::test]
async fn the_connect_line_has_no_empty_credentials() {
    let fake = Fake::new().await;
    let (nc, line) = tokio::join!(fake.connect().into_future(), async {
        let mut peer = fake.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        let line = peer.line().await;
        peer.until("PING").await;
        peer.send("PONG\r\n").await;
        line
    });
    drop(nc.unwrap());
    let json: serde_json::Value = serde_json::from_str(line.strip_prefix("CONNECT ").unwrap()).unwrap();
    for key in ["user", "pass", "auth_token", "jwt", "nkey", "sig", "name"] {
        assert!(json.get(key).is_none(), "{json}");
    }
    let mut keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = [
        "echo",
        "headers",
        "lang",
        "no_responders",
        "pedantic",
        "protocol",
        "tls_required",
        "verbose",
        "version",
    ];
    assert_eq!(keys, expected, "and nothing else of this machine or program");
    assert_eq!(
        (&json["headers"], &json["no_responders"], &json["protocol"]),
        (&true.into(), &true.into(), &1.into())
    );
    assert_eq!(
        (&json["verbose"], &json["pedantic"], &json["echo"]),
        (&false.into(), &false.into(), &true.into())
    );
}

#[tokio::test]
async fn announced_lengths_beyond_reason_end_the_connection_and_not_the_client() {
    let monsters = [
        "MSG s 2 18446744073709551615\r\n",
        "MSG s 2 99999999999999999999999999\r\n",
        "HMSG s 2 10 18446744073709551615\r\n",
        "MSG s 2 1000000000\r\n",
        "HMSG s 2 20 10\r\n",
        "MSG s 2 -1\r\n",
        "MSG s 2\r\n",
        "MSG\r\n",
        "MSG s x 1\r\n",
        "MSG s 2 2\r\nabc\r\n",
        "PINGxyz\r\n",
        "WHAT\r\n",
        "\0\0\0\0\r\n",
    ];
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut sub = nc.subscribe("s").await.unwrap();
    let mut events = nc.events();
    for monster in monsters {
        peer.until("SUB s ").await;
        peer.send(format!("MSG s {} 4\r\nfine\r\n{monster}", sub.sid())).await;
        assert!(matches!(lost(&mut events).await, DisconnectCause::Protocol(_)), "{monster:?}");
        assert_eq!(texts(&mut sub, 1).await, ["fine"], "{monster:?}");
        peer = fake.welcome().await;
    }
    peer.until("SUB s ").await;
    peer.send(format!("MSG s {} 2\r\nok\r\n", sub.sid())).await;
    assert_eq!(texts(&mut sub, 1).await, ["ok"]);
}

#[tokio::test]
async fn a_line_without_an_end_is_cut_off() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut events = nc.events();
    let endless = vec![b'x'; 256 * 1024];
    tokio::spawn(async move {
        let _ = peer.io.get_mut().write_all(b"MSG ").await;
        while peer.io.get_mut().write_all(&endless).await.is_ok() {}
    });
    assert!(matches!(lost(&mut events).await, DisconnectCause::Protocol(_)));
}

#[tokio::test]
async fn lines_are_read_as_tolerantly_as_the_server_reads() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut sub = nc.subscribe("s").await.unwrap();
    let sid = sub.sid();
    peer.send(format!(
        "+OK\r\nmsg s {sid} 1\r\na\r\nMSG  s \t {sid}   r   1  \r\nb\r\nMsg\ts\t{sid}\t1\r\nc\r\nping\r\n"
    ))
    .await;
    assert_eq!(texts(&mut sub, 3).await, ["a", "b", "c"]);
    peer.until("PONG").await;
}

#[tokio::test]
async fn every_complaint_of_a_server_that_stays_leaves_the_connection_alone() {
    let complaints = [
        "-ERR\r\n",
        "-ERR \r\n",
        "-ERR ''\r\n",
        "-ERR 'Something that nobody has heard of'\r\n",
        "-ERR no quotes\r\n",
        "-ERR 'Invalid Subject'\r\n",
        "-ERR 'Permissions Violation for Publish to \"never.published\"'\r\n",
        "-ERR 'Permissions Violation for Subscription to \"never.subscribed\" (sid \"99\")'\r\n",
        "-ERR 'maximum subscriptions exceeded'\r\n",
        "-err 'PERMISSIONS VIOLATION FOR PUBLISH TO \"x\"'\r\n",
        "-ERR 'Permissions Violation for Publish to \"\\xzz\\\"'\r\n",
    ];
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut events = nc.events();
    let mut sub = nc.subscribe("s").await.unwrap();
    for complaint in complaints {
        peer.send(complaint).await;
        event(&mut events, |e| matches!(e, Event::ServerError(_)).then_some(())).await;
    }
    peer.send(format!("MSG s {} 2\r\nok\r\n", sub.sid())).await;
    assert_eq!(texts(&mut sub, 1).await, ["ok"]);
    assert_eq!(nc.statistics().connects, 1);
}

#[tokio::test]
async fn a_violation_with_an_id_ends_that_subscription_of_several_equal_ones() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let (first, mut second) = (nc.subscribe("s").await.unwrap(), nc.subscribe("s").await.unwrap());
    peer.send(format!(
        "-ERR 'Permissions Violation for Subscription to \"s\" (sid \"{}\")'\r\n",
        second.sid()
    ))
    .await;
    assert_eq!(rest(&mut second).await.1, nuncio::SubscriptionEnd::Denied { subject: "s".into() });
    assert_eq!(first.ended(), None);
}

#[tokio::test]
async fn a_loss_after_a_complaint_tells_the_complaint() {
    let fake = Fake::new().await;
    for (complaint, expected) in [
        ("Stale Connection", ServerError::StaleConnection),
        ("Unknown Protocol Operation", ServerError::UnknownOperation),
        ("User Authentication Expired", ServerError::AuthenticationExpired),
        ("Account Authentication Expired", ServerError::AccountAuthenticationExpired),
        ("maximum connections exceeded", ServerError::MaxConnections),
    ] {
        let (nc, mut peer) = fake.pair().await;
        let mut events = nc.events();
        peer.send(format!("-ERR '{complaint}'\r\n")).await;
        drop(peer);
        assert_eq!(lost(&mut events).await, DisconnectCause::Server(expected));
        // And the client comes back.
        fake.welcome().await;
        reconnected(&mut events).await;
        nc.close().await;
    }
}

#[tokio::test]
async fn a_loss_after_a_violation_is_not_told_as_one_for_it() {
    let fake = Fake::new().await;
    for violation in [
        "Permissions Violation for Publish to \"p\"",
        "Permissions Violation for Subscription to \"s\"",
        "maximum subscriptions exceeded",
        "Invalid Subject",
    ] {
        let (nc, mut peer) = fake.pair().await;
        let mut events = nc.events();
        peer.send(format!("-ERR '{violation}'\r\n")).await;
        drop(peer);
        assert_eq!(lost(&mut events).await, DisconnectCause::Eof, "{violation}");
        fake.welcome().await;
        reconnected(&mut events).await;
        nc.close().await;
    }
}

#[tokio::test]
async fn a_limit_that_the_server_lowers_holds_from_then_on() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    assert_eq!(nc.max_payload(), 1_048_576);
    peer.send("INFO {\"max_payload\":10,\"headers\":true}\r\n").await;
    until("the new limit", || nc.max_payload() == 10).await;
    assert!(matches!(
        nc.publish("a", "01234567890").await,
        Err(nuncio::PublishError::TooLarge { max: 10, .. })
    ));
    peer.send("INFO {\"max_payload\":-1,\"headers\":true}\r\n").await;
    until("no limit", || nc.max_payload() == usize::MAX).await;
    nc.publish("a", "01234567890").await.unwrap();
}

#[tokio::test]
async fn odd_infos_are_ignored_field_by_field() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    for info in [
        "INFO []\r\n",
        "INFO {\r\n",
        "INFO {\"connect_urls\":null,\"max_payload\":\"many\",\"unknown\":{}}\r\n",
    ] {
        peer.send(info).await;
    }
    peer.send("PING\r\n").await;
    peer.until("PONG").await;
    assert_eq!(nc.statistics().connects, 1);
}

#[tokio::test]
async fn servers_come_and_go_with_the_gossip_of_the_cluster() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut events = nc.events();
    let mut told = async |peer: &mut Peer, urls: &str| {
        peer.send(format!("INFO {{\"headers\":true,\"connect_urls\":{urls}}}\r\n")).await;
        event(&mut events, |e| match e {
            Event::ServersChanged { added, removed } => Some((added, removed)),
            _ => None,
        })
        .await
    };
    let own = fake.addr();
    let (added, removed) = told(&mut peer, &format!(r#"["{own}","10.0.0.1:4222","10.0.0.2:4222"]"#)).await;
    assert_eq!((added.len(), removed.len()), (2, 0), "{added:?}");
    let (added, removed) = told(&mut peer, &format!(r#"["{own}","10.0.0.2:4222","10.0.0.3:4222"]"#)).await;
    assert!(added.len() == 1 && added[0].contains("10.0.0.3"), "{added:?}");
    assert!(removed.len() == 1 && removed[0].contains("10.0.0.1"), "{removed:?}");
}

#[tokio::test]
async fn servers_that_the_cluster_tells_of_are_used_when_the_known_one_is_gone() {
    let (fake, other) = (Fake::new().await, Fake::new().await);
    let (nc, mut peer) = fake.pair().await;
    let mut events = nc.events();
    peer.send(format!("INFO {{\"headers\":true,\"connect_urls\":[\"{}\"]}}\r\n", other.addr())).await;
    event(&mut events, |e| matches!(e, Event::ServersChanged { .. }).then_some(())).await;
    drop((peer, fake));
    other.welcome().await;
    reconnected(&mut events).await;
    assert_eq!(nc.server(), Some(other.addr()));
}

#[tokio::test]
async fn servers_that_the_cluster_tells_of_may_be_ignored() {
    let fake = Fake::new().await;
    let (nc, mut peer) =
        tokio::join!(fake.connect().ignore_discovered_servers(true).into_future(), fake.welcome());
    let nc = nc.unwrap();
    let mut events = nc.events();
    peer.send("INFO {\"headers\":true,\"connect_urls\":[\"10.0.0.1:4222\"]}\r\nPING\r\n").await;
    peer.until("PONG").await;
    assert_eq!(nc.server_info().connect_urls, ["10.0.0.1:4222"]);
    assert_eq!(so_far(&mut events), []);
    assert_eq!(nc.servers().len(), 1);
}

#[tokio::test]
async fn a_lame_duck_is_told_once_though_the_server_repeats_it() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut events = nc.events();
    for _ in 0..3 {
        peer.send("INFO {\"ldm\":true,\"headers\":true}\r\n").await;
    }
    peer.send("INFO {\"headers\":true}\r\nPING\r\n").await;
    peer.until("PONG").await;
    let ducks = so_far(&mut events).into_iter().filter(|e| matches!(e, Event::LameDuck { .. })).count();
    assert_eq!(ducks, 1);
}

#[tokio::test]
async fn after_a_loss_subscriptions_come_first_then_what_was_buffered() {
    let fake = Fake::new().await;
    let (nc, peer) = fake.pair().await;
    let a = nc.subscribe("a").await.unwrap();
    let b = nc.subscribe("b").queue("q").max(5).await.unwrap();
    drop(peer);
    until("the loss", || nc.state() == nuncio::ConnectionState::Connecting).await;
    nc.publish("p", "x").await.unwrap();
    let c = nc.subscribe("c").await.unwrap();
    let mut peer = fake.welcome().await;
    let mut lines = Vec::new();
    while lines.len() < 6 {
        lines.push(peer.line().await);
    }
    let expected = [
        format!("SUB a {}\r\n", a.sid()),
        format!("SUB b q {}\r\n", b.sid()),
        format!("UNSUB {} 5\r\n", b.sid()),
        format!("SUB c {}\r\n", c.sid()),
        "PUB p 1\r\n".to_owned(),
        "x\r\n".to_owned(),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn many_pings_of_a_server_are_answered() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    for _ in 0..100 {
        peer.send("PING\r\n").await;
        assert_eq!(peer.line().await, "PONG\r\n");
    }
    // More than were asked for answer nobody.
    peer.send("PONG\r\nPONG\r\n").await;
    let (flushed, ()) = tokio::join!(nc.flush(), async {
        peer.until("PING").await;
        peer.send("PONG\r\n").await;
    });
    flushed.unwrap();
}

#[tokio::test]
async fn a_message_to_an_unknown_id_is_dropped() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    peer.send("MSG s 0 1\r\nx\r\nMSG s 999 1\r\nx\r\nMSG s 18446744073709551615 1\r\nx\r\nPING\r\n").await;
    peer.until("PONG").await;
    assert_eq!((nc.statistics().received, nc.statistics().unclaimed), (3, 3));
}

#[tokio::test]
async fn more_messages_than_asked_for_are_not_handed_out() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut sub = nc.subscribe("s").max(2).await.unwrap();
    peer.until("UNSUB").await;
    for i in 0..5 {
        peer.send(format!("MSG s {} 1\r\n{i}\r\n", sub.sid())).await;
    }
    assert_eq!(rest(&mut sub).await, (vec!["0".into(), "1".into()], nuncio::SubscriptionEnd::Max));
}

#[tokio::test]
async fn the_server_is_told_of_subscriptions_before_anybody_waits() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let sub = nc.subscribe("s").await.unwrap();
    assert_eq!(peer.line().await, format!("SUB s {}\r\n", sub.sid()));
    drop(sub);
    assert!(peer.line().await.starts_with("UNSUB "));
}

#[tokio::test]
async fn a_client_that_is_dropped_while_connecting_stops() {
    let fake = Fake::new().await;
    let connecting = tokio::spawn(fake.connect().into_future());
    let mut peer = fake.accept().await;
    connecting.abort();
    assert!(connecting.await.is_err());
    peer.closed().await;
}

#[tokio::test]
async fn a_server_that_always_breaks_is_given_up() {
    let fake = Fake::new().await;
    let nc = fake.connect().max_reconnects(3).retry_on_initial_connect(true).await.unwrap();
    for _ in 0..3 {
        drop(fake.accept().await);
    }
    assert!(matches!(nc.closed().await, CloseReason::Exhausted { .. }));
}
