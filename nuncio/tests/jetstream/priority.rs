//! What pulls of each kind say to a consumer with priority groups.

use std::time::Duration;

use nuncio::Client;
use nuncio_testkit::eventually_async;

use crate::support::*;

const OVERFLOW: &str = r#""priority_groups":["A"],"priority_policy":"overflow""#;

async fn waiting(nc: &Client, pulls: u64) {
    let waiting = async || (consumer_info(nc, "S", "C").await["num_waiting"] == pulls).then_some(());
    eventually_async("the pulls to wait", SOON, waiting).await.unwrap();
}

const BRIEF: Duration = Duration::from_millis(100);

#[tokio::test]
async fn next_and_fetch_are_served_beyond_the_messages_they_leave_to_others() {
    needs!(PriorityGroups);
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 5, OVERFLOW).await;
    let next = || consumer.next().group("A").min_pending(6);
    assert!(soon(next().timeout(BRIEF).into_future()).await.unwrap().is_none());
    let mut none = consumer.fetch(1).group("A").min_pending(6).expires(BRIEF).await.unwrap();
    assert!(soon(none.next()).await.is_none());
    fill_from(&nc, "S", 6, 2).await;
    assert_eq!(soon(next().into_future()).await.unwrap().unwrap().text().unwrap(), "1");
    let mut some = consumer.fetch(1).group("A").min_pending(6).await.unwrap();
    assert_eq!(soon(some.next()).await.unwrap().unwrap().text().unwrap(), "2");
}

#[tokio::test]
async fn each_kind_of_pull_is_served_beyond_the_acknowledgements_that_are_pending() {
    needs!(PriorityGroups);
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 10, OVERFLOW).await;
    let next = || consumer.next().group("A").min_ack_pending(2);
    assert!(soon(next().timeout(BRIEF).into_future()).await.unwrap().is_none());
    let mut held = consumer.fetch(2).group("A").await.unwrap();
    let _held = (soon(held.next()).await.unwrap().unwrap(), soon(held.next()).await.unwrap().unwrap());
    assert_eq!(soon(next().into_future()).await.unwrap().unwrap().text().unwrap(), "3");
    let mut fetch = consumer.fetch(1).group("A").min_ack_pending(2).await.unwrap();
    assert_eq!(soon(fetch.next()).await.unwrap().unwrap().text().unwrap(), "4");
    let mut consume = consumer.consume().group("A").min_ack_pending(2).await.unwrap();
    assert_eq!(soon(consume.next()).await.unwrap().unwrap().text().unwrap(), "5");
}

#[tokio::test]
async fn who_has_the_first_priority_is_served_first_whatever_the_kind_of_pull() {
    needs!(Prioritized);
    let (_server, nc, js) = start().await;
    let prioritized = r#""priority_groups":["A"],"priority_policy":"prioritized""#;
    let consumer = bound(&nc, &js, 0, prioritized).await;
    let mut third = consumer.consume().group("A").priority(3).max_messages(1).await.unwrap();
    let mut second = consumer.fetch(1).group("A").priority(2).await.unwrap();
    // The others stay in the order of their priorities, not of their coming.
    let first = async { consumer.next().group("A").priority(0).await.unwrap().unwrap() };
    let filled = async {
        waiting(&nc, 3).await;
        fill(&nc, "S", 3).await;
    };
    let (first, ()) = both(first, filled).await;
    assert_eq!(first.text().unwrap(), "1");
    assert_eq!(soon(second.next()).await.unwrap().unwrap().text().unwrap(), "2");
    assert_eq!(soon(third.next()).await.unwrap().unwrap().text().unwrap(), "3");
}

#[tokio::test]
async fn a_priority_that_cannot_be_is_reported_before_anything_is_sent() {
    needs!(PriorityGroups);
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, OVERFLOW).await;
    let before = nc.statistics().published;
    for error in [
        consumer.next().group("A").priority(10).await.unwrap_err(),
        consumer.next().min_pending(1).await.unwrap_err(),
        consumer.fetch(1).min_ack_pending(1).await.unwrap_err(),
    ] {
        assert!(error.to_string().starts_with("option "), "{error}");
    }
    assert_eq!(nc.statistics().published, before);
}
