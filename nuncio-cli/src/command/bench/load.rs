//! What all measurements have: how much, by how many, and how it is spread over them.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use nuncio::{Client, HeaderMap};

use crate::connect::{Settings, connect};
use crate::exit::Failure;
use crate::names;

/// How many messages by how many clients.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Load {
    /// Messages in all.
    #[arg(long, value_name = "N", default_value = "100000")]
    pub(crate) msgs: NonZeroU64,
    /// Connections that share them.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) clients: NonZeroU32,
}

impl Load {
    /// How many messages each client has to do with: equal shares, the first ones taking what is left over.
    pub(crate) fn shares(&self) -> impl Iterator<Item = u64> {
        let (msgs, clients) = (self.msgs.get(), u64::from(self.clients.get()));
        (0..clients).map(move |n| msgs / clients + u64::from(n < msgs % clients))
    }

    pub(crate) async fn connect(&self, settings: &Settings) -> Result<Vec<Client>, Failure> {
        let mut clients = Vec::new();
        for _ in 0..self.clients.get() {
            clients.push(connect(settings).await?);
        }
        Ok(clients)
    }
}

/// What the messages are like.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Shape {
    /// Bytes of each payload.
    #[arg(long, value_name = "BYTES", default_value = "128")]
    pub(crate) size: usize,
    /// Headers of each message.
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) headers: usize,
}

/// What is sent, and how much of it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Freight {
    /// Subject to send to.
    #[arg(value_parser = names::subject)]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) load: Load,
    #[command(flatten)]
    shape: Shape,
}

impl Freight {
    pub(crate) fn cargo(&self) -> Result<Cargo, Failure> {
        self.shape.cargo(&self.subject)
    }
}

impl Shape {
    pub(crate) fn payload(&self) -> Bytes {
        vec![b'x'; self.size].into()
    }

    /// What is sent to this subject.
    fn cargo(&self, subject: &str) -> Result<Cargo, Failure> {
        let mut headers = HeaderMap::new();
        for n in 1..=self.headers {
            let added = headers.append(format!("Bench-{n}"), "0123456789abcdef");
            added.map_err(|error| Failure::usage(error.to_string()))?;
        }
        Ok(Cargo { subject: subject.into(), payload: self.payload(), headers })
    }
}

/// A message, to be sent again and again.
#[derive(Clone, Debug)]
pub(crate) struct Cargo {
    pub(crate) subject: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) headers: HeaderMap,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_add_up_and_differ_by_one_at_most() {
        let load = Load { msgs: NonZeroU64::new(10).unwrap(), clients: NonZeroU32::new(4).unwrap() };
        assert_eq!(load.shares().collect::<Vec<_>>(), [3, 3, 2, 2]);
    }
}
