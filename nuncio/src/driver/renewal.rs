//! A new connection shortly before the credentials of the present one expire.
//!
//! The server would close the connection at that time anyway. Done before, nothing has to be in doubt: the server
//! confirms all that was written, what is published meanwhile waits, and open requests get time for their replies. Those
//! that are open even then fail, as with any other connection that ends: their replies may come between the two.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::auth::Presented;
use crate::driver::Driver;
use crate::driver::ending::Ending;
use crate::driver::link::Link;
use crate::driver::shared::now;
use crate::driver::wait::instant_after;
use crate::error::DisconnectCause;

/// Newer credentials are looked for no earlier than this before the present ones expire.
const LONGEST_LEAD: Duration = Duration::from_secs(60);

/// Looks for newer credentials are at least this far apart.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// A request that gets its reply tells nobody, so whether any is open is looked at this often.
const GLANCE: Duration = Duration::from_millis(5);

/// How long a connection has to last before its expiry is taken as what had to come.
const SOME_USE: Duration = Duration::from_millis(1500);

/// When the credentials of a connection are to be renewed, and how far that has come.
#[derive(Debug, Default)]
pub(crate) struct Renewal {
    pub(super) presented: Presented,
    since: Option<Instant>,
    /// When to look next.
    look: Option<Instant>,
    pause: Duration,
    step: Step,
    /// When open requests are no reason to wait any longer.
    latest: Option<Instant>,
    /// The number of the newest request before what is held back.
    newest: u64,
    /// Questions so far; an answer to an earlier one says nothing.
    asked: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Watching,
    /// There are newer credentials: as soon as no request is open, or at that time.
    Wanted(Instant),
    /// With the next batch the server is asked to confirm all up to there.
    Asking,
    /// That is being written, and nothing more.
    Holding,
    Confirmed,
}

impl Renewal {
    /// `renewed` is the expiry that this connection was made for, if it was.
    pub(super) fn new(presented: Presented, renewed: Option<SystemTime>, jitter: f64) -> Self {
        let mut renewal = Self { presented, since: Some(now()), ..Self::default() };
        let presented = &renewal.presented;
        let Some(expires) = presented.expires.filter(|_| presented.may_be_renewed()) else { return renewal };
        // What is asked for newer ones and yields the same again is not asked a second time.
        let in_vain = renewed == Some(expires) && presented.are_called_for();
        let Some(left) = expires.duration_since(SystemTime::now()).ok().filter(|_| !in_vain) else {
            return renewal;
        };
        // Clients that got their credentials together must not all come back together.
        let lead = (left / 4).min(LONGEST_LEAD).mul_f64(0.75 + jitter.clamp(0.0, 1.0) / 4.0);
        renewal.look = Some(instant_after(left.saturating_sub(lead)));
        renewal.pause = (lead / 4).max(SHORTEST_PAUSE);
        renewal
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.step {
            Step::Watching => self.look,
            Step::Wanted(latest) => Some(self.look.map_or(latest, |look| look.min(latest))),
            Step::Asking | Step::Holding | Step::Confirmed => None,
        }
    }

    /// The number of the question, if the server is to be asked at the end of the batch that is about to be taken from
    /// the outbox.
    pub(super) fn question(&mut self) -> Option<u32> {
        if self.step != Step::Asking {
            return None;
        }
        self.asked = self.asked.wrapping_add(1);
        Some(self.asked)
    }

    /// Requests up to that number may have been sent before the question; later ones are held back.
    pub(super) fn sent_requests(&mut self, newest: u64) {
        self.newest = newest;
    }

    /// The number of the newest request that this connection may have sent.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// A request is open after all: back to waiting, unless that has taken long enough.
    pub(super) fn put_off(&mut self) {
        if self.step == Step::Holding
            && let Some(latest) = self.latest.filter(|latest| now() < *latest)
        {
            self.step = Step::Wanted(latest);
            self.look = Some(now() + GLANCE);
        }
    }

    /// Whether what is in the outbox has to stay there; a batch with the question does not.
    pub(super) fn holds_back(&mut self) -> bool {
        match self.step {
            Step::Asking => {
                self.step = Step::Holding;
                false
            }
            step => matches!(step, Step::Holding | Step::Confirmed),
        }
    }

    /// Whether the credentials have expired after a connection that was of some use: in its last second a JWT is
    /// still accepted, only to expire at once.
    pub(super) fn has_run_out(&self) -> bool {
        self.presented.have_expired() && self.since.is_some_and(|since| now() >= since + SOME_USE)
    }

