//! Figures of a connection.

use std::sync::atomic::{AtomicU64, Ordering};

/// Figures of a connection since it was made, over all reconnects.
///
/// They add up: `published = written + buffered + lost + maybe_lost`.
///
/// ```no_run
/// # fn f(nc: nuncio::Client) {
/// let now = nc.statistics();
/// println!("{} of {} written, {} bytes wait", now.written, now.published, now.buffered_bytes);
/// assert_eq!(now.published, now.written + now.buffered + now.lost + now.maybe_lost);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Messages that publish and request calls accepted.
    pub published: u64,
    /// Messages that were handed to the operating system and are not in doubt.
    pub written: u64,
    /// Messages that wait to be written.
    pub buffered: u64,
    /// Bytes that wait to be written.
    pub buffered_bytes: usize,
    /// Messages that were certainly not taken by a server: half written at a cut, dropped by policy, or still
    /// buffered when the connection was closed.
    pub lost: u64,
    /// Messages that were written to a connection that broke before the server confirmed them.
    pub maybe_lost: u64,
    /// Messages received.
    pub received: u64,
    /// Messages received for subscriptions that were gone already.
    pub unclaimed: u64,
    /// Messages dropped because a subscription's queue was full.
    pub dropped: u64,
    /// Bytes read from sockets, protocol included (ADR-40).
    pub in_bytes: u64,
    /// Bytes written to sockets, protocol included (ADR-40).
    pub out_bytes: u64,
    /// Connections made, the first one included.
    pub connects: u64,
    /// Live subscriptions, that for replies included.
    pub subscriptions: u64,
    /// Requests that still wait: without an answer so far, or for many and not over.
    pub requests: usize,
}

/// What the driver counts; written by it alone.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received: AtomicU64,
    pub(crate) unclaimed: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) in_bytes: AtomicU64,
    pub(crate) out_bytes: AtomicU64,
    pub(crate) connects: AtomicU64,
    pub(crate) subscriptions: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}
