//! What a server that plays a consumer says while the next message is waited for.

use std::time::Duration;

use nuncio::jetstream::JsMessage;
use nuncio_server::Server;

use crate::clock::pass;
use crate::evil::limited;
use crate::session::through;

#[tokio::test(start_paused = true)]
async fn a_next_message_is_listened_for_as_long_as_its_pull_waits() {
    let server = Server::builder().in_memory().start().await.unwrap();
    let nc = through(move || Box::new(server.pipe())).await.unwrap();
    let mut delivered = nc.subscribe("S.a").await.unwrap();
    let mut acks = nc.subscribe("ack").await.unwrap();
    nc.publish("S.a", "1").reply("ack").await.unwrap();
    let message = JsMessage::from(limited("the first message", delivered.next()).await.unwrap());
    let playing = async {
        let asked = acks.next().await.unwrap();
        let alive = nuncio::HeaderMap::with_status(100, "Idle Heartbeat").unwrap();
        for _ in 0..14 {
            pass(Duration::from_secs(2)).await;
            asked.respond("").headers(alive.clone()).await.unwrap();
        }
        asked.respond("2").await.unwrap();
    };
    let began = tokio::time::Instant::now();
    let (next, ()) = tokio::join!(limited("the next message", message.ack_next()), playing);
    assert_eq!(next.unwrap().unwrap().text().unwrap(), "2");
    assert!(began.elapsed() < Duration::from_secs(29), "{:?}", began.elapsed());
    assert!(acks.try_next().is_none(), "it was asked once");
}
