//! Figures.

use crate::request::echo;
use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    async fn messages_are_counted_both_ways(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = b.subscribe(unique()).await.unwrap();
        b.flush().await.unwrap();
        for _ in 0..100 {
            a.publish(sub.subject(), "0123456789").await.unwrap();
        }
        settle(&[&a, &b]).await;
        let (out, inn) = (a.statistics(), b.statistics());
        assert_eq!((out.published, out.written, out.buffered, out.buffered_bytes), (100, 100, 0, 0));
        assert_eq!((out.lost, out.maybe_lost, out.received), (0, 0, 0));
        assert_eq!((inn.received, inn.unclaimed, inn.dropped, inn.published), (100, 0, 0, 0));
        assert_eq!(present(&mut sub).len(), 100);
    }

    async fn the_server_counts_the_same(t: Target) {
        let nc = t.client().await;
        let subject = echo(&nc).await;
        for i in 0..20 {
            nc.request(&subject, i.to_string()).await.unwrap();
        }
        nc.flush().await.unwrap();
        let figures = nc.statistics();
        let seen = t.connection(nc.server_info().client_id).await.unwrap();
        assert_eq!((seen["in_msgs"].as_u64(), seen["out_msgs"].as_u64()), (Some(figures.published), Some(figures.received)));
        assert_eq!((figures.published, figures.received), (40, 40));
    }

    async fn bytes_are_those_of_the_wire(t: Target) {
        let (a, b) = t.clients().await;
        let sub = b.subscribe(unique()).await.unwrap();
        settle(&[&a, &b]).await;
        let (out, inn) = (a.statistics(), b.statistics());
        a.publish(sub.subject(), "0123456789").await.unwrap();
        settle(&[&a, &b]).await;
        let publish = format!("PUB {} 10\r\n0123456789\r\n", sub.subject()).len() as u64;
        let pings = 2 * b"PING\r\n".len() as u64;
        assert_eq!(a.statistics().out_bytes - out.out_bytes, publish + pings);
        let message = format!("MSG {} {} 10\r\n0123456789\r\n", sub.subject(), sub.sid()).len() as u64;
        assert_eq!(b.statistics().in_bytes - inn.in_bytes, message + pings);
    }

    async fn subscriptions_and_requests_are_counted_while_they_live(t: Target) {
        let nc = t.client().await;
        assert_eq!((nc.statistics().subscriptions, nc.statistics().requests), (0, 0));
        let subject = echo(&nc).await;
        let sub = nc.subscribe(unique()).await.unwrap();
        nc.flush().await.unwrap();
        assert_eq!(nc.statistics().subscriptions, 2);
        nc.request(&subject, "").await.unwrap();
        assert_eq!((nc.statistics().subscriptions, nc.statistics().requests), (3, 0), "that of the replies as well");
        drop(sub);
        nc.flush().await.unwrap();
        assert_eq!(nc.statistics().subscriptions, 2);
        nc.close().await;
        assert_eq!(nc.statistics().subscriptions, 0);
    }

    async fn messages_for_nobody_are_counted_as_unclaimed(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let mut raw = t.raw().await;
        // A late reply has nobody to go to.
        raw.send(format!("SUB {subject} 1\r\n")).await;
        raw.sync().await;
        let error = nc.request(&subject, "").timeout(std::time::Duration::from_millis(20)).await.unwrap_err();
        assert!(error.is_timeout());
        let line = String::from_utf8(raw.line().await).unwrap();
        raw.publish(line.split(' ').nth(3).unwrap().as_bytes(), b"late").await;
        raw.sync().await;
        settle(&[&nc]).await;
        assert_eq!(nc.statistics().received, 1);
    }

    on Setup::new().own() =>
    async fn figures_go_on_over_reconnects(mut t: Target) {
        let nc = quick(t.connect()).await.unwrap();
        let mut events = nc.events();
        for round in 1..=3u64 {
            nc.publish("a", "").await.unwrap();
            nc.flush().await.unwrap();
            let before = nc.statistics();
            assert_eq!((before.published, before.connects), (round, round));
            t.restart().await;
            reconnected(&mut events).await;
            assert!(nc.statistics().in_bytes >= before.in_bytes);
        }
    }

    async fn a_message_that_was_refused_is_not_counted(t: Target) {
        let nc = t.client().await;
        nc.publish("bad subject", "").await.unwrap_err();
        nc.publish("a", "").header("a b", "").await.unwrap_err();
        nc.publish("a", vec![0; nc.max_payload() + 1]).await.unwrap_err();
        assert_eq!(nc.statistics().published, 0);
    }
}
