//! How long to wait between two rounds of dialling.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// No wait is shorter, whatever the settings: a loop without a wait would keep a processor and a server busy.
pub const MIN_WAIT: Duration = Duration::from_millis(10);

/// No wait is longer.
pub const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait before the servers are dialled again, after each of them has failed once.
///
/// The first attempt after a loss is immediate in every case (ADR-40). All waits are kept between [`MIN_WAIT`]
/// and [`MAX_WAIT`].
#[derive(Clone)]
#[non_exhaustive]
pub enum Backoff {
    /// The wait is drawn evenly from zero to a bound that begins at `initial` and doubles up to `max`.
    ///
    /// Drawing from zero (full jitter) spreads clients that lost the same server best.
    Exponential {
        /// The first bound.
        initial: Duration,
        /// The last bound.
        max: Duration,
    },
    /// The wait is `wait` and up to `jitter` more, drawn evenly; up to `tls_jitter` more where TLS is used.
    ///
    /// A TLS handshake costs the server much more than a connection without, so that clients should spread more.
    Fixed {
        /// The shortest wait.
        wait: Duration,
        /// What may be added to it.
        jitter: Duration,
        /// What may be added to it instead, where TLS is used or wanted.
        tls_jitter: Duration,
    },
    /// The wait is what the function returns for the number of the wait, which begins at 1 and begins anew after a
    /// connection that was stable. It is asked once for each wait, that is after each server has failed, however many
    /// there are; nothing is added to what it returns.
    Custom(WaitFn),
}

/// The function of a [`Backoff::Custom`].
pub type WaitFn = Arc<dyn Fn(u32) -> Duration + Send + Sync>;

impl Default for Backoff {
    /// Exponential, from 50 ms to 8 s.
    fn default() -> Backoff {
        Backoff::exponential(Duration::from_millis(50), Duration::from_secs(8))
    }
}

impl Backoff {
    /// [`Backoff::Exponential`]
    pub fn exponential(initial: Duration, max: Duration) -> Backoff {
        Backoff::Exponential { initial, max }
    }

    /// [`Backoff::Fixed`] with one jitter, TLS or not.
    pub fn fixed(wait: Duration, jitter: Duration) -> Backoff {
        Backoff::Fixed { wait, jitter, tls_jitter: jitter }
    }

    /// [`Backoff::Fixed`] as other clients of NATS have it unless told otherwise: 2 seconds, and up to 100 ms more, or
    /// up to 1 second more where TLS is used.
    pub fn steady() -> Backoff {
        Backoff::Fixed {
            wait: Duration::from_secs(2),
            jitter: Duration::from_millis(100),
            tls_jitter: Duration::from_secs(1),
        }
    }

    /// [`Backoff::Custom`]
    pub fn custom(wait: impl Fn(u32) -> Duration + Send + Sync + 'static) -> Backoff {
        Backoff::Custom(Arc::new(wait))
    }

    /// The wait number `step`, which begins at 1.
    pub(super) fn wait(&self, step: u32, tls: bool, rng: &mut fastrand::Rng) -> Duration {
        let wait = match self {
            Backoff::Exponential { initial, max } => {
                let factor = 1u32.checked_shl(step.saturating_sub(1)).unwrap_or(u32::MAX);
                draw(rng, MIN_WAIT, initial.saturating_mul(factor).min(*max))
            }
            Backoff::Fixed { wait, jitter, tls_jitter } => {
                let jitter = if tls { tls_jitter } else { jitter };
                draw(rng, *wait, wait.saturating_add(*jitter))
            }
            Backoff::Custom(wait) => wait(step),
        };
        bounded(wait)
    }
}

pub(super) fn bounded(wait: Duration) -> Duration {
    wait.clamp(MIN_WAIT, MAX_WAIT)
}

