//! Requests for one reply.

use std::time::{Duration, Instant};

use nuncio::{Client, CloseReason, HeaderMap, RequestError, Subscription};
use tokio::task::JoinHandle;

use crate::support::*;
use crate::target::{Setup, Target};

const SHORT: Duration = Duration::from_millis(40);

/// Echoes everything on a new subject until its client closes.
pub(crate) async fn echo(nc: &Client) -> String {
    let subject = unique();
    let mut requests = nc.subscribe(&subject).await.unwrap();
    nc.flush().await.unwrap();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let _ = request.respond(request.payload()).await;
        }
    });
    subject
}

/// A subscription that receives requests and says nothing.
pub(crate) async fn silence(nc: &Client) -> Subscription {
    let silent = nc.subscribe(unique()).await.unwrap();
    nc.flush().await.unwrap();
    silent
}

/// Asks in a task of its own, with a patience of a minute; complete once the request has arrived.
async fn ask(nc: &Client, silent: &mut Subscription) -> JoinHandle<Result<nuncio::Message, RequestError>> {
    let (nc, subject) = (nc.clone(), silent.subject().into_owned());
    let asking = tokio::spawn(async move { nc.request(subject, "?").timeout(Duration::from_secs(60)).await });
    next(silent).await;
    asking
}

