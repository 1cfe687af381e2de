//! Limits that the server sets.

use nuncio::{
    ConnectError, ConnectionState, Event, PublishError, RequestError, ServerError, SubscriptionEnd,
};

use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    on Setup::new().max_payload(100) =>
    async fn the_limit_of_the_server_is_the_limit_of_a_publish(t: Target) {
        let nc = t.client().await;
        assert_eq!(nc.max_payload(), 100);
        let mut sub = nc.subscribe("s").await.unwrap();
        nc.publish("s", [b'x'; 100].as_slice()).await.unwrap();
        let error = nc.publish("s", [b'x'; 101].as_slice()).await.unwrap_err();
        assert_eq!(error, PublishError::TooLarge { subject: "s".into(), size: 101, max: 100 });
        settle(&[&nc]).await;
        assert_eq!(present(&mut sub).len(), 1);
        assert_eq!(nc.statistics().connects, 1);
    }

    on Setup::new().max_payload(100) =>
    async fn headers_count_against_the_limit(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe("s").await.unwrap();
        let header = "NATS/1.0\r\nk: v\r\n\r\n".len();
        nc.publish("s", vec![b'x'; 100 - header]).header("k", "v").await.unwrap();
        let error = nc.publish("s", vec![b'x'; 101 - header]).header("k", "v").await.unwrap_err();
        assert_eq!(error, PublishError::TooLarge { subject: "s".into(), size: 101, max: 100 });
        settle(&[&nc]).await;
        assert_eq!(present(&mut sub).len(), 1);
        assert_eq!(nc.statistics().connects, 1);
    }

    on Setup::new().max_payload(100) =>
    async fn the_server_agrees_on_what_is_too_large(t: Target) {
        let mut raw = t.raw().await;
        raw.publish(b"s", &[b'x'; 100]).await;
        raw.sync().await;
        raw.send(b"PUB s 101\r\n").await;
        let said = raw.rest().await;
        assert!(said.ends_with(b"-ERR 'Maximum Payload Violation'\r\n"), "{said:?}");
    }

    on Setup::new().max_payload(8 * 1024 * 1024) =>
    async fn messages_of_many_megabytes_pass(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe("s").await.unwrap();
        let payload: Vec<u8> = (0..8 * 1024 * 1024).map(|i: u32| (i % 251) as u8).collect();
        nc.publish("s", payload.clone()).await.unwrap();
        assert!(next(&mut sub).await.payload() == payload);
    }

    on Setup::new().max_subscriptions(2) =>
    async fn a_subscription_too_many_does_not_close_the_connection(t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        let (mut a, mut b) = (nc.subscribe("a").await.unwrap(), nc.subscribe("b").await.unwrap());
        nc.flush().await.unwrap();
        let mut c = nc.subscribe("c").await.unwrap();
        let error = event(&mut events, |e| match e {
            Event::ServerError(error) => Some(error),
            _ => None,
        })
        .await;
        assert_eq!(error, ServerError::MaxSubscriptions);
        nc.publish("a", "1").await.unwrap();
        nc.publish("b", "2").await.unwrap();
        assert_eq!((texts(&mut a, 1).await, texts(&mut b, 1).await), (vec!["1".into()], vec!["2".into()]));
        assert_eq!((nc.state(), nc.statistics().connects), (ConnectionState::Connected, 1));
        let refused = SubscriptionEnd::Refused { subject: "c".into(), error: ServerError::MaxSubscriptions };
        assert_eq!(rest(&mut c).await, (vec![], refused));
    }

    on Setup::new().max_subscriptions(3) =>
    async fn the_last_of_many_subscriptions_are_those_that_are_refused(t: Target) {
        let nc = t.client().await;
        let mut subs = Vec::new();
        for i in 0..6 {
            subs.push(nc.subscribe(format!("s.{i}")).await.unwrap());
        }
        let later = subs.split_off(3);
        for mut sub in later {
            let subject = sub.subject().into_owned();
            let error = ServerError::MaxSubscriptions;
            assert_eq!(rest(&mut sub).await.1, SubscriptionEnd::Refused { subject, error });
        }
        assert!(subs.iter().all(|sub| sub.ended().is_none()));
        // Whoever makes room gets in.
        drop(subs.pop());
        subs.push(nc.subscribe("s.6").confirmed().await.unwrap());
        for sub in &mut subs {
            nc.publish(sub.subject(), "x").await.unwrap();
            assert_eq!(texts(sub, 1).await, ["x"]);
        }
        assert_eq!(nc.statistics().subscriptions, 3);
    }

    on Setup::new().max_subscriptions(1) =>
    async fn a_request_whose_inbox_is_one_subscription_too_many_fails_at_once(t: Target) {
        let nc = t.client().await;
        let mut service = nc.subscribe("service").confirmed().await.unwrap();
        for no_mux in [false, true, false] {
            let request = nc.request("service", "").timeout(SOON);
            let error = if no_mux { request.no_mux().await } else { request.await }.unwrap_err();
            let refused = matches!(
                &error,
                RequestError::InboxRefused { inbox, error: ServerError::MaxSubscriptions }
                    if inbox.starts_with("_INBOX.")
            );
            assert!(refused, "{error:?}");
        }
        assert_eq!((service.ended(), nc.statistics().requests), (None, 0));
        service.unsubscribe();
        // There is room for the inbox now.
        assert!(nc.request("service", "").timeout(SOON).await.unwrap_err().is_no_responders());
    }

    on Setup::new().max_connections(2) =>
    async fn a_connection_too_many_is_refused_with_the_reason(t: Target) {
        let (_a, _b) = t.clients().await;
        let error = t.client_error().await;
        assert_eq!(error, ConnectError::Refused { server: t.addr(), error: ServerError::MaxConnections });
        assert!(error.is_retryable() && !error.is_auth());
    }

    on Setup::new().max_connections(1) =>
    async fn a_client_that_retries_gets_in_when_there_is_room(t: Target) {
        let first = t.client().await;
        let nc = t.connect().retry_on_initial_connect(true).max_reconnects(None).await.unwrap();
        let mut events = nc.events();
        event(&mut events, |e| matches!(e, Event::ConnectFailed { .. }).then_some(())).await;
        first.close().await;
        event(&mut events, |e| matches!(e, Event::Connected { .. }).then_some(())).await;
        nc.flush().await.unwrap();
    }

    on Setup::new().max_control_line(512) =>
    async fn a_line_too_long_for_the_server_ends_in_a_reconnect_with_the_reason(t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        nc.publish("x".repeat(1000), "").await.unwrap();
        let cause = event(&mut events, |e| match e {
            Event::Disconnected { cause, .. } => Some(cause),
            _ => None,
        })
        .await;
        assert_eq!(cause, nuncio::DisconnectCause::Server(ServerError::MaxControlLine));
        reconnected(&mut events).await;
        nc.flush().await.unwrap();
    }

    async fn the_longest_subject_that_is_accepted_passes(t: Target) {
        let nc = t.client().await;
        let subject = format!("{}.{}", unique(), "x".repeat(4096 - 64 - 23));
        let mut sub = nc.subscribe(&subject).await.unwrap();
        nc.publish(&subject, "long").await.unwrap();
        nc.publish(&subject, "long").header("k", "v").await.unwrap();
        assert_eq!(texts(&mut sub, 2).await, ["long", "long"]);
        assert_eq!(nc.statistics().connects, 1);
    }
}

impl Target {
    async fn client_error(&self) -> ConnectError {
        self.connect().await.map(drop).unwrap_err()
    }
}
