//! A message before it is encoded: what it is made of, and the checks that do not depend on the connection.

use std::borrow::Cow;
use std::cell::Cell;

use nuncio_proto::header::HeaderMap;
use nuncio_proto::{outbox, subject};

use super::{LONGEST_SUBJECTS, Subject};
use crate::Message;
use crate::codec::Payload;
use crate::driver::wait::Deadline;
use crate::error::{PublishError, shown};

/// A message on its way out, before it is encoded.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) payload: outbox::Payload<'a>,
    pub(crate) reply: Option<Subject<'a>>,
    headers: Option<Cow<'a, HeaderMap>>,
    /// The number of the request that it carries, if any.
    pub(crate) request: u64,
    /// Its reply comes to the inbox of all requests.
    pub(crate) muxed: bool,
    /// It may be sent again, with the same headers.
    pub(crate) again: bool,
    checked: bool,
    /// The driver got its turn once.
    pub(super) paced: bool,
    /// What is seldom needed; apart, so that the builder is small and cheap to move.
    pub(super) rare: Option<Box<Rare<'a>>>,
}

#[derive(Debug, Default)]
pub(super) struct Rare<'a> {
    /// The first fault of an argument; reported when the message is sent.
    fault: Option<PublishError>,
    pub(super) deadline: Option<Deadline>,
    /// A header block that is passed on as it was received.
    block: Option<Cow<'a, [u8]>>,
}

impl<'a> Outgoing<'a> {
    #[inline]
    pub(crate) fn new(subject: Subject<'a>, payload: Payload<'a>) -> Self {
        let (payload, rare) = match payload.0 {
            Ok(payload) => (payload, None),
            Err(error) => {
                let rare = Rare { fault: Some(error.into()), ..Rare::default() };
                (outbox::Payload::Borrowed(&[]), Some(Box::new(rare)))
            }
        };
        Self {
            subject,
            payload,
            reply: None,
            headers: None,
            request: 0,
            muxed: false,
            again: false,
            checked: false,
            paced: false,
            rare,
        }
    }

    // Not inlined, so that the builder around it is: it then stays where it is instead of being moved.
    #[inline(never)]
    pub(crate) fn header(&mut self, name: &str, value: &str) {
        let headers = self.headers.get_or_insert_with(spare_headers).to_mut();
        if let Err(error) = headers.append(name, value) {
            self.note_fault(error);
        }
    }

    /// A message with a header block as it is on the wire.
    pub(crate) fn with_block(subject: Subject<'a>, block: Option<Vec<u8>>, payload: Payload<'a>) -> Self {
        let mut outgoing = Self::new(subject, payload);
        if let Some(block) = block {
            outgoing.rare.get_or_insert_default().block = Some(Cow::Owned(block));
        }
        outgoing
    }

    /// Passes on what another message has, its header block byte for byte.
    pub(crate) fn forward(message: &'a Message, subject: Subject<'a>) -> Self {
        let mut outgoing = Self::new(subject, message.payload_bytes().into());
        if let Some(block) = message.raw_headers() {
            outgoing.rare.get_or_insert_default().block = Some(Cow::Borrowed(block));
        }
        outgoing
    }

    #[inline]
    pub(super) fn block(&self) -> Option<&[u8]> {
        self.rare.as_ref()?.block.as_deref()
    }

    /// Where the servers on the way report what they do with the message (ADR-41).
    pub(crate) fn trace(&mut self, destination: &str, only: bool) {
        if let Err(error) = subject::validate_publish(destination.as_bytes()) {
            return self.note_fault(error);
        }
        if !subject::is_literal(destination.as_bytes()) {
            return self.note_fault(PublishError::Wildcard { subject: shown(destination.as_bytes()) });
        }
        self.header(crate::trace::DESTINATION, destination);
        if only {
            self.header(crate::trace::ONLY, "true");
        }
    }

