//! What the server says besides messages.

use std::sync::Arc;
use std::task::Waker;

use nuncio_proto::encode;
use nuncio_proto::inbox::Token;
use nuncio_proto::info::ServerInfo;
use nuncio_proto::op::ServerOp;
use nuncio_proto::pool::Server as PoolServer;
use nuncio_proto::server_error::ServerError;

use crate::driver::Driver;
use crate::driver::link::Link;
use crate::driver::shared::{Failure, Waiter, now};
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
        link.goes_on();
        self.decided(fence.announced);
        self.denials.answered();
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
            Waiter::Confirm(done) => {
                let _ = done.send(());
            }
            Waiter::Published { subject, since, done } => {
                let _ = done.send(self.denials.contain(subject, since));
            }
            Waiter::Subscription(sid, done) => self.drained(sid, done),
            Waiter::Drain => self.end_confirmed(),
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
        let others = link.info.connect_urls != info.connect_urls;
        Arc::make_mut(&mut link.info).update(info);
        link.take_over(&mut self.shared.core());
        self.learn_servers(link);
        if others {
            self.shared.cluster.emit(&(), false);
        }
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
        let (changes, withheld) = {
            let mut pool = self.shared.pool();
            let changes = pool.merge_discovered(&link.info.connect_urls, link.id, link.io.is_tls());
            let added = |server: &PoolServer| changes.added.contains(server.addr());
            let withheld = pool.servers().iter().any(|s| added(s) && pool.withholds_credentials(s.id()));
            (changes, withheld)
        };
        if withheld && self.shared.config.auth.is_empty() {
            tracing::warn!(
                "servers of the cluster will not get the credentials in the URL of another one: \
                 see Connect::share_credentials"
            );
        }
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

    fn deny_publish(&mut self, subject: &[u8]) {
        let subject = hash(subject);
        self.denials.note(subject);
        let waker = self.shared.waits().requests.fail_subject(subject, Failure::Denied);
        waker.flatten().into_iter().for_each(Waker::wake);
    }

    /// Fails the open requests up to that number, but for those in `sparing`.
    pub(super) fn fail_requests(&self, newest: u64, sparing: &[Token], failure: &Failure) {
        let mut wakers = Vec::new();
        self.shared.waits().requests.fail_until(newest, sparing, failure, &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
    }
}
