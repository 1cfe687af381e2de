//! Writing: batches are taken from the outbox as they are and written with as few calls as possible.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::AsyncWrite;

use crate::driver::Driver;
use crate::driver::link::Link;
use crate::driver::shared::{BURST, Waiter};
use crate::error::DisconnectCause;
use crate::stats::Counters;

/// Batches that are written before it is time to read again.
const TURNS: usize = 4;

/// A vectored write takes so many pieces: a burst of the smallest payloads that are not copied, two pieces a message.
const SLICES: usize = 128;

/// After so many bytes the server is asked to confirm, so that a cut leaves no more than about this much in doubt.
const CHECKPOINT: usize = 512 * 1024;

impl Driver {
    /// Writes what there is. True when there is more and the socket would take it.
    pub(super) fn poll_write(
        &mut self,
        link: &mut Link,
        cx: &mut Context<'_>,
    ) -> Result<bool, DisconnectCause> {
        for _ in 0..TURNS {
            if self.writing.remaining() == 0 && !self.refill(link, cx) && link.urgent.is_empty() {
                return self.poll_flush(link, cx).map(|()| false);
            }
            if !self.write_urgent(link, cx)? || !self.write_batch(link, cx)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the next batch from the outbox; false when it is empty, the waker being in place then.
    fn refill(&mut self, link: &mut Link, cx: &Context<'_>) -> bool {
        // A burst grows its buffer beyond its size by doubling; that much is kept.
        self.writing.clear(2 * BURST);
        if self.leaving.is_parting() || self.parting.is_some() {
            return self.refill_parting(cx);
        }
        let mut core = self.shared.core();
        let changes = std::mem::take(&mut core.changes);
        let question = link.renewal.question();
        if let Some(number) = question {
            // Here, so that nothing is behind it in the batch.
            core.ping(Waiter::Renewal(number));
        }
        let empty = core.batch.is_empty() || link.renewal.holds_back();
        if empty {
            match &mut core.driver {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
        } else {
            link.unconfirmed += core.batch.len();
            if link.unconfirmed >= CHECKPOINT && core.fences.is_empty() {
                link.unconfirmed = 0;
                core.ping(Waiter::Nobody);
            }
            std::mem::swap(&mut core.batch, &mut self.writing);
            core.ledger.taken += self.writing.messages();
        }
        // If nothing was taken, it is empty.
        core.ledger.in_flight = self.writing.messages();
        core.gate.change(|terms| terms.in_flight_bytes = self.writing.len());
        let room = core.room.take();
        drop(core);
        if self.writing.messages() > 0 {
            link.confirm_soon();
        }
        room.for_each(Waker::wake);
        if question.is_some() {
            let (newest, any) = {
                let requests = &self.shared.waits().requests;
                (requests.newest(), !requests.is_empty())
            };
            link.renewal.sent_requests(newest);
            if any {
                // One may have got into the batch since the last look: its reply is waited for as well.
                link.renewal.put_off();
            }
        }
        if !changes.is_empty() {
            self.apply(changes);
        }
        !empty
    }

    /// Nothing new goes to a server that is being left; changes wait for the next one.
    fn refill_parting(&mut self, cx: &Context<'_>) -> bool {
        if let Some(parting) = self.parting.take() {
            self.writing = *parting;
        }
        let mut core = self.shared.core();
        core.ledger.in_flight = self.writing.messages();
        core.gate.change(|terms| terms.in_flight_bytes = self.writing.len());
        core.driver = Some(cx.waker().clone());
        drop(core);
        self.writing.remaining() > 0
    }

    /// True when all of it is out, or when it has to wait for the end of a batch that is half written.
    fn write_urgent(&mut self, link: &mut Link, cx: &mut Context<'_>) -> Result<bool, DisconnectCause> {
        if link.urgent.is_empty() || !self.writing.is_untouched() {
            return Ok(true);
        }
        while let Some(rest) = link.urgent.get(link.urgent_written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut link.io).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Err(DisconnectCause::Eof),
                Poll::Ready(Ok(n)) => {
                    crate::wire::sent(rest.get(..n).unwrap_or_default());
                    link.urgent_written += n;
                    link.unflushed = true;
                    Counters::add(&self.shared.counters.out_bytes, n as u64);
                }
                Poll::Ready(Err(error)) => return Err(error.into()),
                Poll::Pending => {
                    self.stay_awake(cx);
                    return Ok(false);
                }
            }
        }
        link.urgent.clear();
        link.urgent.shrink_to(BURST);
        link.urgent_written = 0;
        Ok(true)
    }

    /// True when the batch is out.
    fn write_batch(&mut self, link: &mut Link, cx: &mut Context<'_>) -> Result<bool, DisconnectCause> {
        while self.writing.remaining() > 0 {
            match self.write_some(link, cx) {
                Poll::Ready(Ok(0)) => return Err(DisconnectCause::Eof),
                Poll::Ready(Ok(n)) => {
                    self.writing.advance(n);
                    link.unflushed = true;
                    Counters::add(&self.shared.counters.out_bytes, n as u64);
                }
                Poll::Ready(Err(error)) => return Err(error.into()),
                Poll::Pending => {
                    self.stay_awake(cx);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// One call to the socket.
    fn write_some(&self, link: &mut Link, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut link.io);
        if let Some(rest) = self.writing.rest() {
            let n = ready!(io.poll_write(cx, rest))?;
            crate::wire::sent(rest.get(..n).unwrap_or_default());
            return Poll::Ready(Ok(n));
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let used = self.writing.slices(&mut slices);
        let slices = slices.get(..used).unwrap_or_default();
        let n = ready!(io.poll_write_vectored(cx, slices))?;
        crate::wire::sent_slices(slices, n);
        Poll::Ready(Ok(n))
    }

    /// Deadlines and orders must be able to wake a driver that waits for the socket.
    fn stay_awake(&self, cx: &Context<'_>) {
        self.shared.core().driver = Some(cx.waker().clone());
    }

    fn poll_flush(&self, link: &mut Link, cx: &mut Context<'_>) -> Result<(), DisconnectCause> {
        if !link.unflushed {
            return Ok(());
        }
        match Pin::new(&mut link.io).poll_flush(cx) {
            Poll::Ready(Ok(())) => link.unflushed = false,
            Poll::Ready(Err(error)) => return Err(error.into()),
            Poll::Pending => {}
        }
        Ok(())
    }
}
