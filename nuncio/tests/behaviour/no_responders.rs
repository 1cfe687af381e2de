//! Requests that nobody subscribes to.

use std::time::{Duration, Instant};

use nuncio::RequestError;

use crate::request::silence;
use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    async fn a_request_that_nobody_subscribes_to_fails_at_once(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let begin = Instant::now();
        let error = nc.request(&subject, "").timeout(SOON).await.unwrap_err();
        assert_eq!(error, RequestError::NoResponders { subject: subject.clone() });
        assert!(error.is_no_responders() && !error.is_timeout());
        assert!(error.to_string().contains(&subject), "{error}");
        assert!(begin.elapsed() < SOON);
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn interest_without_a_reply_is_a_timeout_instead(t: Target) {
        let nc = t.client().await;
        let sub = silence(&nc).await;
        let error = nc.request(sub.subject(), "").timeout(Duration::from_millis(30)).await.unwrap_err();
        assert!(error.is_timeout() && !error.is_no_responders());
    }

    async fn interest_of_a_wildcard_is_interest(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let _sub = nc.subscribe(format!("{root}.>")).await.unwrap();
        let error = nc.request(format!("{root}.a"), "").timeout(Duration::from_millis(30)).await.unwrap_err();
        assert!(error.is_timeout());
    }

    async fn interest_that_is_gone_is_none(t: Target) {
        let nc = t.client().await;
        let sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        drop(sub);
        assert!(nc.request(&subject, "").timeout(SOON).await.unwrap_err().is_no_responders());
    }

    async fn many_requests_without_responders_all_fail(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let asking: Vec<_> = (0..500)
            .map(|i| {
                let (nc, subject) = (nc.clone(), format!("{root}.{i}"));
                tokio::spawn(async move {
                    let error = nc.request(&subject, "").timeout(SOON).await.unwrap_err();
                    assert_eq!(error, RequestError::NoResponders { subject });
                })
            })
            .collect();
        for task in asking {
            task.await.unwrap();
        }
    }

    async fn a_plain_publish_with_a_reply_subject_receives_the_status(t: Target) {
        let nc = t.client().await;
        let mut inbox = nc.subscribe(nc.new_inbox()).await.unwrap();
        nc.publish(unique(), "").reply(&*inbox.subject()).await.unwrap();
        let message = next(&mut inbox).await;
        let status = message.status().unwrap();
        assert_eq!(status.code(), Some(503));
        assert!(status.is_no_responders() && message.payload().is_empty());
        assert!(message.headers().is_ok());
    }

    on Setup::new().no_headers() =>
    async fn without_headers_there_is_a_timeout_instead(t: Target) {
        let nc = t.client().await;
        let error = nc.request(unique(), "").timeout(Duration::from_millis(50)).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
    }
}
