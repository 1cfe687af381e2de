//! Deadlines of whoever waits for something else than a reply.

use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::inbox::Token;
use crate::slots::Slots;

/// Armed deadlines. Whoever arms one disarms it; a deadline that is disarmed in time costs nothing afterwards.
#[derive(Debug, Default)]
pub struct Timers {
    slots: Slots<Timer>,
}

#[derive(Debug)]
struct Timer {
    deadline: Instant,
    fired: bool,
    waker: Option<Waker>,
}

impl Timers {
    /// Arms a deadline.
    pub fn arm(&mut self, deadline: Instant) -> Token {
        self.slots.insert(Timer { deadline, fired: false, waker: None })
    }

    /// Forgets a deadline.
    pub fn disarm(&mut self, token: Token) {
        self.slots.remove(token);
    }

    /// Ready once the deadline was swept as due; registers the waker otherwise.
    pub fn poll(&mut self, token: Token, cx: &mut Context<'_>) -> Poll<()> {
        let Some(timer) = self.slots.get_mut(token) else { return Poll::Ready(()) };
        if timer.fired {
            return Poll::Ready(());
        }
        match &mut timer.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Fires what is due and returns the earliest deadline that is left.
    pub fn expire(&mut self, now: Instant, wakers: &mut Vec<Waker>) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for (_, timer) in self.slots.iter_mut().filter(|(_, timer)| !timer.fired) {
            if timer.deadline <= now {
                timer.fired = true;
                wakers.extend(timer.waker.take());
            } else {
                next = Some(next.map_or(timer.deadline, |n| n.min(timer.deadline)));
            }
        }
        next
    }

    /// Fires everything, because nothing will move the time any more.
    pub fn fire_all(&mut self, wakers: &mut Vec<Waker>) {
        for (_, timer) in self.slots.iter_mut() {
            timer.fired = true;
            wakers.extend(timer.waker.take());
        }
    }

    /// Armed deadlines.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no deadline is armed.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_timer_fires_when_it_is_due_and_not_before() {
        let now = Instant::now();
        let mut timers = Timers::default();
        let soon = timers.arm(now + Duration::from_secs(1));
        let later = timers.arm(now + Duration::from_secs(2));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(timers.expire(now, &mut Vec::new()), Some(now + Duration::from_secs(1)));
        assert_eq!(timers.poll(soon, &mut cx), Poll::Pending);
        let next = timers.expire(now + Duration::from_secs(1), &mut Vec::new());
        assert_eq!(next, Some(now + Duration::from_secs(2)));
        assert_eq!(timers.poll(soon, &mut cx), Poll::Ready(()));
        assert_eq!(timers.poll(later, &mut cx), Poll::Pending);
        timers.disarm(later);
        assert_eq!(timers.expire(now, &mut Vec::new()), None);
    }
}
