//! `nuncio events`.

use std::io::{self, Write};
use std::time::SystemTime;

use clap::Args;
use nuncio::{ConnectionState, Event};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::command::Session;
use crate::connect::connect;
use crate::exit::Failure;
use crate::output::Show;
use crate::printable::printable;

/// Connect and print what happens to the connection, until Ctrl-C.
///
/// With --json each event is one object with time (RFC 3339), event (connected, disconnected, reconnecting,
/// connect_failed, reconnected, servers_changed, lame_duck, server_error, missed, closed, or other), and what belongs
/// to it: server, cause, error, attempt, added, removed, lost, maybe_lost, kept, reason, missed.
#[derive(Debug, Args)]
pub(crate) struct Syntax {}

pub(crate) struct Task;

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(Task)
    }
}

struct Line {
    time: String,
    event: Event,
}

impl Line {
    fn now(event: Event) -> Self {
        Self { time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(), event }
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &self.time)?;
        let name = name(&self.event);
        map.serialize_entry("event", name)?;
        match &self.event {
            Event::Connected { server } | Event::Reconnected { server } | Event::LameDuck { server } => {
                map.serialize_entry("server", server)?;
            }
            Event::Disconnected { server, cause, lost, maybe_lost, kept } => {
                map.serialize_entry("server", server)?;
                map.serialize_entry("cause", &cause.to_string())?;
                map.serialize_entry("lost", lost)?;
                map.serialize_entry("maybe_lost", maybe_lost)?;
                map.serialize_entry("kept", kept)?;
            }
            Event::Reconnecting { server, attempt } => {
                map.serialize_entry("server", server)?;
                map.serialize_entry("attempt", attempt)?;
            }
            Event::ConnectFailed { server, error } => {
                map.serialize_entry("server", server)?;
                map.serialize_entry("error", &error.to_string())?;
            }
            Event::ServersChanged { added, removed } => {
                map.serialize_entry("added", added)?;
                map.serialize_entry("removed", removed)?;
            }
            Event::Ping { unanswered } => map.serialize_entry("unanswered", unanswered)?,
            Event::ServerError(error) => map.serialize_entry("error", &error.to_string())?,
            Event::Missed(missed) => map.serialize_entry("missed", missed)?,
            Event::Closed { reason } => map.serialize_entry("reason", &reason.to_string())?,
            other => map.serialize_entry("detail", &format!("{other:?}"))?,
        }
        map.end()
    }
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Connected { .. } => "connected",
        Event::Disconnected { .. } => "disconnected",
        Event::Reconnecting { .. } => "reconnecting",
        Event::ConnectFailed { .. } => "connect_failed",
        Event::Reconnected { .. } => "reconnected",
        Event::ServersChanged { .. } => "servers_changed",
        Event::LameDuck { .. } => "lame_duck",
        Event::Ping { .. } => "ping",
        Event::ServerError(_) => "server_error",
        Event::Missed(_) => "missed",
        Event::Closed { .. } => "closed",
        _ => "other",
    }
}

impl Show for Line {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let text = match &self.event {
            Event::Connected { server } => format!("connected to {server}"),
            Event::Disconnected { server, cause, lost, maybe_lost, kept } => format!(
                "connection to {server} lost: {cause} (messages lost: {lost}, perhaps lost: {maybe_lost}, kept: {kept})"
            ),
            Event::Reconnecting { server, attempt } => format!("connecting to {server}, attempt {attempt}"),
            Event::ConnectFailed { server, error } => format!("connecting to {server} failed: {error}"),
            Event::Reconnected { server } => format!("connected again, to {server}"),
            Event::ServersChanged { added, removed } => {
                format!("servers changed (added: {}; removed: {})", list(added), list(removed))
            }
            Event::LameDuck { server } => format!("{server} is about to shut down"),
            Event::Ping { unanswered } => {
                format!("asking whether the server lives (unanswered: {unanswered})")
            }
            Event::ServerError(error) => error.to_string(),
            Event::Missed(missed) => format!("{missed} events were missed"),
            Event::Closed { reason } => format!("closed: {reason}"),
            other => format!("{other:?}"),
        };
        writeln!(out, "{} {}", self.time, printable(&text))
    }
}

fn list(servers: &[String]) -> String {
    if servers.is_empty() { "none".into() } else { servers.join(", ") }
}

impl Task {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        let nc = tokio::select! {
            connected = connect(&settings) => connected?,
            _ = stop.reason() => return Ok(()),
        };
        let mut events = nc.events();
        // The event itself was before there was anybody to hear it.
        out.show(&Line::now(Event::Connected { server: nc.server().unwrap_or_default() }))?;
        out.flush()?;
        let mut stopping = false;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                _ = stop.reason(), if !stopping => {
                    stopping = true;
                    nc.close().await;
                    continue;
                }
            };
            let Some(event) = event else { break };
            out.show(&Line::now(event))?;
            out.flush()?;
        }
        match nc.state() {
            ConnectionState::Closed(reason) if !reason.is_wanted() => Err(reason.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(event: Event) -> String {
        serde_json::to_string(&Line { time: "T".into(), event }).unwrap()
    }

    #[test]
    fn an_event_is_one_object_with_its_own_keys() {
        assert_eq!(
            json(Event::Reconnecting { server: "a:1".into(), attempt: 2 }),
            r#"{"time":"T","event":"reconnecting","server":"a:1","attempt":2}"#
        );
        assert_eq!(
            json(Event::ServersChanged { added: vec!["b:2".into()], removed: vec![] }),
            r#"{"time":"T","event":"servers_changed","added":["b:2"],"removed":[]}"#
        );
        assert_eq!(json(Event::Missed(3)), r#"{"time":"T","event":"missed","missed":3}"#);
    }
}
