//! Headers.

use nuncio::{HeaderMap, PublishError};

use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    async fn headers_arrive_as_they_were_sent(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let id = nuncio::nuid();
        nc.publish(sub.subject(), "p").header("id", &id).header("unix_time", "1700000000").await.unwrap();
        let message = next(&mut sub).await;
        assert!(message.has_headers());
        let headers = message.headers().unwrap();
        assert_eq!((headers.get("id"), headers.get("unix_time")), (Some(&*id), Some("1700000000")));
        assert_eq!((headers.len(), message.payload()), (2, &b"p"[..]));
    }

    async fn a_message_without_headers_has_none(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "").await.unwrap();
        nc.publish(sub.subject(), "").headers(HeaderMap::new()).await.unwrap();
        for _ in 0..2 {
            let message = next(&mut sub).await;
            assert!(!message.has_headers() && message.raw_headers().is_none());
            assert!(message.headers().unwrap().is_empty());
            assert_eq!((message.header("k"), message.status()), (None, None));
        }
    }

    async fn names_keep_their_case_and_their_order(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let sent = [("Zebra", "1"), ("aPPle", "2"), ("ZEBRA", "3"), ("a", "4"), ("X-B3-TraceId", "5")];
        nc.publish(sub.subject(), "").headers(HeaderMap::try_from_iter(sent).unwrap()).await.unwrap();
        let message = next(&mut sub).await;
        assert_eq!(message.headers().unwrap().iter().collect::<Vec<_>>(), sent);
        assert_eq!(
            message.raw_headers().unwrap(),
            b"NATS/1.0\r\nZebra: 1\r\naPPle: 2\r\nZEBRA: 3\r\na: 4\r\nX-B3-TraceId: 5\r\n\r\n"
        );
    }

    async fn names_are_found_exactly_or_in_any_case(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "").header("Content-type", "a").header("content-TYPE", "b").header("Content-Type", "c").await.unwrap();
        let message = next(&mut sub).await;
        let headers = message.headers().unwrap();
        assert_eq!(headers.get("content-TYPE"), Some("b"), "the exact name first");
        assert_eq!(headers.get("CONTENT-type"), Some("a"), "then any case");
        assert_eq!(headers.get_exact("CONTENT-type"), None);
        assert_eq!(headers.get_exact("Content-type"), Some("a"));
        assert_eq!(headers.get_canonical("content-type"), Some("c"));
        assert!(headers.contains("CONTENT-TYPE") && !headers.contains("content"));
        assert_eq!(message.header("content-type"), Some("a"));
    }

    async fn a_name_may_have_several_values(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "").header("k", "1").header("other", "x").header("k", "2").header("k", "3").await.unwrap();
        let message = next(&mut sub).await;
        let headers = message.headers().unwrap();
        assert_eq!(headers.get_all("k").collect::<Vec<_>>(), ["1", "2", "3"]);
        assert_eq!((headers.get("k"), headers.get_last("k")), (Some("1"), Some("3")));
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["k", "other"]);
        let wire = String::from_utf8(message.raw_headers().unwrap().to_vec()).unwrap();
        assert_eq!(wire.matches("\r\nk: ").count(), 3, "a line each");
    }

    async fn a_map_can_be_changed_before_it_is_sent(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let mut map = HeaderMap::new();
        map.append("a", "1").unwrap().append("b", "2").unwrap().append("a", "3").unwrap();
        map.insert("a", "only").unwrap();
        assert!(map.remove("b") && !map.remove("b"));
        map.append("c", "4").unwrap();
        nc.publish(sub.subject(), "").headers(map.clone()).await.unwrap();
        let message = next(&mut sub).await;
        assert_eq!(message.headers().unwrap().iter().collect::<Vec<_>>(), [("a", "only"), ("c", "4")]);
        assert_eq!(message.headers().unwrap().to_map(), map);
    }

    async fn headers_given_by_reference_are_sent_and_stay_as_they_are(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let map = HeaderMap::try_from([("a", "1"), ("b", "2")]).unwrap();
        nc.publish(sub.subject(), "").headers(&map).await.unwrap();
        nc.publish(sub.subject(), "").headers(&map).header("c", "3").await.unwrap();
        nc.publish(sub.subject(), "").header("c", "3").headers(&map).await.unwrap();
        assert_eq!(next(&mut sub).await.headers().unwrap().to_map(), map);
        let mut more = [("a", "1"), ("b", "2"), ("c", "3")];
        assert!(next(&mut sub).await.headers().unwrap().iter().eq(more));
        more.rotate_right(1);
        assert!(next(&mut sub).await.headers().unwrap().iter().eq(more));
        assert_eq!(map, HeaderMap::try_from([("a", "1"), ("b", "2")]).unwrap());
    }

    async fn every_allowed_character_of_a_name_passes(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let name: String = (33..=126u8).filter(|c| *c != b':').map(char::from).collect();
        nc.publish(sub.subject(), "").header(&name, "v").await.unwrap();
        assert_eq!(next(&mut sub).await.headers().unwrap().get_exact(&name), Some("v"));
    }

    async fn values_may_hold_colons_utf8_and_nothing(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let values = ["a:b::c", "", "ünï 🦀", "a  b", "\t\u{1}"];
        for value in values {
            nc.publish(sub.subject(), "").header("k", value).await.unwrap();
        }
        for value in values {
            let message = next(&mut sub).await;
            assert_eq!(message.headers().unwrap().get("k").map(str::trim), Some(value.trim()), "{value:?}");
        }
    }

    async fn a_status_line_can_be_sent_and_read(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let mut map = HeaderMap::with_status(404, "No Messages").unwrap();
        map.append("k", "v").unwrap();
        nc.publish(sub.subject(), "").headers(map).await.unwrap();
        nc.publish(sub.subject(), "").headers(HeaderMap::with_status(100, "").unwrap()).await.unwrap();
        let message = next(&mut sub).await;
        let status = message.status().unwrap();
        assert_eq!((status.code(), status.description), (Some(404), &b"No Messages"[..]));
        assert_eq!(message.headers().unwrap().get("k"), Some("v"));
        assert_eq!(next(&mut sub).await.status().unwrap().code(), Some(100));
    }

    async fn a_message_with_headers_counts_as_one(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).max(2).await.unwrap();
        nc.publish(sub.subject(), "a").header("k", "v").await.unwrap();
        nc.publish(sub.subject(), "b").await.unwrap();
        nc.publish(sub.subject(), "c").header("k", "v").await.unwrap();
        assert_eq!(rest(&mut sub).await.0, ["a", "b"]);
    }

    async fn large_header_blocks_arrive_whole(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let map = HeaderMap::try_from_iter((0..5_000).map(|i| (format!("key-{i}"), format!("value-{i}")))).unwrap();
        nc.publish(sub.subject(), "x").headers(map.clone()).await.unwrap();
        assert_eq!(next(&mut sub).await.headers().unwrap().to_map(), map);
    }

    async fn a_client_that_wants_no_headers_gets_the_message_without(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let mut plain = crate::target::Raw::connect(&t.addr(), r#"{"verbose":false,"protocol":0}"#).await;
        plain.send(format!("SUB {subject} 1\r\n")).await;
        plain.sync().await;
        nc.publish(&subject, "payload").header("k", "v").await.unwrap();
        assert_eq!(plain.line().await, format!("MSG {subject} 1 7\r\n").into_bytes());
        assert_eq!(plain.line().await, b"payload\r\n");
    }

    on Setup::new().no_headers() =>
    async fn a_server_without_headers_is_not_sent_any(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let subject = sub.subject().into_owned();
        let error = nc.publish(&subject, "").header("k", "v").await.unwrap_err();
        assert_eq!(error, PublishError::HeadersUnsupported { subject: subject.clone() });
        assert!(error.to_string().contains(&subject), "{error}");
        nc.publish(&subject, "plain").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(present(&mut sub), ["plain"]);
        assert_eq!(nc.statistics().connects, 1);
        assert!(!nc.server_info().headers);
    }
}
