//! Credentials that must not be read on the way.

use nuncio_proto::addr::ServerAddr;
use nuncio_proto::connect::Connect;
use nuncio_proto::secret::Secret;

use crate::auth::Auth;
use crate::config::Config;
use crate::error::ConnectError;
use crate::jwt::UserClaims;
use crate::transport::dial::host_port;

/// Refuses to send to this server, without TLS, what lets in whoever reads it.
///
/// That depends on the address and the options alone, not on what a name look-up says today.
pub(crate) fn check(
    config: &Config,
    server: &ServerAddr,
    tls: bool,
    secret: Option<&'static str>,
) -> Result<(), ConnectError> {
    match secret {
        Some(secret) if !tls && !reading_is_harmless(config, server) => {
            Err(ConnectError::PlaintextAuth { server: host_port(server), secret })
        }
        _ => Ok(()),
    }
}

/// Whether it is known before anything is said that a secret would go to this server, and must not without TLS. What files and
/// callbacks yield is seen to when they have been asked.
pub(crate) fn is_at_stake(config: &Config, server: &ServerAddr) -> bool {
    let known = server.has_credentials() || config.auth.iter().any(Auth::holds_secret);
    known && !reading_is_harmless(config, server)
}

/// Whether it does not matter who reads on the way to this server, or nobody can.
fn reading_is_harmless(config: &Config, server: &ServerAddr) -> bool {
    let private = || match &config.connector {
        Some(connector) => connector.is_private(server),
        None => server.is_loopback(),
    };
    config.allow_plaintext_auth || private()
}

/// What of it can be used by whoever reads it.
///
/// The signature of a nonce is of no use for another connection, and neither is a JWT that has to come with one.
pub(crate) fn of_connect(connect: &Connect) -> Option<&'static str> {
    let filled = |secret: &Option<Secret>| secret.as_ref().is_some_and(|s| !s.expose().is_empty());
    // What cannot be read as a JWT may be a token of whoever checks logins in the server's place (ADR-26).
    let signed = |jwt: &Secret| UserClaims::decode(jwt.expose()).is_ok_and(|claims| !claims.bearer);
    if filled(&connect.pass) {
        Some("a password")
    } else if filled(&connect.auth_token) {
        Some("a token")
    } else if filled(&connect.jwt) && !(filled(&connect.sig) && connect.jwt.as_ref().is_some_and(signed)) {
        Some("a JWT that lets in whoever has it")
    } else {
        None
    }
}

/// The same for the headers of the request that opens a WebSocket connection.
#[cfg(feature = "websocket")]
pub(crate) fn of_headers(headers: &[(String, String)]) -> Option<&'static str> {
    const SECRET: [&str; 3] = ["Authorization", "Cookie", "Proxy-Authorization"];
    let is_secret = |name: &str| SECRET.iter().any(|secret| name.trim().eq_ignore_ascii_case(secret));
    headers.iter().any(|(name, _)| is_secret(name)).then_some("a WebSocket header with credentials")
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::nkey::{KeyPair, Role};

    fn jwt(bearer: bool) -> Option<Secret> {
        let (account, user) =
            (KeyPair::generate(Role::Account).unwrap(), KeyPair::generate(Role::User).unwrap());
        let mut claims = UserClaims::new("demo", user.public_key());
        claims.bearer = bearer;
        Some(claims.sign(&account, SystemTime::now()).unwrap())
    }

    #[test]
    fn what_can_be_used_again_is_exposed_and_what_is_signed_is_not() {
        let some = |text: &str| Some(Secret::new(text));
        let of = |fill: &dyn Fn(&mut Connect)| {
            let mut connect = Connect::default();
            fill(&mut connect);
            of_connect(&connect)
        };
        assert_eq!(of(&|_| ()), None);
        assert_eq!(of(&|c| c.user = Some("me".into())), None);
        assert_eq!(of(&|c| c.pass = some("")), None);
        assert_eq!(of(&|c| c.pass = some("x")), Some("a password"));
        assert_eq!(of(&|c| c.auth_token = some("x")), Some("a token"));
        assert_eq!(of(&|c| (c.nkey, c.sig) = (Some("U".into()), some("x"))), None);
        assert_eq!(of(&|c| (c.jwt, c.sig) = (jwt(false), some("x"))), None);
        for (bearer, sig) in [(false, None), (true, None), (true, some("x"))] {
            assert!(of(&|c| (c.jwt, c.sig) = (jwt(bearer), sig.clone())).is_some(), "{bearer} {sig:?}");
        }
        assert!(of(&|c| (c.jwt, c.sig) = (some("no JWT"), some("x"))).is_some());
    }

    #[test]
    fn what_is_at_stake_is_known_of_urls_and_of_fixed_credentials() {
        let at_stake = |server: &str, auth: Option<Auth>| {
            let config = Config { auth: auth.into_iter().collect(), ..Config::default() };
            is_at_stake(&config, &ServerAddr::parse(server).unwrap())
        };
        assert!(at_stake("joe:x@nats.example", None) && at_stake("x@nats.example", None));
        assert!(!at_stake("nats.example", None) && !at_stake("joe:x@localhost", None));
        for auth in [Auth::user_and_password("joe", "x"), Auth::token("x"), Auth::bearer("x")] {
            assert!(at_stake("nats.example", Some(auth.clone())) && !at_stake("localhost", Some(auth)));
        }
        let key = KeyPair::generate(Role::User).unwrap();
        assert!(!at_stake("nats.example", Some(Auth::nkey(key.seed().expose()))));
        assert!(!at_stake("nats.example", Some(Auth::creds_file("a.creds"))));
    }

    #[test]
    fn this_machine_is_told_from_others_by_the_address_alone() {
        let check = |server: &str, tls: bool, allow: bool| {
            let config = Config { allow_plaintext_auth: allow, ..Config::default() };
            super::check(&config, &ServerAddr::parse(server).unwrap(), tls, Some("a password"))
        };
        let here = ["localhost", "LOCALHOST:1", "127.0.0.1", "127.255.0.9", "::1", "[::ffff:127.0.0.1]:1"];
        for server in here.into_iter().chain(["ws://localhost", "unix:///run/nats.sock"]) {
            assert_eq!(check(server, false, false), Ok(()), "{server}");
        }
        for server in
            ["nats.example", "localhost.example", "10.0.0.1", "0.0.0.0", "128.0.0.1", "::2", "ws://a"]
        {
            let error = check(server, false, false);
            assert!(matches!(error, Err(ConnectError::PlaintextAuth { .. })), "{server}: {error:?}");
            assert_eq!(
                (check(server, true, false), check(server, false, true)),
                (Ok(()), Ok(())),
                "{server}"
            );
        }
    }

    #[cfg(feature = "websocket")]
    #[test]
    fn headers_that_log_in_are_exposed() {
        let of = |name: &str| of_headers(&[("Origin".into(), "x".into()), (name.into(), "x".into())]);
        assert!(of("cookie").is_some() && of("Authorization").is_some());
        assert_eq!(of("User-Agent"), None);
    }
}
