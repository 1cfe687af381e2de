//! What others publish may be malformed. It is delivered in its place, the fault is told by the message alone, and the
//! connection stands.

use nuncio::{HeaderError, Message};

use crate::support::*;
use crate::target::{Setup, Target};

/// Publishes a message with this header block between two good ones; all three must arrive over one connection.
async fn between_good_ones(t: &Target, header: &[u8]) -> Message {
    let nc = t.client().await;
    let mut sub = nc.subscribe(unique()).await.unwrap();
    nc.flush().await.unwrap();
    let mut raw = t.raw().await;
    let subject = sub.subject().into_owned().into_bytes();
    raw.hpub(&subject, b"NATS/1.0\r\nn: 1\r\n\r\n", b"good").await;
    raw.hpub(&subject, header, b"payload").await;
    raw.hpub(&subject, b"NATS/1.0\r\nn: 3\r\n\r\n", b"good").await;
    assert_eq!(raw.sync().await, b"");
    assert_eq!(next(&mut sub).await.header("n"), Some("1"));
    let odd = next(&mut sub).await;
    assert_eq!(next(&mut sub).await.header("n"), Some("3"));
    assert_eq!(odd.payload(), b"payload");
    assert_eq!(odd.raw_headers(), Some(header), "the bytes are there as they were sent");
    assert_eq!(nc.statistics().connects, 1);
    odd
}

fn fault(message: &Message) -> HeaderError {
    assert_eq!(message.header("any"), None);
    message.headers().unwrap_err()
}

