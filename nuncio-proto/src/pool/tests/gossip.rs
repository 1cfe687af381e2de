//! Changes of the members, by servers and by the user.

use super::*;
use proptest::prelude::*;

#[test]
fn gossip_adds_and_removes_discovered_servers_only() {
    let mut pool = ordered("a,b");
    let a = connect_to(&mut pool, "a", Instant::now());
    let changes = pool.merge_discovered(&urls("a:4222,x:1,y:2,x:1,X:1"), a, false);
    assert_eq!((hosts(&changes.added), hosts(&changes.removed)), (vec!["x", "y"], vec![]));
    assert_eq!(members(&pool), ["a", "b", "x", "y"]);
    assert!(pool.servers().iter().map(Server::is_discovered).eq([false, false, true, true]));

    assert!(pool.merge_discovered(&urls("x:1,y:2"), a, false).is_empty());
    assert!(pool.merge_discovered(&[], a, false).is_empty(), "an empty list says nothing");
    assert!(pool.merge_discovered(&urls(",nats://a,b c"), a, false).is_empty(), "nor does garbage");

    let changes = pool.merge_discovered(&urls("y:2,z:3"), a, false);
    assert_eq!((hosts(&changes.added), hosts(&changes.removed)), (vec!["z"], vec!["x"]));
    assert_eq!(members(&pool), ["a", "b", "y", "z"]);
}

#[test]
fn the_server_that_speaks_stays_even_if_it_does_not_name_itself() {
    let mut pool = ordered("a");
    let now = Instant::now();
    let a = connect_to(&mut pool, "a", now);
    pool.merge_discovered(&urls("x:1,y:2"), a, false);
    let x = connect_to(&mut pool, "x", now);
    let changes = pool.merge_discovered(&urls("a:4222"), x, false);
    assert_eq!(hosts(&changes.removed), ["y"]);
    assert_eq!(members(&pool), ["a", "x"]);
    pool.connected(a, now);
    assert_eq!(hosts(&pool.merge_discovered(&urls("a:4222"), a, false).removed), ["x"]);
    assert!(pool.merge_discovered(&urls("q:1"), x, false).is_empty(), "who has left has no say");
}

#[test]
fn bad_entries_are_skipped_and_the_pool_stays_bounded() {
    let mut pool = ordered("a,b");
    let a = id_of(&pool, "a");
    let mut list = urls("nats://e:1,u:p@h:1,:1,h:99999,0.0.0.0:4222,good:1");
    list.push("x".repeat(10_000));
    list.extend((0..1000).map(|n| format!("10.0.{}.{}:4222", n / 256, n % 256)));
    let changes = pool.merge_discovered(&list, a, false);
    assert_eq!(changes.added[0].host(), "good");
    assert!(pool.servers().len() <= MAX_SERVERS);
    assert!(pool.servers().len() > 240);

    let list: Vec<String> = (0..256).map(|n| format!("10.1.0.{n}:4222")).collect();
    let changes = pool.merge_discovered(&list, a, false);
    assert_eq!((pool.servers().len(), changes.added.len()), (MAX_SERVERS, MAX_SERVERS - 2));
}

#[test]
fn discovered_servers_inherit_the_transport_and_secrets_only_where_they_are_safe() {
    let inherited = |list: &str, tls: bool, share_credentials: bool| {
        let mut pool = pool(list, PoolOptions { share_credentials, ..PoolOptions::default() });
        let from = pool.servers()[0].id();
        pool.merge_discovered(&urls("10.0.0.9:1"), from, tls).added.remove(0)
    };
    let addr = inherited("nats://me:x@hub", false, false);
    assert_eq!((addr.to_string().as_str(), addr.user()), ("nats://10.0.0.9:1", None));
    assert_eq!(inherited("nats://me:x@hub", false, true).user(), Some("me"));
    let addr = inherited("nats://me:x@hub", true, false);
    assert_eq!((addr.to_string().as_str(), addr.user()), ("tls://10.0.0.9:1", Some("me")));
    assert_eq!(addr.tls_name(), "hub");
    assert_eq!(inherited("tls://hub", true, false).to_string(), "tls://10.0.0.9:1");
    assert_eq!(inherited("wss://hub", true, false).to_string(), "wss://10.0.0.9:1");
}

#[test]
fn it_is_known_where_credentials_were_withheld() {
    for (list, tls, share, withheld) in [
        ("me:x@hub", false, false, true),
        ("me:x@hub", true, false, false),
        ("me:x@hub", false, true, false),
        ("hub", false, false, false),
    ] {
        let mut pool = pool(list, PoolOptions { share_credentials: share, ..PoolOptions::default() });
        let hub = pool.servers()[0].id();
        pool.merge_discovered(&urls("other:1"), hub, tls);
        let other = id_of(&pool, "other");
        assert_eq!(pool.withholds_credentials(other), withheld, "{list} {tls} {share}");
        assert!(!pool.withholds_credentials(hub));
    }
}

#[test]
fn what_the_user_adds_is_dialled_in_the_round_and_what_servers_add_in_the_next() {
    let mut pool = ordered("a");
    let now = Instant::now();
    let Next::Dial(_, a) = pool.select(now) else { panic!() };
    pool.set_servers(addrs("a,b"));
    pool.merge_discovered(&urls("x:1"), a, false);
    pool.dial_failed(a, "refused");
    let (dialled, until) = failing_round(&mut pool, now);
    assert_eq!(dialled, ["b"]);
    assert_eq!(failing_round(&mut pool, until.unwrap()).0, ["a", "b", "x"]);
}

