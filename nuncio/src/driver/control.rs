//! What the server says besides messages.

use std::task::Waker;

use nuncio_proto::encode;
use nuncio_proto::info::ServerInfo;
use nuncio_proto::op::ServerOp;
use nuncio_proto::server_error::ServerError;

use crate::driver::Driver;
use crate::driver::link::Link;
use crate::driver::route::Route;
use crate::driver::shared::{Failure, Fence, MUX_SID, Waiter, now};
use crate::error::shown;
use crate::events::Event;
use crate::queue::SubscriptionEnd;
use crate::request::hash;

#[derive(Debug)]
pub(super) enum Control {
    Info(Box<ServerInfo>),
    Error(ServerError),
    Ping,
    Pong,
}

impl Control {
    pub(super) fn from_op(op: ServerOp<'_>) -> Option<Self> {
        match op {
            ServerOp::Info(json) => match ServerInfo::parse(json) {
                Ok(info) => Some(Self::Info(Box::new(info))),
                Err(error) => {
                    tracing::warn!(%error, "ignoring an INFO that cannot be read");
                    None
                }
            },
            ServerOp::Err(text) => Some(Self::Error(ServerError::parse(text))),
            ServerOp::Ping => Some(Self::Ping),
            ServerOp::Pong => Some(Self::Pong),
            ServerOp::Ok | ServerOp::Msg(_) => None,
        }
    }
}

impl Driver {
    pub(super) fn obey(&mut self, control: Control, link: &mut Link) {
        match control {
            // One answer is enough for any number of pings that arrive before it is written.
            Control::Ping if link.urgent.ends_with(encode::PONG) => {}
            Control::Ping => link.urgent.extend_from_slice(encode::PONG),
            Control::Pong => self.answer_fence(link),
            Control::Info(info) => self.learn(*info, link),
            Control::Error(error) => self.take_error(error, link),
        }
    }

    fn answer_fence(&mut self, link: &mut Link) {
        let (fence, is_all) = {
            let mut core = self.shared.core();
            let Some(fence) = core.fences.pong() else { return };
            core.ledger.confirmed = fence.messages;
            let is_all = fence.messages >= core.ledger.taken;
            (fence, is_all)
        };
        link.unconfirmed = 0;
        link.confirm_at = None;
        if !is_all {
            link.confirm_soon();
        }
        match fence.waiter {
            Waiter::Nobody => {}
            Waiter::Renewal(number) => link.renewal.confirmed(number),
            Waiter::Flush(done) => {
                // Whoever cancelled the flush does not want to know.
                let _ = done.send(now());
            }
            Waiter::Confirm(_, done) => {
                let _ = done.send(());
            }
            Waiter::Subscription(sid, done) => self.drained(sid, done),
            Waiter::Drain => self.ending.answered(),
            Waiter::Leave => self.leaving.answered(),
        }
    }

    /// The server sends nothing more for a subscription that is being drained.
    pub(super) fn drained(&mut self, sid: u64, done: Option<tokio::sync::oneshot::Sender<()>>) {
        self.end_subscription(sid, SubscriptionEnd::Drained);
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    fn learn(&mut self, info: ServerInfo, link: &mut Link) {
        link.info.update(info);
        link.take_over(&mut self.shared.core());
        self.learn_servers(link);
        if link.info.lame_duck_mode && !std::mem::replace(&mut link.lame, true) {
            self.shared.pool().lame(link.id);
            self.shared.events.emit(&Event::LameDuck { server: link.server.clone() });
            self.begin_to_leave(link);
        }
    }

    pub(super) fn learn_servers(&mut self, link: &Link) {
        if self.shared.config.ignore_discovered {
            return;
        }
        let changes = self.shared.pool().merge_discovered(&link.info.connect_urls, link.id, link.io.is_tls());
        self.shared.tell_servers(changes);
    }

    fn take_error(&mut self, error: ServerError, link: &mut Link) {
        match &error {
            ServerError::PublishViolation { subject } => self.deny_publish(subject),
            ServerError::SubscribeViolation { subject, queue, sid } => {
                self.deny_subscribe(subject, queue.as_deref(), *sid);
            }
            ServerError::MaxSubscriptions | ServerError::InvalidSubject => self.refuse_subscribe(&error),
            error if error.closes() != Some(false) => link.note_fault(error.clone()),
            _ => {}
        }
        self.shared.events.emit(&Event::ServerError(error));
    }

    fn deny_publish(&self, subject: &[u8]) {
        let waker = self.shared.waits().requests.fail_subject(hash(subject), Failure::Denied);
        waker.flatten().into_iter().for_each(Waker::wake);
    }

    fn deny_subscribe(&mut self, subject: &[u8], queue: Option<&[u8]>, sid: Option<u64>) {
        let Some(sid) = self.registry.find(sid, subject, queue) else { return };
        if sid == MUX_SID {
            self.registry.remove(sid);
            self.shared.core().mux_live = false;
            self.fail_requests(u64::MAX, &Failure::InboxDenied);
        } else {
            if let Some(Route::Reply(token)) = self.registry.get_mut(sid).map(|entry| &entry.route) {
                let waker = self.shared.waits().requests.fail(*token, Failure::InboxDenied);
                waker.into_iter().for_each(Waker::wake);
            }
            self.end_subscription(sid, SubscriptionEnd::Denied { subject: shown(subject) });
        }
    }

    /// The server does not say which subscription it refuses. That of a confirmed one lies alone between two pings, and
    /// it is the one while the answer to the first has arrived and that to the second has not.
    fn refuse_subscribe(&mut self, error: &ServerError) {
        let sid = match self.shared.core().fences.iter_mut().next() {
            Some(Fence { waiter: Waiter::Confirm(sid, _), .. }) => *sid,
            _ => return,
        };
        let Some(entry) = self.registry.get_mut(sid) else { return };
        let subject = shown(&entry.interest.subject);
        self.end_subscription(sid, SubscriptionEnd::Refused { subject, error: error.clone() });
    }

    /// Fails the open requests up to that number.
    pub(super) fn fail_requests(&self, newest: u64, failure: &Failure) {
        let mut wakers = Vec::new();
        self.shared.waits().requests.fail_until(newest, failure, &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
    }
}
