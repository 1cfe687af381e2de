//! HTTP and SOCKS proxies, played by hand.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};

use nuncio::ConnectError;
use nuncio::connector::{HttpProxy, ProxyError, Socks5};
use nuncio_server::Server;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

/// A proxy that answers each connection by `serve`, and keeps what that says it was asked for.
struct Proxy {
    addr: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn new<F, Fut>(serve: F) -> Proxy
    where
        F: Fn(BufReader<TcpStream>, Arc<Mutex<Vec<String>>>) -> Fut + Send + 'static,
        Fut: Future<Output = Option<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((io, _)) = listener.accept().await {
                tokio::spawn(serve(BufReader::new(io), Arc::clone(&log)));
            }
        });
        Proxy { addr, asked }
    }

    /// An HTTP proxy to `server`, wherever it is asked for, that wants `login` if there is one.
    async fn http(server: &Server, login: Option<&'static str>) -> Proxy {
        let to = server.addr().unwrap();
        Proxy::new(move |mut io, log| async move {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if io.read_line(&mut head).await.ok()? == 0 {
                    return None;
                }
            }
            log.lock().unwrap().push(head.lines().next()?.to_owned());
            if login
                .is_some_and(|login| !head.contains(&format!("\r\nProxy-Authorization: Basic {login}\r\n")))
            {
                let refusal =
                    "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";
                return io.write_all(refusal.as_bytes()).await.ok();
            }
            // The server's greeting comes in the same piece as the answer.
            let mut inner = TcpStream::connect(to).await.ok()?;
            let mut all = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n".to_vec();
            inner.read_buf(&mut all).await.ok()?;
            io.write_all(&all).await.ok()?;
            copy_bidirectional(&mut io, &mut inner).await.ok().map(drop)
        })
        .await
    }

    /// A SOCKS proxy to `server`, wherever it is asked for, that wants `login` if there is one.
    async fn socks(server: &Server, login: Option<(&'static str, &'static str)>) -> Proxy {
        let to = server.addr().unwrap();
        Proxy::new(move |mut io, log| async move {
            assert_eq!(io.read_u8().await.ok()?, 5);
            let offered = text(&mut io).await?;
            if let Some((user, password)) = login {
                if !offered.contains('\u{2}') {
                    return io.write_all(&[5, 0xff]).await.ok();
                }
                io.write_all(&[5, 2]).await.ok()?;
                assert_eq!(io.read_u8().await.ok()?, 1);
                let right = (text(&mut io).await?, text(&mut io).await?) == (user.into(), password.into());
                io.write_all(&[1, u8::from(!right)]).await.ok()?;
                if !right {
                    return None;
                }
            } else {
                io.write_all(&[5, 0]).await.ok()?;
            }
            let mut start = [0; 4];
            io.read_exact(&mut start).await.ok()?;
            let host = match start {
                [5, 1, 0, 1] => std::net::Ipv4Addr::from(io.read_u32().await.ok()?).to_string(),
                [5, 1, 0, 4] => std::net::Ipv6Addr::from(io.read_u128().await.ok()?).to_string(),
                [5, 1, 0, 3] => text(&mut io).await?,
                other => panic!("{other:?}"),
            };
            let port = io.read_u16().await.ok()?;
            log.lock().unwrap().push(format!("{host} {port}"));
            if host == "closed.example" {
                return io.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok();
            }
            let mut inner = TcpStream::connect(to).await.ok()?;
            let mut all = b"\x05\0\0\x03\x05proxy\0\x01".to_vec();
            inner.read_buf(&mut all).await.ok()?;
            io.write_all(&all).await.ok()?;
            copy_bidirectional(&mut io, &mut inner).await.ok().map(drop)
        })
        .await
    }

    /// One that answers whatever it is asked with these bytes, and then hangs up.
    async fn canned(answer: &'static [u8]) -> Proxy {
        Proxy::new(move |mut io, _| async move {
            io.fill_buf().await.ok()?;
            io.write_all(answer).await.ok()?;
            io.shutdown().await.ok()?;
            io.read_to_end(&mut Vec::new()).await.ok().map(drop)
        })
        .await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Text behind its length.
async fn text(io: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = vec![0; io.read_u8().await.ok()?.into()];
    io.read_exact(&mut text).await.ok()?;
    String::from_utf8(text).ok()
}

async fn refused(connecting: nuncio::Connect) -> ProxyError {
    match connecting.into_future().await.unwrap_err() {
        ConnectError::Proxy { error, server } => {
            assert!(server.ends_with(":4222"), "{server}");
            error
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_http_proxy_is_asked_for_the_servers_name() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::http(&server, None).await;
    let nc = connect("nats.example").connector(HttpProxy::new(&proxy.addr)).await.unwrap();
    works(&nc).await;
    let mut events = nc.events();
    server.restart().await.unwrap();
    reconnected(&mut events).await;
    works(&nc).await;
    works(&connect("[::1]:5").connector(HttpProxy::new(&proxy.addr)).await.unwrap()).await;
    let asked = proxy.asked();
    assert_eq!(asked.first().unwrap(), "CONNECT nats.example:4222 HTTP/1.1");
    assert_eq!(asked.last().unwrap(), "CONNECT [::1]:5 HTTP/1.1");
}

#[tokio::test]
async fn an_http_proxy_gets_user_and_password() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::http(&server, Some("QWxhZGRpbjpvcGVuIHNlc2FtZQ==")).await;
    let with = |connector: HttpProxy| connect("a").connector(connector);
    let right = HttpProxy::new(&proxy.addr).user_and_password("Aladdin", "open sesame");
    works(&with(right.clone()).await.unwrap()).await;
    assert!(!format!("{right:?}").contains("sesame"));
    let wrong = right.user_and_password("Aladdin", "canary");
    assert_eq!(refused(with(wrong)).await, ProxyError::Authentication);
    assert_eq!(refused(with(HttpProxy::new(&proxy.addr))).await, ProxyError::Authentication);
    let colon = HttpProxy::new(&proxy.addr).user_and_password("a:b", "c");
    assert!(matches!(refused(with(colon)).await, ProxyError::Option { .. }));
}

#[tokio::test]
async fn what_an_http_proxy_refuses_with_is_passed_on() {
    let proxy = Proxy::canned(b"HTTP/1.1 403 Not that one\r\n\r\n").await;
    let error = refused(connect("a").connector(HttpProxy::new(&proxy.addr))).await;
    assert_eq!(error, ProxyError::Refused { code: 403, reason: "Not that one".into() });
    for garbage in [b"INFO {}\r\n".as_slice(), b"\x05\0\r\n\r\n"] {
        let proxy = Proxy::canned(garbage).await;
        let error = refused(connect("a").connector(HttpProxy::new(&proxy.addr))).await;
        assert!(matches!(error, ProxyError::Protocol { .. }), "{error:?}");
    }
    let proxy = Proxy::canned(b"HTTP/1.1 200 OK\r\n").await;
    let error = refused(connect("a").connector(HttpProxy::new(&proxy.addr))).await;
    assert!(matches!(error, ProxyError::Io { .. }), "{error:?}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_told_from_a_server_that_is_not_there() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let unreachable = |error| matches!(error, ProxyError::Io { proxy, .. } if proxy == nobody);
    assert!(unreachable(refused(connect("a").connector(HttpProxy::new(&nobody))).await));
    assert!(unreachable(refused(connect("a").connector(Socks5::new(&nobody))).await));
}

#[tokio::test]
async fn a_socks_proxy_is_asked_for_names_and_addresses() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::socks(&server, None).await;
    for (url, asked) in [
        ("nats.example", "nats.example 4222"),
        ("10.1.2.3:5", "10.1.2.3 5"),
        ("[2001:db8::1]:65535", "2001:db8::1 65535"),
    ] {
        works(&connect(url).connector(Socks5::new(&proxy.addr)).await.unwrap()).await;
        assert_eq!(proxy.asked().last().unwrap(), asked);
    }
}

#[tokio::test]
async fn a_socks_proxy_gets_user_and_password_if_it_asks() {
    let server = Server::start().await.unwrap();
    let with = |connector: Socks5| connect("a").connector(connector);
    let proxy = Proxy::socks(&server, Some(("me", "secret"))).await;
    let socks = Socks5::new(&proxy.addr);
    works(&with(socks.clone().user_and_password("me", "secret")).await.unwrap()).await;
    assert_eq!(refused(with(socks.clone())).await, ProxyError::Authentication);
    assert_eq!(
        refused(with(socks.clone().user_and_password("me", "other"))).await,
        ProxyError::Authentication
    );
    for (user, password) in [("", "x"), ("x", ""), (&*"x".repeat(256), "x")] {
        let error = refused(with(socks.clone().user_and_password(user, password))).await;
        assert!(matches!(error, ProxyError::Option { .. }), "{error:?}");
    }
    let proxy = Proxy::socks(&server, None).await;
    works(&with(Socks5::new(&proxy.addr).user_and_password("me", "secret")).await.unwrap()).await;
}

#[tokio::test]
async fn what_a_socks_proxy_refuses_with_is_passed_on() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::socks(&server, None).await;
    let error = refused(connect("closed.example").connector(Socks5::new(&proxy.addr))).await;
    assert_eq!(error, ProxyError::Refused { code: 5, reason: "connection refused".into() });
    for garbage in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
        b"\x05\x02",
        b"\x05\0\x04\0\0\x01",
        b"\x05\0\x05\0\0\x09",
    ] {
        let proxy = Proxy::canned(garbage).await;
        let error = refused(connect("a").connector(Socks5::new(&proxy.addr))).await;
        assert!(matches!(error, ProxyError::Protocol { .. }), "{error:?}");
    }
    let proxy = Proxy::canned(b"\x05\0\x05\0\0").await;
    let error = refused(connect("a").connector(Socks5::new(&proxy.addr))).await;
    assert!(matches!(error, ProxyError::Io { .. }), "{error:?}");
}

