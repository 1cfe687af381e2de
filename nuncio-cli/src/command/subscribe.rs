//! `nuncio sub`.

use std::time::Duration;

use clap::Args;
use nuncio::{Client, Message, Subscription};

use crate::command::Session;
use crate::connect::connect;
use crate::exit::{self, Failure, tell};
use crate::names;
use crate::notes;
use crate::output::{MessageLine, Output};
use crate::stop::{Reason, Stop};
use crate::syntax::duration;

/// Subscribe to a subject and print what comes.
///
/// Ends after --count messages, when nothing has come for --wait, with Ctrl-C or SIGTERM (what is on its way is still
/// printed), or when the reader of stdout is gone.
///
/// With --json each message is one object: subject, reply (null without one), headers (an object of arrays), size (of
/// the payload in bytes), and payload, or payload_base64 where it is not UTF-8; where there is one also the status and
/// its description. Notes about the connection go to stderr.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    /// Subject; * stands for one token, > at the end for one or more.
    #[arg(value_parser = names::filter)]
    subject: String,
    /// Queue group to join: each message goes to one member of it.
    #[arg(long, value_name = "GROUP", value_parser = names::queue)]
    queue: Option<String>,
    /// End after so many messages. Exit code 3 if --wait ends it before.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print the payload as it is and an end of line, nothing else.
    #[arg(long, conflicts_with_all = ["headers_only", "json"])]
    raw: bool,
    /// Leave the payload out.
    #[arg(long)]
    headers_only: bool,
    /// End when nothing has come for so long.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
}

pub(crate) struct Task(Syntax);

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(Task(self))
    }
}

/// Why no more messages are read.
enum Over {
    Ended,
    Silence(Duration),
    Stop(Reason),
}

impl Task {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        let connecting = async {
            let nc = connect(&settings).await?;
            notes::take(&nc);
            let subscription = self.subscribe(&nc).await?;
            Ok::<_, Failure>((nc, subscription))
        };
        let (nc, mut subscription) = tokio::select! {
            connected = connecting => connected?,
            _ = stop.reason() => return Ok(()),
        };
        let done = self.print(&mut subscription, &mut out, &stop).await;
        nc.close().await;
        done
    }

    async fn subscribe(&self, nc: &Client) -> Result<Subscription, Failure> {
        let mut subscribe = nc.subscribe(&self.0.subject);
        if let Some(queue) = &self.0.queue {
            subscribe = subscribe.queue(queue);
        }
        if let Some(count) = self.0.count {
            subscribe = subscribe.max(count);
        }
        Ok(subscribe.await?)
    }

    async fn print(
        &self,
        subscription: &mut Subscription,
        out: &mut Output,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let mut printed = 0;
        let over = self.print_all(subscription, out, stop, &mut printed).await?;
        if matches!(over, Over::Stop(Reason::Signal)) {
            // That it has ended already, or that the server is away, changes nothing for what has arrived.
            let _ = subscription.drain().await;
            while let Some(message) = subscription.try_next() {
                printed += 1;
                self.show(&message, printed, out)?;
            }
        }
        out.flush()?;
        let dropped = subscription.stats().dropped;
        if dropped > 0 {
            tell(&format!(
                "{dropped} messages on \"{}\" were dropped: they came faster than they were written",
                self.0.subject
            ));
        }
        match over {
            Over::Ended => exit::ended(subscription.ended()),
            Over::Silence(wait) => self.enough(printed, wait),
            Over::Stop(_) => Ok(()),
        }
    }

    async fn print_all(
        &self,
        subscription: &mut Subscription,
        out: &mut Output,
        stop: &Stop,
        printed: &mut u64,
    ) -> Result<Over, Failure> {
        loop {
            if let Some(reason) = stop.now() {
                return Ok(Over::Stop(reason));
            }
            let next = match subscription.try_next() {
                Some(message) => Some(message),
                None => {
                    // Only now, so that a flood is written in large pieces.
                    out.flush()?;
                    tokio::select! {
                        biased;
                        next = subscription.next() => next,
                        reason = stop.reason() => return Ok(Over::Stop(reason)),
                        wait = silence(self.0.wait) => return Ok(Over::Silence(wait)),
                    }
                }
            };
            let Some(message) = next else { return Ok(Over::Ended) };
            *printed += 1;
            self.show(&message, *printed, out)?;
        }
    }

    fn show(&self, message: &Message, number: u64, out: &mut Output) -> Result<(), Failure> {
        if self.0.raw {
            return Ok(out.raw(message.payload())?);
        }
        Ok(out.show(&MessageLine { message, number: Some(number), with_payload: !self.0.headers_only })?)
    }

    fn enough(&self, printed: u64, wait: Duration) -> Result<(), Failure> {
        match self.0.count {
            Some(count) if printed < count => Err(Failure::timeout(format!(
                "{printed} of {count} messages on \"{}\" came, and nothing more within {wait:?}",
                self.0.subject
            ))),
            _ => Ok(()),
        }
    }
}

/// Waits until nothing has come for so long, for ever if no time is given.
pub(crate) async fn silence(wait: Option<Duration>) -> Duration {
    match wait {
        Some(wait) => {
            tokio::time::sleep(wait).await;
            wait
        }
        None => std::future::pending().await,
    }
}
