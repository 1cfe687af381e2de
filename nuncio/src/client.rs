//! The handle of a connection: it only forwards to the verbs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use nuncio_proto::info::ServerInfo;
use nuncio_proto::pool::Server as PoolServer;

use crate::codec::Payload;
use crate::connect::check_servers;
use crate::driver::shared::{Shared, Stage};
use crate::error::{CloseReason, ConnectError, DrainError, FlushError, PublishError, UserInfoError};
use crate::events::Events;
use crate::jetstream::JetStream;
use crate::publish::{Outgoing, Publish, Subject};
use crate::request::Request;
use crate::servers::Servers;
use crate::stats::{Counters, Statistics};
use crate::subscribe::Subscribe;
use crate::tls::TlsInfo;
use crate::user_info::UserInfo;
use crate::{DrainReport, Message, drain, flush, user_info};

/// A connection to a NATS server or cluster, made by [`connect`](crate::connect()).
///
/// Cheap to clone; all clones share one connection, which reconnects by itself. All methods can be called from any
/// thread, and their futures polled by any executor: only the connection itself runs on tokio.
///
/// When the last clone and the last subscription are dropped, the connection writes what is buffered, for at most
/// [`Connect::close_timeout`](crate::Connect::close_timeout), and closes.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) handle: Arc<Handle>,
}

/// Keeps the connection open.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let waker = {
            let mut core = self.shared.core();
            core.orders.abandoned = true;
            core.driver.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

/// What the connection is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// There is no connection at the moment; one is being made.
    Connecting,
    /// The connection stands.
    Connected,
    /// The application drains it.
    Draining,
    /// It is over for good.
    Closed(CloseReason),
}