    pub(crate) fn headers(&mut self, headers: Cow<'a, HeaderMap>) {
        match &mut self.headers {
            None => self.headers = Some(headers),
            Some(present) => {
                let present = present.to_mut();
                for (name, value) in headers.iter() {
                    if let Err(error) = present.append(name, value) {
                        self.rare.get_or_insert_default().fault.get_or_insert(error.into());
                    }
                }
            }
        }
    }

    /// The headers, to be changed.
    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers.get_or_insert_with(spare_headers).to_mut()
    }

    pub(crate) fn header_map(&self) -> Option<&HeaderMap> {
        self.headers.as_deref()
    }

    #[cold]
    pub(super) fn note_fault(&mut self, error: impl Into<PublishError>) {
        self.rare.get_or_insert_default().fault.get_or_insert(error.into());
    }

    /// Checks the arguments that do not depend on the connection, once.
    #[inline]
    pub(crate) fn check(&mut self, strict: bool) -> Result<(), PublishError> {
        if self.checked {
            return Ok(());
        }
        if strict || self.rare.is_some() || self.reply.is_some() {
            return self.check_all(strict);
        }
        subject::validate_publish(&self.subject.0)?;
        if self.subject.0.len() > LONGEST_SUBJECTS {
            return self.check_all(strict);
        }
        self.checked = true;
        Ok(())
    }

    #[inline(never)]
    fn check_all(&mut self, strict: bool) -> Result<(), PublishError> {
        if let Some(fault) = self.rare.as_mut().and_then(|rare| rare.fault.take()) {
            return Err(fault);
        }
        subject::validate_publish(&self.subject.0)?;
        if strict && !subject::is_literal(&self.subject.0) {
            return Err(PublishError::Wildcard { subject: self.shown() });
        }
        let mut subjects = self.subject.0.len();
        if let Some(reply) = &self.reply {
            subject::validate_publish(&reply.0)?;
            subjects += reply.0.len();
        }
        if subjects > LONGEST_SUBJECTS {
            return Err(PublishError::SubjectTooLong { size: subjects, max: LONGEST_SUBJECTS });
        }
        self.join_headers();
        self.checked = true;
        Ok(())
    }

    /// Headers that were added to a block that is passed on go behind its own.
    fn join_headers(&mut self) {
        let Some(block) = self.rare.as_mut().and_then(|rare| rare.block.as_mut()) else { return };
        let Some(headers) = self.headers.take().filter(|headers| !headers.is_empty()) else { return };
        let mut added = Vec::with_capacity(headers.encoded_len());
        headers.encode_into(&mut added);
        // Without the version line.
        let lines = added.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
        let mut joined = block.strip_suffix(b"\r\n").unwrap_or(block).to_vec();
        joined.extend_from_slice(lines);
        *block = Cow::Owned(joined);
    }

    /// Bytes of headers and payload.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        // Empty headers are not sent.
        let headers = self.header_map().filter(|headers| !headers.is_empty());
        let block = self.block().map_or(0, <[u8]>::len);
        block + headers.map_or(0, HeaderMap::encoded_len) + self.payload.as_slice().len()
    }

    /// The headers have been sent. Their memory serves the next message, unless this one may be sent again.
    #[inline]
    pub(super) fn release_headers(&mut self) {
        if !self.again
            && let Some(Cow::Owned(headers)) = self.headers.take()
        {
            spare(headers);
        }
    }
}

thread_local! {
    /// The headers of the message before, for those of the next: publishing with headers then allocates nothing.
    static SPARE: Cell<Option<HeaderMap>> = const { Cell::new(None) };
}

/// Room for headers up to this many bytes is worth keeping.
const SPARE_ROOM: usize = 4096;

fn spare_headers<'a>() -> Cow<'a, HeaderMap> {
    // Room for a few headers at once, so that the usual message allocates once.
    let spare = SPARE.try_with(Cell::take).ok().flatten();
    Cow::Owned(spare.unwrap_or_else(|| HeaderMap::with_capacity(128)))
}

fn spare(mut headers: HeaderMap) {
    if headers.capacity() <= SPARE_ROOM {
        headers.clear();
        // A thread that ends keeps nothing.
        let _ = SPARE.try_with(|spare| spare.set(Some(headers)));
    }
}
