//! Nothing secret is ever shown.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use nuncio::auth::{Challenge, Credentials, Creds};
use nuncio::nkey::{KeyPair, Role};
use nuncio::{Auth, ServerAddr};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::operator::{Operator, text, write};
use crate::support::*;

/// Everything that is logged in this process, at every level.
struct Log(&'static Mutex<String>);

pub(crate) fn log() -> &'static Mutex<String> {
    static TEXT: OnceLock<Mutex<String>> = OnceLock::new();
    let mut new = false;
    let text = TEXT.get_or_init(|| {
        new = true;
        Mutex::new(String::new())
    });
    if new {
        tracing::subscriber::set_global_default(Log(text)).unwrap();
    }
    text
}

pub(crate) fn held(text: &Mutex<String>) -> MutexGuard<'_, String> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut Fields(&mut held(self.0)));
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, record: &Record<'_>) {
        record.record(&mut Fields(&mut held(self.0)));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = held(self.0);
        write!(text, "\n{}", event.metadata().level()).unwrap();
        event.record(&mut Fields(&mut text));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

pub(crate) fn all(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    if let Some(source) = error.source() {
        text += &all(source);
    }
    text
}

#[tokio::test]
async fn no_secret_shows_in_debug_errors_events_or_logs() {
    let log = log();
    let op = Operator::start().await;
    let (user, other) = (op.user(|_| ()), op.user(|claims| claims.bearer = true));
    let (jwt, seed) = (user.jwt().expose().to_owned(), user.key().unwrap().seed());
    let mut secrets = vec![
        "canary-password".to_owned(),
        "canary-token".to_owned(),
        "canary-url".to_owned(),
        jwt.clone(),
        jwt.rsplit_once('.').unwrap().1.to_owned(),
        seed.expose().to_owned(),
        seed.expose()[4..40].to_owned(),
        other.jwt().expose().to_owned(),
    ];
    let path = op.path("user.creds");
    write(&path, &text(&user));
    let signatures: &'static Mutex<Vec<String>> = Box::leak(Box::default());
    let key = KeyPair::from_seed(seed.expose()).unwrap();
    let shown: &'static Mutex<String> = Box::leak(Box::default());
    let callback = Auth::callback(move |challenge: Challenge| {
        let sig = key.sign_nonce(challenge.nonce()).unwrap();
        let credentials = Credentials::new().signature(sig.expose());
        signatures.lock().unwrap().extend([sig.expose().to_owned(), challenge.nonce().unwrap().to_owned()]);
        write!(shown.lock().unwrap(), "{challenge:?} {credentials:?} {key:?}").unwrap();
        async move { Ok(credentials) }
    });
    let auths = [
        Auth::user_and_password("me", "canary-password"),
        Auth::token("canary-token"),
        Auth::bearer(other.jwt().expose()),
        Auth::nkey(seed.expose()),
        Auth::jwt(&jwt, seed.expose()),
        Auth::creds(text(&user)),
        Auth::creds_file(&path),
        callback,
    ];
    let mut show = format!("{auths:?} {auths:#?} {user:?}");
    let url = format!("nats://me:canary-url@{}", op.server.addr());
    show += &format!("{:?}", ServerAddr::parse(&url).unwrap());
    let connect = auths.iter().cloned().fold(nuncio::connect(url), nuncio::Connect::auth);
    show += &format!("{connect:?}");
    let nc = connect.await.unwrap();
    let mut events = nc.events();
    nc.force_reconnect();
    reconnected(&mut events).await;
    show += &format!("{nc:?} {:?} {:?}", nc.state(), nc.user_info().await);

    // Each of them mangled: what does not work must not be shown either.
    let (cut_seed, cut_jwt) = (seed.expose().replacen("SU", "SUA", 1), format!("{jwt}x"));
    let broken = text(&user).replace(seed.expose(), &cut_seed);
    write(&path, &broken);
    for auth in [
        Auth::nkey(&cut_seed),
        Auth::jwt(&cut_jwt, &cut_seed),
        Auth::jwt(format!("{{{jwt}"), seed.expose()),
        Auth::creds(&broken),
        Auth::creds(text(&user).replace(&jwt, &cut_jwt)),
        Auth::creds(text(&user).replace("NATS USER JWT", "canary-token")),
        Auth::creds_file(&path),
        Auth::bearer(&cut_jwt),
        Auth::user_and_password("canary", "canary-password"),
    ] {
        show += &format!("{auth:?}");
        let tried = nuncio::connect(op.server.url()).auth(auth).await;
        show += &tried.map_or_else(|error| all(&error), |_| String::new());
    }
    nc.force_reconnect();
    event(&mut events, |e| {
        show += &format!("{e:?}");
        matches!(e, nuncio::Event::ConnectFailed { .. }).then_some(())
    })
    .await;
    show += &format!("{:?}", Creds::parse(broken.as_bytes()));
    show += &shown.lock().unwrap();
    nc.close().await;

    let signed = std::mem::take(&mut *signatures.lock().unwrap());
    let nonces: Vec<_> = signed.iter().skip(1).step_by(2).cloned().collect();
    secrets.extend(signed);
    let log = held(log).clone();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "nothing was logged: {log}");
    for secret in secrets {
        assert!(!show.contains(&secret), "{secret} in {show}");
        // A nonce is the server's own text, and a log of the wire has it in INFO.
        assert!(nonces.contains(&secret) || !log.contains(&secret), "{secret} in {log}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;

    let log = log();
    let key = KeyPair::generate(Role::User).unwrap();
    let server = server(&format!("authorization {{ users: [{{ nkey: {} }}] }}", key.public_key())).await;
    for (name, mode, warned) in
        [("open.nk", 0o644, true), ("group.nk", 0o640, true), ("mine.nk", 0o600, false)]
    {
        let path = server.dir().join(name);
        std::fs::write(&path, key.seed().expose()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        nuncio::connect(server.url()).auth(Auth::nkey_file(&path)).await.unwrap();
        let text = held(log).clone();
        let line = text.lines().find(|line| line.contains(&*path.to_string_lossy()) && line.contains("WARN"));
        assert_eq!(line.is_some(), warned, "{name}: {line:?}");
    }
}