/// An even draw from `low` to `high`, both included; `low` if there is nothing between.
fn draw(rng: &mut fastrand::Rng, low: Duration, high: Duration) -> Duration {
    let span = high.min(MAX_WAIT).saturating_sub(low);
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    low.saturating_add(Duration::from_nanos(rng.u64(0..=nanos)))
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Backoff::Exponential { initial, max } => {
                f.debug_struct("Exponential").field("initial", initial).field("max", max).finish()
            }
            Backoff::Fixed { wait, jitter, tls_jitter } => f
                .debug_struct("Fixed")
                .field("wait", wait)
                .field("jitter", jitter)
                .field("tls_jitter", tls_jitter)
                .finish(),
            Backoff::Custom(_) => f.write_str("Custom"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn waits(backoff: &Backoff, step: u32, seed: u64) -> Vec<Duration> {
        let mut rng = fastrand::Rng::with_seed(seed);
        (0..20_000).map(|_| backoff.wait(step, false, &mut rng)).collect()
    }

    /// Asserts that samples fill the range evenly: each tenth of it gets its share, give or take a tenth.
    pub(in crate::pool) fn assert_even(samples: &[Duration], low: Duration, high: Duration) {
        let mut tenths = [0usize; 10];
        for sample in samples {
            assert!(*sample >= low && *sample <= high, "{sample:?}");
            let part = (*sample - low).as_secs_f64() / (high - low).as_secs_f64();
            tenths[((part * 10.0) as usize).min(9)] += 1;
        }
        let share = samples.len() / 10;
        assert!(tenths.iter().all(|n| n.abs_diff(share) < share / 10), "{tenths:?}");
    }

    #[test]
    fn exponential_waits_fill_a_range_that_doubles_up_to_its_bound() {
        for (step, bound) in [(1, 50), (2, 100), (3, 200), (8, 6400), (9, 8000), (33, 8000), (u32::MAX, 8000)]
        {
            assert_even(&waits(&Backoff::default(), step, 7), MIN_WAIT, millis(bound));
        }
    }

    #[test]
    fn fixed_waits_fill_the_range_of_the_jitter() {
        for jitter in [100, 1000] {
            let backoff = Backoff::fixed(millis(2000), millis(jitter));
            assert_even(&waits(&backoff, 1, 3), millis(2000), millis(2000 + jitter));
            assert_even(&waits(&backoff, 40, 3), millis(2000), millis(2000 + jitter));
        }
        let steady = waits(&Backoff::fixed(millis(2000), Duration::ZERO), 1, 3);
        assert!(steady.iter().all(|wait| *wait == millis(2000)));
    }

    #[test]
    fn a_custom_wait_is_taken_as_it_is_and_told_its_number() {
        let backoff = Backoff::custom(|step| millis(u64::from(step) * 100));
        let mut rng = fastrand::Rng::with_seed(1);
        assert_eq!(
            [1, 2, 9].map(|step| backoff.wait(step, false, &mut rng)),
            [millis(100), millis(200), millis(900)]
        );
    }

    #[test]
    fn no_setting_makes_waits_vanish_or_overflow() {
        let mut rng = fastrand::Rng::with_seed(1);
        for step in [0, 1, 2, 31, 32, 33, u32::MAX] {
            for duration in [Duration::ZERO, millis(1), Duration::MAX] {
                for backoff in [
                    Backoff::exponential(duration, Duration::ZERO),
                    Backoff::exponential(duration, Duration::MAX),
                    Backoff::exponential(Duration::MAX, duration),
                    Backoff::fixed(duration, duration),
                    Backoff::custom(move |_| duration),
                ] {
                    let wait = backoff.wait(step, false, &mut rng);
                    assert!((MIN_WAIT..=MAX_WAIT).contains(&wait), "{backoff:?} {step}: {wait:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_same_seed_draws_the_same_waits(seed in any::<u64>(), step in 1u32..20) {
            let draw = || Backoff::default().wait(step, false, &mut fastrand::Rng::with_seed(seed));
            prop_assert_eq!(draw(), draw());
        }
    }
}
