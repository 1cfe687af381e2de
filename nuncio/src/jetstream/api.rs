//! Calls of the JetStream API: requests that are repeated while that helps, within one deadline.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use nuncio_proto::js::error::{ApiError, Response};
use nuncio_proto::js::name::Prefix;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::driver::shared::now;
use crate::driver::wait::{Deadline, instant_after};
use crate::error::{PublishError, RequestError};
use crate::jetstream::asking::{Asking, Repeat, jittered};
use crate::jetstream::gate::Told;
use crate::jetstream::{Error, JetStream};
use crate::stats::Counters;
use crate::sync::lock;
use crate::{Message, publish};

/// How often nobody may answer before that is the answer (ADR-22).
const UNANSWERED: u32 = 2;
/// The wait before a call is made again (ADR-22); it doubles each time.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The level of the API, as learned over one connection to a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    told: Told,
    connects: u64,
}

/// The part of the account's information that is needed here.
#[derive(Deserialize)]
struct AccountLevel {
    #[serde(default)]
    api: ApiLevel,
}

#[derive(Default, Deserialize)]
struct ApiLevel {
    #[serde(default)]
    level: u32,
}

impl JetStream {
    pub(crate) fn api_prefix(&self) -> Result<&Prefix, Error> {
        self.prefix.as_ref().as_ref().map_err(|error| error.clone().into())
    }

    /// The subject of a call, of parts that have been checked.
    pub(crate) fn subject(&self, parts: &[&str]) -> Result<String, Error> {
        Ok(self.api_prefix()?.subject(parts))
    }

    /// Calls the API and reads the answer. `&()` is an empty body.
    ///
    /// Where asking twice comes to the same, a call is asked again when nobody has said a word for a share of its time:
    /// what reaches a server in the moment when its leader changes is lost. Its time is that of the whole.
    pub(crate) async fn call<Req, Resp>(&self, parts: &[&str], body: &Req) -> Result<Resp, Error>
    where
        Req: Serialize + ?Sized,
        Resp: DeserializeOwned,
    {
        self.call_as(parts, body, Repeat::of(parts)).await
    }

