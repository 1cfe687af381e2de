//! Connections of different kinds in one program.

use nuncio_testkit::{NatsServer, Port};

use crate::support::*;

#[tokio::test]
async fn after_a_loss_each_connection_returns_by_its_own_way() {
    let port = Port::lease().unwrap();
    let number = port.number();
    let config = format!("websocket {{ host: \"127.0.0.1\", port: {number}, no_tls: true }}");
    let mut server = NatsServer::builder().config(config).start().await.unwrap();
    let socket = crate::unix::Socket::to(server.addr()).await;
    let ways = [
        connect(server.url()).await.unwrap(),
        connect(format!("ws://127.0.0.1:{number}")).await.unwrap(),
        connect("behind.the.socket").connector(nuncio::connector::unix(socket.path())).await.unwrap(),
    ];
    let names = ways.each_ref().map(|nc| nc.server().unwrap());
    let mut events = ways.each_ref().map(nuncio::Client::events);
    for _ in 0..2 {
        server.restart().await.unwrap();
        for events in &mut events {
            reconnected(events).await;
        }
        for (nc, name) in ways.iter().zip(&names) {
            works(nc).await;
            assert_eq!(nc.server().as_ref(), Some(name));
        }
    }
}
