//! One connection to one server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nuncio_proto::info::ServerInfo;
use nuncio_proto::pool::ServerId;
use nuncio_proto::server_error::ServerError;
use nuncio_proto::session::keepalive::Keepalive;
use tokio::io::AsyncWriteExt;

use crate::config::Config;
use crate::driver::input::Input;
use crate::driver::renewal::Renewal;
use crate::driver::shared::{Core, now};
use crate::error::DisconnectCause;
use crate::tls::TlsInfo;
use crate::transport::Transport;

/// How long the last bytes and the end of the stream may take.
const SHUT_DOWN: Duration = Duration::from_millis(500);

/// So long after a message was written the server is asked to confirm it, so that a connection that ends leaves in doubt
/// what was written last, and not all since the last keepalive.
const CONFIRM: Duration = Duration::from_secs(1);

/// How far the last `PING` of keepalive has come. While bytes before it are being taken, the server cannot have heard it.
///
/// The figures are bytes written by the client so far, of which the low half is enough to compare.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// When the last beat was due.
    at_beat: u32,
    /// When the `PING` is out.
    ping: u32,
    /// It was not out yet at the last beat.
    late: bool,
}

impl Backlog {
    /// A `PING` is out once so many bytes are written.
    pub(crate) fn asked(&mut self, written: u64) {
        self.ping = low(written);
    }

    /// A beat is due: whether the `PING` of the last one has had no time to be answered, though the server reads.
    pub(crate) fn is_moving(&mut self, written: u64) -> bool {
        let written = low(written);
        let moved = written != std::mem::replace(&mut self.at_beat, written);
        let ahead = self.ping.wrapping_sub(written);
        let waits = moved && (1..=u32::MAX / 2).contains(&ahead);
        // One that has got out since the last beat has its whole interval for an answer still.
        moved && std::mem::replace(&mut self.late, waits) || waits
    }
}

fn low(figure: u64) -> u32 {
    (figure & u64::from(u32::MAX)).try_into().unwrap_or_default()
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) io: Transport,
    pub(crate) input: Input,
    /// Goes out before everything else, between two batches: subscriptions first, and answers to pings.
    pub(crate) urgent: Vec<u8>,
    pub(crate) urgent_written: usize,
    /// Shared with the handles.
    pub(crate) info: Arc<ServerInfo>,
    tls: Option<Arc<TlsInfo>>,
    pub(crate) id: ServerId,
    pub(crate) server: String,
    pub(crate) keepalive: Keepalive,
    pub(crate) backlog: Backlog,
    pub(crate) lame: bool,
    pub(crate) renewal: Renewal,
    /// Bytes written since the server confirmed anything.
    pub(crate) unconfirmed: usize,
    /// When the server is asked to confirm what was written, however little that is.
    pub(crate) confirm_at: Option<Instant>,
    /// Something was written that the transport may still hold back.
    pub(crate) unflushed: bool,
    /// Why the server is about to close the connection.
    fault: Option<ServerError>,
}

impl Link {
    pub(crate) fn new(
        io: Transport,
        input: Input,
        info: ServerInfo,
        id: ServerId,
        server: String,
        config: &Config,
    ) -> Self {
        Self {
            tls: io.tls_info(),
            io,
            input,
            urgent: Vec::new(),
            urgent_written: 0,
            info: Arc::new(info),
            id,
            server,
            keepalive: Keepalive::new(config.ping_interval, config.max_pings_out, now()),
            backlog: Backlog::default(),
            lame: false,
            renewal: Renewal::default(),
            unconfirmed: 0,
            confirm_at: None,
            unflushed: false,
            fault: None,
        }
    }

    /// Makes what the server said of itself known to the handles.
    pub(crate) fn take_over(&mut self, core: &mut Core) {
        core.info = Arc::clone(&self.info);
        core.server = Some(self.server.clone());
        core.local_addr = self.io.local_addr();
        core.tls.clone_from(&self.tls);
        let max = self.info.max_payload().unwrap_or(usize::MAX);
        if max < core.gate.max_payload {
            // The server would close the connection over each message that is too large for it.
            let dropped = core.batch.drop_larger(max);
            core.note_dropped(dropped);
        }
        core.gate.change(|terms| {
            terms.headers = self.info.headers;
            terms.max_payload = max;
        });
        self.io.set_max_payload(max);
    }

    /// There are messages that the server has not confirmed.
    pub(crate) fn confirm_soon(&mut self) {
        if self.confirm_at.is_none() {
            self.confirm_at = Some(now() + CONFIRM);
        }
    }

    pub(crate) fn note_fault(&mut self, error: ServerError) {
        self.fault.get_or_insert(error);
    }

    /// The server goes on: what it complained of before, if that need not end the connection, is not why it ends later.
    pub(crate) fn goes_on(&mut self) {
        if self.fault.as_ref().is_some_and(|fault| fault.closes().is_none()) {
            self.fault = None;
        }
    }

    /// A connection that ends after the server gave a reason ends for that reason.
    pub(crate) fn explain(&mut self, cause: DisconnectCause) -> DisconnectCause {
        match (self.fault.take(), cause) {
            (Some(fault), DisconnectCause::Eof | DisconnectCause::Io { .. }) => {
                DisconnectCause::Server(fault)
            }
            (_, cause) => cause,
        }
    }

    pub(crate) async fn shut_down(&mut self) {
        // The connection is over either way.
        let _ = tokio::time::timeout(SHUT_DOWN, self.io.shutdown()).await;
    }
}
