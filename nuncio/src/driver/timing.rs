//! The one timer of a connection.

use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::driver::Driver;
use crate::driver::link::Link;
use crate::driver::shared::now;
use crate::queue::SubscriptionEnd;

/// Deadlines closer together than this are served together, so that many of them do not cost a sweep each.
const GRAIN: Duration = Duration::from_millis(2);

/// The timer, and what it is set to.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<Instant>,
    not_before: Option<Instant>,
}

impl Alarm {
    /// True when the time has come; else the task is woken at `want` at the latest.
    fn poll(&mut self, want: Instant, cx: &mut Context<'_>) -> bool {
        let want = self.not_before.map_or(want, |earliest| want.max(earliest));
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if self.armed.is_none_or(|armed| want < armed) {
                    sleep.as_mut().reset(want.into());
                    self.armed = Some(want);
                }
                sleep
            }
            none => {
                self.armed = Some(want);
                none.insert(Box::pin(tokio::time::sleep_until(want.into())))
            }
        };
        let rings = Future::poll(sleep.as_mut(), cx).is_ready();
        if rings {
            self.armed = None;
        }
        rings
    }
}

impl Driver {
    /// Serves the deadlines that are due and sees to it that the task is woken for the next one. True when something
    /// was due, and what looks at the clock itself has to look again.
    pub(super) fn poll_time(&mut self, link: Option<&Link>, cx: &mut Context<'_>) -> bool {
        self.shared.start_requests();
        let Some(want) = self.next_deadline(link) else { return false };
        if !self.alarm.poll(want, cx) {
            return false;
        }
        let now = now();
        self.alarm.not_before = Some(now + GRAIN);
        self.expire(now);
        true
    }

    fn next_deadline(&self, link: Option<&Link>) -> Option<Instant> {
        let first = self.first_messages.iter().map(|first| first.deadline).min();
        let beat = link.map(|link| link.keepalive.deadline());
        let confirm = link.and_then(|link| link.confirm_at);
        let renewal = link.and_then(|link| link.renewal.deadline());
        [
            self.shared.earliest(),
            first,
            beat,
            confirm,
            renewal,
            self.ending.deadline(),
            self.leaving.deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn expire(&mut self, now: Instant) {
        let mut wakers = Vec::new();
        if self.shared.earliest().is_some_and(|earliest| earliest <= now) {
            self.shared.expire(now, &mut wakers);
        }
        wakers.into_iter().for_each(Waker::wake);
        self.expire_first_messages(now);
    }

    fn expire_first_messages(&mut self, now: Instant) {
        let (due, waiting) = self.first_messages.drain(..).partition(|first| first.deadline <= now);
        self.first_messages = waiting;
        for first in due {
            if self.registry.get_mut(first.sid).is_none_or(|entry| entry.received > 0) {
                continue;
            }
            self.unsubscribe(first.sid);
            self.end_subscription(first.sid, SubscriptionEnd::FirstMessageTimeout { after: first.after });
        }
    }
}
