//! Consumers of a stream: creating, changing, finding and deleting them.

use std::future::IntoFuture;

use nuncio_proto::js::api::consumer::{ConsumerInfo, ConsumerRequest, CreateAction};
use nuncio_proto::js::api::consumer_config::ConsumerConfig;
use nuncio_proto::js::level::Feature;

use crate::jetstream::call::{CallFuture, consumer_name, filter};
use crate::jetstream::list::{self, List};
use crate::jetstream::{Consumer, Error, JetStream, Stream};

/// Fails if the consumer cannot have the names and filters that it is to have.
pub(super) fn check(config: &ConsumerConfig) -> Result<(), Error> {
    config.name.iter().chain(&config.durable_name).try_for_each(|name| consumer_name(name))?;
    config.filter_subject.iter().try_for_each(|subject| filter("filter_subject", subject))?;
    config.filter_subjects.iter().try_for_each(|subject| filter("filter_subjects", subject))
}

impl JetStream {
    pub(super) async fn put_consumer(
        &self,
        stream: &str,
        config: &ConsumerConfig,
        action: CreateAction,
        pedantic: bool,
    ) -> Result<Consumer, Error> {
        check(config)?;
        self.gate(config.needs().or(pedantic.then_some(Feature::Pedantic))).await?;
        let request = ConsumerRequest::new(stream, config, action, pedantic);
        let info: ConsumerInfo = self.call(&request.subject_parts(), &request).await?;
        Ok(Consumer::from_info(self.clone(), info))
    }
}

impl Stream {
    /// Creates a consumer.
    ///
    /// If there is one of that name with the same configuration already, that is success; with another configuration it
    /// is an error. See [`ensure_consumer`](Self::ensure_consumer) for one that says what it did.
    ///
    /// ```no_run
    /// # use nuncio::jetstream::ConsumerConfig;
    /// # async fn f(stream: nuncio::jetstream::Stream) -> Result<(), nuncio::Error> {
    /// let consumer = stream.create_consumer(ConsumerConfig::durable("worker").filter_subject("orders.eu")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_consumer(&self, config: impl Into<ConsumerConfig>) -> WriteConsumer<'_> {
        self.write_consumer(config.into(), CreateAction::Create)
    }

    /// Changes the configuration of a consumer: all of it, so begin with the one that it has.
    pub fn update_consumer(&self, config: impl Into<ConsumerConfig>) -> WriteConsumer<'_> {
        self.write_consumer(config.into(), CreateAction::Update)
    }

    /// Changes the configuration of a consumer, or creates it if it is not there.
    pub fn create_or_update_consumer(&self, config: impl Into<ConsumerConfig>) -> WriteConsumer<'_> {
        self.write_consumer(config.into(), CreateAction::CreateOrUpdate)
    }

    fn write_consumer(&self, config: ConsumerConfig, action: CreateAction) -> WriteConsumer<'_> {
        WriteConsumer { stream: self, config, action, pedantic: false }
    }

    /// The consumer of this name, as the server knows it.
    ///
    /// # Errors
    ///
    /// As every call; [`Error::is_consumer_not_found`] if it is not there.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn consumer(&self, name: impl AsRef<str>) -> Result<Consumer, Error> {
        let info = self.bind_consumer(name)?.info().await?;
        Ok(Consumer::from_info(self.js.clone(), info))
    }

    /// A handle to the consumer of this name, without asking the server: for users who may pull and nothing else, and to
    /// save the question.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] if no consumer can have that name.
    pub fn bind_consumer(&self, name: impl AsRef<str>) -> Result<Consumer, Error> {
        Ok(self.js.bind_consumer(&self.name, name.as_ref())?)
    }

    /// Deletes the consumer of this name.
    ///
    /// # Errors
    ///
    /// As every call; [`Error::is_consumer_not_found`] if it is not there.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be deleted all the same.
    pub async fn delete_consumer(&self, name: impl AsRef<str>) -> Result<(), Error> {
        self.bind_consumer(name)?.delete().await
    }

    /// All consumers of the stream. Those that the servers make to feed a source or a mirror are among them;
    /// [`ConsumerInfo::feeds`] tells.
    pub fn consumers(&self) -> List<ConsumerInfo> {
        list::consumers(&self.js, &self.name)
    }

    /// The names of all consumers of the stream.
    pub fn consumer_names(&self) -> List<String> {
        list::consumer_names(&self.js, &self.name)
    }
}

/// Creates a consumer or changes it: to be awaited.
///
/// # Errors
///
/// [`Error::Name`] if no consumer can have that name, [`Error::Option`] if no subject can match a filter, [`Error::Level`] if the servers are too old for something in the
/// configuration, before anything is sent. What the server refuses is an [`Error::Api`], with
/// [`ErrorCode::CONSUMER_ALREADY_EXISTS`](crate::jetstream::ErrorCode::CONSUMER_ALREADY_EXISTS) for another
/// configuration.
///
/// # Cancel safety
///
/// Dropped before it is complete, the consumer may be created or changed all the same. Dropped before it is polled,
/// nothing is sent.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until this is awaited"]
pub struct WriteConsumer<'a> {
    stream: &'a Stream,
    config: ConsumerConfig,
    action: CreateAction,
    pedantic: bool,
}

impl WriteConsumer<'_> {
    /// Lets the server refuse ([`ErrorCode::PEDANTIC`](crate::jetstream::ErrorCode::PEDANTIC)) what it would else put right
    /// by itself. It needs level 1 of the API (nats-server 2.11).
    pub fn pedantic(mut self) -> Self {
        self.pedantic = true;
        self
    }

    async fn write(self) -> Result<Consumer, Error> {
        let Self { stream, config, action, pedantic } = self;
        stream.js.put_consumer(&stream.name, &config, action, pedantic).await
    }
}

impl<'a> IntoFuture for WriteConsumer<'a> {
    type Output = Result<Consumer, Error>;
    type IntoFuture = CallFuture<'a, Consumer>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.write())
    }
}
