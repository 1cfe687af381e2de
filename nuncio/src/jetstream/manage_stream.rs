//! Streams: creating, changing, finding and deleting them.

use std::future::IntoFuture;

use nuncio_proto::js::api::stream::{StreamInfo, StreamRequest, Success};
use nuncio_proto::js::api::stream_config::StreamConfig;
use nuncio_proto::js::level::Feature;

use crate::jetstream::call::{CallFuture, filter, stream_name};
use crate::jetstream::list::{self, List};
use crate::jetstream::{Error, JetStream, Stream};

/// How often create and update follow each other when others create and delete the stream at the same time.
pub(super) const RACES: usize = 4;

impl JetStream {
    /// Creates a stream.
    ///
    /// If there is one of that name with the same configuration already, that is success; see
    /// [`ensure_stream`](Self::ensure_stream) for one that says what it did.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use nuncio::jetstream::StreamConfig;
    /// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), nuncio::Error> {
    /// let config = StreamConfig::new("ORDERS").subjects(["orders.*"]).max_age(Duration::from_secs(3600));
    /// let stream = js.create_stream(config).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_stream(&self, config: impl Into<StreamConfig>) -> WriteStream<'_> {
        WriteStream { js: self, config: config.into(), how: How::Create, pedantic: false }
    }

    /// Changes the configuration of a stream: all of it, so begin with the one that it has.
    ///
    /// Fields that this version does not know are kept if the configuration was read from the server.
    pub fn update_stream(&self, config: impl Into<StreamConfig>) -> WriteStream<'_> {
        WriteStream { js: self, config: config.into(), how: How::Update, pedantic: false }
    }

    /// Changes the configuration of a stream, or creates it if it is not there.
    pub fn create_or_update_stream(&self, config: impl Into<StreamConfig>) -> WriteStream<'_> {
        WriteStream { js: self, config: config.into(), how: How::Either, pedantic: false }
    }

    /// The stream of this name, as the server knows it.
    ///
    /// # Errors
    ///
    /// As every call; [`Error::is_stream_not_found`] if it is not there.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn get_stream(&self, name: impl AsRef<str>) -> Result<Stream, Error> {
        let name = name.as_ref();
        stream_name(name)?;
        let info: StreamInfo = self.call(&["STREAM.INFO", name], &()).await?;
        Ok(Stream::with_info(self, info))
    }

    /// A handle to the stream of this name, without asking the server: for users who may not ask, and to save the
    /// question.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] if no stream can have that name.
    pub fn bind_stream(&self, name: impl AsRef<str>) -> Result<Stream, Error> {
        let name = name.as_ref();
        stream_name(name)?;
        Ok(Stream::bound(self, name))
    }

    /// Deletes a stream, with its messages and consumers.
    ///
    /// # Errors
    ///
    /// As every call; [`Error::is_stream_not_found`] if it is not there.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be deleted all the same.
    pub async fn delete_stream(&self, name: impl AsRef<str>) -> Result<(), Error> {
        let name = name.as_ref();
        stream_name(name)?;
        self.call::<_, Success>(&["STREAM.DELETE", name], &()).await.map(drop)
    }

    /// All streams of the account, or those of some subjects.
    pub fn streams(&self) -> List<StreamInfo> {
        list::streams(self)
    }

    /// The names of all streams of the account, or of those of some subjects.
    pub fn stream_names(&self) -> List<String> {
        list::stream_names(self)
    }

    /// The name of a stream that takes messages of this subject. With wildcards, streams that take some of the
    /// subjects count, and the first by name is returned; [`stream_names`](Self::stream_names) lists them all.
    ///
    /// # Errors
    ///
    /// [`Error::NoStreamFor`] if there is none; else as every call.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn stream_by_subject(&self, subject: impl AsRef<str>) -> Result<String, Error> {
        let subject = subject.as_ref();
        let none = || Error::NoStreamFor { subject: subject.into() };
        self.stream_names().subject(subject).next().await.ok_or_else(none)?
    }

    pub(super) async fn write_stream(
        &self,
        operation: &str,
        config: &StreamConfig,
        pedantic: bool,
    ) -> Result<StreamInfo, Error> {
        stream_name(&config.name)?;
        config.subjects.iter().try_for_each(|subject| filter("subjects", subject))?;
        self.gate(config.needs().or(pedantic.then_some(Feature::Pedantic))).await?;
        self.call(&[operation, &config.name], &StreamRequest::new(config, pedantic)).await
    }
}

