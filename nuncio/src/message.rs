//! A received message.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use nuncio_proto::header::{self, HeaderError, HeaderView, Status};
use nuncio_proto::message;

use crate::codec::{CodecError, Decode, Payload};
use crate::driver::shared::Shared;
use crate::error::{PublishError, shown};
use crate::publish::{Outgoing, Publish};

/// A received message.
///
/// Whatever another client was allowed to publish is delivered; nothing is parsed until asked for. A fault in a
/// message's headers is reported by [`headers`](Self::headers) of that message alone.
///
/// Messages that arrive in a burst share the memory they were read into (at most 128 KiB); use
/// [`detach`](Self::detach) for messages that are kept for long. Dropping a message does nothing on the wire.
///
/// ```no_run
/// # async fn f(m: nuncio::Message) -> Result<(), nuncio::Error> {
/// println!("{} from {:?}: {}", m.subject(), m.header("sender"), m.text()?);
/// for (name, value) in m.headers()?.iter() {
///     println!("{name}: {value}");
/// }
/// if m.reply().is_some() {
///     m.respond("thank you").header("sender", "me").await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Message {
    inner: message::Message<Arc<Shared>>,
}

impl Message {
    #[inline]
    pub(crate) fn new(inner: message::Message<Arc<Shared>>) -> Self {
        Self { inner }
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.inner.context()
    }

    /// The subject it was published to. Bytes that are not UTF-8 are shown as `U+FFFD`.
    pub fn subject(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.inner.subject())
    }

    /// The subject as the bytes that arrived.
    pub fn subject_bytes(&self) -> &[u8] {
        self.inner.subject()
    }

    /// The subject that the sender expects responses on, if any.
    pub fn reply(&self) -> Option<Cow<'_, str>> {
        self.inner.reply().map(String::from_utf8_lossy)
    }

    /// The reply subject as the bytes that arrived.
    pub fn reply_bytes(&self) -> Option<&[u8]> {
        self.inner.reply()
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.inner.payload()
    }

    /// The payload without a copy; it keeps the memory alive as the message does.
    pub fn payload_bytes(&self) -> Bytes {
        self.inner.payload_bytes()
    }

    /// The payload as text.
    ///
    /// # Errors
    ///
    /// When it is not UTF-8.
    pub fn text(&self) -> Result<&str, CodecError> {
        std::str::from_utf8(self.payload()).map_err(|e| CodecError::new("text", e.to_string()))
    }

    /// The payload as a value of type `T`, from JSON.
    ///
    /// # Errors
    ///
    /// When the payload is not JSON of that shape.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, CodecError> {
        self.decode::<crate::Json<T>>().map(|json| json.0)
    }

    /// The payload as a value of type `T`.
    ///
    /// # Errors
    ///
    /// When the payload does not hold such a value.
    pub fn decode<T: Decode>(&self) -> Result<T, CodecError> {
        T::decode(self.payload())
    }

    /// The headers; without any, an empty view.
    ///
    /// # Errors
    ///
    /// When the header block breaks the rules of ADR-4: a line without a colon, a name with a space, a bare carriage
    /// return, text that is not UTF-8, another version. The rest of the message is usable all the same, and
    /// [`raw_headers`](Self::raw_headers) gives the bytes.
    pub fn headers(&self) -> Result<HeaderView<'_>, HeaderError> {
        HeaderView::parse(self.inner.header_block().unwrap_or(b"NATS/1.0\r\n\r\n"))
    }

    /// The first value of a header; `None` without it, or when the headers are faulty. The exact name is looked for
    /// first, then the name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header::look_up(self.inner.header_block()?, name)
    }

    /// Whether the message came with a header block, be it empty.
    pub fn has_headers(&self) -> bool {
        self.inner.header_block().is_some()
    }

    /// The header block as the bytes that arrived, from `NATS/1.0` to its empty line.
    pub fn raw_headers(&self) -> Option<&[u8]> {
        self.inner.header_block()
    }

    /// The status line, on messages that a server makes: 503 for no responders and the like.
    pub fn status(&self) -> Option<Status<'_>> {
        header::status(self.inner.header_block()?)
    }

    /// The id of the subscription that it was delivered to.
    pub fn sid(&self) -> u64 {
        self.inner.sid()
    }

    /// Bytes of subject, reply, headers and payload.
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// Whether subject, reply, headers and payload are all empty, which no server sends.
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// Bytes of memory that this message keeps alive, together with others of the same burst.
    pub fn pinned(&self) -> usize {
        self.inner.pinned()
    }

    /// Copies the message into memory of its own, so that keeping it does not keep others' bytes.
    pub fn detach(&mut self) {
        self.inner.detach();
    }

    /// Publishes a response to the message's reply subject.
    ///
    /// A builder as [`Client::publish`](crate::Client::publish) returns it; awaiting it reports
    /// [`PublishError::NoReply`] when the message has no reply subject.
    ///
    /// ```no_run
    /// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
    /// let mut times = nc.subscribe("time").await?;
    /// while let Some(m) = times.next().await {
    ///     m.respond("half past nine").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn respond<'a>(&'a self, payload: impl Into<Payload<'a>>) -> Publish<'a> {
        let shared = self.inner.context();
        match self.inner.reply() {
            Some(reply) => Publish::new(shared, Outgoing::new(reply.into(), payload.into())),
            None => Publish::failed(shared, PublishError::NoReply { subject: shown(self.inner.subject()) }),
        }
    }
}

impl Message {
    /// Responds with another message: its payload, and its header block byte for byte. Otherwise as
    /// [`respond`](Self::respond).
    pub fn respond_message<'a>(&'a self, other: &'a Message) -> Publish<'a> {
        let shared = self.inner.context();
        match self.inner.reply() {
            Some(reply) => Publish::new(shared, Outgoing::forward(other, reply.into())),
            None => Publish::failed(shared, PublishError::NoReply { subject: shown(self.inner.subject()) }),
        }
    }

    /// Who sent a request that came through a service import, where the importing account shares that: the JSON of the
    /// header `Nats-Request-Info`, which the server sets. `None` without it.
    ///
    /// Only a server can be trusted with it, and only for imported services: everybody else may set the header too.
    ///
    /// # Errors
    ///
    /// When the header is no JSON object.
    pub fn request_info(&self) -> Result<Option<RequestInfo>, CodecError> {
        let Some(text) = self.header("Nats-Request-Info") else { return Ok(None) };
        serde_json::from_str(text)
            .map(Some)
            .map_err(|error| CodecError::new("Nats-Request-Info", error.to_string()))
    }
}

/// Who sent a request, by the server's word; see [`Message::request_info`].
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RequestInfo {
    /// The account.
    pub acc: String,
    /// The round-trip time between the client and its server, in nanoseconds.
    pub rtt: u64,
    /// When the client connected.
    pub start: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The client's address.
    pub host: Option<String>,
    /// The client's id at its server.
    pub id: Option<u64>,
    /// The name of the client's connection.
    pub name: Option<String>,
    /// The language of the client.
    pub lang: Option<String>,
    /// The version of the client.
    pub ver: Option<String>,
    /// The server of the client.
    pub server: Option<String>,
    /// The cluster of that server.
    pub cluster: Option<String>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("subject", &self.subject())
            .field("reply", &self.reply())
            .field("sid", &self.sid())
            .field("header_bytes", &self.raw_headers().map_or(0, <[u8]>::len))
            .field("payload_bytes", &self.payload().len())
            .finish()
    }
}
