//! Lists that come in pages.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use nuncio_proto::js::api::consumer::ConsumerInfo;
use nuncio_proto::js::api::lists::{ConsumerListPage, ConsumerNamesPage, StreamListPage, StreamNamesPage};
use nuncio_proto::js::api::paging::{Page, PageRequest};
use nuncio_proto::js::api::stream::StreamInfo;
use serde::de::DeserializeOwned;

use crate::jetstream::call::{CallFuture, filter, stream_name};
use crate::jetstream::{Error, JetStream};

/// A page in parts, whatever it lists.
pub(super) struct Parts<T> {
    page: Page,
    items: Vec<T>,
    missing: Vec<String>,
    offline: BTreeMap<String, String>,
}

macro_rules! parts {
    ($Page:ty, $items:ident: $Item:ty) => {
        impl From<$Page> for Parts<$Item> {
            fn from(page: $Page) -> Self {
                Self { page: page.page, items: page.$items, missing: page.missing, offline: page.offline }
            }
        }
    };
}

parts!(StreamListPage, streams: StreamInfo);
parts!(StreamNamesPage, streams: String);
parts!(ConsumerListPage, consumers: ConsumerInfo);
parts!(ConsumerNamesPage, consumers: String);

type FetchPage<T> = fn(JetStream, Option<String>, PageRequest) -> CallFuture<'static, Parts<T>>;

/// Streams or consumers, or their names: a [`Stream`] that asks for page after page as it is polled.
///
/// Pages may shift while they are read, since streams come and go: nothing is listed twice, and what comes or goes
/// meanwhile may be missed. An error is its last item: ask for the list anew.
///
/// Dropping it gives up the page that is being asked for, if any.
///
/// ```no_run
/// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), nuncio::Error> {
/// let mut streams = js.streams().subject("orders.>");
/// while let Some(info) = streams.next().await {
///     let info = info?;
///     println!("{} has {} messages", info.config.name, info.state.messages);
/// }
/// for name in streams.missing() {
///     println!("{name} did not answer");
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is asked for until it is polled"]
pub struct List<T> {
    js: JetStream,
    stream: Option<String>,
    request: PageRequest,
    fetch: FetchPage<T>,
    name: fn(&T) -> &str,
    asked: Option<CallFuture<'static, Parts<T>>>,
    ready: VecDeque<T>,
    seen: HashSet<String>,
    over: bool,
    missing: Vec<String>,
    offline: BTreeMap<String, String>,
}

impl<T> List<T> {
    fn new(js: &JetStream, stream: Option<&str>, fetch: FetchPage<T>, name: fn(&T) -> &str) -> Self {
        Self {
            js: js.clone(),
            stream: stream.map(Into::into),
            request: PageRequest::new(),
            fetch,
            name,
            asked: None,
            ready: VecDeque::new(),
            seen: HashSet::new(),
            over: false,
            missing: Vec::new(),
            offline: BTreeMap::new(),
        }
    }

    /// The next entry; `None` when there is no more.
    ///
    /// # Errors
    ///
    /// When a page cannot be had; the list ends with that.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|cx| self.poll_entry(cx)).await
    }

    /// All entries that are left.
    ///
    /// # Errors
    ///
    /// When a page cannot be had.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, the entries that it has read are gone.
    pub async fn all(mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(entry) = self.next().await {
            all.push(entry?);
        }
        Ok(all)
    }

    /// The names of those that did not answer in time, among the pages read so far.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Those that the servers cannot serve, with the reason, among the pages read so far: because they need newer
    /// servers, for example. Since nats-server 2.12.
    pub fn offline(&self) -> &BTreeMap<String, String> {
        &self.offline
    }

    fn poll_entry(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(entry)));
            }
            if self.over {
                return Poll::Ready(None);
            }
            let asked = self.asked.get_or_insert_with(|| {
                (self.fetch)(self.js.clone(), self.stream.clone(), self.request.clone())
            });
            let outcome = ready!(asked.as_mut().poll(cx));
            self.asked = None;
            match outcome {
                Ok(parts) => self.take(parts),
                Err(error) => {
                    self.over = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn take(&mut self, parts: Parts<T>) {
        // A server may say that another page was asked for than it was; then its word would lead in a circle.
        let mut page = parts.page;
        page.offset = self.request.offset;
        match page.next(parts.items.len()) {
            Some(next) => self.request.offset = next,
            None => self.over = true,
        }
        let (seen, name) = (&mut self.seen, self.name);
        self.ready.extend(parts.items.into_iter().filter(|item| seen.insert(name(item).to_owned())));
        for missing in parts.missing {
            if !self.missing.contains(&missing) {
                self.missing.push(missing);
            }
        }
        self.offline.extend(parts.offline);
    }
}

impl List<StreamInfo> {
    /// Only streams that take some of these subjects, with wildcards. Set it before the list is polled.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.request.subject = Some(subject.into());
        self
    }
}

impl List<String> {
    /// Only streams that take some of these subjects, with wildcards. Set it before the list is polled. Lists of
    /// consumers are not changed by it.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        if self.stream.is_none() {
            self.request.subject = Some(subject.into());
        }
        self
    }
}

impl<T: Unpin> Stream for List<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_entry(cx)
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("stream", &self.stream)
            .field("request", &self.request)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

async fn page<P, T>(
    js: JetStream,
    operation: &'static str,
    stream: Option<String>,
    request: PageRequest,
) -> Result<Parts<T>, Error>
where
    P: DeserializeOwned + Into<Parts<T>>,
{
    request.subject.iter().try_for_each(|subject| filter("subject", subject))?;
    let page: P = match &stream {
        None => js.call(&[operation], &request).await?,
        Some(stream) => {
            stream_name(stream)?;
            js.call(&[operation, stream], &request).await?
        }
    };
    Ok(page.into())
}

pub(super) fn streams(js: &JetStream) -> List<StreamInfo> {
    let fetch: FetchPage<StreamInfo> =
        |js, stream, request| Box::pin(page::<StreamListPage, _>(js, "STREAM.LIST", stream, request));
    List::new(js, None, fetch, |info| &info.config.name)
}

pub(super) fn stream_names(js: &JetStream) -> List<String> {
    let fetch: FetchPage<String> =
        |js, stream, request| Box::pin(page::<StreamNamesPage, _>(js, "STREAM.NAMES", stream, request));
    List::new(js, None, fetch, |name| name)
}

pub(super) fn consumers(js: &JetStream, stream: &str) -> List<ConsumerInfo> {
    let fetch: FetchPage<ConsumerInfo> =
        |js, stream, request| Box::pin(page::<ConsumerListPage, _>(js, "CONSUMER.LIST", stream, request));
    List::new(js, Some(stream), fetch, |info| &info.name)
}

pub(super) fn consumer_names(js: &JetStream, stream: &str) -> List<String> {
    let fetch: FetchPage<String> =
        |js, stream, request| Box::pin(page::<ConsumerNamesPage, _>(js, "CONSUMER.NAMES", stream, request));
    List::new(js, Some(stream), fetch, |name| name)
}
