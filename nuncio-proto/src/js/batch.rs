//! Atomic batches (ADR-50): messages that a stream stores all together or not at all.

use crate::header::HeaderMap;
use crate::inbox;
use crate::js::headers;
pub use crate::js::options::BatchError;
use crate::js::options::{OptionError, set};

/// The numbers of one batch.
///
/// Each message is [stamped](Self::stamp) and then, once it is sent, [counted](Self::count).
#[derive(Clone, Debug)]
pub struct Batch {
    id: String,
    sent: u64,
    over: bool,
}

/// What a message is to its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Others follow.
    Member,
    /// It is the last one, and the batch is stored.
    Commit,
    /// The batch is stored without this one, which only says so. Needs level 4 of the API (nats-server 2.14).
    End,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// A batch with a new id.
    pub fn new() -> Self {
        Self { id: inbox::nuid(), sent: 0, over: false }
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Messages that were sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Gives a message its place behind those that were sent.
    ///
    /// # Errors
    ///
    /// If the server would refuse it.
    pub fn stamp(&self, map: &mut HeaderMap, part: Part) -> Result<(), OptionError> {
        let number = self.sent + 1;
        if self.over {
            return Err(BatchError::Over.into());
        }
        if number == 1 && part == Part::End {
            return Err(BatchError::Empty.into());
        }
        if number > 1 && map.get_exact(headers::EXPECTED_LAST_SEQUENCE).is_some() {
            return Err(BatchError::LastSequence.into());
        }
        if map.get_exact(headers::EXPECTED_LAST_MESSAGE_ID).is_some() {
            return Err(BatchError::LastMessageId.into());
        }
        set(map, headers::BATCH_ID, &self.id)?;
        set(map, headers::BATCH_SEQUENCE, itoa::Buffer::new().format(number))?;
        match part {
            Part::Member => Ok(()),
            Part::Commit => set(map, headers::BATCH_COMMIT, "1"),
            Part::End => set(map, headers::BATCH_COMMIT, "eob"),
        }
    }

    /// The message that was stamped last is sent.
    pub fn count(&mut self) {
        self.sent += 1;
    }

    /// Nothing more belongs to it.
    pub fn end(&mut self) {
        self.over = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::js::expect;

    fn stamp(batch: &Batch, part: Part) -> Result<HeaderMap, OptionError> {
        let mut map = HeaderMap::new();
        batch.stamp(&mut map, part).map(|()| map)
    }

    #[test]
    fn messages_are_numbered_as_they_are_sent() {
        let mut batch = Batch::new();
        assert!(stamp(&batch, Part::Member).is_ok());
        let map = stamp(&batch, Part::Member).unwrap();
        assert_eq!(map.get("Nats-Batch-Sequence"), Some("1"), "nothing was sent yet");
        batch.count();
        let map = stamp(&batch, Part::Commit).unwrap();
        let entries: Vec<_> = map.iter().collect();
        assert_eq!(
            entries,
            [("Nats-Batch-Id", batch.id()), ("Nats-Batch-Sequence", "2"), ("Nats-Batch-Commit", "1")]
        );
        assert_eq!(stamp(&batch, Part::End).unwrap().get("Nats-Batch-Commit"), Some("eob"));
    }

    #[test]
    fn what_the_server_would_refuse_is_refused() {
        let refused = |batch: &Batch, part| match stamp(batch, part) {
            Err(OptionError::Batch(error)) => error,
            other => panic!("{other:?}"),
        };
        let mut batch = Batch::new();
        assert_eq!(refused(&batch, Part::End), BatchError::Empty);
        let mut first = HeaderMap::new();
        expect::last_sequence(&mut first, 1).unwrap();
        batch.stamp(&mut first, Part::Member).unwrap();
        batch.count();
        let later = batch.stamp(&mut first, Part::Member);
        assert_eq!(later, Err(OptionError::Batch(BatchError::LastSequence)));
        let mut id = HeaderMap::new();
        expect::last_message_id(&mut id, "a").unwrap();
        assert_eq!(batch.stamp(&mut id, Part::Member), Err(OptionError::Batch(BatchError::LastMessageId)));
        (0..2000).for_each(|_| batch.count());
        assert!(stamp(&batch, Part::Member).is_ok(), "how many it may be is the server's to say");
        assert!(stamp(&batch, Part::End).is_ok());
        batch.end();
        assert_eq!(refused(&batch, Part::End), BatchError::Over);
    }
}
