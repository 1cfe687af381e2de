//! How long to wait before the next attempt.

use std::time::Duration;

const LONGEST: Duration = Duration::from_secs(2);

/// Waits that double up to a limit, each drawn evenly between two bounds.
#[derive(Debug)]
pub(crate) struct Pace {
    low: Duration,
    high: Duration,
    limit: Duration,
    step: u32,
    rng: fastrand::Rng,
}

impl Pace {
    /// For pulls: 100 to 250 ms at first, 1 to 2 seconds at last, so that one goes on soon after there is a leader again.
    pub(crate) fn of_pulls(seed: u64) -> Self {
        Self::new(Duration::from_millis(100), Duration::from_millis(250), LONGEST, seed)
    }

    /// For making a consumer again: half a second to a second at first, 1 to 2 seconds at last.
    pub(crate) fn of_creations(seed: u64) -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(1), LONGEST, seed)
    }

    fn new(low: Duration, high: Duration, limit: Duration, seed: u64) -> Self {
        Self { low, high, limit, step: 0, rng: fastrand::Rng::with_seed(seed) }
    }

    pub(crate) fn next(&mut self) -> Duration {
        let factor = 1u32.checked_shl(self.step).unwrap_or(u32::MAX);
        self.step = self.step.saturating_add(1);
        let high = self.high.saturating_mul(factor).min(self.limit);
        // Those who have waited for long must not all come at once either.
        let low = self.low.saturating_mul(factor).min(high / 2);
        low + (high - low).mul_f64(self.rng.f64())
    }

    pub(crate) fn reset(&mut self) {
        self.step = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_begin_anew_after_a_reset() {
        let mut pace = Pace::of_pulls(1);
        for step in 0..10 {
            let wait = pace.next();
            let high = Duration::from_millis(250 << step).min(LONGEST);
            let low = Duration::from_millis(100 << step).min(high / 2);
            assert!(low <= wait && wait <= high, "{step}: {wait:?}");
        }
        pace.reset();
        assert!(pace.next() <= Duration::from_millis(250));
    }

    #[test]
    fn a_wait_of_any_number_is_within_the_limit() {
        let mut pace = Pace::of_creations(2);
        let waits = Vec::from_iter((0..200).map(|_| pace.next()));
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        let late = waits.iter().skip(100);
        assert!(late.clone().all(|wait| *wait >= LONGEST / 2));
        assert!(late.clone().max() > late.min(), "no two clients at the same time");
    }
}
