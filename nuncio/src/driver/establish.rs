//! Finding a server and shaking hands with it.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use nuncio_proto::addr::ServerAddr;
use nuncio_proto::connect::Connect;
use nuncio_proto::encode;
use nuncio_proto::info::ServerInfo;
use nuncio_proto::pool::{Next, ServerId};
use nuncio_proto::session::handshake::{Handshake, HandshakeError, Step};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

use crate::auth::{Challenge, Presented, present};
use crate::config::Config;
use crate::driver::input::Input;
use crate::driver::link::Link;
use crate::driver::renewal::Renewal;
use crate::driver::shared::{Shared, now};
use crate::driver::verdict::{give_up, tells_more};
use crate::driver::wait::instant_after;
use crate::driver::{Driver, First};
use crate::error::{CloseReason, ConnectError};
use crate::events::Event;
use crate::tls::TlsProblem;
use crate::transport::Transport;
use crate::transport::dial::{host_port, late, open_websocket, reach};
use crate::transport::exposure;
use crate::transport::secure::{Prepared, check_injection, distrust, early_end, encrypt, tls_error};

/// While expired credentials are refused, newer ones are looked for this often.
const LOOK: Duration = Duration::from_millis(250);

/// The wait where the application's function for it has panicked.
const WAIT_IN_VAIN: Duration = Duration::from_secs(8);

type Established = (Transport, Input, ServerInfo);

impl Driver {
    /// Dials servers until one stands, or there is no use in going on.
    pub(super) async fn establish(&mut self, first: &mut Option<First>) -> Result<Link, CloseReason> {
        let once = first.is_some() && !self.shared.config.retry_on_initial_connect;
        let mut attempt = 0;
        let mut last: Option<ConnectError> = None;
        loop {
            let next = self.next_server();
            match next {
                Next::Dial(server, id) => {
                    attempt += 1;
                    match self.try_server(&server, id, attempt).await? {
                        Ok(link) => return Ok(link),
                        // Of several failures the one that the user has to mend is the most telling.
                        Err(error) if last.as_ref().is_some_and(|last| tells_more(last, once)) => drop(error),
                        Err(error) => last = Some(error),
                    }
                }
                Next::Wait(until) if !once => self.pause(Instant::from_std(until)).await?,
                Next::Wait(_) | Next::Exhausted => return Err(give_up(once.then_some(first), last)),
            }
        }
    }

    /// The pool's choice, unless the application's is due in this round.
    fn next_server(&self) -> Next {
        let now = now();
        if let Some(choose) = &self.shared.config.choose_server {
            let servers = self.shared.servers();
            // Not under the lock: it may ask the client.
            if let Some(Some(chosen)) = guarded_call("choose_server", || choose(&servers)) {
                self.shared.pool().prefer(chosen);
            }
        }
        let asks = {
            let mut pool = self.shared.pool();
            pool.set_tls(self.shared.security.must());
            pool.asks(now)
        };
        if let Some((wait, number)) = asks {
            // Nor this one.
            let wait = guarded_call("backoff", || wait(number)).unwrap_or(WAIT_IN_VAIN);
            self.shared.pool().wait(wait);
        }
        self.shared.pool().select(now)
    }

    async fn try_server(
        &mut self,
        server: &ServerAddr,
        id: ServerId,
        attempt: u32,
    ) -> Result<Result<Link, ConnectError>, CloseReason> {
        if self.connected_before {
            self.shared.events.emit(&Event::Reconnecting { server: host_port(server), attempt });
        }
        let seed = self.seed.u64(..);
        let mut presented = Presented::default();
        let shaking = shake_hands(Arc::clone(&self.shared), server.clone(), seed, &mut presented);
        match self.guarded(shaking).await? {
            Ok((io, input, info)) => {
                {
                    let mut pool = self.shared.pool();
                    pool.set_tls(self.shared.security.must());
                    pool.connected(id, now());
                }
                self.refusals.clear();
                self.outdated = None;
                let mut link = Link::new(io, input, info, id, host_port(server), &self.shared.config);
                link.renewal = Renewal::new(presented, self.renewed, self.seed.f64());
                Ok(Ok(link))
            }
            Err(error) => {
                let error = self.explained(id, error, &presented);
                self.failed(server, id, &error, presented);
                Ok(Err(error))
            }
        }
    }

    fn failed(&mut self, server: &ServerAddr, id: ServerId, error: &ConnectError, presented: Presented) {
        tracing::debug!(server = %host_port(server), %error, "connecting failed");
        self.shared.pool().dial_failed(id, error.to_string());
        match error {
            // Others may come, which the server has not judged yet.
            error if error.is_auth() && presented.are_outdated() => self.outdated = Some(presented),
            ConnectError::Refused { error, .. } | ConnectError::CredentialsWithheld { error, .. }
                if error.is_auth() && !self.shared.config.ignore_auth_error_abort =>
            {
                // The same refusal twice will not become a welcome by asking again.
                if self.refusals.insert(id, error.clone()).as_ref() == Some(error) {
                    self.shared.pool().retire(id);
                }
            }
            // It will lack that tomorrow as well.
            ConnectError::Unsupported { .. } => self.shared.pool().retire(id),
            _ => {
                self.refusals.remove(&id);
            }
        }
        self.shared.events.emit(&Event::ConnectFailed { server: host_port(server), error: error.clone() });
    }

