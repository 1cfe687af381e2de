//! A message that is kept until a stream has it, to be sent again.

use bytes::Bytes;
use nuncio_proto::header::{HeaderMap, HeaderView};
use nuncio_proto::outbox::{CHAIN_FROM, Payload};

use crate::jetstream::attempts::Sent;
use crate::jetstream::draft::Draft;
use crate::publish::Outgoing;

/// Subject, headers and payload, in a buffer that is used again for another message.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The subject, the header block, and a payload that was copied.
    bytes: Vec<u8>,
    subject: usize,
    block: usize,
    shared: Option<Bytes>,
}

impl Kept {
    /// Of a message that is never sent again only the subject is kept.
    pub(super) fn new(mut bytes: Vec<u8>, draft: &Draft<'_>, whole: bool) -> Self {
        bytes.clear();
        bytes.extend_from_slice(&draft.message.subject.0);
        let subject = bytes.len();
        if let Some(headers) = draft.message.header_map().filter(|headers| !headers.is_empty()) {
            HeaderMap::encode_into(headers, &mut bytes);
        }
        let block = bytes.len();
        let mut shared = None;
        match &draft.message.payload {
            _ if !whole => {}
            Payload::Shared(data) if data.len() >= CHAIN_FROM => shared = Some(data.clone()),
            data => bytes.extend_from_slice(data.as_slice()),
        }
        Self { bytes, subject, block, shared }
    }

    fn subject(&self) -> &[u8] {
        self.bytes.get(..self.subject).unwrap_or_default()
    }

    fn block(&self) -> Option<&[u8]> {
        self.bytes.get(self.subject..self.block).filter(|block| !block.is_empty())
    }

    pub(super) fn sent(&self) -> Sent<'_> {
        Sent {
            subject: self.subject(),
            headers: self.block().and_then(|block| HeaderView::parse(block).ok()),
        }
    }

    /// The message once more.
    pub(super) fn again(&self) -> Outgoing<'static> {
        let payload = match &self.shared {
            Some(shared) => shared.clone(),
            None => Bytes::copy_from_slice(self.bytes.get(self.block..).unwrap_or_default()),
        };
        let subject = std::borrow::Cow::Owned(self.subject().to_vec());
        Outgoing::with_block(crate::Subject(subject), self.block().map(<[u8]>::to_vec), payload.into())
    }

    /// The buffer, for the next message. Large ones go.
    pub(super) fn into_spare(self) -> Option<Vec<u8>> {
        (self.bytes.capacity() <= 4 * CHAIN_FROM).then_some(self.bytes)
    }
}
