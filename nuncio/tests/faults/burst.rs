//! Many requests that are answered at once.

use std::time::Duration;

use nuncio::{Backoff, Connect};

use crate::evil::{Peer, Stage, limited, script};

/// More than go on at once, and few enough that one read takes their replies.
const REQUESTS: usize = 70;

/// Answers the first requests in one burst.
async fn answer_all(peer: &mut Peer) {
    peer.shake_hands().await;
    peer.hear(b"SUB ").await;
    let inbox = String::from_utf8(peer.hear(b"* 1\r\n").await.unwrap()).unwrap();
    let inbox = inbox.trim_end_matches("* 1\r\n");
    let mut burst = String::new();
    for number in 0..REQUESTS {
        peer.hear(format!("PUB q {inbox}").as_bytes()).await;
        let token = String::from_utf8(peer.hear(b" 0\r\n").await.unwrap()).unwrap();
        let token = token.trim_end_matches(" 0\r\n");
        let reply = number.to_string();
        burst += &format!("MSG {inbox}{token} 1 {}\r\n{reply}\r\n", reply.len());
    }
    peer.say(burst).await;
}

/// Answers a burst and breaks the connection of such a client.
async fn break_after_a_burst(configure: impl FnOnce(Connect) -> Connect) {
    let silent = script(|_peer| std::future::pending());
    let stage = Stage::new([script(|mut peer| async move { answer_all(&mut peer).await }), silent]).await;
    let nc = limited("connecting", configure(stage.connect()).into_future()).await.unwrap();
    let requests: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let nc = nc.clone();
            tokio::spawn(async move {
                let reply = nc.request("q", "").timeout(Duration::from_secs(3600)).await;
                // What the first ones send next finds the connection broken while others are still to be woken.
                let _ = nc.publish("q", "").await;
                reply
            })
        })
        .collect();
    for (number, request) in requests.into_iter().enumerate() {
        let reply = limited("a reply", request).await.unwrap().unwrap();
        assert_eq!(reply.text(), Ok(number.to_string().as_str()));
    }
}

#[tokio::test(start_paused = true)]
async fn requests_answered_in_one_burst_all_go_on_though_the_connection_breaks_meanwhile() {
    // For good, and with an attempt at a server that says nothing and another a long time later.
    break_after_a_burst(|connect| connect.reconnect(false)).await;
    let later = Duration::from_secs(24 * 3600);
    break_after_a_burst(|connect| connect.backoff(Backoff::fixed(later, Duration::ZERO))).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_first_ones_send_is_written_before_the_last_ones_go_on() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let stage = Stage::new([script(|mut peer| async move {
        answer_all(&mut peer).await;
        peer.hear(b"PUB next 0\r\n").await;
        let _ = tell.send(());
        peer.answer().await;
    })])
    .await;
    let nc = stage.client().await;
    let told = std::sync::Arc::new(std::sync::Mutex::new(told));
    let requests: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let (nc, told) = (nc.clone(), told.clone());
            tokio::spawn(async move {
                nc.request("q", "").timeout(Duration::from_secs(3600)).await.unwrap();
                let heard = told.lock().unwrap().try_recv().is_ok();
                nc.publish("next", "").await.unwrap();
                heard
            })
        })
        .collect();
    let mut heard = false;
    for request in requests {
        heard |= limited("a reply", request).await.unwrap();
    }
    assert!(heard, "the server has the first of what they send before all have gone on");
}
