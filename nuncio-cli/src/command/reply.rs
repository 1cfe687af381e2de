//! `nuncio reply`.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{ArgGroup, Args};
use nuncio::{Client, HeaderMap, Message, PublishError, Subscription};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::command::Session;
use crate::connect::{Settings, connect};
use crate::exit::{self, Failure, tell};
use crate::headers::HeaderArgs;
use crate::names;
use crate::notes;
use crate::output::{Content, MessageLine, Output, Show};
use crate::printable::printable;
use crate::program::Program;
use crate::stop::{Reason, Stop};

/// Answer requests: with a fixed payload, with their own payload, or with what a program makes of it.
///
/// Requests are answered one after the other, until Ctrl-C or SIGTERM (what is on its way is still answered), after
/// --count messages, or when the reader of stdout is gone.
///
/// With --json each request is one object as of `nuncio sub`, and with answered, and response or response_base64.
#[derive(Debug, Args)]
#[command(
    override_usage = "nuncio reply [OPTIONS] <SUBJECT> <PAYLOAD | --echo | --command PROGRAM [-- ARGUMENT...]>"
)]
#[command(group = ArgGroup::new("answer").required(true).args(["payload", "echo", "command"]))]
pub(crate) struct Syntax {
    /// Subject; * stands for one token, > at the end for one or more.
    #[arg(value_parser = names::filter)]
    subject: String,
    /// Payload of every response.
    #[arg(allow_negative_numbers = true)]
    payload: Option<OsString>,
    /// Respond with the payload and the headers of the request.
    #[arg(long)]
    echo: bool,
    /// Run this program for each request: the payload is its stdin, the subject its environment variable
    /// NUNCIO_SUBJECT, and the response its stdout.
    ///
    /// No shell is involved; arguments follow after --. When it fails, or takes longer than --timeout, the response
    /// has no payload and the headers Nats-Service-Error and Nats-Service-Error-Code: 500.
    #[arg(long, value_name = "PROGRAM")]
    command: Option<OsString>,
    /// Arguments of the program.
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
    #[command(flatten)]
    headers: HeaderArgs,
    /// Queue group to join: each request goes to one member of it.
    #[arg(long, value_name = "GROUP", value_parser = names::queue)]
    queue: Option<String>,
    /// End after so many messages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// How responses are made.
enum Answer {
    Fixed(Vec<u8>),
    Echo,
    Program(Program),
}

pub(crate) struct Task {
    subject: String,
    answer: Answer,
    headers: HeaderMap,
    queue: Option<String>,
    count: Option<u64>,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        // Clap would not miss --command where there is another answer.
        if self.command.is_none() && !self.arguments.is_empty() {
            return Err(Failure::usage("arguments after -- need --command"));
        }
        let answer = match (self.payload, self.command) {
            (_, Some(path)) => Answer::Program(Program { path, arguments: self.arguments }),
            (Some(payload), None) => Answer::Fixed(payload.into_encoded_bytes()),
            (None, None) => Answer::Echo,
        };
        let headers = self.headers.resolve()?;
        Ok(Task { subject: self.subject, answer, headers, queue: self.queue, count: self.count })
    }
}

/// A request and what became of it.
struct Line<'a> {
    message: MessageLine<'a>,
    response: Option<&'a [u8]>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.message.entries(&mut map)?;
        map.serialize_entry("answered", &self.response.is_some())?;
        if let Some(response) = self.response {
            Content(response).entry(&mut map, "response")?;
        }
        map.end()
    }
}

