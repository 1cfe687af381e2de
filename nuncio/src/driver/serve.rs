//! Serving a standing connection.

use std::future::{Future, poll_fn};
use std::task::{Context, Poll};

use nuncio_proto::session::keepalive::Beat;

use crate::driver::Driver;
use crate::driver::link::Link;
use crate::driver::shared::{Waiter, now};
use crate::error::{CloseReason, DisconnectCause};
use crate::events::Event;
use crate::stats::Counters;

/// Small reads in one go: orders and the time get their turn even where the transport is always ready.
const READS: usize = 64;

/// Rounds of answered requests after which orders and the time get their turn, though there are more of them.
const ROUNDS: u32 = 16;

/// Reads after which a server that cannot be written to any more has had its say.
const LAST_READS: usize = 256;

/// How serving ended.
#[derive(Debug)]
pub(super) enum Served {
    /// The connection is over for good.
    Over(CloseReason),
    /// The connection was lost.
    Lost(DisconnectCause),
}

impl Driver {
    /// Reads, writes and keeps the time until the connection is lost or no longer wanted.
    pub(super) async fn serve(&mut self, link: &mut Link) -> Served {
        // What came in the same read as the first PONG may be all that comes for a long time.
        if let Err(cause) = self.digest(link) {
            return Served::Lost(cause);
        }
        let served = poll_fn(|cx| self.poll_serve(link, cx)).await;
        self.wake_all_answered();
        served
    }

    fn poll_serve(&mut self, link: &mut Link, cx: &mut Context<'_>) -> Poll<Served> {
        for turn in 1.. {
            let more_to_write = match self.poll_write(link, cx) {
                Ok(more) => more,
                Err(cause) => {
                    self.hear_out(link, cx);
                    return Poll::Ready(Served::Lost(cause));
                }
            };
            if self.wake_answered() {
                if self.goes_on_at_once(cx) {
                    return Poll::Pending;
                }
                break;
            }
            let read = if self.is_held(cx) {
                // Silence is of this end's own making, and says nothing about the server.
                link.keepalive.heard();
                Poll::Pending
            } else {
                link.input.poll_fill(&mut link.io, cx)
            };
            match read {
                Poll::Pending if more_to_write => {
                    cx.waker().wake_by_ref();
                    break;
                }
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Served::Lost(error.into())),
                Poll::Ready(Ok((0, _))) => return Poll::Ready(Served::Lost(DisconnectCause::Eof)),
                Poll::Ready(Ok((n, full))) => {
                    Counters::add(&self.shared.counters.in_bytes, n as u64);
                    link.keepalive.heard();
                    if let Err(cause) = self.digest(link) {
                        return Poll::Ready(Served::Lost(cause));
                    }
                    if !self.answered.is_empty() {
                        if self.goes_on_at_once(cx) {
                            return Poll::Pending;
                        }
                        break;
                    }
                    if full || turn >= READS {
                        give_way(cx);
                        break;
                    }
                }
            }
        }
        self.rounds = 0;
        loop {
            if let Some(served) = self.check_orders(link) {
                return Poll::Ready(served);
            }
            if !self.poll_time(Some(link), cx) {
                return Poll::Pending;
            }
        }
    }

    /// Those whose requests were answered go on, and what they send is written, before more go on. False when it is time to
    /// look at all else first: where every read brings more of them than go on at once, there is no end of it.
    fn goes_on_at_once(&mut self, cx: &Context<'_>) -> bool {
        cx.waker().wake_by_ref();
        self.rounds += 1;
        self.rounds < ROUNDS
    }

    /// Whether a queue whose policy is [`OnFull::Backpressure`](crate::OnFull::Backpressure) is full. An ending reads on:
    /// whoever asked for it may be the one who would have made room.
    fn is_held(&mut self, cx: &Context<'_>) -> bool {
        if !self.ending.is_none() {
            self.holding.clear();
        }
        self.holding.retain(|queue| !queue.has_room(cx));
        !self.holding.is_empty()
    }

    /// Writing failed: what the server has sent before is read all the same, messages and above all its reason for
    /// closing the connection.
    fn hear_out(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        for _ in 0..LAST_READS {
            let Poll::Ready(Ok((n @ 1.., _))) = link.input.poll_fill(&mut link.io, cx) else { return };
            Counters::add(&self.shared.counters.in_bytes, n as u64);
            if self.digest(link).is_err() {
                return;
            }
        }
    }

    /// What the application wants, and what the time brought.
    fn check_orders(&mut self, link: &mut Link) -> Option<Served> {
        if let Some(reason) = self.end_while_up() {
            return Some(Served::Over(reason));
        }
        if std::mem::take(&mut self.shared.core().orders.reconnect) {
            return Some(Served::Lost(DisconnectCause::Forced));
        }
        if let Some(cause) = self.renew(link) {
            return Some(Served::Lost(cause));
        }
        if self.has_left() {
            return Some(Served::Lost(DisconnectCause::LameDuck));
        }
        let now = now();
        let written = Counters::get(&self.shared.counters.out_bytes);
        if now >= link.keepalive.deadline() && link.backlog.is_moving(written) {
            link.keepalive.put_off(now);
        }
        let beat = link.keepalive.poll(now);
        let confirm = link.confirm_at.is_some_and(|at| at <= now);
        if confirm {
            link.confirm_at = None;
        }
        if matches!(beat, Beat::Ping) {
            // Before there is a `PING` in the batch.
            self.give_back(link);
        }
        if matches!(beat, Beat::Ping) || confirm {
            let mut core = self.shared.core();
            // Where an answer is awaited already, the next look is when it has come.
            let needless = matches!(beat, Beat::Wait(_)) && !(core.up && core.fences.is_empty());
            let waker = if needless { None } else { core.ping(Waiter::Nobody) };
            let ahead = core.batch.len();
            drop(core);
            if matches!(beat, Beat::Ping) {
                let urgent = link.urgent.len().saturating_sub(link.urgent_written);
                let here =
                    self.writing.remaining() + self.parting.as_ref().map_or(0, |parting| parting.remaining());
                link.backlog.asked(written + (ahead + here + urgent) as u64);
            }
            // That is this very task, which may be about to go to sleep.
            waker.into_iter().for_each(std::task::Waker::wake);
        }
        if matches!(beat, Beat::Ping) {
            self.shared.events.emit(&Event::Ping { unanswered: link.keepalive.unanswered() });
        }
        matches!(beat, Beat::Stale).then_some(Served::Lost(DisconnectCause::Stale))
    }

    /// Gives back the memory that bursts took: where they go on, it is soon there again.
    fn give_back(&mut self, link: &mut Link) {
        link.input.shrink();
        if self.writing.is_empty() {
            self.writing.clear(0);
        }
        let mut core = self.shared.core();
        if core.batch.is_empty() {
            core.batch.clear(0);
        }
    }
}

/// Much is arriving: whoever consumes it gets a turn before more is read.
///
/// Waking this task alone is not enough: a runtime of one thread would run it dozens of times before the future that
/// it blocks on, and the backlog would leave the cache.
fn give_way(cx: &mut Context<'_>) {
    // The first poll arranges the wake; there is no need for a second one.
    let _ = std::pin::pin!(tokio::task::yield_now()).poll(cx);
}
