//! The servers that a connection may use, read and changed while it lives.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use nuncio::{Backoff, ConnectError, Event};
use nuncio_server::Server;
use nuncio_testkit::eventually;

use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    on Setup::new().own() =>
    async fn the_pool_can_be_read(t: Target) {
        let nc = nuncio::connect([t.url(), "nats://127.0.0.1:1".into()]).keep_server_order(true).await.unwrap();
        let servers = nc.servers();
        assert_eq!(servers.iter().map(|s| s.addr().port()).collect::<Vec<_>>(), [t.port(), 1]);
        assert!(servers.iter().all(|s| !s.is_discovered() && s.attempts() == 0));
        assert_eq!(servers.iter().map(|s| s.connected_once()).collect::<Vec<_>>(), [true, false]);
    }

    async fn new_servers_hold_from_the_next_attempt_on(t: Target) {
        let next = Server::builder().start().await.unwrap();
        let nc = t.client().await;
        let mut events = nc.events();
        let url = format!("127.0.0.1:{}", next.port());
        nc.set_servers(url.as_str()).unwrap();
        let (added, removed) = event(&mut events, |e| match e {
            Event::ServersChanged { added, removed } => Some((added.len(), removed.len())),
            _ => None,
        })
        .await;
        assert_eq!((added, removed), (1, 1));
        nc.flush().await.unwrap();
        assert_eq!((nc.server(), nc.statistics().connects), (Some(t.addr()), 1), "the connection stays");
        nc.force_reconnect();
        reconnected(&mut events).await;
        assert_eq!(nc.server(), Some(url));
        nc.close().await;
    }

    async fn servers_that_cannot_be_used_change_nothing(t: Target) {
        let nc = t.client().await;
        let before = nc.servers();
        assert!(matches!(nc.set_servers("nats://a b"), Err(ConnectError::Address(_))));
        let none: [&str; 0] = [];
        assert!(matches!(nc.set_servers(none), Err(ConnectError::Option { option: "servers", .. })));
        assert_eq!(nc.servers(), before);
    }

    async fn the_application_may_choose_the_server(t: Target) {
        let other = Server::builder().start().await.unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let port = other.port();
        let choose = {
            let seen = Arc::clone(&seen);
            move |servers: &[nuncio::PoolServer]| {
                seen.lock().unwrap().push(servers.len());
                servers.iter().find(|s| s.addr().port() == port).map(|s| s.id())
            }
        };
        let nc = nuncio::connect([t.addr(), format!("127.0.0.1:{port}")])
            .keep_server_order(true)
            .choose_server(choose)
            .await
            .unwrap();
        assert_eq!(nc.server(), Some(format!("127.0.0.1:{port}")), "not the first of the list");
        assert_eq!(*seen.lock().unwrap(), [2]);
        let mut events = nc.events();
        nc.force_reconnect();
        reconnected(&mut events).await;
        assert_eq!(nc.server(), Some(format!("127.0.0.1:{port}")));
        nc.close().await;
    }

    on Setup::new().own() =>
    async fn a_choice_that_fails_is_not_dialled_again_without_a_wait(t: Target) {
        let dead = 1;
        let choose = move |servers: &[nuncio::PoolServer]| {
            servers.iter().find(|s| s.addr().port() == dead).map(|s| s.id())
        };
        let nc = nuncio::connect([t.url(), format!("127.0.0.1:{dead}")]).choose_server(choose).await.unwrap();
        let failed = nc.servers().iter().find(|s| s.addr().port() == dead).map(|s| s.attempts());
        assert_eq!((nc.server(), failed), (Some(t.addr()), Some(1)));
    }

    on Setup::new().own() =>
    async fn the_wait_is_asked_for_by_number_where_it_is_custom(t: Target) {
        let mut t = t;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let backoff = Backoff::custom({
            let asked = Arc::clone(&asked);
            move |step| {
                asked.lock().unwrap().push(step);
                std::time::Duration::from_millis(10)
            }
        });
        let nc = t.connect().backoff(backoff).max_reconnects(None).await.unwrap();
        let mut events = nc.events();
        t.stop().await;
        for expected in 1..=3 {
            let attempt = event(&mut events, |e| match e {
                Event::Reconnecting { attempt, .. } => Some(attempt),
                _ => None,
            })
            .await;
            assert_eq!(attempt, expected);
        }
        t.start().await;
        reconnected(&mut events).await;
        assert!(asked.lock().unwrap().starts_with(&[1, 2]), "{asked:?}");
    }

    on Setup::new().own() =>
    async fn functions_for_choice_and_wait_may_ask_the_client(t: Target) {
        let mut t = t;
        let known = Arc::new(OnceLock::<nuncio::Client>::new());
        let ask = |known: &Arc<OnceLock<nuncio::Client>>| {
            let known = Arc::clone(known);
            move || known.get().map_or(0, |nc| nc.servers().len() + nc.statistics().connects as usize)
        };
        let (choosing, waiting) = (ask(&known), ask(&known));
        let waits = Arc::new(AtomicUsize::new(0));
        let backoff = Backoff::custom({
            let waits = Arc::clone(&waits);
            move |_| {
                waits.fetch_add(waiting(), Ordering::Relaxed);
                std::time::Duration::from_millis(10)
            }
        });
        let choose = move |_: &[nuncio::PoolServer]| {
            choosing();
            None
        };
        let nc = t.connect().backoff(backoff).choose_server(choose).max_reconnects(None).await.unwrap();
        known.set(nc.clone()).ok().unwrap();
        let mut events = nc.events();
        t.stop().await;
        eventually("three waits", SOON, || waits.load(Ordering::Relaxed) >= 6).await.unwrap();
        t.start().await;
        reconnected(&mut events).await;
    }

    async fn a_choice_that_panics_is_none(t: Target) {
        let nc = t.connect().choose_server(|_| panic!("on purpose")).await.unwrap();
        nc.flush().await.unwrap();
    }

    async fn the_client_knows_itself(t: Target) {
        let nc = t.client().await;
        assert!(t.connection(nc.client_id()).await.is_some());
        assert_eq!(nc.client_ip().as_deref(), Some("127.0.0.1"));
        let local = nc.local_addr().unwrap();
        assert!(local.ip().is_loopback() && local.port() != t.port());
        assert_eq!(nc.num_subscriptions(), 0);
        let _sub = nc.subscribe(unique()).confirmed().await.unwrap();
        assert_eq!(nc.num_subscriptions(), 1);
    }
}
