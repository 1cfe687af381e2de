//! Counters that a stream keeps (ADR-49).

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base64::Engine;
use nuncio_proto::header::HeaderView;
use nuncio_proto::js::error::DecodeError;
use nuncio_proto::js::expect;
use nuncio_proto::js::headers;
use nuncio_proto::js::level::Feature;
use nuncio_proto::js::name::{NameKind, validate_name};
use serde::{Deserialize, Serialize};

use crate::error::shown;
use crate::jetstream::draft::Draft;
use crate::jetstream::{Error, JetStream, Publish, PublishError, Uncertain};
use crate::publish::Subject;

/// What is added to a counter: a whole number of any size, as a number or as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Increment(String);

macro_rules! increments {
    ($($number:ty)*) => {$(
        impl From<$number> for Increment {
            fn from(number: $number) -> Self {
                Self(number.to_string())
            }
        }
    )*};
}
increments!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

impl From<&str> for Increment {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Increment {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// The value of a counter: a whole number of any size, in decimal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counter {
    /// The number.
    pub value: String,
    /// What of it comes from other streams: stream → subject → number.
    pub sources: HashMap<String, HashMap<String, String>>,
}

impl Counter {
    /// The number, if it is not too large.
    pub fn as_i64(&self) -> Option<i64> {
        self.value.parse().ok()
    }

    /// The number, if it is not too large.
    pub fn as_i128(&self) -> Option<i128> {
        self.value.parse().ok()
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

impl JetStream {
    /// Adds to the counter at `subject` and waits for its new value (ADR-49). The subject's stream must be one of counters
    /// (`allow_msg_counter`). Needs level 2 of the API (nats-server 2.12), which is asked for once a connection.
    ///
    /// ```no_run
    /// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), nuncio::Error> {
    /// let visits = js.counter_add("visits.home", 1).await?;
    /// println!("{visits} visits");
    /// # Ok(())
    /// # }
    /// ```
    pub fn counter_add<'a>(
        &'a self,
        subject: impl Into<Subject<'a>>,
        delta: impl Into<Increment>,
    ) -> CounterAdd<'a> {
        let mut draft = Draft::new(subject.into(), ().into());
        let Increment(delta) = delta.into();
        draft.set(|map, _| expect::increment(map, &delta));
        draft.need(Feature::Counters);
        CounterAdd { publish: Publish::new(self, draft) }
    }

    /// The counter at `subject` of a stream, by the stream's leader; `None` if nothing was ever added to it.
    ///
    /// # Errors
    ///
    /// [`Error`]: no such stream, no answer, or a message that is no counter.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn counter(&self, stream: &str, subject: &str) -> Result<Option<Counter>, Error> {
        #[derive(Serialize)]
        struct Ask<'a> {
            last_by_subj: &'a str,
        }
        #[derive(Deserialize)]
        struct Found {
            message: Stored,
        }
        validate_name(NameKind::Stream, stream)?;
        let parts = ["STREAM.MSG.GET", stream];
        let found: Found = match self.call(&parts, &Ask { last_by_subj: subject }).await {
            Err(error) if error.is_message_not_found() => return Ok(None),
            found => found?,
        };
        let operation = self.subject(&parts)?;
        found.message.counter().map(Some).map_err(|error| Error::Answer { operation, error })
    }
}

/// A message as the API gives it: headers and payload in base64.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

impl Stored {
    fn counter(&self) -> Result<Counter, DecodeError> {
        #[derive(Deserialize)]
        struct Body {
            val: String,
        }
        let body: Body = serde_json::from_slice(&bytes(&self.data)?)?;
        let block = bytes(&self.hdrs)?;
        let sources = match HeaderView::parse(&block).ok().and_then(|h| h.get(headers::COUNTER_SOURCES)) {
            Some(text) => serde_json::from_str(text)?,
            None => HashMap::new(),
        };
        Ok(Counter { value: body.val, sources })
    }
}

fn bytes(base64: &str) -> Result<Vec<u8>, DecodeError> {
    base64::prelude::BASE64_STANDARD.decode(base64).map_err(|error| DecodeError::new(error.to_string()))
}

/// An addition to a counter: await it for the new value. Returned by [`JetStream::counter_add`].
///
/// Without a [message id](Self::message_id) it is not repeated after silence or a lost connection, since it would count
/// twice.
///
/// # Errors
///
/// [`PublishError`], as those of [`Publish`].
///
/// # Cancel safety
///
/// Dropped before it is complete, it may have been added.
#[derive(Debug)]
#[must_use = "nothing is added until this is awaited"]
pub struct CounterAdd<'a> {
    publish: Publish<'a>,
}

impl CounterAdd<'_> {
    /// The id of the addition: within the stream's duplicate window it counts once. A repeated one has no new value to
    /// tell, and fails with [`PublishError::Unknown`] if the server tells none.
    pub fn message_id(mut self, id: &str) -> Self {
        self.publish = self.publish.message_id(id);
        self
    }

    /// Appends a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.publish = self.publish.header(name, value);
        self
    }

    /// How long to wait for the new value. Default: that of [`JetStream::timeout`], 5 seconds unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.publish = self.publish.timeout(timeout);
        self
    }
}

impl Future for CounterAdd<'_> {
    type Output = Result<Counter, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ack = ready!(Pin::new(&mut self.publish).poll(cx))?;
        Poll::Ready(match ack.value {
            Some(value) => Ok(Counter { value, sources: HashMap::new() }),
            None => {
                let problem = if ack.duplicate {
                    "it was counted before, and its value is not told again"
                } else {
                    "it tells no value: the stream is not one of counters"
                };
                Err(PublishError::Unknown {
                    subject: shown(self.publish.subject()),
                    cause: Box::new(Uncertain::Answer(DecodeError::new(problem))),
                })
            }
        })
    }
}
