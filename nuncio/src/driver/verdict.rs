//! What is told of attempts that failed.

use nuncio_proto::pool::ServerId;

use crate::auth::Presented;
use crate::driver::{Driver, First};
use crate::error::{CloseReason, ConnectError};

impl Driver {
    /// A refusal of nobody is no news for a server from which the credentials were kept.
    pub(super) fn explained(&self, id: ServerId, error: ConnectError, presented: &Presented) -> ConnectError {
        match error {
            ConnectError::Refused { server, error }
                if error.is_auth() && presented.nothing && self.shared.pool().withholds_credentials(id) =>
            {
                ConnectError::CredentialsWithheld { server, error }
            }
            error => error,
        }
    }
}

/// Whether this failure is to be told rather than one after it.
pub(super) fn tells_more(last: &ConnectError, once: bool) -> bool {
    match last {
        ConnectError::PlaintextAuth { .. } | ConnectError::CredentialsWithheld { .. } => true,
        last => once && last.is_auth(),
    }
}

pub(super) fn give_up(first: Option<&mut Option<First>>, last: Option<ConnectError>) -> CloseReason {
    let nothing =
        || ConnectError::Option { option: "servers", problem: "no server may be tried any more".into() };
    if let Some(first) = first.and_then(Option::take) {
        let _ = first.send(Err(last.unwrap_or_else(nothing)));
        return CloseReason::ConnectFailed;
    }
    match last {
        Some(ConnectError::Refused { server, error }) if error.is_auth() => {
            CloseReason::Rejected { server, error }
        }
        last => CloseReason::Exhausted { last: Box::new(last.unwrap_or_else(nothing)) },
    }
}
