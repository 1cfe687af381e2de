//! Carries the bytes of one direction of one connection, as its toxics will have it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::toxics::{Cut, Flow, Settings, Toxics};

/// The size of one read.
const READ: usize = 16 * 1024;
/// How much is kept without a delay: little, so that a slow reader is felt by the sender.
const KEPT: usize = READ;
/// How much is kept with a delay, so that it costs time and not throughput.
const KEPT_DELAYED: usize = 4 << 20;
/// The longest that one write may use up of a throttled direction's rate.
const QUANTUM: Duration = Duration::from_millis(20);

/// Why a pump has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The source has ended, all it said was forwarded, and so was its end.
    Eof,
    /// The whole connection is to be cut.
    Cut(Cut),
}

/// Bytes that have come and not gone.
struct Chunk {
    came: Instant,
    bytes: Vec<u8>,
    gone: usize,
}

impl Chunk {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }
}

struct Pump<'a> {
    toxics: &'a Toxics,
    queue: VecDeque<Chunk>,
    queued: usize,
    sent: u64,
    /// Whether the source has ended.
    ended: bool,
    /// Whether bytes of this stream were thrown away.
    lost: bool,
    /// Before this the rate allows nothing.
    gate: Instant,
    rate: Option<u64>,
}

/// Carries bytes until the source ends or the connection is to be cut. Nothing is lost if a setting changes meanwhile.
pub(super) async fn pump<R, W>(mut from: R, mut to: W, toxics: &Toxics) -> End
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut changes = toxics.subscribe();
    let mut buffer = vec![0; READ];
    let (queue, gate) = (VecDeque::new(), Instant::now());
    let mut pump = Pump { toxics, queue, queued: 0, sent: 0, ended: false, lost: false, gate, rate: None };
    loop {
        let settings = *changes.borrow_and_update();
        if let Some(end) = pump.end(&settings) {
            if end == End::Eof {
                // A peer that is gone already needs no word of it.
                let _ = to.shutdown().await;
            }
            return end;
        }
        let (reads, writes) = (pump.may_read(&settings), pump.may_write(&settings));
        let (at, piece) = pump.next_piece(&settings);
        tokio::select! {
            biased;
            changed = changes.changed() => if gone(changed) { return End::Cut(Cut::Rst) },
            written = write(at, &mut to, piece), if writes => match written {
                Ok(bytes) if bytes > 0 => pump.wrote(bytes, &settings),
                _ => return End::Cut(Cut::Rst),
            },
            read = from.read(&mut buffer), if reads => match read {
                Ok(0) => pump.ended = true,
                Ok(bytes) => pump.came(buffer.get(..bytes).unwrap_or_default(), &settings),
                Err(_) => return End::Cut(Cut::Rst),
            },
        }
    }
}

/// The proxy holds the settings for as long as a pump runs, so this is a formality.
fn gone(changed: Result<(), watch::error::RecvError>) -> bool {
    changed.is_err()
}

/// Writes some of `piece`, not before `at`. Dropped before it is ready, it has written nothing.
async fn write<W: AsyncWrite + Unpin>(at: Instant, to: &mut W, piece: &[u8]) -> std::io::Result<usize> {
    if at > Instant::now() {
        sleep_until(at).await;
    }
    to.write(piece).await
}

