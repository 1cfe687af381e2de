//! What can be asked for when a WebSocket connection is opened.

use std::fmt;
use std::sync::Arc;

use nuncio_proto::addr::ServerAddr;

use crate::connect::Connect;
#[cfg(doc)]
use crate::error::ConnectError;

/// Makes the headers of the request that opens a connection.
pub(crate) type MakeHeaders = dyn Fn(&ServerAddr) -> Vec<(String, String)> + Send + Sync;

/// What is asked for; nothing by default.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) headers: Option<Arc<MakeHeaders>>,
    pub(crate) compression: bool,
    pub(crate) no_masking: bool,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { headers: _, compression, no_masking } = self;
        f.debug_struct("Options")
            .field("compression", compression)
            .field("no_masking", no_masking)
            .finish_non_exhaustive()
    }
}

/// WebSocket.
impl Connect {
    /// Headers of the HTTP request that opens a WebSocket connection: a cookie, or what a proxy in front of the server
    /// asks for. Called for each attempt to connect, so that what expires can be renewed. Default: none.
    ///
    /// ```no_run
    /// # async fn f(ticket: impl Fn() -> String + Send + Sync + 'static) -> Result<(), nuncio::Error> {
    /// let nc = nuncio::connect("ws://gate.example.org/nats")
    ///     .websocket_headers(move |_server| [("Cookie", format!("session={}", ticket()))])
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `Host` replaces the one made from the address. Those that make up the upgrade itself (`Upgrade`, `Connection`,
    /// `Sec-WebSocket-…`, `Content-Length`, `Transfer-Encoding`, `Nats-No-Masking`), and whatever is not a header, fail the attempt with
    /// [`ConnectError::Option`].
    pub fn websocket_headers<F, I, N, V>(mut self, headers: F) -> Self
    where
        F: Fn(&ServerAddr) -> I + Send + Sync + 'static,
        I: IntoIterator<Item = (N, V)>,
        N: Into<String>,
        V: Into<String>,
    {
        self.config.websocket.headers = Some(Arc::new(move |server| {
            headers(server).into_iter().map(|(name, value)| (name.into(), value.into())).collect()
        }));
        self
    }

    /// Offers the server to compress messages (permessage-deflate, RFC 7692). Default: false.
    ///
    /// nats-server agrees if its `websocket` block has `compression: true`; one that does not is spoken to without. Frames
    /// of up to 64 bytes, and those that become no shorter, go uncompressed. It costs some hundred KiB of memory a
    /// connection and time on both sides, so it pays on slow lines and for text only.
    ///
    /// A message that inflates to more than 64 MiB ends the connection, which is made anew, while it is being inflated; no
    /// message is ever held inflated as a whole.
    #[cfg(feature = "websocket-deflate")]
    pub fn websocket_compression(mut self, compression: bool) -> Self {
        self.config.websocket.compression = compression;
        self
    }

    /// Asks the server to do without the masks that the frames of clients have (RFC 6455, section 5.3). Default: false.
    ///
    /// nats-server agrees (`Nats-No-Masking`); one that does not gets masked frames. What is published then goes out
    /// without being copied. Masks keep proxies that take WebSocket for HTTP from being deceived by what is published: do
    /// without them only where none is on the way, or `wss` hides it from them.
    pub fn websocket_no_masking(mut self, no_masking: bool) -> Self {
        self.config.websocket.no_masking = no_masking;
        self
    }
}
