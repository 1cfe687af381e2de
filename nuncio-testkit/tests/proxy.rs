//! The proxy over real sockets: exact cuts of both kinds, and each fault.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests may panic as a test may")]

use std::io::ErrorKind;
use std::time::Duration;

use nuncio_testkit::{Cut, NatsServer, Proxy, eventually, info};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

const SOON: Duration = Duration::from_secs(20);

/// A proxy before a listener, which accepts by itself.
struct Rig {
    proxy: Proxy,
    listener: TcpListener,
}

impl Rig {
    async fn new() -> Rig {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap().to_string()).await.unwrap();
        Rig { proxy, listener }
    }

    /// The two ends of a connection through the proxy.
    async fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.proxy.addr()).await.unwrap();
        let (server, _) = timeout(SOON, self.listener.accept()).await.unwrap().unwrap();
        (client, server)
    }
}

/// All that can be read, and whether the end was a clean one.
async fn read_all(stream: &mut TcpStream) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match timeout(SOON, stream.read(&mut buffer)).await.unwrap() {
            Ok(0) => return (all, Ok(())),
            Ok(bytes) => all.extend_from_slice(buffer.get(..bytes).unwrap()),
            Err(e) => return (all, Err(e.kind())),
        }
    }
}

async fn read_exactly(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut all = vec![0; bytes];
    timeout(SOON, stream.read_exact(&mut all)).await.unwrap().unwrap();
    all
}

/// Bytes no two neighbours of which are alike.
fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}

fn end_of(how: Cut) -> Result<(), ErrorKind> {
    match how {
        Cut::Fin => Ok(()),
        Cut::Rst => Err(ErrorKind::ConnectionReset),
    }
}

#[tokio::test]
async fn a_cut_towards_the_client_comes_at_the_very_byte() {
    let text = pattern(3000);
    for how in [Cut::Fin, Cut::Rst] {
        for at in [0, 1, 2, 1499, 2999, 3000] {
            let rig = Rig::new().await;
            rig.proxy.to_client().cut_after(at as u64, how);
            // At byte 0 the proxy may cut before the listener has accepted.
            let mut client = TcpStream::connect(rig.proxy.addr()).await.unwrap();
            let (mut server, _) = timeout(SOON, rig.listener.accept()).await.unwrap().unwrap();
            let _ = server.write_all(&text).await;
            let (got, end) = read_all(&mut client).await;
            assert_eq!((got.len(), end), (at, end_of(how)), "{how:?} at {at}");
            assert_eq!(got, text[..at]);
            // The server's end is cut too.
            let (_, end) = read_all(&mut server).await;
            assert_eq!(end, end_of(how), "{how:?} at {at}");
            assert_eq!(rig.proxy.stats().bytes_to_client, at as u64);
        }
    }
}

#[tokio::test]
async fn a_cut_towards_the_server_comes_at_the_very_byte() {
    let text = pattern(3000);
    for how in [Cut::Fin, Cut::Rst] {
        for at in [1, 1499, 3000] {
            let rig = Rig::new().await;
            rig.proxy.to_server().cut_after(at as u64, how);
            let (mut client, mut server) = rig.connect().await;
            client.write_all(&text).await.unwrap();
            let (got, end) = read_all(&mut server).await;
            assert_eq!((got.len(), end), (at, end_of(how)), "{how:?} at {at}");
            assert_eq!(got, text[..at]);
            assert_eq!(read_all(&mut client).await.1, end_of(how), "{how:?} at {at}");
        }
    }
}

#[tokio::test]
async fn a_cut_for_one_spares_the_next() {
    let rig = Rig::new().await;
    rig.proxy.to_client().cut_once_after(5, Cut::Rst);
    let (mut first, mut server) = rig.connect().await;
    server.write_all(b"0123456789").await.unwrap();
    assert_eq!(read_all(&mut first).await, (b"01234".to_vec(), Err(ErrorKind::ConnectionReset)));
    let (mut second, mut server) = rig.connect().await;
    server.write_all(b"0123456789").await.unwrap();
    assert_eq!(read_exactly(&mut second, 10).await, b"0123456789");
}

