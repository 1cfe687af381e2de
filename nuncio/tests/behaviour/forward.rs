//! Passing messages on, and what a server says of their senders.

use nuncio::PublishError;

use crate::support::*;
use crate::target::Target;

/// No good client would write it: doubled names in odd cases, no space, a byte that is not UTF-8.
const ODD: &[u8] = b"NATS/1.0\r\nX-B3-TraceId:1\r\nx-b3-traceid:  2 \r\nbad: \xff\r\n\r\n";

rules! {
    async fn a_message_is_passed_on_with_its_headers_byte_for_byte(t: Target) {
        let nc = t.client().await;
        let (mut old, mut new) = (nc.subscribe(unique()).await.unwrap(), nc.subscribe(unique()).await.unwrap());
        nc.flush().await.unwrap();
        t.raw().await.hpub(old.subject().as_bytes(), ODD, b"payload").await;
        let message = next(&mut old).await;
        nc.publish_message(&message, new.subject()).await.unwrap();
        let passed = next(&mut new).await;
        assert_eq!((passed.raw_headers(), passed.payload()), (Some(ODD), b"payload".as_slice()));
        assert_eq!(passed.reply(), None);
    }

    async fn headers_that_are_added_go_behind_the_others(t: Target) {
        let nc = t.client().await;
        let (mut old, mut new) = (nc.subscribe(unique()).await.unwrap(), nc.subscribe(unique()).await.unwrap());
        nc.flush().await.unwrap();
        t.raw().await.hpub(old.subject().as_bytes(), ODD, b"").await;
        let message = next(&mut old).await;
        nc.publish_message(&message, new.subject()).header("via", "me").await.unwrap();
        let expected = [ODD.strip_suffix(b"\r\n").unwrap(), b"via: me\r\n\r\n"].concat();
        assert_eq!(next(&mut new).await.raw_headers(), Some(expected.as_slice()));
    }

    async fn a_message_without_headers_is_passed_on_without(t: Target) {
        let nc = t.client().await;
        let (mut old, mut new) = (nc.subscribe(unique()).await.unwrap(), nc.subscribe(unique()).await.unwrap());
        for payload in [vec![], vec![b'x'; 100_000]] {
            nc.publish(old.subject(), payload.clone()).await.unwrap();
            let message = next(&mut old).await;
            nc.publish_message(&message, new.subject()).await.unwrap();
            let passed = next(&mut new).await;
            assert!(!passed.has_headers() && passed.payload() == payload);
        }
    }

    async fn a_large_message_with_headers_is_passed_on_whole(t: Target) {
        let nc = t.client().await;
        let (mut old, mut new) = (nc.subscribe(unique()).await.unwrap(), nc.subscribe(unique()).await.unwrap());
        let payload: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
        for _ in 0..3 {
            nc.publish(old.subject(), payload.clone()).header("a", "b").await.unwrap();
            let message = next(&mut old).await;
            nc.publish_message(&message, new.subject()).await.unwrap();
            let passed = next(&mut new).await;
            assert!(passed.payload() == payload && passed.header("a") == Some("b"));
        }
    }

    async fn a_request_that_is_passed_on_is_answered_to_who_asked(t: Target) {
        let nc = t.client().await;
        let (mut front, mut back) = (nc.subscribe(unique()).await.unwrap(), nc.subscribe(unique()).await.unwrap());
        let (reply, ()) = tokio::join!(nc.request(front.subject().into_owned(), "q").timeout(SOON), async {
            let request = next(&mut front).await;
            nc.publish_message(&request, back.subject()).await.unwrap();
            next(&mut back).await.respond("from the back").await.unwrap();
        });
        assert_eq!(text(&reply.unwrap()), "from the back");
    }

    async fn a_response_may_be_another_message(t: Target) {
        let nc = t.client().await;
        let (mut asked, mut kept) = (nc.subscribe(unique()).await.unwrap(), nc.subscribe(unique()).await.unwrap());
        nc.flush().await.unwrap();
        t.raw().await.hpub(kept.subject().as_bytes(), ODD, b"kept").await;
        let kept = next(&mut kept).await;
        let (reply, ()) = tokio::join!(nc.request(asked.subject().into_owned(), "q").timeout(SOON), async {
            next(&mut asked).await.respond_message(&kept).await.unwrap();
        });
        let reply = reply.unwrap();
        assert_eq!((reply.raw_headers(), reply.payload()), (Some(ODD), b"kept".as_slice()));
        let error = kept.respond_message(&kept).await.unwrap_err();
        assert!(matches!(error, PublishError::NoReply { .. }), "{error:?}");
    }

    async fn who_asked_is_read_from_what_the_server_says(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let info = r#"{"acc":"A","rtt":1200,"user":"joe","id":7,"new":true}"#;
        nc.publish(sub.subject(), "").header("Nats-Request-Info", info).await.unwrap();
        let found = next(&mut sub).await.request_info().unwrap().unwrap();
        assert_eq!((found.acc.as_str(), found.rtt, found.user.as_deref(), found.id), ("A", 1200, Some("joe"), Some(7)));
        nc.publish(sub.subject(), "").await.unwrap();
        assert_eq!(next(&mut sub).await.request_info().unwrap(), None);
        nc.publish(sub.subject(), "").header("Nats-Request-Info", "{").await.unwrap();
        assert!(next(&mut sub).await.request_info().is_err());
    }

    async fn wildcards_are_refused_to_publishers_who_ask_for_that(t: Target) {
        let nc = t.connect().strict_subjects(true).await.unwrap();
        for subject in ["a.*", "*", "a.>"] {
            let error = nc.publish(subject, "").await.unwrap_err();
            assert_eq!(error, PublishError::Wildcard { subject: subject.into() });
            assert!(matches!(nc.request(subject, "").await, Err(nuncio::RequestError::Publish(e)) if e == error));
        }
        nc.publish("a.b*", "").await.unwrap();
        assert_eq!(nc.statistics().published, 1);
        t.client().await.publish("a.*", "").await.unwrap();
    }
}