    /// Waits for the next round, which begins earlier when there are newer credentials than those refused, or when the
    /// application asks for it.
    async fn pause(&mut self, until: Instant) -> Result<(), CloseReason> {
        let outdated = self.outdated.clone();
        let newer = async move {
            let Some(presented) = outdated else { return pending().await };
            loop {
                sleep(LOOK).await;
                if presented.have_successor().await {
                    return;
                }
            }
        };
        let shared = Arc::clone(&self.shared);
        let sooner = async move {
            let mut newer = pin!(newer);
            poll_fn(|cx| {
                // Whoever gives this order wakes the driver.
                let wanted = std::mem::take(&mut shared.core().orders.reconnect);
                if wanted { Poll::Ready(()) } else { newer.as_mut().poll(cx) }
            })
            .await;
        };
        if self.guarded(timeout_at(until, sooner)).await?.is_ok() {
            self.shared.pool().hurry();
        }
        Ok(())
    }

    /// Drives a future while there is no connection: time goes on, and the application may want an end.
    async fn guarded<F: Future>(&mut self, future: F) -> Result<F::Output, CloseReason> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let changes = {
                let mut core = self.shared.core();
                core.driver = Some(cx.waker().clone());
                std::mem::take(&mut core.changes)
            };
            if !changes.is_empty() {
                self.apply(changes);
            }
            loop {
                if let Some(reason) = self.end_while_down() {
                    return Poll::Ready(Err(reason));
                }
                if !self.poll_time(None, cx) {
                    break;
                }
            }
            future.as_mut().poll(cx).map(Ok)
        })
        .await
    }
}

/// Calls a function of the application, whose panic does not end the connection.
fn guarded_call<T>(option: &str, call: impl FnOnce() -> T) -> Option<T> {
    let answer = catch_unwind(AssertUnwindSafe(call));
    if answer.is_err() {
        tracing::error!(option, "a function given to the connection has panicked");
    }
    answer.ok()
}

/// Dials and goes through the handshake, within the connection's timeout.
async fn shake_hands(
    shared: Arc<Shared>,
    server: ServerAddr,
    seed: u64,
    presented: &mut Presented,
) -> Result<Established, ConnectError> {
    let config = &shared.config;
    let deadline = Instant::from_std(instant_after(config.connect_timeout));
    let (mut io, mut input, mut info) = greet(&shared, &server, seed, deadline).await?;
    // Whatever makes TLS a must, this is the last gate before credentials.
    if shared.security.must() && !io.is_tls() {
        return Err(tls_error(&server, TlsProblem::NotOffered));
    }
    if !config.echo && info.proto < 1 {
        return Err(ConnectError::Unsupported { server: host_port(&server), feature: "`echo(false)`" });
    }
    let mut connect = introduction(config, &info);
    connect.tls_required = io.is_tls();
    let challenge = Challenge::new(host_port(&server), info.nonce.clone());
    let presenting = present(&config.auth, &server, &challenge, &mut connect);
    let late_credentials = |_| late(config, &server, "credentials");
    *presented = timeout_at(deadline, presenting).await.map_err(late_credentials)??;
    exposure::check(config, &server, io.is_tls(), exposure::of_connect(&connect))?;
    let mut hello = Zeroizing::new(Vec::new());
    encode::connect(&mut hello, &Zeroizing::new(connect.to_json()));
    hello.extend_from_slice(encode::PING);
    let mut handshake = Handshake::introduced();
    let answered = async {
        send(&mut io, &hello, &server).await?;
        loop {
            match step(&mut io, &mut input, &mut handshake, &server).await? {
                Step::Done => return Ok::<(), ConnectError>(()),
                Step::Update(later) => info.update(*later),
                Step::Pong => send(&mut io, encode::PONG, &server).await?,
                Step::More | Step::Connect(_) => {}
            }
        }
    };
    timeout_at(deadline, answered).await.map_err(|_| late(config, &server, "PONG"))??;
    Ok((io, input, info))
}