    pub(super) fn confirmed(&mut self, number: u32) {
        if self.step == Step::Holding && number == self.asked {
            self.step = Step::Confirmed;
        }
    }
}

impl Driver {
    /// Moves the renewal on; the cause once the connection is to be made anew.
    pub(super) fn renew(&mut self, link: &mut Link) -> Option<DisconnectCause> {
        let expires = link.renewal.presented.expires?;
        if !self.shared.config.reconnect {
            link.renewal.look = None;
            return None;
        }
        if !matches!(self.ending, Ending::None) {
            // The end must not be held up.
            if !matches!(link.renewal.step, Step::Watching) {
                self.shared.wake_driver();
            }
            link.renewal.step = Step::Watching;
            link.renewal.look = None;
            return None;
        }
        match link.renewal.step {
            Step::Watching => {
                let found = self.shared.core().orders.renew.take() == Some(expires);
                if found {
                    // Most of the time that is left is for the replies to open requests.
                    let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
                    let latest = instant_after(left.mul_f64(0.75));
                    link.renewal.latest = Some(latest);
                    link.renewal.step = Step::Wanted(latest);
                    return self.renew(link);
                }
                if link.renewal.look.is_some_and(|look| look <= now()) {
                    link.renewal.look = Some(instant_after(link.renewal.pause));
                    self.look_for_newer(&link.renewal.presented, expires);
                }
                None
            }
            Step::Wanted(latest) => {
                let free = self.shared.waits().requests.is_empty();
                if free || latest <= now() {
                    link.renewal.step = Step::Asking;
                    self.shared.wake_driver();
                } else if link.renewal.look.is_none_or(|look| look <= now()) {
                    link.renewal.look = Some(now() + GLANCE);
                }
                None
            }
            Step::Asking | Step::Holding => None,
            Step::Confirmed => {
                self.renewed = Some(expires);
                Some(DisconnectCause::CredentialsRenewed)
            }
        }
    }

    /// Looks at the file in a task of its own, or goes straight on where only a new connection can tell.
    fn look_for_newer(&self, presented: &Presented, expires: SystemTime) {
        let found = move |shared: &crate::driver::shared::Shared| {
            shared.core().orders.renew = Some(expires);
            shared.wake_driver();
        };
        if presented.are_called_for() {
            return found(&self.shared);
        }
        let (presented, shared) = (presented.clone(), Arc::clone(&self.shared));
        tokio::spawn(async move {
            if presented.have_successor().await {
                found(&shared);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: Step) -> Renewal {
        Renewal { step, ..Renewal::default() }
    }

    #[test]
    fn the_question_goes_out_with_one_batch_and_nothing_after_it() {
        let mut renewal = at(Step::Asking);
        let number = renewal.question().unwrap();
        assert!(!renewal.holds_back());
        for _ in 0..2 {
            assert_eq!(renewal.question(), None);
            assert!(renewal.holds_back());
        }
        renewal.confirmed(number);
        assert!(renewal.step == Step::Confirmed && renewal.holds_back());
    }

    #[test]
    fn a_request_that_slipped_in_puts_it_off_and_the_first_answer_says_nothing_then() {
        let mut renewal = at(Step::Asking);
        renewal.latest = Some(instant_after(Duration::from_secs(10)));
        let first = renewal.question().unwrap();
        assert!(!renewal.holds_back());
        renewal.put_off();
        assert!(matches!(renewal.step, Step::Wanted(_)) && !renewal.holds_back());
        renewal.step = Step::Asking;
        let second = renewal.question().unwrap();
        assert!(!renewal.holds_back());
        renewal.confirmed(first);
        assert_eq!(renewal.step, Step::Holding);
        renewal.confirmed(second);
        assert_eq!(renewal.step, Step::Confirmed);
    }

    #[test]
    fn nothing_is_held_back_before_it_is_asked() {
        for step in [Step::Watching, Step::Wanted(now())] {
            let mut renewal = at(step);
            assert!(renewal.question().is_none() && !renewal.holds_back());
            renewal.confirmed(0);
            assert_eq!(renewal.step, step);
        }
    }

    #[test]
    fn credentials_that_cannot_be_renewed_are_not_looked_for() {
        assert_eq!(Renewal::new(Presented::default(), None, 0.5).deadline(), None);
    }
}