impl Show for Line<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let request = self.message.message;
        let number = self.message.number.unwrap_or_default();
        write!(out, "#{number} {}: {} bytes", printable(&request.subject()), request.payload().len())?;
        match self.response {
            Some(response) => writeln!(out, ", answered with {} bytes", response.len()),
            None => writeln!(out, ", not answered"),
        }
    }
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
        let (nc, mut requests) = tokio::select! {
            connected = connecting => connected?,
            _ = stop.reason() => return Ok(()),
        };
        let mut service = Service { task: &self, nc: &nc, settings: &settings, out: &mut out, handled: 0 };
        let done = service.serve(&mut requests, &stop).await;
        // That writes the responses, however this ends.
        nc.close().await;
        done
    }

    async fn subscribe(&self, nc: &Client) -> Result<Subscription, Failure> {
        let mut subscribe = nc.subscribe(&self.subject);
        if let Some(queue) = &self.queue {
            subscribe = subscribe.queue(queue);
        }
        if let Some(count) = self.count {
            subscribe = subscribe.max(count);
        }
        Ok(subscribe.await?)
    }
}

struct Service<'a> {
    task: &'a Task,
    nc: &'a Client,
    settings: &'a Settings,
    out: &'a mut Output,
    handled: u64,
}

impl Service<'_> {
    async fn serve(&mut self, requests: &mut Subscription, stop: &Stop) -> Result<(), Failure> {
        let reason = loop {
            if let Some(reason) = stop.now() {
                break reason;
            }
            let request = tokio::select! {
                request = requests.next() => request,
                reason = stop.reason() => break reason,
            };
            let Some(request) = request else { return exit::ended(requests.ended()) };
            self.handle(&request).await?;
        };
        if reason == Reason::Signal {
            // That it has ended already, or that the server is away, changes nothing for what has arrived.
            let _ = requests.drain().await;
            while let Some(request) = requests.try_next() {
                self.handle(&request).await?;
            }
        }
        Ok(())
    }

    async fn handle(&mut self, request: &Message) -> Result<(), Failure> {
        let response = match request.reply_bytes() {
            Some(_) => Some(self.respond(request).await?),
            None => None,
        };
        self.handled += 1;
        let message = MessageLine { message: request, number: Some(self.handled), with_payload: true };
        self.out.show(&Line { message, response: response.as_deref() })?;
        Ok(self.out.flush()?)
    }

    /// Responds, and yields the payload of the response.
    async fn respond(&self, request: &Message) -> Result<Vec<u8>, Failure> {
        let mut headers = self.task.headers.clone();
        let payload = match &self.task.answer {
            Answer::Fixed(payload) => payload.clone(),
            Answer::Echo => {
                // Headers that cannot be read cannot be sent again.
                for (name, value) in request.headers().iter().flat_map(|headers| headers.iter()) {
                    headers.append(name, value).map_err(|error| Failure::error(error.to_string()))?;
                }
                request.payload().to_vec()
            }
            Answer::Program(program) => {
                let limit = self.nc.max_payload();
                match program.run(&request.subject(), request.payload(), limit, self.settings.timeout).await {
                    Ok(stdout) => stdout,
                    Err(problem) => {
                        tell(&format!("request on \"{}\": {problem}", request.subject()));
                        service_error(&mut headers, &problem)?;
                        Vec::new()
                    }
                }
            }
        };
        match request.respond(&payload).headers(headers).await {
            Ok(()) => Ok(payload),
            Err(PublishError::Closed(closed)) => Err(closed.into()),
            Err(error) => {
                let problem = error.to_string();
                tell(&format!("request on \"{}\": {problem}", request.subject()));
                let mut headers = HeaderMap::new();
                service_error(&mut headers, &problem)?;
                request.respond(()).headers(headers).await?;
                Ok(Vec::new())
            }
        }
    }
}

/// Tells the requester that its request failed, as services do (ADR-32).
fn service_error(headers: &mut HeaderMap, problem: &str) -> Result<(), Failure> {
    let line: String = problem.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut put = |name, value: &str| match headers.insert(name, value) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::error(error.to_string())),
    };
    put("Nats-Service-Error", &line)?;
    put("Nats-Service-Error-Code", "500")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_several_lines_fits_a_header() {
        let mut headers = HeaderMap::new();
        service_error(&mut headers, "a\r\nb").unwrap();
        assert_eq!(headers.get("Nats-Service-Error"), Some("a  b"));
        assert_eq!(headers.get("Nats-Service-Error-Code"), Some("500"));
    }
}
