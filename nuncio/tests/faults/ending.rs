//! Ends of connections whose server takes its time.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use crate::clock::work;
use crate::evil::{Stage, limited, script, settle};

#[tokio::test(start_paused = true)]
async fn closing_waits_for_the_answer_to_its_own_question() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun2, go2) = (Arc::clone(&begun), Arc::clone(&go));
    let (tell, mut told) = mpsc::unbounded_channel();
    let stage = Stage::new([script(move |mut peer| async move {
        peer.shake_hands().await;
        peer.hear(b"PING\r\n").await;
        begun2.notify_one();
        go2.notified().await;
        peer.say("PONG\r\n").await;
        let mut count = 0;
        while let Some(seen) = peer.hear(b"\r\n").await {
            count += usize::from(seen.starts_with(b"PUB late "));
            if seen == b"PING\r\n" {
                peer.say("PONG\r\n").await;
            }
        }
        tell.send(count).unwrap();
    })])
    .await;
    let nc = stage.client().await;
    let draining = nc.clone();
    let drain = tokio::spawn(async move { draining.drain().await });
    begun.notified().await;
    for _ in 0..100 {
        nc.try_publish("late", vec![b'x'; 2000]).unwrap();
    }
    let closing = nc.clone();
    let close = tokio::spawn(async move { closing.close().await });
    settle().await;
    go.notify_one();
    limited("close", close).await.unwrap();
    let _ = limited("drain", drain).await;
    assert_eq!(limited("count", told.recv()).await, Some(100), "{:?}", nc.statistics());
}

#[tokio::test(start_paused = true)]
async fn a_drain_withdraws_what_was_subscribed_to_just_before_it() {
    let go = Arc::new(Notify::new());
    let go2 = Arc::clone(&go);
    let (tell, mut told) = mpsc::unbounded_channel();
    let stage = Stage::new([script(move |mut peer| async move {
        peer.shake_hands().await;
        go2.notified().await;
        let seen = peer.hear(b"PING\r\n").await.unwrap();
        tell.send(seen.windows(7).any(|w| w == b"UNSUB 2")).unwrap();
        peer.say("PONG\r\n").await;
        peer.answer().await;
    })])
    .await;
    let nc = stage.client().await;
    nc.try_publish("p", vec![0; 100_000]).unwrap();
    settle().await;
    let _s = nc.subscribe("late").await.unwrap();
    let draining = nc.clone();
    let drain = tokio::spawn(async move { draining.drain().await });
    settle().await;
    go.notify_one();
    assert_eq!(limited("told", told.recv()).await, Some(true));
    let _ = limited("drain", drain).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_replies_that_nobody_wants() {
    let stage = Stage::new([]).await;
    let nc = stage.client().await;
    let echo = nc.clone();
    let mut questions = echo.subscribe("q").await.unwrap();
    tokio::spawn(async move {
        while let Some(m) = questions.next().await {
            let _ = m.respond("1").await;
        }
    });
    let request = nc.request("q", "").timeout(Duration::from_secs(20)).many().max_messages(1);
    let mut replies = limited("the request", request.into_future()).await.unwrap();
    limited("the reply", replies.next()).await.unwrap().unwrap();
    assert_eq!(nc.statistics().requests, 0);
    let begin = tokio::time::Instant::now();
    let report = limited("drain", nc.drain()).await.unwrap();
    assert!(
        begin.elapsed() < Duration::from_secs(2) && report.unanswered == 0,
        "{:?} {report:?}",
        begin.elapsed()
    );
    assert!(replies.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_a_handler_of_the_same_task_that_reads_on() {
    let stage = Stage::new([]).await;
    let (nc, asking) = (stage.client().await, stage.client().await);
    let mut jobs = nc.subscribe("w").await.unwrap();
    nc.flush().await.unwrap();
    let mut answers = asking.subscribe("answers").await.unwrap();
    for _ in 0..3 {
        asking.publish("w", "").reply("answers").await.unwrap();
    }
    asking.flush().await.unwrap();
    settle().await;
    let (mut failed, mut time) = (Vec::new(), Duration::from_millis(200));
    let worker = async {
        while let Some(m) = jobs.next().await {
            work(std::mem::replace(&mut time, Duration::from_secs(2))).await;
            failed.extend(m.respond("done").await.err());
        }
    };
    let ((), report) = tokio::join!(worker, nc.drain());
    let mut got = 0;
    while answers.next_timeout(Duration::from_secs(1)).await.is_some() {
        got += 1;
    }
    assert_eq!((failed, got), (vec![], 3), "{report:?}");
}
