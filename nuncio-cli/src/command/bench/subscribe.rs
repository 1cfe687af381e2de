//! `nuncio bench sub`.

use std::time::Duration;

use clap::Args;
use nuncio::Subscription;

use super::load::Load;
use super::receive::{Expected, Intake, Receivers};
use crate::command::{Job, Session};
use crate::exit::Failure;
use crate::names;
use crate::syntax::duration;

/// Receive, and measure from the first message to the last.
///
/// It waits for the first message for as long as it takes, and ends when all have come, when none has come for --idle, or
/// with Ctrl-C. `lost` counts those that did not come.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    /// Subject to subscribe to; may hold wildcards.
    #[arg(value_parser = names::filter)]
    subject: String,
    #[command(flatten)]
    load: Load,
    /// Queue group that the clients share: --msgs is then what all receive together, else what each receives.
    #[arg(long, value_name = "NAME", value_parser = names::queue)]
    queue: Option<String>,
    /// End when no message has come for so long after the first.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    idle: Duration,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        Ok(Job::new(async move |session| self.run(session).await))
    }

    async fn run(self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        let clients = self.load.connect(&settings).await?;
        let messages = self.load.msgs.get();
        let expected = match self.queue {
            None => Expected::Each(messages),
            Some(_) => Expected::together(messages),
        };
        let mut receivers = Receivers::new(clients.len(), expected, None, settings.json);
        for nc in &clients {
            let mut wanted = nc.subscribe(&self.subject);
            if let Some(queue) = &self.queue {
                wanted = wanted.queue(queue);
            }
            let subscription = wanted.confirmed().await?;
            receivers.spawn(|intake| receive(subscription, intake));
        }
        receivers.measure(self.idle, &stop, &mut out).await
    }
}

async fn receive(mut subscription: Subscription, mut intake: Intake) -> Result<(), Failure> {
    while subscription.next().await.is_some() && intake.one() {}
    Ok(())
}
