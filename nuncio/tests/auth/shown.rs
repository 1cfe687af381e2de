//! What the options of a connection show of their secrets.

use std::io;

use nuncio::connector::{HttpProxy, Socks5};
use nuncio::context::Contexts;
use nuncio::{Auth, Connect, ServerAddr, Tls};

use crate::secrets::{all, held, log};
use crate::support::*;

const CANARY: &str = "canary-of-the-options";

/// The debug texts of these options, and all that an attempt with them that fails tells.
async fn tell(connect: Connect) -> String {
    let connect = connect.reconnect(false).connect_timeout(secs(5));
    let shown = format!("{connect:?} {connect:#?}");
    let error = connect.await.expect_err("nobody is there");
    shown + &all(&error)
}

#[tokio::test]
async fn no_option_shows_a_secret_and_no_failure_does() {
    let log = log();
    // A port that nobody listens at any more.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let key = format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n");
    let tls = [
        Tls::required().ca_pem(CANARY),
        Tls::required().client_cert_pem(key.as_str(), key.as_str()),
        Tls::required().ca_pem(key.as_str()).client_cert_pem(CANARY, CANARY),
    ];
    let mut shown = format!("{tls:?} {tls:#?}");
    for tls in tls {
        shown += &tell(nuncio::connect(free.as_str()).tls(tls)).await;
    }
    let http = HttpProxy::new(free.as_str()).user_and_password("me", CANARY);
    let socks = Socks5::new(free.as_str()).user_and_password("me", CANARY);
    shown += &format!("{http:?} {http:#?} {socks:?} {socks:#?}");
    shown += &tell(nuncio::connect("a.example").connector(http)).await;
    shown += &tell(nuncio::connect("a.example").connector(socks)).await;
    for url in [
        format!("nats://me:{CANARY}@{free}"),
        format!("nats://{CANARY}@{free}"),
        format!("tls://me:{CANARY}@{free}"),
        format!("ws://me:{CANARY}@{free}/path"),
    ] {
        shown += &format!("{:?}", ServerAddr::parse(&url));
        shown += &tell(nuncio::connect(url)).await;
    }
    for url in [format!("nats://me:{CANARY}@a b"), format!("nats://{CANARY}@:x"), format!("x://a:{CANARY}@b")]
    {
        let refused = ServerAddr::parse(&url).unwrap_err();
        shown += &all(&refused);
        shown += &tell(nuncio::connect(url)).await;
    }
    shown += &tell(nuncio::connect(format!("ws://{free}")).websocket_headers(|_| [("Cookie", CANARY)])).await;
    let callback = Auth::callback(|_| async { Err(io::Error::other("no vault").into()) });
    shown += &tell(nuncio::connect(free.as_str()).auth(callback).token(CANARY)).await;
    shown += &in_context(&free).await;
    assert!(!shown.contains(CANARY), "{shown}");
    let log = held(log).clone();
    assert!(!log.contains(CANARY), "{log}");
}

async fn in_context(addr: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("context")).unwrap();
    let json = format!(
        r#"{{"url":"nats://me:{CANARY}@{addr}","user":"me","password":"{CANARY}","token":"{CANARY}","user_jwt":"{CANARY}"}}"#
    );
    std::fs::write(dir.path().join("context/a.json"), &json).unwrap();
    std::fs::write(dir.path().join("context/broken.json"), &json[..json.len() - 1]).unwrap();
    let contexts = Contexts::at(dir.path());
    let mut shown = all(&contexts.load("broken").unwrap_err());
    let context = contexts.load("a").unwrap();
    shown += &format!("{contexts:?} {context:?} {context:#?} {:?}", context.shown().collect::<Vec<_>>());
    match context.connect() {
        Ok(connect) => shown + &tell(connect).await,
        Err(error) => shown + &all(&error),
    }
}
