//! Waiting for a condition with a deadline, in place of sleeping and hoping.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// The first pause between two looks at a condition.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause between two looks at a condition.
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

/// A point in time by which something must have happened.
///
/// ```
/// use std::time::Duration;
/// use nuncio_testkit::Deadline;
///
/// let deadline = Deadline::after(Duration::from_secs(5));
/// assert!(!deadline.is_past());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    at: Instant,
    total: Duration,
}

impl Deadline {
    /// The deadline that lies `total` from now.
    pub fn after(total: Duration) -> Deadline {
        let now = Instant::now();
        // A sum that does not fit is as good as never: thirty years.
        let at = now.checked_add(total).unwrap_or(now + Duration::from_secs(30 * 365 * 86_400));
        Deadline { at, total }
    }

    /// The time left, zero when the deadline has passed.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether the deadline has passed.
    pub fn is_past(&self) -> bool {
        self.remaining().is_zero()
    }

    /// Runs `future` until the deadline; `what` names it in the error.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] when the deadline passes first; the future is then dropped.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `future`.
    pub async fn timeout<F: Future>(&self, what: &str, future: F) -> Result<F::Output, TimedOut> {
        timeout_at(self.at, future).await.map_err(|_| self.missed(what))
    }

    /// The error that says that `what` did not happen by this deadline.
    pub(crate) fn missed(&self, what: &str) -> TimedOut {
        TimedOut { what: what.to_owned(), after: self.total }
    }
}

impl From<Duration> for Deadline {
    fn from(total: Duration) -> Deadline {
        Deadline::after(total)
    }
}

/// Something awaited did not come to pass in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("waited {after:?} in vain for: {what}")]
#[non_exhaustive]
pub struct TimedOut {
    /// What was awaited.
    pub what: String,
    /// How long it was given in all.
    pub after: Duration,
}

/// Waits until `condition` is true, looking at once and then every few milliseconds.
///
/// ```
/// use std::time::Duration;
/// use nuncio_testkit::eventually;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let mut looks = 0;
/// eventually("a third look", Duration::from_secs(5), || { looks += 1; looks == 3 }).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`TimedOut`], naming `what`, when the deadline passes first. The condition is looked at one last time after that.
///
/// # Cancel safety
///
/// Cancel safe: nothing is held between two looks.
pub async fn eventually<C>(
    what: &str,
    deadline: impl Into<Deadline>,
    mut condition: C,
) -> Result<(), TimedOut>
where
    C: FnMut() -> bool,
{
    eventually_some(what, deadline, || condition().then_some(())).await
}

/// Waits until `look` finds something, and returns it.
///
/// # Errors
///
/// [`TimedOut`], naming `what`, when the deadline passes first.
///
/// # Cancel safety
///
/// Cancel safe: nothing is held between two looks.
pub async fn eventually_some<T, C>(
    what: &str,
    deadline: impl Into<Deadline>,
    mut look: C,
) -> Result<T, TimedOut>
where
    C: FnMut() -> Option<T>,
{
    eventually_async(what, deadline, || std::future::ready(look())).await
}

/// Waits until a look that itself awaits finds something, and returns it.
///
/// A look that hangs is given up at the deadline.
///
/// # Errors
///
/// [`TimedOut`], naming `what`, when the deadline passes first.
///
/// # Cancel safety
///
/// As cancel safe as one look.
pub async fn eventually_async<T, C, F>(
    what: &str,
    deadline: impl Into<Deadline>,
    mut look: C,
) -> Result<T, TimedOut>
where
    C: FnMut() -> F,
    F: Future<Output = Option<T>>,
{
    let deadline = deadline.into();
    let mut pause = FIRST_PAUSE;
    loop {
        // Asked before the look, so that a look made after the deadline is the last.
        let last = deadline.is_past();
        if let Some(found) = deadline.timeout(what, look()).await? {
            return Ok(found);
        }
        if last {
            return Err(deadline.missed(what));
        }
        sleep(pause.min(deadline.remaining())).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_condition_true_at_once_costs_no_time() {
        let began = Instant::now();
        eventually("true", Duration::from_secs(1), || true).await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_missed_deadline_names_what_was_awaited() {
        let began = Instant::now();
        let error = eventually("a miracle", Duration::from_secs(3), || false).await.unwrap_err();
        assert_eq!(error.to_string(), "waited 3s in vain for: a miracle");
        assert!(began.elapsed() < Duration::from_millis(3100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_is_given_up_at_the_deadline() {
        let hang = || std::future::pending::<Option<()>>();
        let error = eventually_async("an answer", Duration::from_secs(2), hang).await.unwrap_err();
        assert_eq!(error.what, "an answer");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_look_finds_is_returned() {
        let mut looks = 0;
        let found = eventually_some("three", Duration::from_secs(1), || {
            looks += 1;
            (looks == 3).then_some("three")
        });
        assert_eq!(found.await.unwrap(), "three");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_too_far_to_count_is_no_overflow() {
        assert!(!Deadline::after(Duration::MAX).is_past());
        assert!(Deadline::after(Duration::ZERO).is_past());
    }
}
