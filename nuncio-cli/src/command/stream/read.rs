//! `nuncio stream get` and `nuncio stream view`.

use std::io::{self, Write};

use clap::Args;
use nuncio::HeaderMap;
use nuncio::jetstream::{Error, StoredMessage, Stream};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::command::Job;
use crate::command::stream::Which;
use crate::exit::Failure;
use crate::jetstream::target::Target;
use crate::names;
use crate::output::{Content, Output, Show, header_entries, show_headers};
use crate::printable::printable;

/// Print one message of a stream, by its sequence or the last of a subject.
///
/// With --json it is one object: stream, seq, subject, time, headers (an object of arrays), size (of the payload), and payload
/// or payload_base64.
#[derive(Debug, Args)]
pub(crate) struct Get {
    #[command(flatten)]
    which: Which,
    /// Its sequence.
    #[arg(value_name = "SEQ", required_unless_present = "last")]
    seq: Option<u64>,
    /// The last message of this subject, which may have wildcards.
    #[arg(long, value_name = "SUBJECT", conflicts_with = "seq", value_parser = names::filter)]
    last: Option<String>,
    /// Print the payload alone.
    #[arg(long, conflicts_with = "json")]
    raw: bool,
}

/// Print messages of a stream in their order, as `nuncio stream get` does. Fewer than asked for is no error.
#[derive(Debug, Args)]
pub(crate) struct View {
    #[command(flatten)]
    which: Which,
    /// The first sequence to print, if it is there. Default: the first of the stream.
    #[arg(long, value_name = "SEQ", default_value = "1", hide_default_value = true)]
    from: u64,
    /// How many messages at most.
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Only messages of these subjects, with wildcards.
    #[arg(long, value_name = "FILTER", default_value = ">", hide_default_value = true, value_parser = names::filter)]
    subject: String,
    /// Print payloads alone.
    #[arg(long, conflicts_with = "json")]
    raw: bool,
}

enum What {
    One(u64),
    Last(String),
    Some { subject: String, from: u64, count: u64 },
}

struct Task {
    which: Which,
    what: What,
    raw: bool,
}

impl Get {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let what = match self.last {
            Some(subject) => What::Last(subject),
            None => What::One(self.seq.unwrap_or_default()),
        };
        Ok(Task { which: self.which, what, raw: self.raw }.job())
    }
}

impl View {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let what = What::Some { subject: self.subject, from: self.from, count: self.count };
        Ok(Task { which: self.which, what, raw: self.raw }.job())
    }
}

struct Line<'a> {
    stream: &'a str,
    message: &'a StoredMessage,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.message;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("stream", self.stream)?;
        map.serialize_entry("seq", &message.sequence)?;
        map.serialize_entry("subject", &message.subject)?;
        map.serialize_entry("time", &message.time)?;
        let own = message.own_headers();
        header_entries(&mut map, own.as_ref().map(HeaderMap::view).map_err(Clone::clone))?;
        map.serialize_entry("size", &message.payload.len())?;
        Content(&message.payload).entry(&mut map, "payload")?;
        map.end()
    }
}

impl Show for Line<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let message = self.message;
        writeln!(out, "#{} {}, {}", message.sequence, printable(&message.subject), message.time)?;
        let own = message.own_headers();
        if own.as_ref().map_or(true, |own| !own.is_empty()) {
            show_headers(out, own.as_ref().map(HeaderMap::view).map_err(Clone::clone))?;
            writeln!(out)?;
        }
        Content(&message.payload).show(out)?;
        writeln!(out, "\n")
    }
}

impl Task {
    fn job(self) -> Job {
        Job::brief(async move |settings, out| {
            let stream = self.which.connect(settings).await?;
            let message = match &self.what {
                What::One(seq) => stream.get_message(*seq).await,
                What::Last(subject) => stream.last_message(subject).await,
                What::Some { subject, from, count } => {
                    return self.view(&stream, subject, *from, *count, out).await;
                }
            };
            self.show(&message.map_err(|error| self.about(error))?, out)
        })
    }

    fn about(&self, error: Error) -> Failure {
        self.which.named().about(error)
    }

    /// Message after message, from any replica where the stream allows that.
    async fn view(
        &self,
        stream: &Stream,
        subject: &str,
        from: u64,
        count: u64,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let direct = stream.info().await.map_err(|error| self.about(error))?.config.allow_direct;
        let mut next = from.max(1);
        for _ in 0..count {
            let found = match direct {
                true => stream.direct_next(subject, next).await,
                false => stream.next_message(subject, next).await,
            };
            let message = match found {
                Err(error) if error.is_message_not_found() => break,
                found => found.map_err(|error| self.about(error))?,
            };
            self.show(&message, out)?;
            out.flush()?;
            next = message.sequence.saturating_add(1);
        }
        Ok(())
    }

    fn show(&self, message: &StoredMessage, out: &mut Output) -> Result<(), Failure> {
        if self.raw {
            return Ok(out.raw(&message.payload)?);
        }
        Ok(out.show(&Line { stream: &self.which.stream, message })?)
    }
}
