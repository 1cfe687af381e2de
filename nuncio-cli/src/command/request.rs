//! `nuncio request`.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use nuncio::{Client, HeaderMap, Message};

use crate::command::Session;
use crate::connect::connect;
use crate::exit::Failure;
use crate::headers::HeaderArgs;
use crate::names;
use crate::output::{MessageLine, Output};
use crate::payload::{FROM_STDIN, Source};
use crate::syntax::duration;

/// Send a request and print the reply.
///
/// Waits for --timeout in all. For people a reply's headers are printed first, then an empty line, then its payload;
/// with --json each reply is one object as of `nuncio sub`.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    /// Subject of the request.
    #[arg(value_parser = names::subject)]
    subject: String,
    #[arg(help = FROM_STDIN, allow_negative_numbers = true)]
    payload: Option<OsString>,
    #[command(flatten)]
    headers: HeaderArgs,
    /// Print so many replies, 0 for all that come in time. Exit code 3 if fewer come. [default: 1; with --stall 0]
    #[arg(long, value_name = "N")]
    replies: Option<usize>,
    /// End when no further reply comes for so long after one.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    stall: Option<Duration>,
    /// Print the payload as it is and an end of line, nothing else.
    #[arg(long, conflicts_with = "json")]
    raw: bool,
}

pub(crate) struct Task {
    subject: String,
    payload: Source,
    headers: HeaderMap,
    /// How many replies; `None` for all that come.
    replies: Option<usize>,
    stall: Option<Duration>,
    raw: bool,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        let replies = self.replies.unwrap_or(if self.stall.is_some() { 0 } else { 1 });
        Ok(Task {
            headers: self.headers.resolve()?,
            subject: self.subject,
            payload: Source::resolve(self.payload),
            replies: (replies > 0).then_some(replies),
            stall: self.stall,
            raw: self.raw,
        })
    }
}

impl Task {
    pub(crate) async fn run(mut self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        stop.unless(async {
            let nc = connect(&settings).await?;
            let payload = std::mem::replace(&mut self.payload, Source::Stdin).read(&nc).await?;
            if self.replies == Some(1) {
                let reply = nc.request(&self.subject, &payload).headers(self.headers.clone()).await?;
                self.show(&reply, &mut out)
            } else {
                self.many(&nc, &payload, settings.timeout, &mut out).await
            }
        })
        .await
    }

    async fn many(
        &self,
        nc: &Client,
        payload: &[u8],
        timeout: Duration,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let mut many = nc.request(&self.subject, payload).headers(self.headers.clone()).many();
        if let Some(max) = self.replies {
            many = many.max_messages(max);
        }
        if let Some(stall) = self.stall {
            many = many.stall(stall);
        }
        let mut replies = many.await?;
        let mut came = 0;
        while let Some(reply) = replies.next().await {
            self.show(&reply?, out)?;
            came += 1;
        }
        match self.replies {
            _ if came == 0 => {
                Err(Failure::timeout(format!("no reply on \"{}\" within {timeout:?}", self.subject)))
            }
            Some(wanted) if came < wanted => Err(Failure::timeout(format!(
                "{came} of {wanted} replies on \"{}\" came in time",
                self.subject
            ))),
            _ => Ok(()),
        }
    }

    fn show(&self, reply: &Message, out: &mut Output) -> Result<(), Failure> {
        if self.raw {
            out.raw(reply.payload())?;
        } else {
            out.show(&MessageLine { message: reply, number: None, with_payload: true })?;
        }
        Ok(out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(replies: Option<usize>, stall: Option<Duration>) -> Option<usize> {
        let syntax = Syntax {
            subject: "a".into(),
            payload: Some("".into()),
            headers: HeaderArgs::default(),
            replies,
            stall,
            raw: false,
        };
        syntax.resolve().map_or(None, |task| task.replies)
    }

    #[test]
    fn one_reply_is_awaited_unless_a_stall_or_a_number_says_otherwise() {
        assert_eq!(replies(None, None), Some(1));
        assert_eq!(replies(None, Some(Duration::from_secs(1))), None);
        assert_eq!(replies(Some(0), None), None);
        assert_eq!(replies(Some(3), Some(Duration::from_secs(1))), Some(3));
    }
}
