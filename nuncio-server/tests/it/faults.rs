use nuncio_server::{Direction, Server};

use crate::wire::{QUIET, Wire, memory, quiet, tcp};

async fn after_handshake(server: &Server) -> String {
    let mut wire = Wire::new(server.pipe());
    wire.try_send(&format!("CONNECT {QUIET}\r\nPING\r\nPING\r\n")).await;
    wire.rest().await
}

#[tokio::test]
async fn a_cut_to_the_client_is_exact_at_every_byte() {
    let server = memory().await;
    let mut whole = quiet(&server).await;
    whole.ask("").await;
    let mut longest = 0;
    for bytes in 0..700 {
        server.faults().cut_after(Direction::ToClient, bytes);
        let mut wire = Wire::new(server.pipe());
        wire.try_send(&format!("CONNECT {QUIET}\r\n{}", "PING\r\n".repeat(100))).await;
        longest = wire.rest().await.len();
        assert_eq!(longest, bytes);
    }
    assert_eq!(longest, 699);
    quiet(&server).await;
}

#[tokio::test]
async fn a_cut_from_the_client_lets_exactly_that_much_take_effect() {
    let server = memory().await;
    let (connect, ping) = (format!("CONNECT {QUIET}\r\n").len(), "PING\r\n".len());
    for (bytes, pongs) in
        [(connect, 0), (connect + ping - 1, 0), (connect + ping, 1), (connect + 2 * ping - 1, 1)]
    {
        server.faults().cut_after(Direction::FromClient, bytes);
        assert_eq!(after_handshake(&server).await.matches("PONG\r\n").count(), pongs, "{bytes}");
    }
}

#[tokio::test]
async fn cuts_work_over_tcp() {
    let server = Server::start().await.unwrap();
    server.faults().cut_after(Direction::ToClient, 17);
    let mut wire = tcp(&server).await;
    assert_eq!(wire.rest().await.len(), 17);
    server.faults().cut_after(Direction::FromClient, 3);
    let mut wire = tcp(&server).await;
    wire.try_send("CONNECT {}\r\nPING\r\n").await;
    assert!(wire.rest().await.ends_with("\r\n"));
}

#[tokio::test]
async fn cuts_queue_up_and_every_cut_follows_until_cleared() {
    let server = memory().await;
    server.faults().cut_after(Direction::ToClient, 1);
    server.faults().cut_after(Direction::ToClient, 2);
    server.faults().cut_every(Direction::ToClient, 3);
    for expected in [1, 2, 3, 3] {
        assert_eq!(Wire::new(server.pipe()).rest().await.len(), expected);
    }
    server.faults().clear();
    quiet(&server).await;
}

#[tokio::test]
async fn raw_bytes_reach_one_client_or_all() {
    let server = memory().await;
    let (mut first, mut second) = (quiet(&server).await, quiet(&server).await);
    assert!(server.faults().inject_raw(2, b"MSG x 9 99999999999\r\n"));
    assert!(!server.faults().inject_raw(77, b"x"));
    server.faults().garble(b"\0\xff\r\n");
    assert_eq!(first.ask("").await, "\0\u{fffd}\r\n");
    assert_eq!(second.ask("").await, "MSG x 9 99999999999\r\n\0\u{fffd}\r\n");
}

#[tokio::test]
async fn a_refused_connection_ends_before_the_first_byte() {
    let server = Server::start().await.unwrap();
    server.faults().refuse(true);
    assert_eq!(Wire::new(server.pipe()).rest().await, "");
    assert_eq!(tcp(&server).await.rest().await, "");
    server.faults().refuse(false);
    assert!(tcp(&server).await.line().await.starts_with("INFO"));
}
