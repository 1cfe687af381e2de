//! The subject that a reply arrives on, and the subscription to all of them.

use std::task::Waker;

use nuncio_proto::inbox::Token;
use nuncio_proto::registry::Interest;
use nuncio_proto::subject;

use crate::driver::route::{Change, Route};
use crate::driver::shared::{Core, MUX_SID, Shared};
use crate::error::{PublishError, RequestError};
use crate::publish::{LONGEST_SUBJECTS, Outgoing};
use crate::subscribe::announce;

/// The subject of a reply: on the stack but for a long inbox prefix.
pub(crate) enum Reply<'a> {
    Short([u8; SHORT], usize),
    Long(Vec<u8>),
    Own(&'a [u8]),
}

pub(crate) const SHORT: usize = 64;

impl Reply<'_> {
    /// The subject of the reply to the request with this token, in the inbox of all requests.
    #[inline]
    pub(crate) fn of(shared: &Shared, token: Token) -> Self {
        let prefix = &*shared.mux_prefix;
        let mut text = shared.mux_start;
        if let Some(len) = text.get_mut(prefix.len()..).and_then(|tail| token.write_to(tail)) {
            return Reply::Short(text, prefix.len() + len);
        }
        let mut text = Vec::with_capacity(prefix.len() + Token::MAX_LEN);
        text.extend_from_slice(prefix);
        token.encode_into(&mut text);
        Reply::Long(text)
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Short(text, len) => text.get(..*len).unwrap_or_default(),
            Self::Long(text) => text,
            Self::Own(text) => text,
        }
    }
}

/// The subject that a request with its own subscription gets its reply on.
pub(super) fn own_reply(shared: &Shared, message: &Outgoing<'_>) -> Result<Vec<u8>, RequestError> {
    let Some(reply) = &message.reply else { return Ok(shared.new_inbox().into_bytes()) };
    let reply = &*reply.0;
    subject::validate_publish(reply).map_err(PublishError::from)?;
    if !subject::is_literal(reply) {
        let problem = "a reply subject must not hold wildcards: it is published to";
        return Err(RequestError::Option { option: "reply", problem });
    }
    if reply.len() > LONGEST_SUBJECTS {
        let error = PublishError::SubjectTooLong { size: reply.len(), max: LONGEST_SUBJECTS };
        return Err(error.into());
    }
    Ok(reply.to_vec())
}

/// Subscribes to the inbox of all requests, the first time one is made.
#[inline]
pub(crate) fn subscribe_to_replies(core: &mut Core, shared: &Shared) -> Option<Waker> {
    if core.mux_live { None } else { subscribe_now(core, shared) }
}

#[cold]
fn subscribe_now(core: &mut Core, shared: &Shared) -> Option<Waker> {
    core.mux_live = true;
    let subject = shared.mux_subject();
    let interest = Interest { subject: subject.into(), queue: None };
    let waker = announce(core, MUX_SID, &interest, None);
    core.changes.push(Change::Subscribe {
        sid: MUX_SID,
        interest,
        max: None,
        route: Route::Replies,
        first_message: None,
    });
    waker
}
