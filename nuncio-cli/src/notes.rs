//! Notes on stderr about the connection, for commands that run for long.

use nuncio::{Client, Event, ServerError};

use crate::exit::tell;

/// Tells on stderr what happens to the connection while a command runs.
pub(crate) fn take(nc: &Client) {
    let mut events = nc.events();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let Some(note) = note(&event) {
                tell(&note);
            }
        }
    });
}

fn note(event: &Event) -> Option<String> {
    match event {
        Event::Disconnected { server, cause, lost, maybe_lost, .. } => {
            let mut note = format!("connection to {server} lost: {cause}");
            if lost + maybe_lost > 0 {
                note.push_str(&format!("; {lost} outgoing messages lost, {maybe_lost} perhaps"));
            }
            Some(note)
        }
        Event::Reconnected { server } => Some(format!("connected again, to {server}")),
        Event::LameDuck { server } => Some(format!("{server} is about to shut down")),
        Event::SlowConsumer { subject, .. } => Some(format!(
            "messages on \"{subject}\" are being dropped: they come faster than they are written"
        )),
        // That is how the subscription ends, and told there.
        Event::ServerError(ServerError::SubscribeViolation { .. }) => None,
        Event::ServerError(error) => Some(error.to_string()),
        Event::Missed(n) => Some(format!("{n} events were missed")),
        _ => None,
    }
}