#[tokio::test]
async fn a_rule_set_later_cuts_a_connection_that_is_beyond_it() {
    let rig = Rig::new().await;
    let (mut client, mut server) = rig.connect().await;
    server.write_all(b"hello").await.unwrap();
    read_exactly(&mut client, 5).await;
    rig.proxy.to_client().cut_after(3, Cut::Fin);
    assert_eq!(read_all(&mut client).await, (vec![], Ok(())));
}

#[tokio::test]
async fn megabytes_pass_unharmed_both_ways_at_once() {
    let rig = Rig::new().await;
    let (client, server) = rig.connect().await;
    let text = pattern(5_000_000);
    let exchange = async |stream: TcpStream| {
        let (mut read, mut write) = stream.into_split();
        let sending = async {
            write.write_all(&text).await.unwrap();
            write.shutdown().await.unwrap();
        };
        let mut got = Vec::new();
        let (_, result) = tokio::join!(sending, read.read_to_end(&mut got));
        result.unwrap();
        assert!(got == text);
    };
    timeout(SOON, async { tokio::join!(exchange(client), exchange(server)) }).await.unwrap();
    let stats = rig.proxy.stats();
    assert_eq!((stats.bytes_to_client, stats.bytes_to_server), (5_000_000, 5_000_000));
}

#[tokio::test]
async fn half_a_close_is_passed_on_as_half_a_close() {
    let rig = Rig::new().await;
    let (mut client, mut server) = rig.connect().await;
    client.shutdown().await.unwrap();
    assert_eq!(read_all(&mut server).await, (vec![], Ok(())));
    server.write_all(b"still here").await.unwrap();
    assert_eq!(read_exactly(&mut client, 10).await, b"still here");
}

#[tokio::test]
async fn a_reset_by_one_peer_reaches_the_other() {
    let rig = Rig::new().await;
    let (mut client, server) = rig.connect().await;
    socket2::SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
    drop(server);
    assert_eq!(read_all(&mut client).await, (vec![], Err(ErrorKind::ConnectionReset)));
}

#[tokio::test]
async fn cut_all_ends_every_open_connection_and_no_later_one() {
    for how in [Cut::Fin, Cut::Rst] {
        let rig = Rig::new().await;
        let mut ends = [rig.connect().await, rig.connect().await];
        assert_eq!(rig.proxy.stats().open, 2);
        rig.proxy.cut_all(how);
        for (client, server) in &mut ends {
            assert_eq!(read_all(client).await, (vec![], end_of(how)));
            assert_eq!(read_all(server).await, (vec![], end_of(how)));
        }
        eventually("none to be open", SOON, || rig.proxy.stats().open == 0).await.unwrap();
        let (mut client, mut server) = rig.connect().await;
        server.write_all(b"hello").await.unwrap();
        assert_eq!(read_exactly(&mut client, 5).await, b"hello");
    }
}

#[tokio::test]
async fn a_stalled_direction_holds_its_bytes_and_the_other_flows() {
    let rig = Rig::new().await;
    let (mut client, mut server) = rig.connect().await;
    rig.proxy.to_client().stall();
    server.write_all(b"held").await.unwrap();
    client.write_all(b"passes").await.unwrap();
    assert_eq!(read_exactly(&mut server, 6).await, b"passes");
    assert_eq!(rig.proxy.stats().bytes_to_client, 0);
    rig.proxy.to_client().flow();
    assert_eq!(read_exactly(&mut client, 4).await, b"held");
}

#[tokio::test]
async fn a_stalled_direction_blocks_its_sender_in_the_end() {
    let rig = Rig::new().await;
    let (mut client, _server) = rig.connect().await;
    rig.proxy.to_server().stall();
    // More than the kernel's buffers of both sides can grow to.
    let text = vec![0; 64 << 20];
    let blocked = timeout(Duration::from_millis(300), client.write_all(&text)).await;
    assert!(blocked.is_err());
}

#[tokio::test]
async fn a_blackhole_never_blocks_its_sender_and_delivers_nothing() {
    let rig = Rig::new().await;
    let (mut client, mut server) = rig.connect().await;
    rig.proxy.to_server().blackhole();
    timeout(SOON, client.write_all(&vec![0; 64 << 20])).await.unwrap().unwrap();
    assert_eq!(rig.proxy.stats().bytes_to_server, 0);
    rig.proxy.to_server().flow();
    assert_eq!(read_all(&mut server).await, (vec![], Err(ErrorKind::ConnectionReset)));
}

