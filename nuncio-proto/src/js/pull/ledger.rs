//! What has been asked for and has not come.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::js::status::Pending;

/// Ids kept of pulls that seem to be used up, in case the server counts otherwise.
const SPENT: usize = 32;

/// A pull that has been sent and has not ended.
#[derive(Debug)]
pub(super) struct Open {
    id: u64,
    /// What it asked for.
    asked: Pending,
    /// What of that has not come.
    left: Pending,
    /// When it is over even if its end was not told.
    until: Instant,
    /// How often the server is to say that it is there.
    heartbeat: Duration,
    /// It asked for the whole buffer.
    whole: bool,
    /// Messages that had come when it was sent.
    before: u64,
}

/// A pull that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) id: u64,
    /// It asked for the whole buffer.
    pub(super) whole: bool,
    /// Messages that had come when it was sent.
    pub(super) before: u64,
}

/// The pulls that are open, oldest first.
///
/// Messages do not tell which pull they answer, and the server serves several of them in turns, so a message is
/// charged to the oldest. The sum is right all the same; when a pull ends and the server tells what was left of it, the
/// difference is settled among the others.
#[derive(Debug)]
pub(super) struct Ledger {
    open: VecDeque<Open>,
    /// Pulls that seem to be used up.
    spent: VecDeque<Open>,
    /// The sum of what is left.
    left: Pending,
    /// Whether bytes are counted.
    by_bytes: bool,
    next: u64,
    /// Pulls with a lower id do not count any more.
    epoch: u64,
}

impl Ledger {
    pub(super) fn new(first: u64, by_bytes: bool) -> Self {
        Self {
            open: VecDeque::new(),
            spent: VecDeque::new(),
            left: Pending::default(),
            by_bytes,
            next: first,
            epoch: first,
        }
    }

    pub(super) fn left(&self) -> Pending {
        self.left
    }

    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn next_id(&self) -> u64 {
        self.next
    }

    /// Whether a pull of that id may still be told of.
    pub(super) fn is_current(&self, id: u64) -> bool {
        (self.epoch..self.next).contains(&id)
    }

