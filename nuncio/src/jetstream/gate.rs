//! Whether the servers can do what the options of a message ask for: an older one would store it without them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nuncio_proto::js::level::Feature;

use crate::driver::shared::now;
use crate::error::shown;
use crate::jetstream::draft::Draft;
use crate::jetstream::{Error, JetStream, PublishError};

/// What is known of the level over one connection; `None` if nobody tells.
pub(crate) type Told = Option<u32>;

impl Draft<'_> {
    /// Notes that the message needs servers which can do this.
    pub(crate) fn need(&mut self, feature: Feature) {
        if self.needs.is_none_or(|needs| needs.level() < feature.level()) {
            self.needs = Some(feature);
        }
    }

    /// Whether it may be sent; `None` if the servers have to be asked for their level before.
    #[inline]
    pub(crate) fn admitted(&self, js: &JetStream) -> Option<Result<(), PublishError>> {
        match self.needs {
            None => Some(Ok(())),
            Some(feature) => self.admitted_with(feature, js.known_level()?).into(),
        }
    }

    /// Where nobody tells the level, because there is no JetStream here or the user may not ask, it is sent: who stores it may
    /// be elsewhere.
    #[cold]
    fn admitted_with(&self, feature: Feature, told: Told) -> Result<(), PublishError> {
        match told {
            Some(server) if server < feature.level() => Err(PublishError::Level {
                subject: shown(&self.message.subject.0),
                feature,
                needed: feature.level(),
                server,
            }),
            _ => Ok(()),
        }
    }
}

/// The question for the level, once a connection, before a message is sent that needs one.
pub(crate) struct Ask {
    until: Instant,
    answer: Pin<Box<dyn Future<Output = Result<Told, Error>> + Send + Sync>>,
}

impl Ask {
    /// Asks within the time that there is for the message.
    pub(crate) fn new(js: &JetStream, timeout: Duration) -> Self {
        let js = js.clone().timeout(timeout);
        Self { until: now() + timeout, answer: Box::pin(async move { js.ask_level().await }) }
    }

    pub(crate) fn poll(&mut self, draft: &Draft<'_>, cx: &mut Context<'_>) -> Poll<Result<(), PublishError>> {
        let Some(feature) = draft.needs else { return Poll::Ready(Ok(())) };
        self.answer.as_mut().poll(cx).map(|told| match told {
            Ok(told) => draft.admitted_with(feature, told),
            Err(error) => {
                let subject = shown(&draft.message.subject.0);
                Err(PublishError::LevelUnknown { subject, feature, error: Box::new(error) })
            }
        })
    }

    /// The time that is left for the message.
    pub(crate) fn left(&self) -> Duration {
        self.until.saturating_duration_since(now())
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("until", &self.until).finish_non_exhaustive()
    }
}
