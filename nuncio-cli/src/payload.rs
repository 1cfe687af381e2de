//! What a message carries: the argument, or else stdin.

use std::ffi::OsString;
use std::io::{IsTerminal, stdin};

use nuncio::Client;
use tokio::io::AsyncReadExt;

use crate::exit::Failure;

/// Where the payload comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Given(Vec<u8>),
    Stdin,
}

impl Source {
    /// The argument, else stdin; with stdin a terminal there is nothing to be read, and the payload is empty.
    pub(crate) fn resolve(argument: Option<OsString>) -> Self {
        match argument {
            Some(text) => Self::Given(text.into_encoded_bytes()),
            None if stdin().is_terminal() => Self::Given(Vec::new()),
            None => Self::Stdin,
        }
    }

    /// The payload, of which no more is read than the server takes.
    pub(crate) async fn read(self, nc: &Client) -> Result<Vec<u8>, Failure> {
        let max = nc.max_payload();
        match self {
            Self::Given(payload) => Ok(payload),
            Self::Stdin => {
                let mut payload = Vec::new();
                let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
                let read = tokio::io::stdin().take(limit).read_to_end(&mut payload).await;
                read.map_err(|error| Failure::error(format!("cannot read the payload from stdin: {error}")))?;
                if payload.len() > max {
                    return Err(Failure::error(format!(
                        "stdin has more than the {max} bytes that the server allows in a message"
                    )));
                }
                Ok(payload)
            }
        }
    }
}

/// What `--help` says about it.
pub(crate) const FROM_STDIN: &str = "Payload. Without it stdin is read to its end, unless that is a terminal; \
    with nothing there the payload is empty. Give '' where stdin must not be read";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_taken_even_when_empty() {
        assert_eq!(Source::resolve(Some("".into())), Source::Given(Vec::new()));
    }
}