#[test]
fn servers_that_name_ever_new_ones_do_not_keep_the_client_dialling() {
    let mut pool = ordered("a");
    let mut now = Instant::now();
    let mut dials = 0;
    for round in 0..20 {
        loop {
            match pool.select(now) {
                Next::Dial(_, id) => {
                    dials += 1;
                    assert!(dials <= 20 * MAX_SERVERS, "round {round} does not end");
                    let named: Vec<String> =
                        (0..3).map(|n| format!("10.{round}.{}.{n}:1", dials % 256)).collect();
                    pool.merge_discovered(&named, id, false);
                    pool.dial_failed(id, "refused");
                }
                Next::Wait(until) => break now = until,
                Next::Exhausted => unreachable!(),
            }
        }
    }
}

#[test]
fn only_the_current_server_brings_used_up_servers_back() {
    let mut pool = pool("a,b", PoolOptions { max_attempts: Some(1), ..PoolOptions::default() });
    let now = Instant::now();
    let (a, b) = (id_of(&pool, "a"), id_of(&pool, "b"));
    pool.dial_failed(a, "authorization violation");
    pool.merge_discovered(&urls("a:4222,b:4222"), b, false);
    pool.dial_failed(b, "authorization violation");
    assert_eq!(pool.select(now), Next::Exhausted, "servers that refuse do not revive each other");

    pool.connected(b, now);
    pool.merge_discovered(&urls("a:4222"), b, false);
    assert!(!pool.get(a).unwrap().is_retired());
    assert_eq!(pool.get(a).unwrap().attempts(), 0);
}

#[test]
fn replacing_the_servers_keeps_what_is_known_of_those_that_stay() {
    let mut pool = ordered("a,b");
    let now = Instant::now();
    let a = connect_to(&mut pool, "a", now);
    pool.merge_discovered(&urls("x:4222"), a, false);
    let x = id_of(&pool, "x");
    pool.dial_failed(x, "refused");
    let changes = pool.set_servers(addrs("c,x,c"));
    assert_eq!(members(&pool), ["c", "x"]);
    let mut removed = hosts(&changes.removed);
    removed.sort_unstable();
    assert_eq!((hosts(&changes.added), removed), (vec!["c"], vec!["a", "b"]));
    let kept = pool.get(x).unwrap();
    assert_eq!((kept.attempts(), kept.is_discovered()), (1, false));
    assert_eq!(pool.current(), Some(a), "the connection stays");

    assert!(pool.set_servers(Vec::new()).is_empty());
    pool.disconnected(now);
    assert_eq!(failing_round(&mut pool, now).0, ["c", "x"]);
}

#[test]
fn calls_for_servers_that_have_left_do_nothing_bad() {
    let mut pool = ordered("a,b");
    let now = Instant::now();
    let a = id_of(&pool, "a");
    pool.set_servers(addrs("b"));
    pool.dial_failed(a, "late");
    pool.lame(a);
    pool.retire(a);
    pool.connected(a, now);
    pool.disconnected(now);
    assert_eq!(failing_round(&mut pool, now).0, ["b"]);
}

#[test]
fn no_secret_is_in_any_debug_text() {
    let mut pool = pool("tls://canary:canary@hub,canary@b", PoolOptions::default());
    let from = pool.servers()[0].id();
    let changes = pool.merge_discovered(&urls("10.0.0.1:1"), from, true);
    let next = pool.select(Instant::now());
    assert!(!format!("{pool:?} {changes:?} {next:?} {:?}", pool.servers()).contains("canary"));
}

proptest! {
    /// A user's server never leaves by gossip, the speaker never leaves, and all else is what was named.
    #[test]
    fn gossip_follows_its_rules(lists in proptest::collection::vec(proptest::collection::vec(0u8..12, 0..8), 1..10)) {
        let name = |n: &u8| format!("10.0.0.{n}:4222");
        let mut pool = ordered("10.0.0.0,10.0.0.1");
        let mut from = pool.servers()[0].id();
        for list in lists {
            let before: HashSet<String> = pool.servers().iter().map(|s| s.addr().to_string()).collect();
            let changes = pool.merge_discovered(&list.iter().map(name).collect::<Vec<_>>(), from, false);
            let after: HashSet<String> = pool.servers().iter().map(|s| s.addr().to_string()).collect();
            prop_assert_eq!(after.len(), pool.servers().len());
            let speaker = pool.get(from).unwrap().addr().to_string();
            let mut expected: HashSet<String> = list.iter().map(|n| format!("nats://{}", name(n))).collect();
            if expected.is_empty() {
                expected = before.clone();
            }
            expected.extend(["nats://10.0.0.0:4222".to_owned(), "nats://10.0.0.1:4222".to_owned(), speaker]);
            prop_assert_eq!(&after, &expected);
            let shown = |addrs: &[ServerAddr]| addrs.iter().map(ToString::to_string).collect::<HashSet<_>>();
            prop_assert_eq!(shown(&changes.added), after.difference(&before).cloned().collect());
            prop_assert_eq!(shown(&changes.removed), before.difference(&after).cloned().collect());
            from = pool.servers().last().unwrap().id();
        }
    }
}
