//! Servers that send what no server should: each case gives a typed error or event, and never a panic or a hang.

use std::time::Duration;

use nuncio::{DisconnectCause, Event, ServerError};

use crate::evil::{Peer, Stage, event, limited, lost, script, works};

/// Says `bytes` to a client that has subscribed to `s` with sid 2, and returns what the connection was lost by.
async fn loses(what: &str, bytes: impl Into<Vec<u8>>, close: bool) -> DisconnectCause {
    let bytes = bytes.into();
    let stage = Stage::subscribed(move |mut peer| async move {
        peer.say(&bytes).await;
        if !close {
            peer.listen().await;
        }
    })
    .await;
    let (nc, mut events, mut s) = stage.subscriber().await;
    let cause = lost(&mut events, what).await;
    works(&nc, &mut events, &mut s, what).await;
    cause
}

/// Says `bytes`, which must not end the connection; returns the events that they gave rise to.
async fn bears(what: &str, bytes: impl Into<Vec<u8>>) -> Vec<Event> {
    let bytes = bytes.into();
    let stage = Stage::subscribed(move |mut peer| async move {
        peer.say(&bytes).await;
        peer.say("MSG s 2 4\r\nDONE\r\n").await;
        peer.answer().await;
    })
    .await;
    let (nc, mut events, mut s) = stage.subscriber().await;
    while limited(what, s.next()).await.unwrap_or_else(|| panic!("{what}: {:?}", s.ended())).payload()
        != b"DONE"
    {}
    limited(what, nc.flush()).await.unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(nc.statistics().connects, 1, "{what}");
    nc.force_reconnect();
    let mut seen = Vec::new();
    let forced = event(&mut events, what, |event| match event {
        Event::Disconnected { cause, .. } => Some(cause),
        event => {
            seen.push(event);
            None
        }
    });
    assert_eq!(forced.await, DisconnectCause::Forced, "{what}");
    works(&nc, &mut events, &mut s, what).await;
    seen
}