#[tokio::test]
async fn a_delay_and_a_throttle_take_their_time() {
    let rig = Rig::new().await;
    let (mut client, mut server) = rig.connect().await;
    rig.proxy.to_client().delay(Duration::from_millis(100));
    rig.proxy.to_server().throttle(10_000);
    let began = Instant::now();
    server.write_all(b"x").await.unwrap();
    read_exactly(&mut client, 1).await;
    assert!(began.elapsed() >= Duration::from_millis(100));
    let began = Instant::now();
    client.write_all(&[0; 3000]).await.unwrap();
    read_exactly(&mut server, 3000).await;
    assert!(began.elapsed() >= Duration::from_millis(250), "{:?}", began.elapsed());
}

#[tokio::test]
async fn slices_arrive_one_by_one() {
    let rig = Rig::new().await;
    let (mut client, mut server) = rig.connect().await;
    rig.proxy.to_client().slice(1);
    rig.proxy.to_client().throttle(200);
    server.write_all(b"abcdef").await.unwrap();
    let mut reads = 0;
    let mut got = Vec::new();
    while got.len() < 6 {
        let mut buffer = [0; 16];
        let bytes = client.read(&mut buffer).await.unwrap();
        got.extend_from_slice(&buffer[..bytes]);
        reads += 1;
    }
    assert_eq!(got, b"abcdef");
    assert!(reads >= 3, "six slices came in {reads} reads");
}

#[tokio::test]
async fn a_refusing_proxy_refuses_new_connections_and_keeps_the_open_ones() {
    let mut rig = Rig::new().await;
    let (mut client, mut server) = rig.connect().await;
    rig.proxy.refuse().await.unwrap();
    let error = TcpStream::connect(rig.proxy.addr()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    server.write_all(b"hello").await.unwrap();
    assert_eq!(read_exactly(&mut client, 5).await, b"hello");
    rig.proxy.admit().await.unwrap();
    rig.connect().await;
    assert_eq!(rig.proxy.stats().accepted, 2);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_means_a_reset_and_is_counted() {
    let mut rig = Rig::new().await;
    let dead = rig.listener.local_addr().unwrap();
    rig.listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    assert!(TcpStream::connect(dead).await.is_err());
    let mut client = TcpStream::connect(rig.proxy.addr()).await.unwrap();
    assert_eq!(read_all(&mut client).await.1, Err(ErrorKind::ConnectionReset));
    assert_eq!(rig.proxy.stats().failed, 1);
    rig.proxy.set_upstream(rig.listener.local_addr().unwrap().to_string());
    rig.connect().await;
}

#[tokio::test]
async fn delayed_connects_can_overtake_each_other() {
    let rig = Rig::new().await;
    rig.proxy.delay_connects(Duration::from_millis(300));
    let mut first = TcpStream::connect(rig.proxy.addr()).await.unwrap();
    eventually("the first", SOON, || rig.proxy.stats().open == 1).await.unwrap();
    rig.proxy.delay_connects(Duration::ZERO);
    let mut second = TcpStream::connect(rig.proxy.addr()).await.unwrap();
    first.write_all(b"1").await.unwrap();
    second.write_all(b"2").await.unwrap();
    for expected in [b"2", b"1"] {
        let (mut server, _) = timeout(SOON, rig.listener.accept()).await.unwrap().unwrap();
        assert_eq!(read_exactly(&mut server, 1).await, expected);
    }
}

#[tokio::test]
async fn dropping_the_proxy_closes_its_port_and_its_connections() {
    let Rig { proxy, listener } = Rig::new().await;
    let addr = proxy.addr();
    let mut client = TcpStream::connect(&addr).await.unwrap();
    let _server = listener.accept().await.unwrap();
    drop(proxy);
    assert_eq!(read_all(&mut client).await.0, b"");
    eventually("the port to close", SOON, || std::net::TcpStream::connect(&addr).is_err()).await.unwrap();
}

#[tokio::test]
async fn a_nats_server_behind_it_greets_and_a_cut_shortens_the_greeting() {
    let server = NatsServer::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let whole = info(&proxy.addr()).await.unwrap();
    assert!(whole.contains(server.name()));
    proxy.to_client().cut_after(40, Cut::Fin);
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    let (got, end) = read_all(&mut client).await;
    assert_eq!((got.len(), end), (40, Ok(())));
    assert!(got.starts_with(b"INFO {"));
}
