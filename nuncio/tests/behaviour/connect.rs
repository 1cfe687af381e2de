//! Connecting: targets, first attempts, names.

use std::sync::{Arc, Mutex};

use nuncio::{CloseReason, ConnectError, Connection, ConnectionState, Event, ServerAddr};
use tokio::net::TcpStream;

use crate::support::*;
use crate::target::{Setup, Target};

/// A connector that notes the addresses it is asked for and connects to `addr` instead.
fn detour(addr: String, asked: &Arc<Mutex<Vec<ServerAddr>>>) -> impl nuncio::Connector {
    let asked = Arc::clone(asked);
    move |server: ServerAddr| {
        asked.lock().unwrap().push(server);
        let addr = addr.clone();
        async move { Ok(Box::new(TcpStream::connect(addr).await?) as Box<dyn Connection>) }
    }
}

rules! {
    async fn host_and_port_are_enough(t: Target) {
        let nc = nuncio::connect(t.addr()).await.unwrap();
        nc.flush().await.unwrap();
    }

    async fn a_url_with_the_nats_scheme_connects(t: Target) {
        let nc = nuncio::connect(format!("nats://{}", t.addr())).await.unwrap();
        nc.flush().await.unwrap();
    }

    async fn the_port_is_4222_unless_given(t: Target) {
        for (given, host, port) in [("localhost", "localhost", 4222), ("localhost:4333", "localhost", 4333), ("::1", "::1", 4222)] {
            let asked = Arc::default();
            nuncio::connect(given).connector(detour(t.addr(), &asked)).await.unwrap();
            let asked = asked.lock().unwrap().clone();
            assert_eq!((asked[0].host(), asked[0].port()), (host, port));
        }
    }

    async fn a_port_alone_is_one_of_this_machine(t: Target) {
        let nc = nuncio::connect(()).port(t.port()).await.unwrap();
        assert_eq!(nc.server(), Some(t.addr()));
        nc.flush().await.unwrap();
    }

    async fn a_port_beside_servers_is_an_error(t: Target) {
        for connect in [nuncio::connect("localhost"), nuncio::connect(t.addr()), nuncio::connect([t.url()])] {
            let error = connect.port(t.port()).await.unwrap_err();
            assert!(matches!(error, ConnectError::Option { option: "port", .. }), "{error:?}");
        }
        let error = nuncio::connect(()).port(0).await.unwrap_err();
        assert!(matches!(error, ConnectError::Option { option: "port", .. }), "{error:?}");
    }

    async fn without_a_server_named_it_is_this_machine_s_port_4222(t: Target) {
        for servers in [nuncio::Servers::default(), ().into()] {
            let asked = Arc::default();
            let nc = nuncio::connect(servers).connector(detour(t.addr(), &asked)).await.unwrap();
            let pool: Vec<_> = nc.servers().iter().map(|s| s.addr().to_string()).collect();
            assert_eq!(pool, ["nats://127.0.0.1:4222"]);
            assert_eq!(asked.lock().unwrap().len(), 1);
            nc.set_servers("localhost:1").unwrap();
            nc.set_servers(()).unwrap();
            assert_eq!(nc.servers()[0].addr().to_string(), "nats://127.0.0.1:4222");
        }
    }

    async fn of_a_list_the_first_server_that_lives_is_used(t: Target) {
        let list = format!("127.0.0.1:1,{}", t.addr());
        let nc = nuncio::connect(list).keep_server_order(true).await.unwrap();
        assert_eq!(nc.server(), Some(t.addr()));
    }

    async fn a_list_may_be_an_array_or_a_vector(t: Target) {
        nuncio::connect(["127.0.0.1:1", &t.addr()]).await.unwrap();
        nuncio::connect(vec!["127.0.0.1:1".to_owned(), t.addr()]).await.unwrap();
        nuncio::connect(ServerAddr::parse(&t.url()).unwrap()).await.unwrap();
    }

    async fn servers_are_tried_in_order_when_asked(t: Target) {
        for _ in 0..5 {
            let asked = Arc::default();
            nuncio::connect("a.example,b.example,c.example")
                .keep_server_order(true)
                .connector(detour(t.addr(), &asked))
                .await
                .unwrap();
            assert_eq!(asked.lock().unwrap()[0].host(), "a.example");
        }
    }

    async fn servers_are_tried_in_random_order_by_default(t: Target) {
        let asked = Arc::default();
        for seed in 0..40 {
            let servers = "a.example,b.example,c.example";
            nuncio::connect(servers).seed(seed).connector(detour(t.addr(), &asked)).await.unwrap();
        }
        let asked = asked.lock().unwrap();
        for host in ["a.example", "b.example", "c.example"] {
            assert!(asked.iter().any(|s| s.host() == host), "{host} was never the first");
        }
    }

    async fn an_ipv4_address_mapped_to_ipv6_connects(t: Target) {
        let nc = nuncio::connect(format!("[::ffff:127.0.0.1]:{}", t.port())).await.unwrap();
        nc.flush().await.unwrap();
    }

    async fn a_name_is_reached_at_whichever_of_its_addresses_answers(t: Target) {
        // The server listens at one of the addresses that the name may have.
        let nc = nuncio::connect(format!("localhost:{}", t.port())).await.unwrap();
        nc.flush().await.unwrap();
        assert_eq!(nc.server(), Some(format!("localhost:{}", t.port())));
    }

    on Setup::new().own() =>
    async fn a_failed_connect_names_the_server(mut t: Target) {
        t.stop().await;
        let error = t.connect().await.unwrap_err();
        assert!(matches!(&error, ConnectError::Io { server, .. } if *server == t.addr()), "{error:?}");
        assert!(error.to_string().contains(&t.addr()), "{error}");
        assert!(error.is_retryable() && !error.is_auth());
    }

    async fn the_server_is_known_by_host_and_port(t: Target) {
        let nc = t.client().await;
        assert_eq!(nc.server(), Some(t.addr()));
        nc.close().await;
        assert_eq!(nc.server(), Some(t.addr()), "also after closing");
    }

    async fn the_server_introduces_itself(t: Target) {
        let nc = t.client().await;
        let info = nc.server_info();
        assert!(!info.server_id.is_empty() && !info.version.is_empty());
        assert!(info.headers && info.proto >= 1);
        assert!(info.client_id > 0);
        assert_eq!(info.client_ip, "127.0.0.1");
        assert_eq!(info.port, t.port());
        assert_eq!(nc.max_payload(), 1024 * 1024);
    }

    async fn the_info_behind_the_first_pong_is_taken_in(t: Target) {
        let nc = t.client().await;
        nc.flush().await.unwrap();
        if !nc.server_info().version_at_least(2, 12, 0) {
            return;
        }
        assert!(nc.server_info().connect_info);
        assert_eq!(nc.server_info().remote_account.as_deref(), Some("$G"));
    }

    async fn the_name_is_visible_at_the_server(t: Target) {
        let nc = t.connect().name("the name").await.unwrap();
        let seen = t.connection(nc.server_info().client_id).await.unwrap();
        assert_eq!(seen["name"], "the name");
        assert_eq!(seen["lang"], "rust");
        assert!(seen["version"].as_str().is_some_and(|v| !v.is_empty()));
    }

    async fn without_a_name_none_is_sent(t: Target) {
        let nc = t.client().await;
        let seen = t.connection(nc.server_info().client_id).await.unwrap();
        assert!(seen["name"].as_str().is_none_or(str::is_empty), "{seen}");
    }

    async fn a_new_connection_is_connected(t: Target) {
        let nc = t.client().await;
        assert_eq!(nc.state(), ConnectionState::Connected);
        assert_eq!(nc.statistics().connects, 1);
    }

    async fn clones_share_one_connection(t: Target) {
        let nc = t.client().await;
        let clone = nc.clone();
        assert_eq!(clone.server_info().client_id, nc.server_info().client_id);
        drop(nc);
        clone.flush().await.unwrap();
    }

    async fn a_connect_that_is_dropped_leaves_no_connection(t: Target) {
        let probe = t.client().await;
        let before = probe.server_info().client_id;
        for _ in 0..5 {
            let mut connecting = Box::pin(std::future::IntoFuture::into_future(t.connect()));
            let waker = std::task::Waker::noop();
            let _ = connecting.as_mut().poll(&mut std::task::Context::from_waker(waker));
        }
        // Whichever of them had got as far as the server has a number between these two.
        let after = t.client().await.server_info().client_id;
        if t.is_embedded() {
            for id in before + 1..after {
                t.until_gone(id).await;
            }
        }
    }

    on Setup::new().own() =>
    async fn retrying_the_first_connection_yields_a_client_at_once(mut t: Target) {
        t.stop().await;
        let nc = t.connect().retry_on_initial_connect(true).max_reconnects(None).await.unwrap();
        assert_eq!(nc.state(), ConnectionState::Connecting);
        let mut events = nc.events();
        let mut sub = nc.subscribe("early").await.unwrap();
        nc.publish("early", "bird").await.unwrap();
        assert_eq!(nc.statistics().buffered, 1);
        t.start().await;
        assert_eq!(texts(&mut sub, 1).await, ["bird"]);
        let server = event(&mut events, |e| match e {
            Event::Connected { server } => Some(server),
            _ => None,
        })
        .await;
        assert_eq!(server, t.addr());
    }

    on Setup::new().own() =>
    async fn retrying_ends_when_all_attempts_are_used_up(mut t: Target) {
        t.stop().await;
        let nc = t
            .connect()
            .retry_on_initial_connect(true)
            .max_reconnects(3)
            .backoff(nuncio::Backoff::fixed(std::time::Duration::from_millis(5), std::time::Duration::ZERO))
            .await
            .unwrap();
        match nc.closed().await {
            CloseReason::Exhausted { last } => assert!(matches!(*last, ConnectError::Io { .. }), "{last:?}"),
            other => panic!("{other:?}"),
        }
    }

    async fn a_connector_replaces_tcp(t: Target) {
        let asked = Arc::default();
        let nc = nuncio::connect("somewhere.example").connector(detour(t.addr(), &asked)).await.unwrap();
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "through").await.unwrap();
        assert_eq!(texts(&mut sub, 1).await, ["through"]);
        assert_eq!(nc.server().as_deref(), Some("somewhere.example:4222"));
    }
}