rules! {
    async fn a_request_gets_its_reply(t: Target) {
        let (a, b) = t.clients().await;
        let subject = echo(&b).await;
        let reply = a.request(&subject, "hello").await.unwrap();
        assert_eq!(text(&reply), "hello");
    }

    async fn a_request_may_be_empty(t: Target) {
        let nc = t.client().await;
        let subject = echo(&nc).await;
        assert!(nc.request(&subject, "").await.unwrap().payload().is_empty());
    }

    async fn requests_and_replies_carry_headers(t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        let mut more = HeaderMap::new();
        more.append("b", "2").unwrap();
        let (reply, ()) = tokio::join!(nc.request(&subject, "q").header("a", "1").headers(more), async {
            let request = next(&mut sub).await;
            assert_eq!((request.header("a"), request.header("b")), (Some("1"), Some("2")));
            request.respond("r").header("c", "3").await.unwrap();
        });
        assert_eq!(reply.unwrap().header("c"), Some("3"));
    }

    async fn all_requests_share_one_subscription(t: Target) {
        let (a, b) = t.clients().await;
        let subject = echo(&b).await;
        assert!(t.held(&a).await.is_empty(), "none before the first");
        for _ in 0..20 {
            a.request(&subject, "").await.unwrap();
        }
        let held = t.held(&a).await;
        assert_eq!(held.len(), 1);
        assert!(held[0].subject.starts_with("_INBOX.") && held[0].subject.ends_with(".*"), "{held:?}");
    }

    async fn a_thousand_requests_at_once_each_get_their_own_reply(t: Target) {
        let (a, b) = t.clients().await;
        let subject = echo(&b).await;
        let asking: Vec<_> = (0..1000)
            .map(|i| {
                let (nc, subject) = (a.clone(), subject.clone());
                tokio::spawn(async move {
                    let reply = nc.request(subject, i.to_string()).timeout(SOON).await.unwrap();
                    assert_eq!(text(&reply), i.to_string());
                })
            })
            .collect();
        for task in asking {
            task.await.unwrap();
        }
        assert_eq!(a.statistics().requests, 0);
    }

    async fn replies_in_another_order_find_their_requests(t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        let (a, b, ()) = tokio::join!(
            nc.request(&subject, "a").timeout(SOON),
            nc.request(&subject, "b").timeout(SOON),
            async {
                let (first, second) = (next(&mut sub).await, next(&mut sub).await);
                second.respond(second.payload()).await.unwrap();
                first.respond(first.payload()).await.unwrap();
            }
        );
        assert_eq!((text(&a.unwrap()), text(&b.unwrap())), ("a".into(), "b".into()));
    }

    async fn without_a_reply_a_request_times_out(t: Target) {
        let nc = t.client().await;
        let sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        let begin = Instant::now();
        let error = nc.request(&subject, "").timeout(SHORT).await.unwrap_err();
        assert_eq!(error, RequestError::Timeout { subject: subject.clone(), after: SHORT });
        assert!(error.is_timeout() && begin.elapsed() >= SHORT);
        assert!(error.to_string().contains(&subject), "{error}");
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn the_connection_may_set_the_time_for_all_requests(t: Target) {
        let nc = t.connect().request_timeout(SHORT).await.unwrap();
        let sub = silence(&nc).await;
        let error = nc.request(sub.subject(), "").await.unwrap_err();
        assert_eq!(error, RequestError::Timeout { subject: sub.subject().into_owned(), after: SHORT });
    }

    async fn the_time_for_a_request_is_one_second_by_default(t: Target) {
        let nc = t.client().await;
        let sub = silence(&nc).await;
        let begin = Instant::now();
        let error = nc.request(sub.subject(), "").await.unwrap_err();
        let second = Duration::from_secs(1);
        assert_eq!(error, RequestError::Timeout { subject: sub.subject().into_owned(), after: second });
        assert!(begin.elapsed() >= second);
    }

    async fn the_first_of_many_replies_wins(t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        for round in 0..20 {
            let (reply, ()) = tokio::join!(nc.request(&subject, "").timeout(SOON), async {
                let request = next(&mut sub).await;
                for i in 0..5 {
                    request.respond(format!("{round} {i}")).await.unwrap();
                }
            });
            assert_eq!(text(&reply.unwrap()), format!("{round} 0"), "no request gets another's surplus");
        }
    }

    async fn a_late_reply_is_ignored_and_leaks_nothing(t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        nc.request(&subject, "first").timeout(SHORT).await.unwrap_err();
        let late = next(&mut sub).await;
        let (reply, ()) = tokio::join!(nc.request(&subject, "second").timeout(SOON), async {
            let second = next(&mut sub).await;
            late.respond("late").await.unwrap();
            second.respond("in time").await.unwrap();
        });
        assert_eq!(text(&reply.unwrap()), "in time");
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn a_cancelled_request_leaves_nothing(t: Target) {
        let nc = t.client().await;
        let mut silent = silence(&nc).await;
        let asking = ask(&nc, &mut silent).await;
        assert_eq!(nc.statistics().requests, 1);
        asking.abort();
        assert!(asking.await.unwrap_err().is_cancelled());
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn closing_fails_open_requests_at_once(t: Target) {
        let nc = t.client().await;
        let mut silent = silence(&nc).await;
        let asking = ask(&nc, &mut silent).await;
        nc.close().await;
        match asking.await.unwrap().unwrap_err() {
            RequestError::Closed(closed) => assert_eq!(closed.reason, CloseReason::Closed),
            other => panic!("{other:?}"),
        }
        let error = nc.request("a", "").await.unwrap_err();
        assert!(matches!(error, RequestError::Closed(_)), "{error:?}");
        assert_eq!(nc.statistics().requests, 0);
    }

    on Setup::new().own() =>
    async fn a_lost_connection_fails_open_requests_at_once(mut t: Target) {
        let nc = t.client().await;
        let mut silent = silence(&nc).await;
        let subject = silent.subject().into_owned();
        let asking = ask(&nc, &mut silent).await;
        t.stop().await;
        let error = asking.await.unwrap().unwrap_err();
        assert_eq!(error, RequestError::Disconnected { subject });
        assert!(error.is_disconnected());
    }

    on Setup::new().own() =>
    async fn a_request_may_outlive_its_connection(mut t: Target) {
        let nc = t.connect().fail_requests_on_disconnect(false).await.unwrap();
        let mut events = nc.events();
        let mut silent = silence(&nc).await;
        let (asker, subject) = (nc.clone(), silent.subject().into_owned());
        let asking = tokio::spawn(async move { asker.request(subject, "?").timeout(SOON).await });
        let request = next(&mut silent).await;
        t.restart().await;
        reconnected(&mut events).await;
        request.respond("after all").await.unwrap();
        assert_eq!(text(&asking.await.unwrap().unwrap()), "after all");
    }

    on Setup::new().own() =>
    async fn requests_work_again_after_a_reconnect(mut t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        let subject = echo(&nc).await;
        assert_eq!(text(&nc.request(&subject, "before").await.unwrap()), "before");
        t.restart().await;
        reconnected(&mut events).await;
        assert_eq!(text(&nc.request(&subject, "after").timeout(SOON).await.unwrap()), "after");
    }

    async fn the_inbox_prefix_is_used_by_requests(t: Target) {
        let nc = t.connect().inbox_prefix("_MINE.app").await.unwrap();
        let mut sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        let (reply, ()) = tokio::join!(nc.request(&subject, ""), async {
            let request = next(&mut sub).await;
            assert!(request.reply().unwrap().starts_with("_MINE.app."), "{request:?}");
            request.respond("ok").await.unwrap();
        });
        reply.unwrap();
        assert!(nc.new_inbox().starts_with("_MINE.app."));
        let mut all = nc.request(&subject, "").many().timeout(SHORT).await.unwrap();
        assert!(next(&mut sub).await.reply().unwrap().starts_with("_MINE.app."));
        assert!(all.next().await.is_none());
    }

    async fn each_request_has_a_reply_subject_of_its_own(t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..100 {
            let (reply, ()) = tokio::join!(nc.request(&subject, "").timeout(SOON), async {
                let request = next(&mut sub).await;
                assert!(seen.insert(request.reply().unwrap().into_owned()), "{request:?}");
                request.respond("").await.unwrap();
            });
            reply.unwrap();
        }
    }

    async fn nothing_is_asked_before_the_first_poll(t: Target) {
        let nc = t.client().await;
        let sub = silence(&nc).await;
        drop(nc.request(sub.subject(), ""));
        drop(nc.request(sub.subject(), "").many());
        settle(&[&nc]).await;
        assert_eq!((sub.stats().received, nc.statistics().requests), (0, 0));
    }

    async fn a_status_from_a_responder_is_a_reply(t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        let subject = sub.subject().into_owned();
        let (reply, ()) = tokio::join!(nc.request(&subject, ""), async {
            let headers = HeaderMap::with_status(408, "Request Timeout").unwrap();
            next(&mut sub).await.respond("").headers(headers).await.unwrap();
        });
        let reply = reply.unwrap();
        assert_eq!(reply.status().unwrap().code(), Some(408));
    }
}