impl Stream {
    /// Changes its configuration: all of it, so begin with the one that it has. The name has to stay.
    pub fn update(&self, config: impl Into<StreamConfig>) -> WriteStream<'_> {
        self.js.update_stream(config)
    }

    /// Lets nothing be added to it or removed from it any more. It cannot be taken back.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be sealed all the same.
    pub async fn seal(&self) -> Result<StreamInfo, Error> {
        let config = self.info().await?.config.sealed(true);
        self.js.write_stream("STREAM.UPDATE", &config, false).await
    }

    /// Deletes it, with its messages and consumers.
    ///
    /// # Errors
    ///
    /// As [`JetStream::delete_stream`](crate::jetstream::JetStream::delete_stream).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be deleted all the same.
    pub async fn delete(&self) -> Result<(), Error> {
        self.js.delete_stream(self.name()).await
    }
}

#[derive(Clone, Copy, Debug)]
enum How {
    Create,
    Update,
    Either,
}

/// Creates a stream or changes it: to be awaited.
///
/// # Errors
///
/// [`Error::Name`] if no stream can have that name, [`Error::Option`] if a subject cannot be, [`Error::Level`] if the servers are too old for something in the
/// configuration, before anything is sent. What the server refuses is an [`Error::Api`], with
/// [`ErrorCode::STREAM_NAME_EXIST`](crate::jetstream::ErrorCode::STREAM_NAME_EXIST) for another configuration, and
/// [`ErrorCode::STREAM_INVALID_CONFIG`](crate::jetstream::ErrorCode::STREAM_INVALID_CONFIG) with the reason for one that
/// cannot be, or not become, what it is to be.
///
/// # Cancel safety
///
/// Dropped before it is complete, the stream may be created or changed all the same. Dropped before it is polled, nothing
/// is sent.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until this is awaited"]
pub struct WriteStream<'a> {
    js: &'a JetStream,
    config: StreamConfig,
    how: How,
    pedantic: bool,
}

impl WriteStream<'_> {
    /// Lets the server refuse ([`ErrorCode::PEDANTIC`](crate::jetstream::ErrorCode::PEDANTIC)) what it would else put right
    /// by itself. It needs level 1 of the API (nats-server 2.11).
    pub fn pedantic(mut self) -> Self {
        self.pedantic = true;
        self
    }

    async fn write(self) -> Result<Stream, Error> {
        let Self { js, config, how, pedantic } = self;
        let info = match how {
            How::Create => js.write_stream("STREAM.CREATE", &config, pedantic).await?,
            How::Update => js.write_stream("STREAM.UPDATE", &config, pedantic).await?,
            How::Either => js.write_either(&config, pedantic).await?,
        };
        Ok(Stream::with_info(js, info))
    }
}

impl JetStream {
    /// Update first: of the two it is what happens most.
    async fn write_either(&self, config: &StreamConfig, pedantic: bool) -> Result<StreamInfo, Error> {
        let mut races = RACES;
        loop {
            races -= 1;
            match self.write_stream("STREAM.UPDATE", config, pedantic).await {
                Err(error) if error.is_stream_not_found() => {}
                outcome => return outcome,
            }
            match self.write_stream("STREAM.CREATE", config, pedantic).await {
                // Somebody else has created it just now, with another configuration.
                Err(error) if error.is_name_in_use() && races > 0 => {}
                outcome => return outcome,
            }
        }
    }
}

impl<'a> IntoFuture for WriteStream<'a> {
    type Output = Result<Stream, Error>;
    type IntoFuture = CallFuture<'a, Stream>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.write())
    }
}