#[tokio::test]
async fn a_proxy_that_does_not_answer_counts_against_the_connect_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = silent.local_addr().unwrap().to_string();
    let soon = std::time::Duration::from_millis(50);
    let error = connect("a").connector(Socks5::new(&addr)).connect_timeout(soon).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn a_proxy_is_not_asked_for_a_unix_socket() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::http(&server, None).await;
    let error = connect("unix:///a").connector(HttpProxy::new(&proxy.addr)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Proxy { error: ProxyError::Option { .. }, .. }), "{error:?}");
    assert!(proxy.asked().is_empty());
}

#[tokio::test]
async fn a_password_goes_through_no_proxy_in_clear_text() {
    let server = Server::builder().user("joe", "s3cr3t").start().await.unwrap();
    let (http, socks) = (Proxy::http(&server, None).await, Proxy::socks(&server, None).await);
    // A host of that name is the proxy's own machine.
    for host in ["nats.example", "localhost"] {
        let connect = || nuncio::connect(host).user_and_password("joe", "s3cr3t");
        for refused in [
            connect().connector(HttpProxy::new(&http.addr)).await,
            connect().connector(Socks5::new(&socks.addr)).await,
        ] {
            assert!(matches!(refused, Err(ConnectError::PlaintextAuth { .. })), "{refused:?}");
        }
        let allowed = connect().allow_plaintext_auth(true);
        allowed.clone().connector(HttpProxy::new(&http.addr)).await.unwrap();
        allowed.connector(Socks5::new(&socks.addr)).await.unwrap();
    }
}

#[tokio::test]
async fn a_context_names_the_proxy() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::socks(&server, Some(("me", "s3cr3t"))).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("context")).unwrap();
    let json = format!(r#"{{"url":"nats.example","socks_proxy":"socks5://me:s3cr3t@{}"}}"#, proxy.addr);
    std::fs::write(dir.path().join("context/far.json"), json).unwrap();
    let context = nuncio::context::Contexts::at(dir.path()).load("far").unwrap();
    let nc = context.connect().unwrap().await.unwrap();
    nc.flush().await.unwrap();
    assert_eq!(proxy.asked(), ["nats.example 4222"]);
    assert!(!format!("{context:?}").contains("s3cr3t"));
}
