//! What the pool promises, said in examples.

use std::collections::{HashMap, HashSet};

use super::*;

mod gossip;
mod model;
mod waits;

const TINY: Duration = Duration::from_millis(1);

fn addrs(list: &str) -> Vec<ServerAddr> {
    ServerAddr::parse_list(list).unwrap()
}

fn pool(list: &str, options: PoolOptions) -> Pool {
    Pool::new(addrs(list), options, 1)
}

fn ordered(list: &str) -> Pool {
    pool(list, PoolOptions { keep_order: true, ..PoolOptions::default() })
}

fn hosts<'a>(servers: impl IntoIterator<Item = &'a ServerAddr>) -> Vec<&'a str> {
    servers.into_iter().map(ServerAddr::host).collect()
}

fn members(pool: &Pool) -> Vec<&str> {
    hosts(pool.servers().iter().map(Server::addr))
}

fn id_of(pool: &Pool, host: &str) -> ServerId {
    pool.servers().iter().find(|server| server.addr().host() == host).unwrap().id()
}

fn urls(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

/// Lets each dial of a round fail; returns the hosts in order and the end of the wait (`None`: exhausted).
fn failing_round(pool: &mut Pool, now: Instant) -> (Vec<String>, Option<Instant>) {
    let mut dialled = Vec::new();
    loop {
        match pool.select(now) {
            Next::Dial(addr, id) => {
                dialled.push(addr.host().to_owned());
                pool.dial_failed(id, "refused");
            }
            Next::Wait(until) => return (dialled, Some(until)),
            Next::Exhausted => return (dialled, None),
        }
    }
}

fn connect_to(pool: &mut Pool, host: &str, now: Instant) -> ServerId {
    let id = id_of(pool, host);
    pool.connected(id, now);
    id
}

#[test]
fn each_server_is_dialled_once_a_round_and_rounds_lie_a_wait_apart() {
    let mut pool = pool("a,b,c", PoolOptions::default());
    let mut now = Instant::now();
    for round in 0..20 {
        let (mut dialled, until) = failing_round(&mut pool, now);
        dialled.sort();
        assert_eq!(dialled, ["a", "b", "c"], "round {round}");
        let until = until.unwrap();
        assert!(until >= now + MIN_WAIT);
        assert!(until <= now + Duration::from_secs(8));
        assert_eq!(pool.select(until - TINY), Next::Wait(until), "asking again does not draw again");
        now = until;
    }
    assert!(pool.servers().iter().all(|server| server.attempts() == 20));
}

#[test]
fn a_dial_that_was_not_reported_is_not_repeated_in_its_round() {
    let mut pool = pool("a", PoolOptions::default());
    let now = Instant::now();
    assert!(matches!(pool.select(now), Next::Dial(..)));
    assert!(matches!(pool.select(now), Next::Wait(until) if until > now));
}

#[test]
fn the_first_attempt_after_a_loss_is_immediate_and_success_resets_the_waits() {
    let mut pool = pool(
        "a",
        PoolOptions { backoff: Backoff::custom(|n| Duration::from_secs(n.into())), ..PoolOptions::default() },
    );
    let mut now = Instant::now();
    for n in 1..=5 {
        let until = failing_round(&mut pool, now).1.unwrap();
        assert_eq!(until - now, Duration::from_secs(n));
        now = until;
    }
    let id = connect_to(&mut pool, "a", now);
    assert_eq!(pool.current(), Some(id));
    now += STABLE_AFTER;
    pool.disconnected(now);
    assert_eq!(pool.current(), None);
    let (dialled, until) = failing_round(&mut pool, now);
    assert_eq!((dialled.len(), until.unwrap() - now), (1, Duration::from_secs(1)));
}

#[test]
fn a_server_that_accepts_and_hangs_up_is_dialled_ever_more_rarely() {
    let backoff = Backoff::custom(|n| Duration::from_secs(n.into()));
    let mut pool = pool("a", PoolOptions { backoff, ..PoolOptions::default() });
    let mut now = Instant::now();
    let mut waits = Vec::new();
    for _ in 0..6 {
        let mut next = pool.select(now);
        if let Next::Wait(until) = next {
            waits.push((until - now).as_secs());
            now = until;
            next = pool.select(now);
        }
        let Next::Dial(_, id) = next else { panic!("{next:?}") };
        pool.connected(id, now);
        pool.disconnected(now);
    }
    assert_eq!(waits, [1, 2, 3, 4], "the first loss is followed at once");

    let Next::Wait(until) = pool.select(now) else { panic!() };
    connect_to(&mut pool, "a", until);
    pool.disconnected(until + STABLE_AFTER);
    assert!(matches!(pool.select(until + STABLE_AFTER), Next::Dial(..)), "a stable connection is a recovery");
}

#[test]
fn announced_ends_in_a_row_cost_no_wait_unless_they_come_at_once() {
    let mut pool = pool("a,b", PoolOptions::default());
    let mut now = Instant::now();
    for _ in 0..6 {
        let Next::Dial(addr, id) = pool.select(now) else { panic!("a wait") };
        pool.connected(id, now);
        pool.lame(id);
        now += MOVABLE_AFTER;
        pool.moved(now);
        assert!(matches!(pool.select(now), Next::Dial(next, _) if next != addr), "the other one comes first");
        pool.left();
    }
    for n in 0..3 {
        if let Next::Dial(_, id) = pool.select(now) {
            pool.connected(id, now);
            pool.moved(now);
        }
        assert_eq!(matches!(pool.select(now), Next::Wait(_)), n > 0, "{n}");
    }
}

#[test]
fn attempts_are_counted_for_each_server_and_used_up_servers_drop_out() {
    let mut pool =
        pool("a,b", PoolOptions { keep_order: true, max_attempts: Some(2), ..PoolOptions::default() });
    let now = Instant::now();
    let (a, b) = (id_of(&pool, "a"), id_of(&pool, "b"));
    pool.dial_failed(a, "first");
    assert_eq!(pool.get(a).unwrap().last_error(), Some("first"));
    let (dialled, until) = failing_round(&mut pool, now);
    assert_eq!(dialled, ["a", "b"]);
    assert!(pool.get(a).unwrap().is_retired() && !pool.get(b).unwrap().is_retired());
    assert_eq!(failing_round(&mut pool, until.unwrap()), (vec!["b".to_owned()], None));
    assert_eq!(pool.select(now + MAX_WAIT), Next::Exhausted);
    assert_eq!((pool.get(a).unwrap().attempts(), pool.get(b).unwrap().attempts()), (2, 2));
}

#[test]
fn success_gives_a_server_its_attempts_back() {
    let mut pool = pool("a", PoolOptions { max_attempts: Some(2), ..PoolOptions::default() });
    let mut now = Instant::now();
    for _ in 0..5 {
        now = failing_round(&mut pool, now).1.unwrap();
        let id = connect_to(&mut pool, "a", now);
        let server = pool.get(id).unwrap();
        assert_eq!((server.attempts(), server.last_error(), server.connected_once()), (0, None, true));
        now += STABLE_AFTER;
        pool.disconnected(now);
    }
}

#[test]
fn a_limit_of_no_attempts_still_allows_one() {
    let mut pool = pool("a", PoolOptions { max_attempts: Some(0), ..PoolOptions::default() });
    assert_eq!(failing_round(&mut pool, Instant::now()), (vec!["a".to_owned()], None));
}

#[test]
fn a_pool_without_servers_is_exhausted() {
    assert_eq!(Pool::new(Vec::new(), PoolOptions::default(), 1).select(Instant::now()), Next::Exhausted);
}

#[test]
fn a_retired_server_is_not_dialled_even_in_the_round_under_way() {
    let mut pool = ordered("a,b");
    let now = Instant::now();
    pool.select(now);
    pool.retire(id_of(&pool, "b"));
    assert!(matches!(pool.select(now), Next::Wait(_)));
    pool.retire(id_of(&pool, "a"));
    assert_eq!(pool.select(now), Next::Exhausted);
}

#[test]
fn the_order_is_random_by_seed_or_kept() {
    let first = |seed, keep_order| {
        let options = PoolOptions { keep_order, ..PoolOptions::default() };
        failing_round(&mut Pool::new(addrs("a,b,c,d"), options, seed), Instant::now()).0
    };
    let mut counts = HashMap::new();
    for seed in 0..4000 {
        assert_eq!(first(seed, true), ["a", "b", "c", "d"]);
        *counts.entry(first(seed, false)).or_insert(0) += 1;
    }
    assert_eq!(first(7, false), first(7, false));
    assert_eq!(counts.len(), 24, "each order happens");
    assert!(counts.values().all(|n| (100..250).contains(n)), "{counts:?}");
}

#[test]
fn rounds_differ_in_their_order_and_clients_in_their_waits() {
    let mut orders = HashSet::new();
    let mut waits = HashSet::new();
    for seed in 0..200 {
        let mut pool = Pool::new(addrs("a,b,c"), PoolOptions::default(), seed);
        let now = Instant::now();
        let (_, until) = failing_round(&mut pool, now);
        orders.insert(failing_round(&mut pool, until.unwrap()).0);
        waits.insert(until.unwrap() - now);
    }
    assert_eq!(orders.len(), 6);
    assert!(waits.len() > 190);
}

#[test]
fn survivors_share_the_clients_of_a_lost_server_evenly_and_it_comes_last() {
    let mut counts = HashMap::new();
    let now = Instant::now();
    for seed in 0..3000 {
        let mut pool = Pool::new(addrs("a,b,c,d"), PoolOptions::default(), seed);
        connect_to(&mut pool, "a", now);
        pool.disconnected(now + STABLE_AFTER);
        let (dialled, _) = failing_round(&mut pool, now + STABLE_AFTER);
        assert_eq!(dialled[3], "a");
        *counts.entry(dialled[0].clone()).or_insert(0) += 1;
    }
    assert!(counts.len() == 3 && counts.values().all(|n| (900..1100).contains(n)), "{counts:?}");
}

#[test]
fn the_lost_server_keeps_its_place_where_the_order_is_kept() {
    let mut pool = ordered("a,b");
    let now = Instant::now();
    connect_to(&mut pool, "a", now);
    pool.disconnected(now);
    assert_eq!(failing_round(&mut pool, now).0, ["a", "b"]);
}

#[test]
fn a_lame_server_comes_last_until_it_is_connected_or_named_by_another() {
    let mut pool = ordered("a,b,c");
    let mut now = Instant::now();
    let a = connect_to(&mut pool, "a", now);
    pool.lame(a);
    pool.merge_discovered(&urls("a:4222,b:4222"), a, false);
    assert!(pool.get(a).unwrap().is_lame(), "its own word does not count");
    pool.disconnected(now);
    for _ in 0..3 {
        let (dialled, until) = failing_round(&mut pool, now);
        assert_eq!(dialled, ["b", "c", "a"], "latched");
        now = until.unwrap();
    }
    let b = connect_to(&mut pool, "b", now);
    pool.merge_discovered(&urls("b:4222"), b, false);
    assert!(pool.get(a).unwrap().is_lame());
    pool.merge_discovered(&urls("a:4222,b:4222"), b, false);
    assert!(!pool.get(a).unwrap().is_lame());

    pool.lame(a);
    pool.connected(a, now);
    assert!(!pool.get(a).unwrap().is_lame());
}

#[test]
fn a_lame_server_is_dialled_where_it_is_the_only_one() {
    let mut pool = pool("a", PoolOptions::default());
    pool.lame(id_of(&pool, "a"));
    assert!(matches!(pool.select(Instant::now()), Next::Dial(..)));
}
