//! The stations of the tour, in their order.

mod life;
mod payloads;
mod requests;
mod streams;
mod subjects;

use std::error::Error;
use std::time::Duration;

use nuncio::{Client, Message, Subscription};
use tokio::task::JoinHandle;

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// How long a message may take; only a broken server or client needs it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Walks through everything on the server at `url` and tells each line to `say`.
pub(crate) async fn walk(url: &str, say: &mut dyn FnMut(&str)) -> Result {
    let nc = nuncio::connect(url).name("nuncio tour").await?;
    let mut tour = Tour { nc, prefix: format!("tour.{}.", nuncio::nuid()), say, clock: None };
    connect(&mut tour).await?;
    subjects::publish_subscribe(&mut tour).await?;
    subjects::wildcards(&mut tour).await?;
    subjects::queue_groups(&mut tour).await?;
    requests::request_reply(&mut tour).await?;
    requests::no_responders(&mut tour).await?;
    requests::request_many(&mut tour).await?;
    payloads::headers(&mut tour).await?;
    payloads::typed(&mut tour).await?;
    subjects::callback(&mut tour).await?;
    subjects::auto_unsubscribe(&mut tour).await?;
    subjects::first_message_timeout(&mut tour).await?;
    subjects::slow_consumer(&mut tour).await?;
    subjects::mistakes(&mut tour).await?;
    life::events(&mut tour).await?;
    life::statistics(&mut tour).await?;
    life::drain(&mut tour).await?;
    // What is drained stays closed.
    tour.nc = nuncio::connect(url).name("nuncio tour").await?;
    streams::jetstream(&mut tour).await
}

/// What the stations have in common.
struct Tour<'a> {
    nc: Client,
    /// What all subjects of this tour begin with, so that it disturbs nobody on a shared server.
    prefix: String,
    say: &'a mut dyn FnMut(&str),
    /// The task that answers on `time`.
    clock: Option<JoinHandle<u32>>,
}

impl Tour<'_> {
    fn title(&mut self, title: &str) {
        (self.say)(title);
    }

    /// Tells a line, without the prefix of the subjects in it.
    fn say(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref().replace(&self.prefix, "");
        (self.say)(&format!("  {line}"));
    }

    /// Tells a line that differs from run to run.
    fn say_varying(&mut self, line: impl AsRef<str>) {
        (self.say)(&format!("~ {}", line.as_ref()));
    }

    /// The full name of one of the tour's subjects.
    fn at(&self, subject: &str) -> String {
        format!("{}{subject}", self.prefix)
    }

    fn say_message(&mut self, message: &Message) -> Result {
        self.say(format!("{} <- {}", message.subject(), message.text()?));
        Ok(())
    }
}

/// The next message; that there is none is an error.
async fn next(subscription: &mut Subscription) -> Result<Message> {
    let message = subscription.next_timeout(PATIENCE).await;
    message
        .ok_or_else(|| format!("no message on {}: {:?}", subscription.subject(), subscription.ended()).into())
}

/// What is in the queue already.
fn queued(subscription: &mut Subscription) -> Vec<Message> {
    std::iter::from_fn(|| subscription.try_next()).collect()
}

async fn connect(tour: &mut Tour<'_>) -> Result {
    tour.title("connect");
    let rtt = tour.nc.rtt().await?;
    let info = tour.nc.server_info();
    tour.say("connected as \"nuncio tour\"");
    let server = tour.nc.server().unwrap_or_default();
    tour.say_varying(format!("server {} at {server}, round trip {} µs", info.version, rtt.as_micros()));
    Ok(())
}