#[tokio::test(start_paused = true)]
async fn lengths_beyond_all_sense_end_the_connection_and_nothing_else() {
    let thirty = "9".repeat(30);
    for length in
        ["9223372036854775808", "18446744073709551615", "18446744073709551616", "-1", "1e3", &thirty]
    {
        for line in [
            format!("MSG s 2 {length}\r\n"),
            format!("HMSG s 2 12 {length}\r\n"),
            format!("HMSG s 2 {length} 20\r\n"),
        ] {
            let cause = loses(&line, line.clone(), false).await;
            assert!(matches!(cause, DisconnectCause::Protocol(_)), "{line}: {cause:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lines_that_are_no_protocol_end_the_connection_and_nothing_else() {
    let lines: [&[u8]; 15] = [
        b"INFO\r\n",
        b"HMSG s 2 20 10\r\n0123456789\r\n",
        b"MSG\r\n",
        b"MSG s\r\n",
        b"MSG s 2\r\n",
        b"MSG s r 2 5 6 7\r\n",
        b"MSG s two 5\r\nhello\r\n",
        b"MSG s -2 5\r\nhello\r\n",
        b"MSG s 2 5\r\nhelloXXMSG s 2 0\r\n\r\n",
        b"PINGxyz\r\n",
        b"+OKx\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"PUB s 0\r\n\r\n",
        b"\0\0\0\0\r\n",
        b"\xff\xfe\xfd\r\n",
    ];
    for line in lines {
        let what = line.escape_ascii().to_string();
        let cause = loses(&what, line, false).await;
        assert!(matches!(cause, DisconnectCause::Protocol(_)), "{what}: {cause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_in_the_middle_of_a_frame_is_an_end() {
    for bytes in [
        "",
        "M",
        "MSG s 2 5",
        "MSG s 2 5\r",
        "MSG s 2 5\r\nhel",
        "MSG s 2 5\r\nhello",
        "HMSG s 2 12 20\r\nNATS",
        "INFO {",
    ] {
        assert_eq!(loses(bytes, bytes, true).await, DisconnectCause::Eof, "{bytes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_line_is_given_up_before_it_is_kept() {
    for (start, limit) in
        [("MSG ", 64 << 10), ("-ERR '", 64 << 10), ("INFO {\"a\":\"", 1 << 20), ("PING", 64 << 10)]
    {
        let stage = Stage::subscribed(move |mut peer| async move {
            peer.say(start).await;
            for _ in 0..200 {
                peer.say([b'x'; 64 << 10]).await;
            }
            peer.listen().await;
        })
        .await;
        let (nc, mut events, mut s) = stage.subscriber().await;
        let cause = lost(&mut events, start).await;
        assert!(matches!(cause, DisconnectCause::Protocol(_)), "{start}: {cause:?}");
        let read = stage.meter.read();
        assert!(read <= limit + (256 << 10), "{start}: {read} bytes were read");
        works(&nc, &mut events, &mut s, start).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_odd_but_followable_does_not_end_the_connection() {
    let cases = [
        "+OK\r\n",
        "PONG\r\n",
        "pong\r\nPong\r\n",
        "MSG s 99 5\r\nhello\r\n",
        "MSG s 18446744073709551615 5\r\nhello\r\n",
        "MSG s 0 0\r\n\r\n",
        "MSG s 1 5\r\nhello\r\n",
        "MSG  s\t 2   5\r\nhello\r\n",
        "msg s 2 5\r\nhello\r\n",
        "MSG other 2 0\r\n\r\n",
        "MSG .. 2 0\r\n\r\n",
        "HMSG s 2 12 17\r\nNATS/1.0\r\n\r\nhello\r\n",
    ];
    for case in cases {
        bears(case, case).await;
    }
    bears("subject of strange bytes", &b"MSG \xff\x80\x01 2 1\r\n\0\r\n"[..]).await;
}

#[tokio::test(start_paused = true)]
async fn surplus_pongs_confirm_nothing_and_disturb_no_later_flush() {
    bears("1000 PONGs", "PONG\r\n".repeat(1000)).await;
}

#[tokio::test(start_paused = true)]
async fn errors_without_sense_are_told_and_nothing_more() {
    for text in ["-ERR\r\n", "-ERR \r\n", "-ERR ''\r\n", "-ERR '\r\n", "-ERR no quotes\r\n", "-err 'x'\r\n"] {
        let seen = bears(text, text).await;
        let told = seen.iter().filter(|event| matches!(event, Event::ServerError(_))).count();
        assert_eq!(told, 1, "{text:?}: {seen:?}");
    }
    bears("an -ERR of strange bytes", &b"-ERR '\xff\0\x80'\r\n"[..]).await;
    let long = format!("-ERR '{}'\r\n", "x".repeat(60_000));
    let seen = bears("a long -ERR", long).await;
    let short = |event: &Event| matches!(event, Event::ServerError(e) if e.to_string().len() < 1000);
    assert!(seen.iter().any(short), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn poisoned_headers_reach_the_subscriber_and_spare_the_connection() {
    let blocks: [&[u8]; 8] = [
        b"NATS/1.0\r\na: \xff\xfe\r\n\r\n",
        b"NATS/1.0\r\nno colon\r\n\r\n",
        b"NATS/1.0 abc\r\n\r\n",
        b"NATS/9.9\r\na: b\r\n\r\n",
        b"NATS/1.0\r\na b: c\r\n\r\n",
        b"NATS/1.0\r\n\r\n\r\n\r\n",
        b"garbage",
        b"\r\n",
    ];
    for block in blocks {
        let what = block.escape_ascii().to_string();
        let mut bytes = format!("HMSG s 2 {} {}\r\n", block.len(), block.len() + 2).into_bytes();
        bytes.extend_from_slice(block);
        bytes.extend_from_slice(b"ok\r\n");
        let stage = Stage::subscribed(move |mut peer| async move {
            peer.say(&bytes).await;
            peer.answer().await;
        })
        .await;
        let (nc, _, mut s) = stage.subscriber().await;
        let message = limited(&what, s.next()).await.unwrap();
        assert_eq!((message.payload(), message.raw_headers()), (&b"ok"[..], Some(block)), "{what}");
        // Whatever they make of it, they do not panic.
        let _ = (message.headers().map(|h| h.len()), message.header("a"), message.status().map(|s| s.code()));
        nc.flush().await.unwrap();
        assert_eq!(nc.statistics().connects, 1, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn replies_to_unknown_requests_are_dropped_and_counted() {
    let stage = Stage::new([script(move |mut peer| async move {
        peer.shake_hands().await;
        peer.hear(b"SUB ").await;
        let inbox = peer.hear(b"* 1\r\n").await.unwrap();
        let inbox = String::from_utf8(inbox).unwrap().trim_end_matches("* 1\r\n").to_owned();
        peer.hear(format!("PUB q {inbox}").as_bytes()).await;
        let token = String::from_utf8(peer.hear(b" 0\r\n").await.unwrap()).unwrap();
        let token = token.trim_end_matches(" 0\r\n");
        for wrong in ["zzzzzzzz", "", "a.b", "00", "1", "zzzzzzzzzzzzzzzzzzzzzzzzz", "!", "00000000000"] {
            assert_ne!(wrong, token);
            peer.say(format!("MSG {inbox}{wrong} 1 3\r\nbad\r\n")).await;
        }
        peer.say("MSG other 1 3\r\nbad\r\n").await;
        peer.say(format!("MSG {inbox}{token} 1 4\r\ngood\r\n")).await;
        peer.say(format!("MSG {inbox}{token} 1 5\r\nagain\r\n")).await;
        peer.answer().await;
    })])
    .await;
    let nc = stage.client().await;
    let reply = limited("a reply", nc.request("q", "").into_future()).await.unwrap();
    assert_eq!(reply.payload(), b"good");
    nc.flush().await.unwrap();
    assert_eq!((nc.statistics().requests, nc.statistics().connects), (0, 1));
    let error = nc.request("q", "").timeout(Duration::from_secs(1)).await.unwrap_err();
    assert!(error.is_timeout(), "no reply to another request is taken: {error}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_while_the_server_does_not_read_is_answered_once() {
    const PINGS: usize = 500_000;
    let (tell, told) = tokio::sync::oneshot::channel();
    let stage = Stage::subscribed(move |mut peer| async move {
        let burst = "PING\r\n".repeat(1000);
        for _ in 0..PINGS / 1000 {
            peer.say(&burst).await;
        }
        peer.say("MSG s 2 4\r\nDONE\r\n").await;
        // Only now is anything read: what was sent for all those pings is there.
        let until = peer.hear(b"PUB over 0\r\n").await.unwrap();
        let _ = tell.send(until.windows(6).filter(|bytes| *bytes == b"PONG\r\n").count());
        peer.answer().await;
    })
    .await
    .capacity(1024);
    let (nc, _, mut s) = stage.subscriber().await;
    assert_eq!(limited("the flood", s.next()).await.unwrap().payload(), b"DONE");
    nc.publish("over", "").await.unwrap();
    let pongs = limited("the count", told).await.unwrap();
    // What the pipe holds, and one more.
    assert!((1..=1024 / 6 + 2).contains(&pongs), "{pongs} pongs");
    nc.flush().await.unwrap();
    assert_eq!(nc.statistics().connects, 1);
}

#[tokio::test(start_paused = true)]
async fn an_info_may_come_at_any_time_and_be_odd() {
    let deep = format!("INFO {{\"a\":{}{}}}\r\n", "[".repeat(5000), "]".repeat(5000));
    let cases = [
        "INFO {}\r\n",
        "INFO {\"max_payload\":null,\"connect_urls\":null,\"headers\":null,\"ldm\":null,\"server_id\":null}\r\n",
        "INFO {\"max_payload\":-1,\"port\":-4222,\"proto\":-7,\"client_id\":-9}\r\n",
        "INFO {\"max_payload\":\"many\",\"connect_urls\":17,\"headers\":\"yes\",\"ldm\":[],\"port\":{},\"version\":3}\r\n",
        "INFO {\"max_payload\":1e400,\"client_id\":99999999999999999999999999}\r\n",
        "INFO {\"connect_urls\":[null,1,{},[],\"\",\":\",\"[\",\"a:b:c\",\"host:99999999\",\"\\u0000\"]}\r\n",
        "INFO []\r\n",
        "INFO null\r\n",
        "INFO {\r\n",
        "INFO {\"nonce\":\"x\",\"auth_required\":true,\"tls_required\":true}\r\n",
        &deep,
    ];
    for case in cases {
        let what = &case[..case.len().min(100)];
        bears(what, case).await;
    }
    bears("ten thousand INFOs", "INFO {\"max_payload\":1048576}\r\n".repeat(10_000)).await;
}

#[tokio::test(start_paused = true)]
async fn garbage_in_connect_urls_is_skipped_and_the_pool_is_bounded() {
    let urls: Vec<String> = (0..10_000).map(|n| format!("\"10.{}.{}.1:4222\"", n / 250, n % 250)).collect();
    let garbage = "\"\",\"nats://\",\"[::1\",\"a b:1\",\"host:0\",\"host:70000\",null,7";
    let info = format!("INFO {{\"connect_urls\":[{garbage},{}]}}\r\n", urls.join(","));
    let seen = bears("ten thousand servers", info).await;
    let added = seen.iter().find_map(|event| match event {
        Event::ServersChanged { added, .. } => Some(added.len()),
        _ => None,
    });
    assert!(added.is_some_and(|added| (100..=256).contains(&added)), "{added:?}");
}

#[tokio::test(start_paused = true)]
async fn lame_duck_mode_is_told_once_however_often_the_server_says_it() {
    let seen = bears("lame duck", "INFO {\"ldm\":true}\r\n".repeat(5)).await;
    let told = seen.iter().filter(|event| matches!(event, Event::LameDuck { .. })).count();
    assert_eq!(told, 1, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_closed_behind_an_error_is_lost_for_that_reason() {
    for (text, reason) in [
        ("Stale Connection", ServerError::StaleConnection),
        ("Maximum Connections Exceeded", ServerError::MaxConnections),
        ("User Authentication Expired", ServerError::AuthenticationExpired),
        ("Unknown Protocol Operation", ServerError::UnknownOperation),
        ("Maximum Payload Violation", ServerError::MaxPayload),
    ] {
        let cause = loses(text, format!("-ERR '{text}'\r\n"), true).await;
        assert_eq!(cause, DisconnectCause::Server(reason), "{text}");
    }
    let cause = loses("a new error", "-ERR 'The Moon Is Full'\r\n", true).await;
    assert!(matches!(&cause, DisconnectCause::Server(e) if e.to_string().contains("Moon")), "{cause:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_said_last_is_read_even_when_writing_has_failed() {
    let stage = Stage::subscribed(|mut peer| async move {
        peer.say("MSG s 2 4\r\nlast\r\n-ERR 'Maximum Payload Violation'\r\n").await;
        // The client finds out by writing: the pipe is gone before it reads.
    })
    .await;
    let (nc, mut events, mut s) = stage.subscriber().await;
    // Each poll of the connection writes before it reads.
    let writing = nc.clone();
    let writer = tokio::spawn(async move {
        loop {
            writing.publish("x", "y").await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let cause = lost(&mut events, "the loss").await;
    assert_eq!(cause, DisconnectCause::Server(ServerError::MaxPayload));
    assert_eq!(limited("the last message", s.next()).await.unwrap().payload(), b"last");
    writer.abort();
    works(&nc, &mut events, &mut s, "afterwards").await;
}

#[tokio::test(start_paused = true)]
async fn servers_that_keep_failing_are_not_dialled_without_a_pause() {
    // Accepts, shakes hands, closes; again and again.
    let brief = |mut peer: Peer| async move {
        peer.shake_hands().await;
        peer.hear(b"SUB s 2\r\n").await;
    };
    let stage = Stage::new((0..20).map(|_| script(brief))).await;
    let (nc, mut events, mut s) = stage.subscriber().await;
    let began = tokio::time::Instant::now();
    for n in 1..20 {
        let what = format!("connection {n}");
        event(&mut events, &what, |event| matches!(event, Event::Reconnected { .. }).then_some(())).await;
    }
    let took = began.elapsed();
    assert!(took > Duration::from_secs(5), "19 connections within {took:?}");
    works(&nc, &mut events, &mut s, "at last").await;
}