impl Pump<'_> {
    /// Whether it is over, and how.
    fn end(&mut self, settings: &Settings) -> Option<End> {
        if let Some(cut) = self.toxics.cut_due(self.sent) {
            return Some(End::Cut(cut));
        }
        if self.lost && settings.flow != Flow::Blackhole {
            return Some(End::Cut(Cut::Rst));
        }
        (self.ended && self.queue.is_empty() && settings.flow == Flow::Forward).then_some(End::Eof)
    }

    fn may_read(&self, settings: &Settings) -> bool {
        let room = if settings.delay.is_zero() { KEPT } else { KEPT_DELAYED };
        match settings.flow {
            Flow::Forward => !self.ended && self.queued < room,
            Flow::Stall => false,
            Flow::Blackhole => !self.ended,
        }
    }

    fn may_write(&self, settings: &Settings) -> bool {
        settings.flow == Flow::Forward && !self.queue.is_empty()
    }

    /// What is to be written next, and when; of no account unless [`may_write`](Self::may_write).
    fn next_piece(&mut self, settings: &Settings) -> (Instant, &[u8]) {
        if self.rate != settings.rate {
            // What the old rate forbids does not bind the new one.
            self.rate = settings.rate;
            self.gate = Instant::now();
        }
        let Some(chunk) = self.queue.front() else { return (self.gate, &[]) };
        let mut most = settings.slice.unwrap_or(usize::MAX);
        if let Some(rate) = settings.rate {
            let quantum = (rate as f64 * QUANTUM.as_secs_f64()) as usize;
            most = most.min(quantum.max(1));
        }
        if let Some(rule) = settings.cut {
            most = most.min(usize::try_from(rule.after.saturating_sub(self.sent)).unwrap_or(usize::MAX));
        }
        let rest = chunk.rest();
        let piece = rest.get(..most).unwrap_or(rest);
        (self.gate.max(chunk.came + settings.delay), piece)
    }

    fn came(&mut self, bytes: &[u8], settings: &Settings) {
        if settings.flow == Flow::Blackhole {
            self.lost = true;
            return;
        }
        self.queued += bytes.len();
        self.queue.push_back(Chunk { came: Instant::now(), bytes: bytes.to_vec(), gone: 0 });
    }

    fn wrote(&mut self, bytes: usize, settings: &Settings) {
        self.sent += bytes as u64;
        self.toxics.count(bytes as u64);
        self.queued -= bytes;
        if let Some(chunk) = self.queue.front_mut() {
            chunk.gone += bytes;
            if chunk.rest().is_empty() {
                self.queue.pop_front();
            }
        }
        if let Some(rate) = settings.rate {
            let cost = Duration::from_secs_f64(bytes as f64 / rate as f64);
            self.gate = self.gate.max(Instant::now()) + cost;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// What arrives of `text`, with the times of the arrivals in milliseconds.
    async fn arrivals(text: &[u8], toxics: &Toxics) -> (Vec<(u128, usize)>, End) {
        let began = Instant::now();
        let (to, mut far) = duplex(1 << 20);
        let reading = async {
            let mut seen = Vec::new();
            let mut buffer = [0; 1 << 16];
            while let Ok(bytes) = far.read(&mut buffer).await {
                if bytes == 0 {
                    break;
                }
                seen.push((began.elapsed().as_millis(), bytes));
            }
            seen
        };
        // The writer is dropped at the end of the pump, which ends the reading.
        let pumping = async move { pump(text, to, toxics).await };
        let (seen, end) = tokio::join!(reading, pumping);
        (seen, end)
    }

    #[tokio::test(start_paused = true)]
    async fn without_toxics_all_passes_at_once() {
        let (seen, end) = arrivals(&[7; 100], &Toxics::new()).await;
        assert_eq!((seen, end), (vec![(0, 100)], End::Eof));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_comes_at_its_very_byte_whatever_the_slices() {
        for at in [0, 1, 7, 99] {
            for slice in [None, Some(1), Some(3)] {
                let toxics = Toxics::new();
                toxics.slice(slice);
                toxics.cut_after(at, Cut::Fin);
                let (seen, end) = arrivals(&[7; 100], &toxics).await;
                let bytes: usize = seen.iter().map(|(_, bytes)| bytes).sum();
                assert_eq!((bytes as u64, end), (at, End::Cut(Cut::Fin)));
                assert_eq!(toxics.forwarded(), at);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slices_are_no_longer_than_asked() {
        let toxics = Toxics::new();
        toxics.slice(30);
        let (to, mut far) = duplex(30);
        let text = [7; 100];
        let reading = async {
            let mut sizes = Vec::new();
            while let Ok(bytes) = far.read(&mut [0; 100]).await {
                if bytes == 0 {
                    break;
                }
                sizes.push(bytes);
            }
            sizes
        };
        let (sizes, _) = tokio::join!(reading, async { pump(&text[..], to, &toxics).await });
        assert_eq!(sizes, [30, 30, 30, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_is_paid_once_and_not_by_each_read() {
        let toxics = Toxics::new();
        toxics.delay(Duration::from_secs(2));
        let (seen, _) = arrivals(&vec![7; 10 * READ], &toxics).await;
        assert_eq!(seen.first().map(|(at, _)| *at / 10), Some(200));
        assert_eq!(seen.last().map(|(at, _)| *at / 10), Some(200));
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_keeps_to_its_rate() {
        let toxics = Toxics::new();
        toxics.throttle(1000);
        let (seen, _) = arrivals(&[7; 5000], &toxics).await;
        let last = seen.last().unwrap().0;
        assert!((4900..5300).contains(&last), "5000 bytes took {last} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_keeps_what_came_and_a_later_change_does_not_lose_it() {
        let toxics = Toxics::new();
        toxics.delay(Duration::from_secs(3600));
        let changes = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            toxics.stall();
            toxics.delay(Duration::ZERO);
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(toxics.forwarded(), 0);
            toxics.flow();
        };
        let ((seen, end), ()) = tokio::join!(arrivals(&[7; 100], &toxics), changes);
        assert_eq!(end, End::Eof);
        assert_eq!(seen.iter().map(|(_, bytes)| bytes).sum::<usize>(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_blackhole_swallows_all_and_leaves_a_stream_that_must_be_reset() {
        let toxics = Toxics::new();
        toxics.blackhole();
        let changes = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            toxics.flow();
        };
        let ((seen, end), ()) = tokio::join!(arrivals(&[7; 100], &toxics), changes);
        assert_eq!((seen, end), (vec![], End::Cut(Cut::Rst)));
    }
}
