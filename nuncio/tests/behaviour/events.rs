//! What happens to a connection is told to whoever listens.

use nuncio::{CloseReason, ConnectError, DisconnectCause, Event, ServerError};

use crate::support::*;
use crate::target::{Rules, Setup, Target};

rules! {
    on Setup::new().own() =>
    async fn a_loss_and_the_way_back_are_told_in_order(mut t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        t.stop().await;
        let (server, cause) = event(&mut events, |e| match e {
            Event::Disconnected { server, cause, .. } => Some((server, cause)),
            _ => None,
        })
        .await;
        assert_eq!(server, t.addr());
        assert!(matches!(cause, DisconnectCause::Eof | DisconnectCause::Io { .. }), "{cause:?}");
        let (server, attempt) = event(&mut events, |e| match e {
            Event::Reconnecting { server, attempt } => Some((server, attempt)),
            _ => None,
        })
        .await;
        assert_eq!((server, attempt), (t.addr(), 1));
        let (server, error) = event(&mut events, |e| match e {
            Event::ConnectFailed { server, error } => Some((server, error)),
            _ => None,
        })
        .await;
        assert_eq!(server, t.addr());
        assert!(matches!(error, ConnectError::Io { .. } | ConnectError::Protocol { .. }), "{error:?}");
        t.start().await;
        let server = event(&mut events, |e| match e {
            Event::Reconnected { server } => Some(server),
            _ => None,
        })
        .await;
        assert_eq!(server, t.addr());
    }

    on Setup::new().own() =>
    async fn all_listeners_hear_everything_and_end_with_closed(mut t: Target) {
        let nc = t.client().await;
        let (mut a, mut b) = (nc.events(), nc.events());
        let dropped = nc.events();
        drop(dropped);
        t.restart().await;
        reconnected(&mut a).await;
        nc.close().await;
        for events in [&mut a, &mut b] {
            let reason = event(events, |e| match e {
                Event::Closed { reason } => Some(reason),
                _ => None,
            })
            .await;
            assert_eq!(reason, CloseReason::Closed);
            assert_eq!(events.next().await, None);
            assert_eq!(events.next().await, None);
        }
        let late = nc.events().next().await;
        assert_eq!(late, None, "nothing to hear after the end");
    }

    async fn closing_tells_no_loss(t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        nc.close().await;
        assert_eq!(events.next().await, Some(Event::Closed { reason: CloseReason::Closed }));
        assert_eq!(events.next().await, None);
    }

    async fn draining_tells_no_loss(t: Target) {
        let nc = t.client().await;
        let _sub = nc.subscribe(unique()).await.unwrap();
        let mut events = nc.events();
        nc.drain().await.unwrap();
        assert_eq!(events.next().await, Some(Event::Closed { reason: CloseReason::Drained }));
        assert_eq!(events.next().await, None);
    }

    async fn a_forced_reconnect_says_so(t: Target) {
        let nc = t.client().await;
        let before = nc.server_info().client_id;
        let mut events = nc.events();
        nc.force_reconnect();
        let cause = event(&mut events, |e| match e {
            Event::Disconnected { cause, .. } => Some(cause),
            _ => None,
        })
        .await;
        assert_eq!(cause, DisconnectCause::Forced);
        reconnected(&mut events).await;
        assert_ne!(nc.server_info().client_id, before);
        t.until_gone(before).await;
    }

    on Setup::new().own() =>
    async fn a_lame_duck_is_told_once(mut t: Target) {
        let nc = t.client().await;
        nc.flush().await.unwrap();
        let mut events = nc.events();
        t.lame_duck().await;
        let server = event(&mut events, |e| match e {
            Event::LameDuck { server } => Some(server),
            _ => None,
        })
        .await;
        assert_eq!(server, t.addr());
        nc.flush().await.unwrap();
        assert!(!so_far(&mut events).iter().any(|e| matches!(e, Event::LameDuck { .. })));
    }

    on Setup::new().user_with("me", "pw", Rules::new().deny_publish("no.>").deny_subscribe("no.>")) =>
    async fn permission_violations_are_told(t: Target) {
        let nc = t.connect().user_and_password("me", "pw").await.unwrap();
        let mut events = nc.events();
        nc.publish("no.way", "").await.unwrap();
        let _denied = nc.subscribe("no.sub").await.unwrap();
        nc.flush().await.unwrap();
        let errors: Vec<_> = so_far(&mut events)
            .into_iter()
            .filter_map(|e| match e {
                Event::ServerError(error) => Some(error),
                _ => None,
            })
            .collect();
        assert_eq!(
            errors,
            [
                ServerError::PublishViolation { subject: "no.way".into() },
                ServerError::SubscribeViolation { subject: "no.sub".into(), queue: None, sid: None },
            ]
        );
    }

    async fn a_listener_is_a_stream(t: Target) {
        use futures_core::Stream;
        let nc = t.client().await;
        let mut events = nc.events();
        nc.close().await;
        let first = std::future::poll_fn(|cx| std::pin::Pin::new(&mut events).poll_next(cx)).await;
        assert_eq!(first, Some(Event::Closed { reason: CloseReason::Closed }));
    }
}