/// Everything up to the point where credentials may be sent: TCP, `INFO` and TLS, in the order that the options ask for.
async fn greet(
    shared: &Shared,
    server: &ServerAddr,
    seed: u64,
    deadline: Instant,
) -> Result<Established, ConnectError> {
    let security = &shared.security;
    // A file that cannot be read is better known before anything is dialled.
    let prepared = if security.must() { Some(prepare(shared, server, deadline).await?) } else { None };
    let mut io = reach(&shared.config, server, deadline, seed).await?;
    if server.scheme().is_websocket() {
        // TLS lies beneath WebSocket, so that what INFO says of it comes too late and is not meant for it.
        if security.must() {
            io = upgrade(shared, io, prepared, server, false, deadline).await?;
        }
        io = open_websocket(io, &shared.config, server, deadline).await?;
        let (input, info) = hear(shared, &mut io, server, deadline).await?;
        return Ok((io, input, info));
    }
    if security.first() {
        io = upgrade(shared, io, prepared, server, false, deadline).await?;
        let (input, info) = hear(shared, &mut io, server, deadline).await?;
        return Ok((io, input, info));
    }
    let (input, mut info) = hear(shared, &mut io, server, deadline).await?;
    let secret = exposure::is_at_stake(&shared.config, server);
    if !security.decide(&info, secret).map_err(|problem| tls_error(server, problem))? {
        return Ok((io, input, info));
    }
    check_injection(input.rest(), server)?;
    distrust(&mut info);
    io = upgrade(shared, io, prepared, server, info.tls_verify, deadline).await?;
    Ok((io, Input::new(), info))
}

async fn prepare(shared: &Shared, server: &ServerAddr, deadline: Instant) -> Result<Prepared, ConnectError> {
    let prepared = timeout_at(deadline, shared.security.prepare(server)).await;
    let prepared = prepared.map_err(|_| late(&shared.config, server, "reading of certificates"))?;
    prepared.map_err(|problem| tls_error(server, problem))
}

async fn upgrade(
    shared: &Shared,
    io: Transport,
    prepared: Option<Prepared>,
    server: &ServerAddr,
    wants_certificate: bool,
    deadline: Instant,
) -> Result<Transport, ConnectError> {
    let prepared = match prepared {
        Some(prepared) => prepared,
        None => prepare(shared, server, deadline).await?,
    };
    let encrypted = timeout_at(deadline, encrypt(io, prepared, server, wants_certificate)).await;
    let io = encrypted.map_err(|_| late(&shared.config, server, "TLS handshake"))??;
    shared.security.insist();
    Ok(io)
}

/// Hears how the server introduces itself.
async fn hear(
    shared: &Shared,
    io: &mut Transport,
    server: &ServerAddr,
    deadline: Instant,
) -> Result<(Input, ServerInfo), ConnectError> {
    let mut input = Input::new();
    let mut handshake = Handshake::new();
    let greeting = step(io, &mut input, &mut handshake, server);
    match timeout_at(deadline, greeting).await.map_err(|_| late(&shared.config, server, "INFO"))?? {
        Step::Connect(info) => Ok((input, *info)),
        other => {
            let problem = format!("the handshake went astray: {other:?}");
            Err(ConnectError::Protocol { server: host_port(server), problem })
        }
    }
}

async fn send(io: &mut Transport, bytes: &[u8], server: &ServerAddr) -> Result<(), ConnectError> {
    crate::wire::sent(bytes);
    let written = async {
        io.write_all(bytes).await?;
        io.flush().await
    };
    match written.await {
        // A server that refuses the client's certificate may have said so and hung up: read on.
        Err(_) if io.is_tls() => Ok(()),
        written => written.map_err(|error| broken(&error, server)),
    }
}

fn broken(error: &io::Error, server: &ServerAddr) -> ConnectError {
    ConnectError::Io { server: host_port(server), kind: error.kind(), message: error.to_string() }
}

/// Reads up to the next operation that the handshake has something to say about.
async fn step(
    io: &mut Transport,
    input: &mut Input,
    handshake: &mut Handshake,
    server: &ServerAddr,
) -> Result<Step, ConnectError> {
    let protocol = |problem: String| ConnectError::Protocol { server: host_port(server), problem };
    loop {
        let step = match input.decode(0) {
            Ok(Some((op, len))) => Some((handshake.handle(op), len)),
            Ok(None) => None,
            Err(error) => return Err(protocol(error.to_string())),
        };
        if let Some((step, len)) = step {
            input.skip(len);
            return step.map_err(|error| refused(error, server));
        }
        match poll_fn(|cx| input.poll_fill(io, cx)).await {
            Ok((0, _)) => {
                let end = io::Error::new(io::ErrorKind::UnexpectedEof, "it closed it");
                let early = early_end(io, &end, server);
                return Err(early.unwrap_or_else(|| refused(HandshakeError::Closed, server)));
            }
            Ok(_) => {}
            Err(error) => {
                return Err(early_end(io, &error, server).unwrap_or_else(|| broken(&error, server)));
            }
        }
    }
}

fn refused(error: HandshakeError, server: &ServerAddr) -> ConnectError {
    let server = host_port(server);
    match error {
        HandshakeError::Server(error) => ConnectError::Refused { server, error },
        HandshakeError::Info(error) => ConnectError::Info { server, error },
        error => ConnectError::Protocol { server, problem: error.to_string() },
    }
}

fn introduction(config: &Config, info: &ServerInfo) -> Connect {
    let mut connect = Connect::default();
    // A server without headers refuses a client that asks for the status of no responders.
    connect.headers = info.headers;
    connect.no_responders = info.headers;
    connect.verbose = config.verbose;
    connect.pedantic = config.pedantic;
    connect.echo = config.echo;
    connect.name.clone_from(&config.name);
    connect
}
