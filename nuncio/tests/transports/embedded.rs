//! The client with nuncio-server's WebSocket.

use nuncio::Event;
use nuncio_server::{Direction, Server};
use tokio::time::timeout;

use crate::support::*;

async fn start() -> Server {
    Server::builder().websocket().start().await.unwrap()
}

#[tokio::test]
async fn it_works_with_masks_and_without_and_again_after_a_restart() {
    let server = start().await;
    for no_masking in [false, true] {
        let asking =
            connect(server.websocket_url()).websocket_no_masking(no_masking).websocket_compression(true);
        let nc = asking.await.unwrap();
        let mut events = nc.events();
        let mut sub = nc.subscribe("large").await.unwrap();
        let payload = vec![b'x'; 500_000];
        for _ in 0..2 {
            nc.publish("large", payload.as_slice()).await.unwrap();
            assert!(next(&mut sub).await.payload() == payload);
            server.restart().await.unwrap();
            reconnected(&mut events).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_anywhere_is_made_anew() {
    let server = start().await;
    let other = connect(server.url()).await.unwrap();
    for direction in [Direction::ToClient, Direction::FromClient] {
        for bytes in (0..600).step_by(29) {
            server.faults().cut_after(direction, bytes);
            let nc = connect(server.websocket_url()).retry_on_initial_connect(true).await.unwrap();
            let mut sub = nc.subscribe("s").await.unwrap();
            nc.publish("works", vec![b'x'; 300]).await.unwrap();
            // Whatever breaks in between, in the end the subscription is there.
            let holds = async {
                while nc.flush().await.is_err() {
                    tokio::task::yield_now().await;
                }
            };
            timeout(SOON, holds).await.expect("no connection holds");
            other.publish("s", "here").await.unwrap();
            assert_eq!(next(&mut sub).await.payload(), b"here".as_slice(), "{direction:?} {bytes}");
        }
    }
}

#[tokio::test]
async fn clients_are_told_of_servers_of_their_own_kind() {
    let server =
        Server::builder().websocket_connect_urls(["ws.example:1"]).connect_urls(["tcp.example:1"]).start();
    let server = server.await.unwrap();
    let ways = [connect(server.websocket_url()).await.unwrap(), connect(server.url()).await.unwrap()];
    let mut events = ways.each_ref().map(nuncio::Client::events);
    for (nc, url) in ways.iter().zip(["ws.example:1", "tcp.example:1"]) {
        assert_eq!(nc.server_info().connect_urls, [url]);
        nc.flush().await.unwrap();
    }
    server.set_connect_urls(["tcp.example:1", "tcp.example:2"]);
    server.set_websocket_connect_urls(["ws.example:1", "ws.example:2"]);
    for (events, added) in events.iter_mut().zip(["ws.example:2", "tcp.example:2"]) {
        let all = event(events, |e| match e {
            Event::ServersChanged { added, .. } if !added.is_empty() => Some(added),
            _ => None,
        });
        let all = all.await;
        assert!(all.iter().any(|server| server.contains(added)), "{all:?}");
    }
}

#[tokio::test]
async fn a_lame_duck_tells_its_clients_to_leave() {
    let server = start().await;
    let nc = connect(server.websocket_url()).await.unwrap();
    let mut events = nc.events();
    nc.flush().await.unwrap();
    server
        .set_websocket_connect_urls([server.websocket_addr().unwrap().to_string(), "other.example:1".into()]);
    server.lame_duck();
    event(&mut events, |e| matches!(e, Event::LameDuck { .. }).then_some(())).await;
    assert_eq!(nc.server_info().connect_urls, ["other.example:1"]);
}