    /// The pull that was sent first of those open.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.open.front().map(|open| open.id)
    }

    /// When the first of the open pulls is over even if its end was not told.
    pub(super) fn until(&self) -> Option<Instant> {
        self.open.iter().map(|open| open.until).min()
    }

    /// The shortest interval in which the server says something.
    pub(super) fn heartbeat(&self) -> Option<Duration> {
        self.open.iter().map(|open| open.heartbeat).min()
    }

    /// The longest such interval.
    pub(super) fn longest_heartbeat(&self) -> Option<Duration> {
        self.open.iter().map(|open| open.heartbeat).max()
    }

    /// The id of a request that asks for no messages.
    pub(super) fn reserve(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// A pull is sent that would be over by itself at `until`.
    pub(super) fn send(
        &mut self,
        asked: Pending,
        whole: bool,
        before: u64,
        times: (Instant, Duration),
    ) -> u64 {
        let id = self.reserve();
        let (until, heartbeat) = times;
        self.open.push_back(Open { id, asked, left: asked, until, heartbeat, whole, before });
        self.left.messages += asked.messages;
        self.left.bytes += asked.bytes;
        id
    }

    /// A message of so many bytes has come.
    #[inline]
    pub(super) fn charge(&mut self, bytes: u64) {
        let bytes = if self.by_bytes { bytes } else { 0 };
        if let Some(open) = self.open.front_mut()
            && open.left.messages > 1
            && (open.left.bytes > bytes || !self.by_bytes)
        {
            // Nearly always: something is left of it.
            open.left.messages -= 1;
            open.left.bytes -= bytes;
            self.left.messages -= 1;
            self.left.bytes -= bytes;
            return;
        }
        self.charge_last(bytes);
    }

    /// The oldest pull is about to be used up.
    fn charge_last(&mut self, bytes: u64) {
        self.take(Pending { messages: 1, bytes });
        if self.open.front().is_some_and(|open| open.is_used_up(self.by_bytes)) {
            self.retire();
        }
    }

    /// The oldest pull seems to be used up.
    fn retire(&mut self) {
        let Some(mut open) = self.open.pop_front() else { return };
        self.left.messages -= open.left.messages;
        self.left.bytes -= open.left.bytes;
        open.left = Pending::default();
        if self.spent.len() == SPENT {
            self.spent.pop_front();
        }
        self.spent.push_back(open);
    }

    /// The pull is over, with so much left if the server tells; `None` if that is known already.
    pub(super) fn end(&mut self, id: u64, pending: Option<Pending>) -> Option<Ended> {
        if let Some(at) = self.spent.iter().position(|spent| spent.id == id) {
            // It was charged for what others have got.
            self.take(pending.unwrap_or_default());
            return self.spent.remove(at).map(|open| open.ended());
        }
        let at = self.open.iter().position(|open| open.id == id)?;
        let open = self.open.remove(at)?;
        self.left.messages -= open.left.messages;
        self.left.bytes -= open.left.bytes;
        if let Some(told) = pending {
            let told = Pending {
                messages: told.messages.min(open.asked.messages),
                bytes: told.bytes.min(open.asked.bytes),
            };
            self.take(Pending {
                messages: told.messages.saturating_sub(open.left.messages),
                bytes: told.bytes.saturating_sub(open.left.bytes),
            });
            self.give(Pending {
                messages: open.left.messages.saturating_sub(told.messages),
                bytes: open.left.bytes.saturating_sub(told.bytes),
            });
        }
        Some(open.ended())
    }

    /// Charges the oldest pulls.
    #[inline]
    fn take(&mut self, mut rest: Pending) {
        for open in &mut self.open {
            let messages = rest.messages.min(open.left.messages);
            let bytes = rest.bytes.min(open.left.bytes);
            open.left.messages -= messages;
            open.left.bytes -= bytes;
            self.left.messages -= messages;
            self.left.bytes -= bytes;
            rest.messages -= messages;
            rest.bytes -= bytes;
            if rest == Pending::default() {
                return;
            }
        }
    }

    /// What was charged to a pull that had not got it has been got by it after all, so others have more to come.
    fn give(&mut self, mut rest: Pending) {
        for open in &mut self.open {
            open.give_back(&mut rest, &mut self.left);
        }
        while rest != Pending::default()
            && let Some(mut open) = self.spent.pop_back()
        {
            open.give_back(&mut rest, &mut self.left);
            self.open.push_front(open);
        }
    }

    /// Nothing of what was asked for will come.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.spent.clear();
        self.left = Pending::default();
        self.epoch = self.next;
    }

    /// Gives up pulls whose end was not told.
    pub(super) fn expire(&mut self, now: Instant) {
        let Self { open, left, .. } = self;
        open.retain(|open| {
            let over = open.until <= now;
            if over {
                left.messages -= open.left.messages;
                left.bytes -= open.left.bytes;
            }
            !over
        });
    }
}

impl Open {
    fn is_used_up(&self, by_bytes: bool) -> bool {
        // With bytes left the server tells the end of a pull, else it says nothing.
        if by_bytes { self.left.bytes == 0 } else { self.left.messages == 0 }
    }

    fn give_back(&mut self, rest: &mut Pending, sum: &mut Pending) {
        let messages = rest.messages.min(self.asked.messages - self.left.messages);
        let bytes = rest.bytes.min(self.asked.bytes - self.left.bytes);
        self.left.messages += messages;
        self.left.bytes += bytes;
        sum.messages += messages;
        sum.bytes += bytes;
        rest.messages -= messages;
        rest.bytes -= bytes;
    }

    fn ended(&self) -> Ended {
        Ended { id: self.id, whole: self.whole, before: self.before }
    }
}