impl Client {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { handle: Arc::new(Handle { shared }) }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// Publishes a message.
    ///
    /// ```no_run
    /// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
    /// nc.publish("orders.eu", "42").header("trace", "1").reply("audit").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn publish<'a>(
        &'a self,
        subject: impl Into<Subject<'a>>,
        payload: impl Into<Payload<'a>>,
    ) -> Publish<'a> {
        Publish::new(self.shared(), Outgoing::new(subject.into(), payload.into()))
    }

    /// Publishes a received message to another subject: the payload, the reply subject if there is one, and the header
    /// block byte for byte, whatever is in it. Headers that are added go behind those.
    ///
    /// ```no_run
    /// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
    /// let mut old = nc.subscribe("old.orders").await?;
    /// while let Some(m) = old.next().await {
    ///     nc.publish_message(&m, "new.orders").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish_message<'a>(
        &'a self,
        message: &'a Message,
        subject: impl Into<Subject<'a>>,
    ) -> Publish<'a> {
        let mut outgoing = Outgoing::forward(message, subject.into());
        outgoing.reply = message.reply_bytes().map(Subject::from);
        Publish::new(self.shared(), outgoing)
    }

    /// Publishes without waiting, for code that is not async: short for [`Publish::try_send`].
    ///
    /// ```no_run
    /// # fn f(nc: nuncio::Client) -> Result<(), nuncio::PublishError> {
    /// nc.try_publish("orders.eu", "42")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As awaiting [`publish`](Self::publish), and [`PublishError::Full`] where that would wait.
    pub fn try_publish<'a>(
        &'a self,
        subject: impl Into<Subject<'a>>,
        payload: impl Into<Payload<'a>>,
    ) -> Result<(), PublishError> {
        self.publish(subject, payload).try_send()
    }

    /// Subscribes to a subject; `*` stands for one token, `>` at the end for one or more.
    ///
    /// ```no_run
    /// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
    /// let mut orders = nc.subscribe("orders.*").queue("workers").max(100).await?;
    /// while let Some(m) = orders.next().await {
    ///     println!("{}: {} bytes", m.subject(), m.payload().len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe<'a>(&'a self, subject: impl Into<Subject<'a>>) -> Subscribe<'a> {
        Subscribe::new(&self.handle, subject.into())
    }

    /// Sends a request and awaits the first reply, or with [`Request::many`] several.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
    /// let reply = nc.request("time", "").timeout(Duration::from_secs(2)).await?;
    /// println!("{}", reply.text()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn request<'a>(
        &'a self,
        subject: impl Into<Subject<'a>>,
        payload: impl Into<Payload<'a>>,
    ) -> Request<'a> {
        Request::new(self.shared(), subject.into(), payload.into())
    }

    /// Waits until the server has processed everything that this thread has sent before: a `PING` and its `PONG`.
    /// Returns how long that took.
    ///
    /// What it does not tell: that other servers of a cluster have processed it too, or that subscribers have. For a
    /// single subscription [`Subscribe::confirmed`] does this and tells of a denial.
    ///
    /// # Errors
    ///
    /// [`FlushError`]: there is no connection now, or it is lost before the server answers (what was published before
    /// may be lost then); no answer within [`Connect::flush_timeout`](crate::Connect::flush_timeout).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; nothing is undone.
    pub async fn flush(&self) -> Result<Duration, FlushError> {
        flush::flush(self.shared(), self.shared().config.flush_timeout).await
    }

    /// As [`flush`](Self::flush), with a timeout of its own.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; nothing is undone.
    pub async fn flush_timeout(&self, timeout: Duration) -> Result<Duration, FlushError> {
        flush::flush(self.shared(), timeout).await
    }

    /// The round-trip time to the server, behind what is buffered now.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn rtt(&self) -> Result<Duration, FlushError> {
        self.flush().await
    }

    /// Ends the connection without losing anything.
    ///
    /// Unsubscribes everything, waits until what has arrived is handed out and handled, waits for the replies to open
    /// requests, writes everything, and closes. While subscriptions are being emptied publishing goes on, so handlers
    /// can respond; new subscriptions and requests are refused at once.
    ///
    /// A second call waits for the same drain. Whoever awaits this in the middle of handling a message does not keep
    /// the drain waiting for that message.
    ///
    /// # Errors
    ///
    /// When the connection is closed already. Running out of
    /// [`Connect::drain_timeout`](crate::Connect::drain_timeout) is no error; the report tells what was left.
    ///
    /// # Cancel safety
    ///
    /// The drain goes on when this is dropped after its first poll.
    pub async fn drain(&self) -> Result<DrainReport, DrainError> {
        drain::drain(self.shared()).await
    }

    /// Closes the connection: writes what is buffered, for at most
    /// [`Connect::close_timeout`](crate::Connect::close_timeout), and ends everything. Calling it again is harmless.
    ///
    /// # Cancel safety
    ///
    /// The connection is closed even when this is dropped after its first poll.
    pub async fn close(&self) {
        let waker = {
            let mut core = self.shared().core();
            core.orders.close = true;
            core.driver.take()
        };
        waker.into_iter().for_each(Waker::wake);
        self.closed().await;
    }

    /// Waits until the connection is over for good, and tells why.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> CloseReason {
        let mut closed = self.shared().closed();
        match closed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(CloseReason::RuntimeEnded),
            Err(_) => CloseReason::RuntimeEnded,
        }
    }

    /// Listens to what happens to the connection from now on. Any number of listeners may do so; [`Events`] shows one.
    pub fn events(&self) -> Events {
        self.shared().events.listen()
    }

    /// Gives up the current connection and makes a new one, to any server of the pool. What is buffered is sent there.
    ///
    /// Returns at once; [`events`](Self::events) tell what comes of it.
    pub fn force_reconnect(&self) {
        let waker = {
            let mut core = self.shared().core();
            core.orders.reconnect = true;
            core.driver.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// What the connection is doing.
    pub fn state(&self) -> ConnectionState {
        let core = self.shared().core();
        match &core.gate.stage {
            Stage::Closed(reason) => ConnectionState::Closed(reason.clone()),
            Stage::Open if core.up => ConnectionState::Connected,
            Stage::Open => ConnectionState::Connecting,
            _ => ConnectionState::Draining,
        }
    }

    /// Figures since the connection was made, over all reconnects.
    pub fn statistics(&self) -> Statistics {
        let requests = self.shared().waits().requests.len();
        let counters = &self.shared().counters;
        let core = self.shared().core();
        let ledger = core.ledger;
        let buffered = core.batch.messages() + ledger.in_flight;
        Statistics {
            published: ledger.published,
            written: ledger.published.saturating_sub(buffered + ledger.lost + ledger.maybe_lost),
            buffered,
            buffered_bytes: core.buffered_bytes(),
            lost: ledger.lost,
            maybe_lost: ledger.maybe_lost,
            received: Counters::get(&counters.received),
            unclaimed: Counters::get(&counters.unclaimed),
            dropped: Counters::get(&counters.dropped),
            in_bytes: Counters::get(&counters.in_bytes),
            out_bytes: Counters::get(&counters.out_bytes),
            connects: Counters::get(&counters.connects),
            subscriptions: Counters::get(&counters.subscriptions),
            requests,
        }
    }

    /// What the server tells of itself; of the last one while there is no connection. Kept up to date.
    pub fn server_info(&self) -> Arc<ServerInfo> {
        Arc::clone(&self.shared().core().info)
    }

    /// Host and port of the server, or of the last one.
    pub fn server(&self) -> Option<String> {
        self.shared().core().server.clone()
    }

    /// The servers of the pool as they are now, those the application named before those the cluster told of.
    pub fn servers(&self) -> Vec<PoolServer> {
        self.shared().servers()
    }

    /// Replaces the servers of the pool, discovered ones included (ADR-40). It holds from the next attempt on: the
    /// current connection stays; [`force_reconnect`](Self::force_reconnect) leaves it.
    ///
    /// Servers that stay keep their attempts. What the cluster tells of later joins again.
    ///
    /// # Errors
    ///
    /// When an address cannot be used, or there is none.
    pub fn set_servers(&self, servers: impl Into<Servers>) -> Result<(), ConnectError> {
        let servers = servers.into().resolve(None)?;
        check_servers(&servers, &self.shared().config)?;
        if servers.iter().any(|server| server.scheme().is_tls()) {
            self.shared().security.insist();
        }
        let changes = self.shared().pool().set_servers(servers);
        self.shared().tell_servers(changes);
        Ok(())
    }

    /// The id that the server gave this connection; a new one with each reconnect.
    pub fn client_id(&self) -> u64 {
        self.shared().core().info.client_id
    }

    /// This client's address as the server sees it, if it tells.
    pub fn client_ip(&self) -> Option<String> {
        let core = self.shared().core();
        Some(core.info.client_ip.clone()).filter(|ip| !ip.is_empty())
    }

    /// This end of the connection, or of the last one, where it is known: for TCP.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared().core().local_addr
    }

    /// How this connection is encrypted, or was the last one while there is none; `None` without TLS. TLS that a
    /// [`Connector`](crate::Connector) makes by itself is not known here.
    pub fn tls_info(&self) -> Option<Arc<TlsInfo>> {
        self.shared().core().tls.clone()
    }

    /// Live subscriptions, that for replies and those of single requests included.
    pub fn num_subscriptions(&self) -> u64 {
        Counters::get(&self.shared().counters.subscriptions)
    }

    /// The largest message that the server allows: headers and payload together, in bytes.
    pub fn max_payload(&self) -> usize {
        self.shared().core().gate.max_payload
    }

    /// Asks the server who this connection is to it: user, account, permissions, and when the credentials expire.
    ///
    /// It is a request to `$SYS.REQ.USER.INFO`, which the user's permissions must allow.
    ///
    /// # Errors
    ///
    /// [`UserInfoError`]: no answer, or none that can be read.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn user_info(&self) -> Result<UserInfo, UserInfoError> {
        user_info::user_info(self).await
    }

    /// JetStream over this connection: streams, consumers and confirmed publishing.
    ///
    /// ```no_run
    /// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
    /// let ack = nc.jetstream().publish("orders.eu", "42").await?;
    /// println!("stored as {} of {}", ack.sequence, ack.stream);
    /// # Ok(())
    /// # }
    /// ```
    pub fn jetstream(&self) -> JetStream {
        JetStream::new(self.clone())
    }

    /// A new, unique subject below the inbox prefix, to receive replies on.
    pub fn new_inbox(&self) -> String {
        self.shared().new_inbox()
    }
}
