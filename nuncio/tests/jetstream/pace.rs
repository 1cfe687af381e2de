//! When what is on its way is written, with one thread for the application and the connection.

use nuncio_testkit::eventually_async;

use crate::support::*;

#[tokio::test]
async fn a_window_is_written_in_parts_while_it_is_filled() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let publisher = js.publisher().window(1000).build();
    let mut most = 0;
    for _ in 0..1000 {
        drop(publisher.send("S.a", "x").await.unwrap());
        most = most.max(nc.statistics().buffered);
    }
    assert!((2..=128).contains(&most), "{most} messages waited to be written at once");
    publisher.flush().await.unwrap();
    assert_eq!(count(&nc, "S").await, 1000);
}

#[tokio::test]
async fn small_windows_and_the_way_that_does_not_wait_are_not_held_up() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let publisher = js.publisher().window(200).build();
    for _ in 0..200 {
        drop(publisher.send("S.a", "x").try_send().unwrap());
    }
    publisher.flush().await.unwrap();
    let publisher = js.publisher().window(1).build();
    for _ in 0..200 {
        drop(publisher.send("S.a", "x").await.unwrap());
    }
    publisher.flush().await.unwrap();
    assert_eq!(count(&nc, "S").await, 400);
}

#[tokio::test]
async fn more_is_asked_for_while_messages_wait_to_be_handled() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    consumer(&nc, "S", "C", "").await;
    fill(&nc, "S", 10).await;
    let consumer = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    let mut messages = consumer.consume().max_messages(10).await.unwrap();
    let arrived = async || (nc.statistics().buffered == 0 && messages.stats().buffered >= 10).then_some(());
    eventually_async("the messages to arrive", SOON, arrived).await.unwrap();
    let mut waited = Vec::new();
    for _ in 0..10 {
        soon(messages.next()).await.unwrap().unwrap();
        waited.push(nc.statistics().buffered);
    }
    // With each fifth half of them are left: then more is asked for, and that is written before the next one is handled.
    assert_eq!(waited, [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
}
