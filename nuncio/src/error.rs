//! Errors: one small type a verb, one umbrella for `?` in `main`.
//!
//! Display is one level that names the subject or server concerned and how to mend it; causes that are errors of
//! their own come through [`std::error::Error::source`].
//!
//! ```no_run
//! # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
//! use nuncio::RequestError;
//!
//! match nc.request("time", "").await {
//!     Ok(reply) => println!("{}", reply.text()?),
//!     Err(RequestError::NoResponders { subject }) => println!("nobody listens on {subject}"),
//!     Err(error) if error.is_timeout() => println!("too slow: {error}"),
//!     // Any error of this crate becomes a `nuncio::Error`.
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```

use nuncio_proto::header::HeaderError;
use thiserror::Error as ThisError;

use crate::auth::AuthError;
use crate::codec::CodecError;

mod close;
mod connect;
mod flush;
mod publish;
mod request;
mod subscribe;
#[cfg(test)]
mod tests;

pub use close::{CloseReason, ConnectionClosed, DisconnectCause};
pub use connect::ConnectError;
pub use flush::{DrainError, FlushError};
pub use publish::{ConfirmError, PublishError};
pub use request::{RequestError, UserInfoError};
pub use subscribe::SubscribeError;

/// Any error of this crate, for functions that pass on several kinds.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A connection could not be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A message could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A message that was published could not be confirmed.
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    /// A subscription could not be made.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// A request had no reply.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A flush was not answered.
    #[error(transparent)]
    Flush(#[from] FlushError),
    /// A drain could not be begun or ended.
    #[error(transparent)]
    Drain(#[from] DrainError),
    /// The server did not tell who the user is.
    #[error(transparent)]
    UserInfo(#[from] UserInfoError),
    /// Credentials could not be read or used.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The connection is closed.
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
    /// A header cannot be sent.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A payload is not of the type that was asked for, or a value could not be encoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A call of JetStream's API failed.
    #[error(transparent)]
    JetStream(#[from] crate::jetstream::Error),
    /// A message was not stored in a stream, or that is unknown.
    #[error(transparent)]
    JetStreamPublish(#[from] crate::jetstream::PublishError),
    /// The messages of a consumer have ended, or could not be begun.
    #[error(transparent)]
    Consume(#[from] crate::jetstream::ConsumeError),
    /// A message could not be acknowledged.
    #[error(transparent)]
    Ack(#[from] crate::jetstream::AckError),
    /// Messages of a publisher were not stored, or that is unknown.
    #[error(transparent)]
    JetStreamUnconfirmed(#[from] crate::jetstream::Unconfirmed),
}

/// Bytes as text for errors and logs: lossy and cut to a sensible length.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 256;
    let text = String::from_utf8_lossy(bytes.get(..LONGEST).unwrap_or(bytes));
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_debug());
        } else {
            out.push(c);
        }
    }
    if bytes.len() > LONGEST {
        out.push('…');
    }
    out
}
