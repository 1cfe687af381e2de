//! What became of a fast ingest.

use nuncio_proto::js::error::ApiError;
use nuncio_proto::js::puback::PubAck;

/// So many gaps and so many refusals are kept; the rest is counted.
const KEPT: usize = 1024;

/// What became of a fast ingest.
///
/// With [`OnGap::Continue`](crate::jetstream::OnGap::Continue) some of the messages may be lost or refused: compare
/// [`stored`](Self::stored) with [`sent`](Self::sent).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FastAck {
    /// The stream's acknowledgement, with the sequence of the last message that was stored.
    pub ack: PubAck,
    /// Messages sent, numbered from 1.
    pub sent: u64,
    /// Messages that did not arrive: from the first number up to, not including, the second. The first 1024 gaps are kept.
    pub lost: Vec<(u64, u64)>,
    /// Messages that the stream refused, by number. The first 1024 are kept.
    pub refused: Vec<(u64, ApiError)>,
    pub(super) unkept: u64,
}

impl FastAck {
    /// How many messages the stream has stored.
    pub fn stored(&self) -> u64 {
        let end = self.end();
        let lost = self.lost.iter().map(|(from, to)| to.min(&(end + 1)).saturating_sub(*from)).sum::<u64>();
        let refused = self.refused.iter().filter(|(number, _)| *number <= end).count() as u64;
        end.saturating_sub(lost).saturating_sub(refused).saturating_sub(self.unkept)
    }

    /// The number of the message with which it ended for the stream: none behind it is stored.
    pub fn end(&self) -> u64 {
        self.ack.count.unwrap_or(self.sent).min(self.sent)
    }

    /// Whether all messages that were sent are stored.
    pub fn is_complete(&self) -> bool {
        self.stored() == self.sent
    }
}

/// What the server tells of messages that are not stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    lost: Vec<(u64, u64)>,
    refused: Vec<(u64, ApiError)>,
    /// Messages that are in neither.
    unkept: u64,
}

impl Losses {
    pub(super) fn lose(&mut self, from: u64, to: u64) {
        if self.lost.len() < KEPT {
            self.lost.push((from, to));
        } else {
            self.unkept = self.unkept.saturating_add(to.saturating_sub(from));
        }
    }

    pub(super) fn refuse(&mut self, number: u64, error: ApiError) {
        if self.refused.len() < KEPT {
            self.refused.push((number, error));
        } else {
            self.unkept += 1;
        }
    }

    pub(super) fn account(&self, ack: PubAck, sent: u64) -> FastAck {
        let Self { lost, refused, unkept } = self.clone();
        FastAck { ack, sent, lost, refused, unkept }
    }
}

#[cfg(test)]
mod tests {
    use nuncio_proto::js::codes::ErrorCode;

    use super::*;

    fn ack(count: u64) -> PubAck {
        PubAck::parse(format!(r#"{{"stream":"S","seq":9,"count":{count}}}"#).as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn what_is_lost_refused_or_behind_the_end_is_not_stored() {
        let mut losses = Losses::default();
        assert!(losses.account(ack(10), 10).is_complete());
        losses.lose(4, 6);
        losses.refuse(8, ApiError::new(400, ErrorCode(10071), "wrong"));
        assert_eq!(losses.account(ack(10), 10).stored(), 7);
        assert_eq!(losses.account(ack(7), 10).stored(), 5);
        assert_eq!(losses.account(ack(3), 10).stored(), 3, "it ended before the gap");
    }

    #[test]
    fn more_gaps_than_are_kept_are_counted() {
        let mut losses = Losses::default();
        (0..2000).for_each(|number| losses.lose(number * 10 + 1, number * 10 + 3));
        let account = losses.account(ack(20_000), 20_000);
        assert_eq!((account.lost.len(), account.stored()), (KEPT, 16_000));
    }

    #[test]
    fn numbers_that_cannot_be_do_no_harm() {
        let mut losses = Losses::default();
        losses.lose(9, 3);
        losses.lose(0, u64::MAX);
        (0..KEPT).for_each(|_| losses.lose(0, u64::MAX));
        assert_eq!(losses.account(ack(u64::MAX), 5).stored(), 0);
    }
}
