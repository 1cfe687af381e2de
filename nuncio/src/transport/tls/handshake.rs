//! The handshake, and what its failures mean.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use nuncio_proto::addr::ServerAddr;
use nuncio_proto::decode::{Limits, ServerDecoder};
use nuncio_proto::op::ServerOp;
use nuncio_proto::server_error::ServerError;
use rustls::{AlertDescription, CertificateError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Prepared;
use crate::error::{ConnectError, shown};
use crate::tls::{TlsInfo, TlsProblem};
use crate::transport::Transport;
use crate::transport::dial::host_port;
use crate::transport::secure::tls_error;

/// So much of what comes during a handshake is kept to explain its failure.
const OVERHEARD: usize = 512;

/// The encrypted stream as it is kept in a [`Transport`].
pub(crate) type Stream = TlsStream<Overheard>;

/// Goes through the handshake with a server that `wants_certificate` of the client, as far as it has said so.
pub(crate) async fn encrypt(
    io: Transport,
    prepared: Prepared,
    server: &ServerAddr,
    wants_certificate: bool,
) -> Result<Transport, ConnectError> {
    let expected = prepared.name.to_str().into_owned();
    let io = Overheard { io, heard: Some(Vec::new()) };
    match TlsConnector::from(prepared.config).connect(prepared.name, io).into_fallible().await {
        Ok(mut stream) => {
            stream.get_mut().0.heard = None;
            Ok(Transport::Tls(Box::new(stream)))
        }
        Err((error, io)) => {
            let heard = io.heard.unwrap_or_default();
            Err(in_the_clear(&heard, server)
                .unwrap_or_else(|| tls_error(server, handshake_problem(&error, expected, wants_certificate))))
        }
    }
}

/// What a handshake came to.
pub(crate) fn info(connection: &rustls::ClientConnection) -> TlsInfo {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "1.3".to_owned(),
        Some(rustls::ProtocolVersion::TLSv1_2) => "1.2".to_owned(),
        other => other.map(|version| format!("{version:?}")).unwrap_or_default(),
    };
    let suite = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
    // Suites of TLS 1.3 have names of their own in rustls.
    let suite = suite.unwrap_or_default();
    let cipher_suite = suite.strip_prefix("TLS13_").map_or(suite.clone(), |rest| format!("TLS_{rest}"));
    let certificates = connection.peer_certificates().unwrap_or_default();
    TlsInfo { version, cipher_suite, certificates: certificates.iter().map(|c| c.to_vec()).collect() }
}

/// What the server said if it did not speak TLS. A throttled connection is told so in clear text.
fn in_the_clear(heard: &[u8], server: &ServerAddr) -> Option<ConnectError> {
    // The types of a TLS record.
    if heard.first().is_none_or(|first| (20..=24).contains(first)) {
        return None;
    }
    if is_throttled(heard) {
        return Some(ConnectError::Refused { server: host_port(server), error: ServerError::Throttled });
    }
    let line = heard.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
    let said = shown(line.get(..64).unwrap_or(line));
    Some(tls_error(server, TlsProblem::ClearText { said }))
}

/// Whether the server refuses the connection because too many come at once.
///
/// In clear text that is the one refusal to believe: others have consequences.
pub(crate) fn is_throttled(bytes: &[u8]) -> bool {
    match ServerDecoder::new(Limits::default()).decode(bytes) {
        Ok(Some((ServerOp::Err(text), _))) => ServerError::parse(text) == ServerError::Throttled,
        _ => false,
    }
}

fn handshake_problem(error: &io::Error, expected: String, wants_certificate: bool) -> TlsProblem {
    let Some(rustls) = rustls_error(error) else {
        return TlsProblem::Handshake { message: error.to_string() };
    };
    let rustls::Error::InvalidCertificate(certificate) = rustls else {
        // All that TLS 1.2 says about a certificate that is missing.
        let failure = AlertDescription::HandshakeFailure;
        if wants_certificate && *rustls == rustls::Error::AlertReceived(failure) {
            return TlsProblem::ClientCertificate { message: format!("{failure:?}") };
        }
        return match client_certificate_alert(rustls) {
            Some(alert) => alert,
            None => TlsProblem::Handshake { message: rustls.to_string() },
        };
    };
    match certificate {
        // The signature is wrong where an authority was renewed under its old name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsProblem::UnknownAuthority,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsProblem::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsProblem::NotYetValid
        }
        CertificateError::NotValidForName => {
            TlsProblem::WrongName { expected, presented: "other names".into() }
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let presented =
                if presented.is_empty() { "no name at all".to_owned() } else { presented.join(", ") };
            TlsProblem::WrongName { expected, presented: shown(presented.as_bytes()) }
        }
        other => TlsProblem::Certificate { message: other.to_string() },
    }
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// What an alert of the server says about the client's certificate.
fn client_certificate_alert(error: &rustls::Error) -> Option<TlsProblem> {
    use AlertDescription as A;
    match error {
        rustls::Error::AlertReceived(
            alert @ (A::CertificateRequired
            | A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied),
        ) => Some(TlsProblem::ClientCertificate { message: format!("{alert:?}") }),
        _ => None,
    }
}

/// What it means that reading or writing failed between the handshake and the first `PONG`.
///
/// With TLS 1.3 the server looks at the client's certificate only after the handshake has succeeded for the client.
pub(crate) fn early_end(error: &io::Error) -> TlsProblem {
    rustls_error(error)
        .and_then(client_certificate_alert)
        .unwrap_or_else(|| TlsProblem::Ended { message: error.to_string() })
}

/// A transport under TLS, of which is kept what is read during the handshake.
#[derive(Debug)]
pub(crate) struct Overheard {
    io: Transport,
    heard: Option<Vec<u8>>,
}

impl Overheard {
    pub(crate) fn inner(&self) -> &Transport {
        &self.io
    }
}

impl AsyncRead for Overheard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Some(heard) = &mut self.heard {
            let fresh = buf.filled().iter().skip(before);
            heard.extend(fresh.take(OVERHEARD.saturating_sub(heard.len())));
        }
        polled
    }
}

impl AsyncWrite for Overheard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_alone_is_believed_in_clear_text() {
        assert!(is_throttled(b"-ERR 'Connection throttling is active. Please try again later.'\r\n"));
        assert!(!is_throttled(b"-ERR 'Authorization Violation'\r\n"));
        assert!(!is_throttled(b"PING\r\n"));
    }
}
