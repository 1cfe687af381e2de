//! Whether a connection is encrypted: the policy, which holds for all servers of a client alike.

use std::sync::atomic::{AtomicBool, Ordering};

use nuncio_proto::addr::ServerAddr;
use nuncio_proto::info::ServerInfo;

use crate::error::ConnectError;
use crate::tls::{Tls, TlsProblem};
use crate::transport::Transport;
use crate::transport::dial::host_port;

/// What nats-server allows unless configured otherwise; a clear-text `INFO` that allows less is not believed.
const USUAL_MAX_PAYLOAD: i64 = 1024 * 1024;

/// A client's way with TLS.
#[derive(Debug)]
pub(crate) struct Security {
    options: Tls,
    /// Wanted from the beginning, or used once: there is no way back.
    must: AtomicBool,
    #[cfg(feature = "tls")]
    store: super::tls::Store,
}

/// What one attempt to connect has at hand for TLS.
#[cfg(feature = "tls")]
pub(crate) type Prepared = super::tls::Prepared;
#[cfg(not(feature = "tls"))]
#[derive(Clone, Debug)]
pub(crate) enum Prepared {}

impl Security {
    pub(crate) fn new(options: Option<&Tls>, servers: &[ServerAddr]) -> Self {
        let must = options.map_or_else(|| servers.iter().any(|s| s.scheme().is_tls()), |tls| !tls.forbidden);
        Self {
            options: options.cloned().unwrap_or_default(),
            must: AtomicBool::new(must),
            #[cfg(feature = "tls")]
            store: super::tls::Store::default(),
        }
    }

    /// Whether nothing may be sent without TLS.
    pub(crate) fn must(&self) -> bool {
        self.must.load(Ordering::Relaxed)
    }

    /// Whether the handshake comes before `INFO`.
    pub(crate) fn first(&self) -> bool {
        self.options.first
    }

    /// TLS was used, or is asked for now: it is a must from here on.
    pub(crate) fn insist(&self) {
        self.must.store(true, Ordering::Relaxed);
    }

    /// Whether to upgrade after this `INFO` in clear text; `secret` says that what comes next must not be read.
    pub(crate) fn decide(&self, info: &ServerInfo, secret: bool) -> Result<bool, TlsProblem> {
        match (self.must(), info.tls_required) {
            (true, false) if !info.tls_available => Err(TlsProblem::NotOffered),
            (false, true) if self.options.forbidden => Err(TlsProblem::Forbidden),
            (false, false) if self.options.forbidden => Ok(false),
            (must, required) => Ok(must || required || secret && info.tls_available),
        }
    }

    /// Reads and parses what the handshake needs, as far as it is not at hand.
    #[cfg(feature = "tls")]
    pub(crate) async fn prepare(&self, server: &ServerAddr) -> Result<Prepared, TlsProblem> {
        self.store.prepare(&self.options, server).await
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) async fn prepare(&self, _server: &ServerAddr) -> Result<Prepared, TlsProblem> {
        Err(TlsProblem::NotCompiled)
    }
}

/// Goes through the TLS handshake.
#[cfg(feature = "tls")]
pub(crate) async fn encrypt(
    io: Transport,
    prepared: Prepared,
    server: &ServerAddr,
    wants_certificate: bool,
) -> Result<Transport, ConnectError> {
    super::tls::encrypt(io, prepared, server, wants_certificate).await
}

#[cfg(not(feature = "tls"))]
pub(crate) async fn encrypt(
    _io: Transport,
    prepared: Prepared,
    _server: &ServerAddr,
    _wants_certificate: bool,
) -> Result<Transport, ConnectError> {
    match prepared {}
}

/// Nothing may lie between the `INFO` and the handshake: it would be taken for something said inside TLS.
pub(crate) fn check_injection(rest: &[u8], server: &ServerAddr) -> Result<(), ConnectError> {
    if rest.is_empty() {
        return Ok(());
    }
    #[cfg(feature = "tls")]
    if super::tls::is_throttled(rest) {
        let error = nuncio_proto::server_error::ServerError::Throttled;
        return Err(ConnectError::Refused { server: host_port(server), error });
    }
    Err(tls_error(server, TlsProblem::Injected { bytes: rest.len() }))
}

