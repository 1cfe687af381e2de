//! One request, many replies (ADR-47).

use std::time::{Duration, Instant};

use nuncio::{Client, Replies, RequestError};

use crate::request::silence;
use crate::support::*;
use crate::target::{Setup, Target};

/// Answers the next request with these payloads.
async fn responder(nc: &Client, payloads: &'static [&'static str]) -> String {
    let mut requests = silence(nc).await;
    let subject = requests.subject().into_owned();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            for payload in payloads {
                request.respond(*payload).await.unwrap();
            }
        }
    });
    subject
}

/// All replies, in order, and the error that ends them if there is one.
async fn all(mut replies: Replies) -> (Vec<String>, Option<RequestError>) {
    let mut texts = Vec::new();
    loop {
        match tokio::time::timeout(SOON, replies.next()).await.expect("neither a reply nor an end") {
            Some(Ok(reply)) => texts.push(text(&reply)),
            Some(Err(error)) => {
                assert!(replies.next().await.is_none(), "an error is the last item");
                return (texts, Some(error));
            }
            None => return (texts, None),
        }
    }
}

rules! {
    async fn replies_come_until_the_time_is_over(t: Target) {
        let nc = t.client().await;
        let subject = responder(&nc, &["a", "b", "c"]).await;
        let (begin, total) = (Instant::now(), Duration::from_millis(150));
        let replies = nc.request(&subject, "").many().timeout(total).await.unwrap();
        assert_eq!(all(replies).await, (vec!["a".into(), "b".into(), "c".into()], None));
        assert!(begin.elapsed() >= total);
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn enough_replies_end_it(t: Target) {
        let nc = t.client().await;
        let subject = responder(&nc, &["a", "b", "c"]).await;
        let replies = nc.request(&subject, "").many().timeout(SOON).max_messages(2).await.unwrap();
        assert_eq!(all(replies).await, (vec!["a".into(), "b".into()], None));
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn a_stall_ends_it(t: Target) {
        let nc = t.client().await;
        let subject = responder(&nc, &["a", "b"]).await;
        let begin = Instant::now();
        let replies = nc.request(&subject, "").many().timeout(SOON).stall(Duration::from_millis(150)).await.unwrap();
        assert_eq!(all(replies).await, (vec!["a".into(), "b".into()], None));
        assert!(begin.elapsed() < SOON);
    }

    async fn replies_that_keep_coming_end_with_the_whole_time(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = silence(&b).await;
        let subject = sub.subject().into_owned();
        let (total, stall) = (Duration::from_millis(300), Duration::from_millis(250));
        for no_mux in [false, true] {
            let begin = Instant::now();
            let request = a.request(&subject, "");
            let request = if no_mux { request.no_mux() } else { request };
            let replies = request.many().timeout(total).stall(stall).await.unwrap();
            let asked = next(&mut sub).await;
            let nc = b.clone();
            let babbling = tokio::spawn(async move {
                while asked.respond("more").await.is_ok() {
                    nc.flush().await.unwrap();
                }
            });
            let (texts, error) = all(replies).await;
            assert!(!texts.is_empty() && error.is_none(), "{error:?}");
            assert!(begin.elapsed() >= total && begin.elapsed() < SOON, "{:?}", begin.elapsed());
            babbling.abort();
        }
    }

    async fn without_the_shared_inbox_a_stall_is_the_one_asked_for(t: Target) {
        let nc = t.client().await;
        let subject = responder(&nc, &["a", "b"]).await;
        let stall = Duration::from_millis(700);
        let begin = Instant::now();
        let replies = nc.request(&subject, "").no_mux().many().timeout(SOON).stall(stall).await.unwrap();
        assert_eq!(all(replies).await, (vec!["a".into(), "b".into()], None));
        assert!(begin.elapsed() >= stall && begin.elapsed() < SOON, "{:?}", begin.elapsed());
    }

    async fn the_first_reply_may_take_longer_than_a_stall(t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        let stall = Duration::from_millis(20);
        let mut replies = nc.request(&subject, "").many().timeout(SOON).stall(stall).await.unwrap();
        let request = next(&mut sub).await;
        assert!(tokio::time::timeout(stall * 4, replies.next()).await.is_err(), "still waiting");
        request.respond("at last").await.unwrap();
        assert_eq!(all(replies).await, (vec!["at last".into()], None));
    }

    async fn time_spent_on_a_reply_is_no_stall(t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        let stall = Duration::from_millis(100);
        let mut replies = nc.request(&subject, "").many().timeout(SOON).stall(stall).await.unwrap();
        let request = next(&mut sub).await;
        request.respond("a").await.unwrap();
        assert_eq!(text(&replies.next().await.unwrap().unwrap()), "a");
        // The application is busy for longer than a stall, while the next reply is on its way.
        let mut busy = nc.subscribe(unique()).first_message_timeout(stall * 2).await.unwrap();
        rest(&mut busy).await;
        request.respond("b").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(all(replies).await, (vec!["b".into()], None));
    }

    async fn a_sentinel_ends_it(t: Target) {
        let nc = t.client().await;
        let subject = responder(&nc, &["a", "b", "end", "c"]).await;
        let until = |message: &nuncio::Message| message.payload() != b"end";
        let replies = nc.request(&subject, "").many().timeout(SOON).until(until).await.unwrap();
        assert_eq!(all(replies).await, (vec!["a".into(), "b".into()], None));
    }

    async fn an_empty_reply_may_end_it(t: Target) {
        let nc = t.client().await;
        let subject = responder(&nc, &["a", "", "b"]).await;
        let replies = nc.request(&subject, "").many().timeout(SOON).until_empty().await.unwrap();
        assert_eq!(all(replies).await, (vec!["a".into()], None));
    }

    async fn an_empty_reply_is_a_reply_otherwise(t: Target) {
        let nc = t.client().await;
        let subject = responder(&nc, &["", ""]).await;
        let replies = nc.request(&subject, "").many().timeout(SOON).max_messages(2).await.unwrap();
        assert_eq!(all(replies).await, (vec![String::new(), String::new()], None));
    }

    async fn no_responders_are_an_error_at_once(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let replies = nc.request(&subject, "").many().timeout(SOON).await.unwrap();
        assert_eq!(all(replies).await, (vec![], Some(RequestError::NoResponders { subject })));
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn no_reply_in_time_is_no_error(t: Target) {
        let nc = t.client().await;
        let sub = silence(&nc).await;
        let replies = nc.request(sub.subject(), "").many().timeout(Duration::from_millis(30)).await.unwrap();
        assert_eq!(all(replies).await, (vec![], None));
    }

    async fn several_responders_are_heard(t: Target) {
        let (a, b) = t.clients().await;
        let subject = unique();
        for (nc, name) in [(&a, "a"), (&a, "b"), (&b, "c")] {
            let mut requests = nc.subscribe(&subject).await.unwrap();
            nc.flush().await.unwrap();
            tokio::spawn(async move {
                while let Some(request) = requests.next().await {
                    let _ = request.respond(name).await;
                }
            });
        }
        let replies = a.request(&subject, "who?").many().timeout(SOON).max_messages(3).await.unwrap();
        let mut names = all(replies).await.0;
        names.sort_unstable();
        assert_eq!(names, ["a", "b", "c"]);
    }

    async fn dropping_the_replies_ends_the_waiting(t: Target) {
        let nc = t.client().await;
        let sub = silence(&nc).await;
        let replies = nc.request(sub.subject(), "").many().timeout(SOON).await.unwrap();
        assert_eq!(nc.statistics().requests, 1);
        drop(replies);
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn ten_thousand_replies_arrive_in_order(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = silence(&b).await;
        let subject = sub.subject().into_owned();
        tokio::spawn(async move {
            let request = next(&mut sub).await;
            for i in 0..10_000 {
                request.respond(i.to_string()).await.unwrap();
            }
            request.respond("").await.unwrap();
        });
        let replies = a.request(&subject, "").many().timeout(SOON).until_empty().await.unwrap();
        let (texts, error) = all(replies).await;
        assert_eq!((texts.len(), error), (10_000, None));
        assert!(texts.iter().enumerate().all(|(i, text)| *text == i.to_string()));
    }

    async fn closing_ends_replies_with_an_error(t: Target) {
        let nc = t.client().await;
        let sub = silence(&nc).await;
        let replies = nc.request(sub.subject(), "").many().timeout(SOON).await.unwrap();
        nc.close().await;
        let (texts, error) = all(replies).await;
        assert!(texts.is_empty() && matches!(error, Some(RequestError::Closed(_))), "{error:?}");
    }

    on Setup::new().own() =>
    async fn a_lost_connection_ends_replies_with_an_error(mut t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        let replies = nc.request(&subject, "").many().timeout(SOON).await.unwrap();
        next(&mut sub).await.respond("one").await.unwrap();
        settle(&[&nc]).await;
        t.stop().await;
        assert_eq!(all(replies).await, (vec!["one".into()], Some(RequestError::Disconnected { subject })));
    }
}