rules! {
    async fn a_bare_carriage_return_in_a_value(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0\r\nk: a\rb\r\n\r\n").await;
        assert!(matches!(fault(&odd), HeaderError::InvalidValue { name } if name == "k"));
    }

    async fn a_value_that_is_not_utf8(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0\r\nk: \xff\xfe\r\n\r\n").await;
        assert!(matches!(fault(&odd), HeaderError::NotUtf8 { line } if line.starts_with("k: ")));
    }

    async fn a_line_without_a_colon(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0\r\nno colon here\r\n\r\n").await;
        assert!(matches!(fault(&odd), HeaderError::MissingColon { line } if line == "no colon here"));
    }

    async fn a_name_with_a_space(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0\r\na b: c\r\n\r\n").await;
        assert!(matches!(fault(&odd), HeaderError::InvalidName { name } if name == "a b"));
    }

    async fn an_empty_name(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0\r\n: c\r\n\r\n").await;
        assert_eq!(fault(&odd), HeaderError::EmptyName);
    }

    async fn a_folded_value(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0\r\nk: a\r\n b\r\n\r\n").await;
        assert!(matches!(fault(&odd), HeaderError::ContinuationLine { .. }));
    }

    async fn another_version(t: Target) {
        let odd = between_good_ones(&t, b"NATS/2.0\r\nk: v\r\n\r\n").await;
        assert!(matches!(fault(&odd), HeaderError::MissingVersion { line } if line == "NATS/2.0"));
    }

    async fn a_block_without_its_end(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0\r\nk: v\r\n").await;
        assert_eq!(fault(&odd), HeaderError::MissingEnd);
    }

    async fn bytes_behind_the_end_of_the_block(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0\r\nk: v\r\n\r\nrest").await;
        assert!(matches!(fault(&odd), HeaderError::TrailingBytes { text } if text == "rest"));
    }

    async fn a_block_of_noise(t: Target) {
        let odd = between_good_ones(&t, b"\0\xff\r\n\r\nMSG a 1 0\r\n").await;
        assert!(matches!(fault(&odd), HeaderError::NotUtf8 { .. } | HeaderError::MissingVersion { .. }));
        assert!(odd.status().is_none());
    }

    async fn an_empty_header_block(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0\r\n\r\n").await;
        assert!(odd.has_headers() && odd.headers().unwrap().is_empty());
        assert!(odd.status().is_none());
    }

    async fn a_status_that_is_no_number(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0 abc Odd\r\nk: v\r\n\r\n").await;
        let status = odd.status().unwrap();
        assert_eq!((status.code(), status.code_text), (None, &b"abc"[..]));
        assert_eq!(odd.headers().unwrap().get("k"), Some("v"));
    }

    async fn a_status_of_any_length(t: Target) {
        for line in ["5", "50", "0503", "99999", "123456789012345678901234567890", "-1", "503", "503 ", "  503  "] {
            let odd = between_good_ones(&t, format!("NATS/1.0 {line}\r\n\r\n").as_bytes()).await;
            let expected = line.trim().parse::<u16>().ok().filter(|_| line.trim().len() <= 5);
            assert_eq!(odd.status().and_then(|s| s.code()), expected, "{line:?}");
        }
    }

    async fn a_status_without_spaces_or_description(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0 404\r\n\r\n").await;
        let status = odd.status().unwrap();
        assert_eq!((status.code(), status.description), (Some(404), &b""[..]));
    }

    async fn a_header_without_a_space_behind_the_colon(t: Target) {
        let odd = between_good_ones(&t, b"NATS/1.0\r\na:b\r\nc:   d  \r\n\r\n").await;
        let headers = odd.headers().unwrap();
        assert_eq!((headers.get("a"), headers.get("c")), (Some("b"), Some("d")));
    }

    async fn a_subject_that_is_not_utf8(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let mut sub = nc.subscribe(format!("{root}.>")).await.unwrap();
        nc.flush().await.unwrap();
        let mut raw = t.raw().await;
        for (token, payload) in [(&b"a"[..], "1"), (b"\xff\xfe", "2"), (b"\xc3", "3"), (b"b\x01\x7f", "4"), (b"z", "5")] {
            let subject = [root.as_bytes(), b".", token].concat();
            raw.publish(&subject, payload.as_bytes()).await;
        }
        raw.sync().await;
        assert_eq!(texts(&mut sub, 5).await, ["1", "2", "3", "4", "5"]);
        assert_eq!(nc.statistics().connects, 1);
    }

    async fn a_reply_subject_that_is_not_utf8_can_be_responded_to(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.flush().await.unwrap();
        let mut raw = t.raw().await;
        let reply = [unique().as_bytes(), b".\xff"].concat();
        raw.send([b"SUB ", &reply[..], b" 1\r\nPUB ", sub.subject().as_bytes(), b" ", &reply, b" 0\r\n\r\n"].concat()).await;
        let message = next(&mut sub).await;
        assert_eq!(message.reply_bytes(), Some(&reply[..]));
        message.respond("ok").await.unwrap();
        assert_eq!(raw.line().await, [b"MSG ", &reply[..], b" 1 2\r\n"].concat());
    }

    async fn a_malformed_reply_reaches_its_request(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let mut raw = t.raw().await;
        raw.send(format!("SUB {subject} 1\r\n")).await;
        raw.sync().await;
        let (reply, ()) = tokio::join!(nc.request(&subject, "").timeout(SOON), async {
            let line = String::from_utf8(raw.line().await).unwrap();
            let reply = line.split(' ').nth(3).unwrap().to_owned();
            raw.line().await;
            raw.hpub(reply.as_bytes(), b"NATS/1.0\r\nbroken\r\n\r\n", b"all the same").await;
            raw.sync().await;
        });
        let reply = reply.unwrap();
        assert_eq!(text(&reply), "all the same");
        assert!(reply.headers().is_err());
    }

    async fn replies_to_requests_that_never_were_are_dropped(t: Target) {
        let nc = t.client().await;
        let subject = crate::request::echo(&nc).await;
        nc.request(&subject, "").await.unwrap();
        let inbox = t.held(&nc).await.into_iter().find(|held| held.subject.starts_with("_INBOX.")).unwrap().subject;
        let prefix = inbox.trim_end_matches('*');
        let mut raw = t.raw().await;
        for token in ["0", "zzzzzzzzzzzz", "*", "\u{ff}", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a\u{1}b"] {
            raw.publish(format!("{prefix}{token}").as_bytes(), b"forged").await;
        }
        raw.sync().await;
        settle(&[&nc]).await;
        assert_eq!(text(&nc.request(&subject, "real").await.unwrap()), "real");
        assert_eq!(nc.statistics().connects, 1);
    }

    on Setup::new() =>
    async fn a_subscriber_reads_on_while_a_thousand_faults_arrive(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.flush().await.unwrap();
        let mut raw = t.raw().await;
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..1000 {
            let block: Vec<u8> = (0..random.usize(1..40)).map(|_| random.u8(..)).collect();
            raw.hpub(sub.subject().as_bytes(), &block, b"x").await;
        }
        raw.sync().await;
        for _ in 0..1000 {
            let message = next(&mut sub).await;
            assert_eq!(message.payload(), b"x");
            assert!(message.headers().is_err());
        }
        assert_eq!(nc.statistics().connects, 1);
    }
}