/// What it means that the connection failed or ended between the handshake and the first `PONG`; `None` without TLS.
pub(crate) fn early_end(io: &Transport, error: &std::io::Error, server: &ServerAddr) -> Option<ConnectError> {
    #[cfg(feature = "tls")]
    if io.is_tls() {
        return Some(tls_error(server, super::tls::early_end(error)));
    }
    let _ = (io, error, server);
    None
}

/// The error of one server.
pub(crate) fn tls_error(server: &ServerAddr, problem: TlsProblem) -> ConnectError {
    ConnectError::Tls { server: host_port(server), problem }
}

/// Takes out of an `INFO` in clear text what somebody on the way could use: other servers to go to, and a limit so low
/// that buffered messages would be dropped for it.
pub(crate) fn distrust(info: &mut ServerInfo) {
    info.connect_urls.clear();
    info.lame_duck_mode = false;
    if info.max_payload > 0 {
        info.max_payload = info.max_payload.max(USUAL_MAX_PAYLOAD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(json: &str) -> ServerInfo {
        ServerInfo::parse(json.as_bytes()).unwrap()
    }

    fn security(options: Option<Tls>, servers: &str) -> Security {
        Security::new(options.as_ref(), &ServerAddr::parse_list(servers).unwrap())
    }

    const NONE: &str = "{}";
    const AVAILABLE: &str = r#"{"tls_available":true}"#;
    const REQUIRED: &str = r#"{"tls_required":true}"#;

    #[test]
    fn without_a_word_the_server_decides() {
        let security = security(None, "a");
        assert_eq!(security.decide(&info(NONE), false), Ok(false));
        assert_eq!(security.decide(&info(AVAILABLE), false), Ok(false));
        assert_eq!(security.decide(&info(REQUIRED), false), Ok(true));
    }

    #[test]
    fn for_a_secret_tls_is_taken_where_it_is_offered() {
        let silent = security(None, "a");
        assert_eq!(silent.decide(&info(AVAILABLE), true), Ok(true));
        assert_eq!(silent.decide(&info(NONE), true), Ok(false));
        assert_eq!(security(Some(Tls::forbidden()), "a").decide(&info(AVAILABLE), true), Ok(false));
    }

    #[test]
    fn tls_that_is_wanted_or_was_used_is_never_given_up() {
        let used = security(None, "a");
        used.insist();
        for security in [used, security(None, "a,tls://b"), security(Some(Tls::required()), "a")] {
            assert_eq!(security.decide(&info(NONE), false), Err(TlsProblem::NotOffered));
            assert_eq!(security.decide(&info(AVAILABLE), false), Ok(true));
            assert_eq!(security.decide(&info(REQUIRED), false), Ok(true));
        }
    }

    #[test]
    fn forbidden_tls_is_an_error_where_the_server_requires_it() {
        let security = security(Some(Tls::forbidden()), "a");
        assert_eq!(security.decide(&info(NONE), false), Ok(false));
        assert_eq!(security.decide(&info(AVAILABLE), false), Ok(false));
        assert_eq!(security.decide(&info(REQUIRED), false), Err(TlsProblem::Forbidden));
    }

    #[test]
    fn a_clear_text_info_neither_names_servers_nor_lowers_the_limit() {
        let mut low = info(r#"{"max_payload":1,"connect_urls":["evil:1"],"ldm":true,"headers":true}"#);
        distrust(&mut low);
        assert_eq!((low.max_payload(), low.headers, low.lame_duck_mode), (Some(1024 * 1024), true, false));
        assert!(low.connect_urls.is_empty());
        let mut high = info(r#"{"max_payload":8388608}"#);
        distrust(&mut high);
        assert_eq!(high.max_payload(), Some(8 * 1024 * 1024));
    }

    #[cfg(not(feature = "tls"))]
    #[tokio::test]
    async fn a_build_without_tls_says_so_before_anything_is_dialled() {
        for error in [
            crate::connect("tls://127.0.0.1:1").await.unwrap_err(),
            crate::connect("127.0.0.1:1").tls(Tls::required()).await.unwrap_err(),
        ] {
            assert_eq!(
                error,
                ConnectError::Tls { server: "127.0.0.1:1".into(), problem: TlsProblem::NotCompiled }
            );
        }
    }
}
