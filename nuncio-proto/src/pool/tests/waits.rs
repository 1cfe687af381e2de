//! How long the waits between the rounds are.

use std::sync::{Arc, Mutex};

use super::*;
use crate::pool::backoff::tests::assert_even;

/// The waits of so many rounds of one server that cannot be reached.
fn waits(backoff: Backoff, tls: bool, rounds: usize) -> Vec<Duration> {
    let mut pool = pool("a", PoolOptions { backoff, ..PoolOptions::default() });
    pool.set_tls(tls);
    let mut now = Instant::now();
    let mut wait = || {
        let until = failing_round(&mut pool, now).1.unwrap();
        let wait = until - now;
        now = until;
        wait
    };
    (0..rounds).map(|_| wait()).collect()
}

#[test]
fn steady_waits_spread_over_the_jitter_of_clear_text_or_of_tls() {
    let (wait, millis) = (Duration::from_secs(2), Duration::from_millis);
    assert_even(&waits(Backoff::steady(), false, 20_000), wait, wait + millis(100));
    assert_even(&waits(Backoff::steady(), true, 20_000), wait, wait + millis(1000));
}

#[test]
fn one_jitter_holds_for_both() {
    let backoff = Backoff::fixed(Duration::from_secs(1), Duration::from_secs(1));
    assert_eq!(waits(backoff.clone(), false, 100), waits(backoff, true, 100));
}

#[test]
fn waits_are_those_of_tls_as_soon_as_it_is_used() {
    let options = PoolOptions { backoff: Backoff::steady(), ..PoolOptions::default() };
    let mut pool = pool("a", options);
    let mut now = Instant::now();
    let mut longest = Duration::ZERO;
    for round in 0..200 {
        pool.set_tls(round >= 100);
        let until = failing_round(&mut pool, now).1.unwrap();
        longest = longest.max(until - now);
        assert!(round >= 100 || longest <= Duration::from_millis(2100), "{longest:?} in round {round}");
        now = until;
    }
    assert!(longest > Duration::from_millis(2100), "{longest:?}");
}

#[test]
fn a_wait_of_ones_own_is_asked_for_each_time_and_decides_alone() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let backoff = Backoff::custom({
        let asked = Arc::clone(&asked);
        move |step| {
            asked.lock().unwrap().push(step);
            Duration::from_millis(u64::from(step) * 700)
        }
    });
    for tls in [false, true] {
        let own: Vec<_> = (1..=50).map(|step| Duration::from_millis(step * 700)).collect();
        assert_eq!(waits(backoff.clone(), tls, 50), own);
        assert_eq!(std::mem::take(&mut *asked.lock().unwrap()), (1..=50).collect::<Vec<_>>());
    }
}

#[test]
fn a_wait_of_ones_own_is_asked_for_once_a_round_of_all_servers() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let backoff = Backoff::custom({
        let asked = Arc::clone(&asked);
        move |step| {
            asked.lock().unwrap().push(step);
            Duration::from_secs(1)
        }
    });
    let mut pool = pool("a,b,c", PoolOptions { backoff, ..PoolOptions::default() });
    let mut now = Instant::now();
    for round in 1..=10 {
        let (dialled, until) = failing_round(&mut pool, now);
        assert_eq!(dialled.len(), 3);
        now = until.unwrap();
        assert_eq!(asked.lock().unwrap().len(), round);
    }
    // It begins anew after a connection that lasted, and is not asked before the first attempts after that.
    connect_to(&mut pool, "a", now);
    now += STABLE_AFTER;
    pool.disconnected(now);
    failing_round(&mut pool, now);
    assert_eq!(*asked.lock().unwrap(), (1..=10).chain([1]).collect::<Vec<_>>());
}

#[test]
fn a_wait_of_ones_own_may_be_asked_for_elsewhere() {
    let backoff = Backoff::custom(|_| panic!("asked within"));
    let mut pool = pool("a,b", PoolOptions { backoff, ..PoolOptions::default() });
    let now = Instant::now();
    assert!(pool.asks(now).is_none(), "nothing was dialled yet");
    let mut ids = Vec::new();
    for _ in 0..2 {
        assert!(pool.asks(now).is_none());
        let Next::Dial(_, id) = pool.select(now) else { panic!("no server") };
        pool.dial_failed(id, "refused");
        ids.push(id);
    }
    let later = now + Duration::from_secs(1);
    assert_eq!(pool.asks(now).map(|(_, number)| number), Some(1));
    assert_eq!(pool.asks(later).map(|(_, number)| number), Some(1), "it is the same wait");
    pool.wait(Duration::from_secs(5));
    assert!(pool.asks(now).is_none());
    assert_eq!(pool.select(later), Next::Wait(now + Duration::from_secs(5)), "from when it was due");
    pool.wait(Duration::from_secs(9));
    assert_eq!(pool.select(later), Next::Wait(now + Duration::from_secs(5)), "none was due");
    ids.into_iter().for_each(|id| pool.retire(id));
    assert!(pool.asks(now + Duration::from_secs(6)).is_none(), "there is nobody to wait for");
}

#[test]
fn connections_that_do_not_last_are_waited_for_with_the_same_jitter() {
    let options = PoolOptions { backoff: Backoff::steady(), ..PoolOptions::default() };
    let mut pool = pool("a", options);
    pool.set_tls(true);
    let mut now = Instant::now();
    let mut all = Vec::new();
    for _ in 0..20_000 {
        connect_to(&mut pool, "a", now);
        pool.disconnected(now);
        if let Next::Wait(until) = pool.select(now) {
            all.push(until - now);
            now = until;
        }
    }
    assert_even(&all, Duration::from_secs(2), Duration::from_secs(3));
}
