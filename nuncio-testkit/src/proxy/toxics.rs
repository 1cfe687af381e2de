//! The faults that are injected into one direction of the proxy's connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// How a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// In good order: both peers read what was forwarded and then the end of the stream.
    Fin,
    /// By a reset, as when a host or a firewall drops the connection.
    Rst,
}

/// The faults of one direction: from the client to the server, or back.
///
/// Each may be changed at any time and counts at once for the open connections too; several work together.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example(proxy: nuncio_testkit::Proxy) {
/// proxy.to_server().throttle(1024);
/// proxy.to_client().delay(Duration::from_millis(50));
/// proxy.to_client().slice(1);
/// proxy.to_client().clear();
/// # }
/// ```
#[derive(Debug)]
pub struct Toxics {
    settings: watch::Sender<Settings>,
    forwarded: AtomicU64,
}

/// What a pump obeys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) cut: Option<CutRule>,
    pub(super) delay: Duration,
    pub(super) rate: Option<u64>,
    pub(super) slice: Option<usize>,
    pub(super) flow: Flow,
}

/// When to cut a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CutRule {
    pub(super) after: u64,
    how: Cut,
    once: bool,
}

/// What is done with the bytes at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Flow {
    #[default]
    Forward,
    Stall,
    Blackhole,
}

impl Toxics {
    pub(super) fn new() -> Toxics {
        Toxics { settings: watch::Sender::new(Settings::default()), forwarded: AtomicU64::new(0) }
    }

    /// Cuts every connection when exactly `bytes` have been forwarded in this direction since it was opened. One that is
    /// beyond that already is cut at once.
    ///
    /// The kernel has accepted the bytes when the cut comes: a peer on this machine that reads gets all of them.
    pub fn cut_after(&self, bytes: u64, how: Cut) {
        self.change(|s| s.cut = Some(CutRule { after: bytes, how, once: false }));
    }

    /// As [`cut_after`](Self::cut_after), for the first connection that comes so far; then the rule is gone.
    pub fn cut_once_after(&self, bytes: u64, how: Cut) {
        self.change(|s| s.cut = Some(CutRule { after: bytes, how, once: true }));
    }

    /// Takes back [`cut_after`](Self::cut_after).
    pub fn no_cut(&self) {
        self.change(|s| s.cut = None);
    }

    /// Forwards each byte this much later than it came. Zero turns it off.
    pub fn delay(&self, delay: Duration) {
        self.change(|s| s.delay = delay);
    }

    /// Forwards at most so many bytes a second on each connection; `None` lifts the limit.
    pub fn throttle(&self, bytes_per_second: impl Into<Option<u64>>) {
        let rate = bytes_per_second.into().map(|rate| rate.max(1));
        self.change(|s| s.rate = rate);
    }

    /// Writes at most so many bytes at a time, each in a packet of its own; `None` lifts the limit.
    ///
    /// A peer that is slow to read may still find several at once; with [`throttle`](Self::throttle) it does not.
    pub fn slice(&self, bytes: impl Into<Option<usize>>) {
        let slice = bytes.into().map(|bytes| bytes.max(1));
        self.change(|s| s.slice = slice);
    }

    /// Reads and forwards nothing until [`flow`](Self::flow): a partition that may heal. Nothing is lost, and the
    /// sender's writes block once the kernel's buffers are full.
    pub fn stall(&self) {
        self.change(|s| s.flow = Flow::Stall);
    }

    /// Reads everything and forwards nothing: the sender notices no fault. After [`flow`](Self::flow) connections that
    /// have lost bytes are reset, since their streams have a gap.
    pub fn blackhole(&self) {
        self.change(|s| s.flow = Flow::Blackhole);
    }

    /// Forwards again after [`stall`](Self::stall) or [`blackhole`](Self::blackhole).
    pub fn flow(&self) {
        self.change(|s| s.flow = Flow::Forward);
    }

    /// Takes back all faults of this direction.
    pub fn clear(&self) {
        self.change(|s| *s = Settings::default());
    }

    /// How many bytes were forwarded in this direction, over all connections.
    pub fn forwarded(&self) -> u64 {
        self.forwarded.load(Ordering::Relaxed)
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) {
        self.settings.send_modify(change);
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Settings> {
        self.settings.subscribe()
    }

    pub(super) fn count(&self, bytes: u64) {
        self.forwarded.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How to cut a connection that has forwarded `sent` bytes, if it is to be cut now. Uses up a rule for one.
    pub(super) fn cut_due(&self, sent: u64) -> Option<Cut> {
        let mut due = None;
        self.settings.send_if_modified(|settings| {
            let Some(rule) = settings.cut.filter(|rule| sent >= rule.after) else { return false };
            due = Some(rule.how);
            if rule.once {
                settings.cut = None;
            }
            rule.once
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_for_one_connection_is_used_up_by_the_first() {
        let toxics = Toxics::new();
        toxics.cut_once_after(10, Cut::Rst);
        assert_eq!(toxics.cut_due(9), None);
        assert_eq!(toxics.cut_due(10), Some(Cut::Rst));
        assert_eq!(toxics.cut_due(10), None);
    }

    #[test]
    fn a_rule_for_all_stays() {
        let toxics = Toxics::new();
        toxics.cut_after(0, Cut::Fin);
        assert_eq!([toxics.cut_due(0), toxics.cut_due(7)], [Some(Cut::Fin); 2]);
        toxics.no_cut();
        assert_eq!(toxics.cut_due(7), None);
    }

    #[test]
    fn clear_takes_back_every_fault() {
        let toxics = Toxics::new();
        toxics.cut_after(1, Cut::Fin);
        toxics.delay(Duration::from_secs(1));
        toxics.throttle(1);
        toxics.slice(1);
        toxics.stall();
        toxics.clear();
        assert_eq!(*toxics.subscribe().borrow(), Settings::default());
    }
}
