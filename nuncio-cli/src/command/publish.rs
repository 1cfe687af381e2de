//! `nuncio pub`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use nuncio::{Client, Event, Events, HeaderMap};
use serde::Serialize;

use crate::command::Session;
use crate::connect::connect;
use crate::exit::Failure;
use crate::headers::HeaderArgs;
use crate::names;
use crate::output::Show;
use crate::payload::{FROM_STDIN, Source};

/// Publish a message, and wait until the server has taken it.
///
/// A slow transfer goes on for as long as it makes progress within --timeout.
///
/// With --json the result is one object: subject, published (messages), bytes (of all their payloads).
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    /// Subject to publish to.
    #[arg(value_parser = names::subject)]
    subject: String,
    #[arg(help = FROM_STDIN, allow_negative_numbers = true)]
    payload: Option<OsString>,
    #[command(flatten)]
    headers: HeaderArgs,
    /// Subject on which responses are expected.
    #[arg(long, value_name = "SUBJECT", value_parser = names::subject)]
    reply: Option<String>,
    /// Publish the same message so many times.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
}

pub(crate) struct Task {
    subject: String,
    payload: Source,
    headers: HeaderMap,
    reply: Option<String>,
    count: u64,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(Task {
            headers: self.headers.resolve()?,
            subject: self.subject,
            payload: Source::resolve(self.payload),
            reply: self.reply,
            count: self.count,
        })
    }
}

#[derive(Serialize)]
struct Published<'a> {
    subject: &'a str,
    published: u64,
    bytes: u64,
}

impl Show for Published<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let plural = if self.published == 1 { "" } else { "s" };
        writeln!(
            out,
            "published {} message{plural} ({} bytes) to \"{}\"",
            self.published, self.bytes, self.subject
        )
    }
}

impl Task {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        stop.unless(async {
            let nc = connect(&settings).await?;
            let mut events = nc.events();
            let payload = self.payload.read(&nc).await?;
            for _ in 0..self.count {
                let mut publish = nc.publish(&self.subject, &payload).headers(self.headers.clone());
                if let Some(reply) = &self.reply {
                    publish = publish.reply(reply);
                }
                publish.await?;
            }
            let about = format!("publishing to \"{}\"", self.subject);
            confirmed(&nc, &mut events, settings.timeout).await.map_err(|failure| failure.about(&about))?;
            out.show(&Published {
                subject: &self.subject,
                published: self.count,
                bytes: self.count.saturating_mul(payload.len() as u64),
            })?;
            Ok(out.flush()?)
        })
        .await
    }
}

/// Waits until the server has taken everything, for as long as there is progress, and looks at what it said.
async fn confirmed(nc: &Client, events: &mut Events, timeout: Duration) -> Result<(), Failure> {
    let mut flush = std::pin::pin!(nc.flush_timeout(Duration::MAX));
    let mut written = nc.statistics().out_bytes;
    loop {
        tokio::select! {
            confirmed = &mut flush => {
                confirmed?;
                break;
            }
            () = tokio::time::sleep(timeout) => {
                let now = nc.statistics().out_bytes;
                if now == written {
                    return Err(Failure::timeout(format!(
                        "the server confirmed nothing and took nothing within {timeout:?}; raise --timeout if it is only slow"
                    )));
                }
                written = now;
            }
        }
    }
    // What the server refuses it says before it answers the flush.
    while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, events.next()).await {
        if let Event::ServerError(error) = event {
            return Err(Failure::error(error.to_string()));
        }
    }
    let figures = nc.statistics();
    if figures.lost + figures.maybe_lost > 0 {
        return Err(Failure::error(format!(
            "the connection was lost meanwhile: {} messages are lost, {} may be",
            figures.lost, figures.maybe_lost
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_agrees_in_number() {
        let shown = |published| {
            let mut out = Vec::new();
            Published { subject: "a", published, bytes: 5 }.show(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(shown(1), "published 1 message (5 bytes) to \"a\"\n");
        assert_eq!(shown(2), "published 2 messages (5 bytes) to \"a\"\n");
    }
}
