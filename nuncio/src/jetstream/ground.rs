//! What a consumer's messages come from, and what is asked of the server for them.

use std::future::Future;
use std::pin::Pin;

use nuncio_proto::js::output::{Output, Presence};
use serde::de::IgnoredAny;

use crate::jetstream::maker::Made;
use crate::jetstream::message::Terms;
use crate::jetstream::{Error, JetStream};

/// A question to the server that is on its way.
pub(crate) type Task = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What came of a question to the server.
pub(crate) enum Answer {
    Presence(Presence),
    /// What an ordered consumer asked for.
    Made(Made),
    /// The server has no such consumer any more, or it is not known.
    Deleted(u64),
}

/// The consumer, as those who consume from it know it.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) js: JetStream,
    pub(crate) stream: String,
    pub(crate) consumer: String,
    /// Where pulls are sent to.
    pub(crate) next: String,
    /// What the reply subjects of pulls begin with, its dot included; the deliver subject of a push consumer.
    pub(crate) inbox: Vec<u8>,
    pub(crate) terms: Terms,
    /// Whether messages may carry a pin.
    pub(crate) grouped: bool,
}

impl Ground {
    /// Does what every kind of consumer may ask for; the rest is left alone.
    pub(crate) fn perform(&self, output: Output) -> Option<Task> {
        match output {
            Output::Pull { id, body } => {
                let mut reply = self.inbox.clone();
                reply.extend_from_slice(id.to_string().as_bytes());
                // What is not sent is not answered: the heartbeats that do not come tell.
                let _ = self.js.post(self.next.as_bytes(), Some(&reply), &body);
                None
            }
            Output::Respond { subject } => {
                let _ = self.js.post(&subject, None, b"");
                None
            }
            Output::Probe => Some(self.probe()),
            _ => None,
        }
    }

    fn probe(&self) -> Task {
        let Self { js, stream, consumer, .. } = self.clone();
        Box::pin(async move {
            let info: Result<IgnoredAny, Error> = js.call(&["CONSUMER.INFO", &stream, &consumer], &()).await;
            Answer::Presence(match info {
                Ok(_) => Presence::Present,
                Err(error) if error.is_consumer_not_found() => Presence::ConsumerMissing,
                Err(error) if error.is_stream_not_found() => Presence::StreamMissing,
                Err(_) => Presence::Unknown,
            })
        })
    }

    /// The id of the pull whose reply subject this is.
    pub(crate) fn pull_id(&self, subject: &[u8]) -> Option<u64> {
        let digits = subject.strip_prefix(self.inbox.as_slice())?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}
