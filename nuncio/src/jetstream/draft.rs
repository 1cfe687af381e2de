//! A message for a stream, before it is sent.

use nuncio_proto::js::expect::OptionError;
use nuncio_proto::js::level::Feature;

use crate::codec::Payload;
use crate::error::shown;
use crate::jetstream::PublishError;
use crate::jetstream::attempts::Sent;
use crate::publish::{Outgoing, Subject};

/// A message and the first fault of its options.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) message: Outgoing<'a>,
    fault: Option<Box<OptionError>>,
    /// What its options need the highest level for.
    pub(crate) needs: Option<Feature>,
}

impl<'a> Draft<'a> {
    #[inline]
    pub(crate) fn new(subject: Subject<'a>, payload: Payload<'a>) -> Self {
        Self { message: Outgoing::new(subject, payload), fault: None, needs: None }
    }

    /// Does `set` to the headers.
    pub(crate) fn set(
        &mut self,
        set: impl FnOnce(&mut nuncio_proto::header::HeaderMap, &[u8]) -> Result<(), OptionError>,
    ) {
        let subject = std::mem::replace(&mut self.message.subject, Subject::from(""));
        if let Err(error) = set(self.message.headers_mut(), &subject.0) {
            self.fault.get_or_insert_with(|| Box::new(error));
        }
        self.message.subject = subject;
    }

    #[inline]
    pub(crate) fn check(&mut self) -> Result<(), PublishError> {
        match self.fault.take() {
            None => Ok(()),
            Some(error) => {
                Err(PublishError::Option { subject: shown(&self.message.subject.0), error: *error })
            }
        }
    }

    pub(crate) fn sent(&self) -> Sent<'_> {
        Sent {
            subject: &self.message.subject.0,
            headers: self.message.header_map().map(nuncio_proto::header::HeaderMap::view),
        }
    }
}

/// The options of a message for a stream, on a builder with a field `draft`.
macro_rules! message_options {
    () => {
        /// The id of the message: within its duplicate window the stream stores it once, and then acknowledges it as a
        /// [duplicate](crate::jetstream::PubAck::duplicate). It makes publishing safe to repeat.
        pub fn message_id(mut self, id: &str) -> Self {
            self.draft.set(|map, _| nuncio_proto::js::expect::message_id(map, id));
            self
        }

        /// Refuses to be stored in any other stream than this one.
        pub fn expect_stream(mut self, name: &str) -> Self {
            self.draft.set(|map, _| nuncio_proto::js::expect::stream(map, name));
            self
        }

        /// Refuses to be stored unless the last message of the stream has this sequence: 0 for none ever.
        pub fn expect_last_sequence(mut self, sequence: u64) -> Self {
            self.draft.set(|map, _| nuncio_proto::js::expect::last_sequence(map, sequence));
            self
        }

        /// Refuses to be stored unless the last message of the stream has this id.
        pub fn expect_last_message_id(mut self, id: &str) -> Self {
            self.draft.set(|map, _| nuncio_proto::js::expect::last_message_id(map, id));
            self
        }

        /// Refuses to be stored unless the last message of the same subject has this sequence: 0 for none.
        pub fn expect_last_subject_sequence(mut self, sequence: u64) -> Self {
            self.draft.set(|map, _| nuncio_proto::js::expect::last_subject_sequence(map, sequence));
            self
        }

        /// Refuses to be stored unless the last message of the subjects that match `filter`, which may hold wildcards,
        /// has this sequence: 0 for none. Needs level 1 of the API (nats-server 2.11), which is asked for once a connection.
        pub fn expect_last_sequence_of(mut self, filter: &str, sequence: u64) -> Self {
            self.draft.need(crate::jetstream::Feature::ExpectedSubject);
            self.draft.set(|map, _| nuncio_proto::js::expect::last_sequence_of(map, filter, sequence));
            self
        }

        /// How long the message is kept: a second at least, of which the server drops fractions; or
        /// [`Ttl::Never`](crate::jetstream::Ttl::Never). The stream must allow it (`allow_msg_ttl`, ADR-43). Needs level 1
        /// of the API (nats-server 2.11), which is asked for once a connection: an older server would keep the message for
        /// ever.
        pub fn ttl(mut self, ttl: impl Into<crate::jetstream::Ttl>) -> Self {
            self.draft.need(crate::jetstream::Feature::MessageTtl);
            self.draft.set(|map, _| nuncio_proto::js::expect::ttl(map, ttl.into()));
            self
        }

        /// What goes when the message is stored. The stream must allow it (`allow_rollup_hdrs`).
        pub fn rollup(mut self, rollup: crate::jetstream::Rollup) -> Self {
            self.draft.set(|map, _| nuncio_proto::js::expect::rollup(map, rollup));
            self
        }

        /// Has the server send the message on at later times (ADR-51). The stream must allow it
        /// (`allow_msg_schedules`). Needs level 2 of the API (nats-server 2.12), level 4 for what
        /// [`Schedule`](crate::jetstream::Schedule) says so of; it is asked for once a connection.
        pub fn schedule(mut self, schedule: &crate::jetstream::Schedule) -> Self {
            self.draft.need(schedule.needs());
            self.draft.set(|map, subject| schedule.apply(map, subject));
            self
        }

        /// Ends the schedule that was published to `schedule` in the moment that this message is stored (ADR-51). Needs level
        /// 2 of the API (nats-server 2.12), which is asked for once a connection.
        pub fn cancel_schedule(mut self, schedule: &str) -> Self {
            self.draft.need(crate::jetstream::Feature::MessageSchedules);
            self.draft.set(|map, _| nuncio_proto::js::schedule::cancel(map, schedule));
            self
        }

        /// Appends a header, as [`Publish::header`](crate::Publish::header) does. Whether the servers know it is not
        /// looked at.
        pub fn header(mut self, name: &str, value: &str) -> Self {
            self.draft.message.header(name, value);
            self
        }

        /// Appends all these headers. Given by reference, as headers of many messages, they are copied once, to the
        /// outgoing buffer.
        pub fn headers(mut self, headers: impl Into<std::borrow::Cow<'a, crate::HeaderMap>>) -> Self {
            self.draft.message.headers(headers.into());
            self
        }

        /// Asks the servers on the message's way to report to `destination`, as
        /// [`Publish::trace`](crate::Publish::trace) does.
        pub fn trace(mut self, destination: &str) -> Self {
            self.draft.message.trace(destination, false);
            self
        }
    };
}
pub(crate) use message_options;