    /// As [`call`](Self::call), of which it is known whether it may be asked twice.
    pub(crate) async fn call_as<Req, Resp>(
        &self,
        parts: &[&str],
        body: &Req,
        repeat: Repeat,
    ) -> Result<Resp, Error>
    where
        Req: Serialize + ?Sized,
        Resp: DeserializeOwned,
    {
        let operation = self.subject(parts)?;
        let body = match serde_json::to_vec(body) {
            Ok(body) if body == b"null" => Vec::new(),
            Ok(body) => body,
            Err(error) => return Err(Error::Body { operation, problem: error.to_string() }),
        };
        self.call_raw(&operation, &body, Crowd::Bounded, repeat, |reply, in_doubt| {
            let answer = match Response::parse(reply.payload()) {
                Ok(Err(error)) if in_doubt && repeat.is_done(&error) => {
                    Response::parse(br#"{"success":true}"#)
                }
                answer => answer,
            };
            match answer {
                Ok(answer) => answer.map_err(Refusal::Api),
                Err(error) => Err(Refusal::Error(Error::Answer { operation: operation.clone(), error })),
            }
        })
        .await
    }

    /// Sends a request until `read` takes the answer, somebody refuses for good, or the time is over. `read` is told whether
    /// an earlier request may have been carried out.
    pub(crate) async fn call_raw<T>(
        &self,
        operation: &str,
        body: &[u8],
        crowd: Crowd,
        repeat: Repeat,
        read: impl Fn(Message, bool) -> Result<T, Refusal>,
    ) -> Result<T, Error> {
        let deadline = instant_after(self.timeout);
        let _room = match crowd {
            Crowd::Bounded => Some(self.room(operation, deadline).await?),
            Crowd::Free => None,
        };
        let began = now();
        let asking = Asking::new(self, operation, body, repeat, deadline);
        let outcome = self.answer(operation, asking, read).await;
        note(operation, began, outcome.as_ref().err());
        outcome
    }

    async fn answer<T>(
        &self,
        operation: &str,
        mut asking: Asking<'_>,
        read: impl Fn(Message, bool) -> Result<T, Refusal>,
    ) -> Result<T, Error> {
        let mut pause = PAUSE;
        let mut unanswered = 0;
        loop {
            let failed = match asking.hear().await {
                Ok(reply) => match read(reply, asking.is_in_doubt()) {
                    Ok(answer) => return Ok(answer),
                    Err(Refusal::Error(error)) => return Err(error),
                    Err(Refusal::Api(error)) => {
                        let retryable = error.is_retryable();
                        let error = Error::Api { operation: operation.into(), error };
                        if !retryable {
                            return Err(error);
                        }
                        error
                    }
                },
                Err(RequestError::NoResponders { .. }) => {
                    unanswered += 1;
                    Error::NoJetStream { operation: operation.into() }
                }
                Err(RequestError::Timeout { .. }) => {
                    return Err(Error::Timeout { operation: operation.into(), after: self.timeout });
                }
                Err(error @ RequestError::Disconnected { .. }) if asking.may_repeat() => error.into(),
                Err(error) => return Err(error.into()),
            };
            if unanswered > UNANSWERED || !asking.again_in(jittered(pause)) {
                return Err(failed);
            }
            tracing::debug!(subject = operation, error = %failed, "API call is made again");
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    pub(crate) async fn pause(&self, wait: Duration) {
        let deadline = Deadline::after(&self.client.handle.shared, wait);
        poll_fn(|cx| deadline.poll(cx)).await;
    }

    /// The level of the API that the servers of JetStream have: 0 before nats-server 2.11, 1 with it, 2 with 2.12, 4 with
    /// 2.14, 5 with 2.15 (ADR-44). Asked once a connection.
    ///
    /// # Errors
    ///
    /// As every call of the API.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn level(&self) -> Result<u32, Error> {
        if let Some(Some(level)) = self.known_level() {
            return Ok(level);
        }
        let connects = self.connects();
        let account: AccountLevel = self.call(&["INFO"], &()).await?;
        *lock(&self.level) = Some(Level { told: Some(account.api.level), connects });
        Ok(account.api.level)
    }

    fn connects(&self) -> u64 {
        Counters::get(&self.client.handle.shared.counters.connects)
    }

    /// What is known of the level over this connection; `None` if it was not asked for.
    pub(super) fn known_level(&self) -> Option<Told> {
        let (connects, known) = (self.connects(), *lock(&self.level));
        known.filter(|known| known.connects == connects).map(|known| known.told)
    }

    /// The level, or that nobody tells it, which is asked once a connection as well.
    pub(super) async fn ask_level(&self) -> Result<Told, Error> {
        if let Some(told) = self.known_level() {
            return Ok(told);
        }
        let connects = self.connects();
        match self.level().await {
            Ok(level) => Ok(Some(level)),
            Err(error)
                if error.is_no_jetstream()
                    || matches!(error, Error::Request(RequestError::Denied { .. })) =>
            {
                *lock(&self.level) = Some(Level { told: None, connects });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Fails, without asking for the feature, if the servers are too old for it.
    pub(crate) async fn needs(&self, feature: impl Into<String> + Send, needed: u32) -> Result<(), Error> {
        if needed == 0 {
            return Ok(());
        }
        let server = self.level().await?;
        if server < needed {
            return Err(Error::Level { feature: feature.into(), needed, server });
        }
        Ok(())
    }

    /// Sends a small message that steers JetStream, such as a pull or an acknowledgement: it does not wait for room.
    pub(crate) fn post(
        &self,
        subject: &[u8],
        reply: Option<&[u8]>,
        payload: &[u8],
    ) -> Result<(), PublishError> {
        publish::post(&self.client.handle.shared, subject, reply, payload)
    }
}

/// Tells those who listen what came of a call: no payload, neither what was sent nor what was answered.
fn note(subject: &str, began: Instant, error: Option<&Error>) {
    let took = now().saturating_duration_since(began);
    match error {
        None => tracing::debug!(subject, ?took, outcome = "ok", "API call"),
        Some(error) => tracing::debug!(subject, ?took, outcome = "failed", %error, "API call"),
    }
}

/// Whether a call counts among those that may be in flight at once.
#[derive(Clone, Copy)]
pub(crate) enum Crowd {
    Bounded,
    Free,
}

/// Why an answer is not taken.
pub(crate) enum Refusal {
    /// The server refused; the call is made again if that may help.
    Api(ApiError),
    /// It is over.
    Error(Error),
}
