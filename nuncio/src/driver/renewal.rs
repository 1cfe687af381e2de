//! A new connection shortly before the credentials of the present one expire.
//!
//! The server would close the connection at that time anyway. Done before, nothing has to be in doubt: the server
//! confirms all that was written, what is published meanwhile waits, and open requests get time for their replies.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use crate::auth::Presented;
use crate::driver::Driver;
use crate::driver::ending::Ending;
use crate::driver::link::Link;
use crate::driver::shared::{Waiter, now};
use crate::driver::wait::instant_after;
use crate::error::DisconnectCause;

/// Newer credentials are looked for no earlier than this before the present ones expire.
const LONGEST_LEAD: Duration = Duration::from_secs(60);

/// Looks for newer credentials are at least this far apart.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// When the credentials of a connection are to be renewed, and how far that has come.
#[derive(Debug, Default)]
pub(crate) struct Renewal {
    pub(super) presented: Presented,
    /// When to look next.
    look: Option<Instant>,
    pause: Duration,
    step: Step,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Watching,
    /// There are newer credentials: as soon as no request is open, or at that time.
    Wanted(Instant),
    /// The server is asked to confirm what was published up to here.
    Asked,
    /// That is being written, and nothing more.
    Holding,
    Confirmed,
}

impl Renewal {
    /// `renewed` is the expiry that this connection was made for, if it was.
    pub(super) fn new(presented: Presented, renewed: Option<SystemTime>, jitter: f64) -> Self {
        let mut renewal = Self { presented, ..Self::default() };
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
            Step::Wanted(latest) => Some(latest),
            Step::Asked | Step::Holding | Step::Confirmed => None,
        }
    }

    /// A batch is about to be taken from the outbox; true if it has to stay there.
    pub(super) fn holds_back(&mut self, empty: bool) -> bool {
        if self.step == Step::Asked && !empty {
            // The question is in this batch, behind all that it is about.
            self.step = Step::Holding;
            return false;
        }
        matches!(self.step, Step::Holding | Step::Confirmed)
    }

    pub(super) fn confirmed(&mut self) {
        if self.step == Step::Holding {
            self.step = Step::Confirmed;
        }
    }
}

impl Driver {
    /// Moves the renewal on; the cause once the connection is to be made anew.
    pub(super) fn renew(&mut self, link: &mut Link) -> Option<DisconnectCause> {
        let expires = link.renewal.presented.expires?;
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
                    link.renewal.step = Step::Wanted(instant_after(link.renewal.pause));
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
                    link.renewal.step = Step::Asked;
                    let waker = self.shared.core().ping(Waiter::Renewal);
                    // The outbox may have been full already, and nobody woken.
                    waker.into_iter().for_each(Waker::wake);
                    self.shared.wake_driver();
                }
                None
            }
            Step::Asked | Step::Holding => None,
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
