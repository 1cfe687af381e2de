//! Clients that anything happens to.

use super::*;
use proptest::prelude::*;

/// What may happen to a client between two selections.
#[derive(Clone, Debug)]
enum Event {
    DialFails,
    Connects {
        lives: Duration,
    },
    /// It is left for an announced end, so long after that is allowed without a wait.
    Moves {
        lives: Duration,
    },
    Gossip(Vec<u8>),
    Lame,
    SetServers(Vec<u8>),
    Early,
}

fn event() -> impl Strategy<Value = Event> {
    let names = || proptest::collection::vec(0u8..12, 0..6);
    prop_oneof![
        6 => Just(Event::DialFails),
        2 => (0u64..20_000).prop_map(|ms| Event::Connects { lives: Duration::from_millis(ms) }),
        1 => (0u64..20_000).prop_map(|ms| Event::Moves { lives: Duration::from_millis(ms) }),
        2 => names().prop_map(Event::Gossip),
        1 => Just(Event::Lame),
        1 => names().prop_map(Event::SetServers),
        1 => Just(Event::Early),
    ]
}

fn backoff() -> impl Strategy<Value = Backoff> {
    let ms = || (0u64..300).prop_map(Duration::from_millis);
    prop_oneof![
        Just(Backoff::default()),
        (ms(), ms()).prop_map(|(wait, jitter)| Backoff::fixed(wait, jitter)),
        Just(Backoff::custom(|_| Duration::ZERO)),
    ]
}

proptest! {
    /// Whatever happens, a server is dialled at most once between two waits (a loss counts as one, but only
    /// if the connection was stable or the first), and the waits are real.
    #[test]
    fn no_server_is_dialled_twice_without_a_wait_between(
        seed in any::<u64>(), keep_order in any::<bool>(), max in proptest::option::of(1u32..4),
        backoff in backoff(), events in proptest::collection::vec(event(), 1..200),
    ) {
        let name = |n: &u8| format!("10.0.0.{n}:4222");
        let options = PoolOptions { keep_order, max_attempts: max, backoff, share_credentials: false };
        let mut pool = Pool::new(addrs("10.0.0.0,10.0.0.1,10.0.0.2"), options, seed);
        let start = Instant::now();
        let mut now = start;
        let (mut waited, mut stable, mut moved, mut first_losses) = (0u32, 0u32, 0u32, 0u32);
        let mut short_lived = 0;
        let mut dialled: HashSet<ServerId> = HashSet::new();
        for event in events {
            let before = now;
            let (addr, id) = match pool.select(now) {
                Next::Dial(addr, id) => (addr, id),
                Next::Wait(until) => {
                    prop_assert!(until > now, "a wait is in the future");
                    if matches!(event, Event::Early) {
                        prop_assert_eq!(pool.select(now + (until - now) / 2), Next::Wait(until));
                    }
                    (now, waited) = (until, waited + 1);
                    dialled.clear();
                    continue;
                }
                Next::Exhausted => {
                    prop_assert!(pool.servers().iter().all(Server::is_retired));
                    break;
                }
            };
            prop_assert!(dialled.insert(id), "dialled twice: {addr}");
            prop_assert!(max.is_none_or(|max| pool.get(id).is_some_and(|server| server.attempts() < max)));
            match event {
                Event::DialFails | Event::Early => pool.dial_failed(id, "refused"),
                Event::Connects { lives } => {
                    pool.connected(id, now);
                    now += lives;
                    pool.disconnected(now);
                    if lives >= STABLE_AFTER {
                        (short_lived, stable) = (0, stable + 1);
                        dialled.clear();
                    } else {
                        short_lived += 1;
                        if short_lived == 1 {
                            first_losses += 1;
                            dialled.clear();
                        }
                    }
                }
                Event::Moves { lives } => {
                    pool.connected(id, now);
                    pool.lame(id);
                    now += MOVABLE_AFTER + lives;
                    pool.moved(now);
                    moved += 1;
                    dialled.clear();
                }
                Event::Gossip(names) => {
                    let list: Vec<String> = names.iter().map(name).collect();
                    pool.merge_discovered(&list, id, false);
                    pool.dial_failed(id, "refused");
                }
                Event::Lame => {
                    pool.lame(id);
                    pool.dial_failed(id, "refused");
                }
                Event::SetServers(names) => {
                    pool.set_servers(names.iter().flat_map(|n| addrs(&name(n))).collect());
                    pool.dial_failed(id, "refused");
                }
            }
            prop_assert!(now >= before);
            let mut seen: Vec<&ServerAddr> = pool.servers().iter().map(Server::addr).collect();
            seen.sort_by_key(|addr| addr.to_string());
            seen.dedup();
            prop_assert_eq!(seen.len(), pool.servers().len(), "no member twice");
        }
        prop_assert!(now - start >= MIN_WAIT * waited + STABLE_AFTER * stable + MOVABLE_AFTER * moved);
        prop_assert!(first_losses <= stable + 1, "one loss without a wait for each stable connection");
    }
}
