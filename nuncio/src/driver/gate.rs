//! Whether a message may be taken: what decides it, and one figure that answers for nearly all messages.

use std::ops::Deref;

use crate::driver::shared::{BURST, Stage};
use crate::error::CloseReason;

/// The [`Terms`], and the figure that follows from them. They can be read, and changed only so that the figure follows.
pub(crate) struct Gate {
    terms: Terms,
    /// A message that leaves fewer bytes than this in the outbox is taken without a look at anything else; with 0 none is,
    /// not even an empty one.
    free_until: usize,
}

/// What decides whether a message is taken, besides what is in the outbox already.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) stage: Stage,
    /// The server is about to be left: requests with a higher number wait for the next one.
    pub(crate) moving: Option<u64>,
    /// The largest message that the server allows.
    pub(crate) max_payload: usize,
    /// The server takes headers.
    pub(crate) headers: bool,
    /// The limit of the outbox.
    pub(crate) limit: usize,
    /// What is in the driver's hands, which is part of the limit.
    pub(crate) in_flight_bytes: usize,
}

/// What matters of a message here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Bytes of headers and payload.
    pub(crate) size: usize,
    pub(crate) has_headers: bool,
    /// The number of the request that it carries; 0 for none.
    pub(crate) request: u64,
}

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Draining,
    Closed(CloseReason),
    TooLarge,
    HeadersUnsupported,
}

impl Gate {
    pub(crate) fn new(limit: usize) -> Self {
        let terms = Terms {
            stage: Stage::Open,
            moving: None,
            // What nats-server allows unless configured otherwise; replaced by the first INFO.
            max_payload: 1024 * 1024,
            headers: true,
            limit,
            in_flight_bytes: 0,
        };
        Self { free_until: terms.free_until(), terms }
    }

    /// Changes what decides.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Terms)) {
        change(&mut self.terms);
        self.free_until = self.terms.free_until();
    }

    /// Whether any message is taken that leaves so many bytes in the outbox.
    #[inline]
    pub(crate) fn is_free(&self, bytes: usize) -> bool {
        bytes < self.free_until
    }
}

impl Deref for Gate {
    type Target = Terms;

    fn deref(&self) -> &Terms {
        &self.terms
    }
}

impl Terms {
    pub(crate) fn permits(&self, message: Candidate) -> Result<(), Refusal> {
        match &self.stage {
            Stage::Open => {}
            Stage::DrainingSubscriptions if message.request == 0 => {}
            Stage::DrainingSubscriptions | Stage::DrainingPublishes => return Err(Refusal::Draining),
            Stage::Closed(reason) => return Err(Refusal::Closed(reason.clone())),
        }
        if message.size > self.max_payload {
            return Err(Refusal::TooLarge);
        }
        if message.has_headers && !self.headers {
            return Err(Refusal::HeadersUnsupported);
        }
        Ok(())
    }

    /// Whether the message has to wait for the next server, where its reply will come.
    pub(crate) fn holds_back(&self, request: u64) -> bool {
        self.moving.is_some_and(|newest| request > newest)
    }

    /// What the driver's share leaves of the limit.
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.in_flight_bytes)
    }

    /// Asked of the message that is refused and held back before all others; what remains depends on bytes alone.
    fn free_until(&self) -> usize {
        let strictest = Candidate { size: 0, has_headers: true, request: u64::MAX };
        if self.permits(strictest).is_err() || self.holds_back(strictest.request) {
            return 0;
        }
        self.room().min(self.max_payload).min(BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All combinations of what decides.
    fn every_term() -> Vec<Terms> {
        let stages = [
            Stage::Open,
            Stage::DrainingSubscriptions,
            Stage::DrainingPublishes,
            Stage::Closed(CloseReason::Closed),
        ];
        let mut all = Vec::new();
        for stage in stages {
            for moving in [None, Some(0), Some(7)] {
                for max_payload in [0, 1, 100, usize::MAX] {
                    for headers in [false, true] {
                        for (limit, in_flight_bytes) in
                            [(0, 0), (100, 0), (100, 99), (100, 200), (1 << 20, 0)]
                        {
                            let stage = stage.clone();
                            all.push(Terms { stage, moving, max_payload, headers, limit, in_flight_bytes });
                        }
                    }
                }
            }
        }
        all
    }

    #[test]
    fn what_is_free_is_what_nothing_forbids() {
        let mut free = 0;
        for terms in every_term() {
            let mut gate = Gate::new(1 << 20);
            gate.change(|changed| *changed = terms.clone());
            for bytes in [0, 1, 99, 100, BURST - 1, BURST, BURST + 1] {
                if !gate.is_free(bytes) {
                    continue;
                }
                free += 1;
                assert!(bytes <= terms.room() && bytes <= BURST, "{bytes} are too many for {terms:?}");
                for (has_headers, request) in [(false, 0), (true, 0), (false, 8), (true, u64::MAX)] {
                    let message = Candidate { size: bytes, has_headers, request };
                    assert_eq!(terms.permits(message), Ok(()), "{message:?} with {terms:?}");
                    assert!(!terms.holds_back(request), "{message:?} with {terms:?}");
                }
            }
        }
        assert!(free > 10, "only {free} were free");
    }

    #[test]
    fn an_ordinary_message_is_free() {
        let mut gate = Gate::new(BURST * 2);
        assert!(gate.is_free(BURST - 1) && !gate.is_free(BURST));
        gate.change(|terms| terms.in_flight_bytes = BURST * 2 - 10);
        assert!(gate.is_free(9) && !gate.is_free(10));
        gate.change(|terms| terms.in_flight_bytes = 0);
        assert!(gate.is_free(BURST - 1));
    }
}
