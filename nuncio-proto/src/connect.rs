//! `CONNECT`: what a client says about itself.

use serde::Serialize;

use crate::json;
use crate::secret::Secret;

/// What a client says about itself in its `CONNECT`.
///
/// The JSON has exactly the keys of these fields; a key whose value is `None` or empty is left out. There is
/// no way to serialise it but [`Connect::to_json`], so that the secrets go to the server and nowhere else.
///
/// ```
/// use nuncio_proto::connect::Connect;
///
/// let mut connect = Connect::default();
/// connect.name = Some("orders".into());
/// connect.user = Some("u".into());
/// connect.pass = Some("s3cr3t".into());
/// assert!(String::from_utf8_lossy(&connect.to_json()).contains(r#""pass":"s3cr3t""#));
/// assert!(!format!("{connect:?}").contains("s3cr3t"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connect {
    /// Ask for `+OK` after each operation. Default: false.
    pub verbose: bool,
    /// Ask for stricter checks of subjects. Default: false.
    pub pedantic: bool,
    /// The client insists on TLS. Default: false.
    pub tls_required: bool,
    /// Name of the connection, for the server's monitoring.
    pub name: Option<String>,
    /// The client's language. Default: `rust`.
    pub lang: String,
    /// The client's version. Default: the version of this crate.
    pub version: String,
    /// 1 lets the server send `INFO` at any time; more is refused. Default: 1.
    pub protocol: u8,
    /// Receive what the connection itself publishes. Default: true.
    pub echo: bool,
    /// The client understands headers. Default: true.
    pub headers: bool,
    /// Ask for a 503 where a request has no subscriber; needs `headers`. Default: true.
    pub no_responders: bool,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub pass: Option<Secret>,
    /// Token, where the server wants that instead of user and password.
    pub auth_token: Option<Secret>,
    /// The user's JWT.
    pub jwt: Option<Secret>,
    /// The user's public key.
    pub nkey: Option<String>,
    /// The server's nonce, signed.
    pub sig: Option<Secret>,
}

impl Default for Connect {
    fn default() -> Connect {
        Connect {
            verbose: false,
            pedantic: false,
            tls_required: false,
            name: None,
            lang: "rust".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: 1,
            echo: true,
            headers: true,
            no_responders: true,
            user: None,
            pass: None,
            auth_token: None,
            jwt: None,
            nkey: None,
            sig: None,
        }
    }
}

impl Connect {
    /// The JSON text for the wire. It holds the secrets: do not log it.
    pub fn to_json(&self) -> Vec<u8> {
        let wire = Wire {
            verbose: self.verbose,
            pedantic: self.pedantic,
            tls_required: self.tls_required,
            name: text(&self.name),
            lang: &self.lang,
            version: &self.version,
            protocol: self.protocol,
            echo: self.echo,
            headers: self.headers,
            no_responders: self.no_responders,
            user: text(&self.user),
            pass: exposed(&self.pass),
            auth_token: exposed(&self.auth_token),
            jwt: exposed(&self.jwt),
            nkey: text(&self.nkey),
            sig: exposed(&self.sig),
        };
        // Text, numbers and truth values cannot fail to serialise into memory.
        serde_json::to_vec(&wire).unwrap_or_default()
    }
}

fn text(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|text| !text.is_empty())
}

fn exposed(value: &Option<Secret>) -> Option<&str> {
    value.as_ref().map(Secret::expose).filter(|text| !text.is_empty())
}

/// The shape on the wire; private, since it can be serialised.
#[derive(Serialize)]
struct Wire<'a> {
    verbose: bool,
    pedantic: bool,
    tls_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    lang: &'a str,
    version: &'a str,
    protocol: u8,
    echo: bool,
    headers: bool,
    no_responders: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nkey: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<&'a str>,
}

/// A `CONNECT` as a server reads it.
///
/// Reading is tolerant, as for [`ServerInfo`](crate::info::ServerInfo). What the client leaves out has the
/// server's defaults, not the client's: `verbose`, `pedantic` and `echo` are true, `protocol` is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectRequest {
    /// The client wants `+OK` after each operation.
    pub verbose: bool,
    /// The client wants stricter checks of subjects.
    pub pedantic: bool,
    /// The client insists on TLS.
    pub tls_required: bool,
    /// Name of the connection.
    pub name: Option<String>,
    /// The client's language.
    pub lang: Option<String>,
    /// The client's version.
    pub version: Option<String>,
    /// The version of the protocol that the client wants, not checked.
    pub protocol: i64,
    /// The client wants what it publishes itself.
    pub echo: bool,
    /// The client understands headers.
    pub headers: bool,
    /// The client wants a 503 where a request has no subscriber.
    pub no_responders: bool,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub pass: Option<Secret>,
    /// Token.
    pub auth_token: Option<Secret>,
    /// The user's JWT.
    pub jwt: Option<Secret>,
    /// The user's public key.
    pub nkey: Option<String>,
    /// The server's nonce, signed.
    pub sig: Option<Secret>,
}

impl Default for ConnectRequest {
    fn default() -> ConnectRequest {
        ConnectRequest {
            verbose: true,
            pedantic: true,
            tls_required: false,
            name: None,
            lang: None,
            version: None,
            protocol: 0,
            echo: true,
            headers: false,
            no_responders: false,
            user: None,
            pass: None,
            auth_token: None,
            jwt: None,
            nkey: None,
            sig: None,
        }
    }
}

/// Why a text is not a `CONNECT`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the CONNECT {0}")]
pub struct ConnectRequestError(json::Fault);

impl ConnectRequest {
    /// Reads the JSON text of a `CONNECT`.
    ///
    /// # Errors
    ///
    /// [`ConnectRequestError`] if the text is not one JSON object or nests deeper than 32 levels. Fields never
    /// fail, and the error never shows any of the text.
    pub fn parse(text: &[u8]) -> Result<ConnectRequest, ConnectRequestError> {
        let mut request = ConnectRequest::default();
        json::read_object(text, |key, value| request.set(key, value)).map_err(ConnectRequestError)?;
        Ok(request)
    }

    fn set(&mut self, key: &str, value: json::Value) {
        let secret = |value: json::Value| value.optional_text().map(Secret::new);
        match key {
            "verbose" => self.verbose = value.bool_or(true),
            "pedantic" => self.pedantic = value.bool_or(true),
            "tls_required" => self.tls_required = value.bool_or(false),
            "name" => self.name = value.optional_text(),
            "lang" => self.lang = value.optional_text(),
            "version" => self.version = value.optional_text(),
            "protocol" => self.protocol = value.number(),
            "echo" => self.echo = value.bool_or(true),
            "headers" => self.headers = value.bool_or(false),
            "no_responders" => self.no_responders = value.bool_or(false),
            "user" => self.user = value.optional_text(),
            "pass" => self.pass = secret(value),
            "auth_token" => self.auth_token = secret(value),
            "jwt" => self.jwt = secret(value),
            "nkey" => self.nkey = value.optional_text(),
            "sig" => self.sig = secret(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn full() -> Connect {
        Connect {
            name: Some("n".into()),
            version: "1.2.3".into(),
            user: Some("u".into()),
            pass: Some("canary-pass".into()),
            auth_token: Some("canary-token".into()),
            jwt: Some("canary-jwt".into()),
            nkey: Some("U1".into()),
            sig: Some("canary-sig".into()),
            ..Connect::default()
        }
    }

    #[test]
    fn the_json_has_exactly_the_known_keys() {
        let expected = concat!(
            r#"{"verbose":false,"pedantic":false,"tls_required":false,"name":"n","lang":"rust","version":"1.2.3","#,
            r#""protocol":1,"echo":true,"headers":true,"no_responders":true,"user":"u","pass":"canary-pass","#,
            r#""auth_token":"canary-token","jwt":"canary-jwt","nkey":"U1","sig":"canary-sig"}"#
        );
        assert_eq!(String::from_utf8(full().to_json()).unwrap(), expected);
    }

    #[test]
    fn what_is_none_or_empty_is_left_out() {
        let empty = Connect {
            version: "1".into(),
            name: Some(String::new()),
            user: Some(String::new()),
            pass: Some("".into()),
            sig: Some("".into()),
            ..Connect::default()
        };
        let expected = concat!(
            r#"{"verbose":false,"pedantic":false,"tls_required":false,"lang":"rust","version":"1","protocol":1,"#,
            r#""echo":true,"headers":true,"no_responders":true}"#
        );
        assert_eq!(String::from_utf8(empty.to_json()).unwrap(), expected);
    }

    #[test]
    fn no_secret_is_in_any_debug_text() {
        let request = ConnectRequest::parse(&full().to_json()).unwrap();
        for text in [format!("{:?}", full()), format!("{:#?}", full()), format!("{request:?}")] {
            assert!(!text.contains("canary"), "{text}");
            assert!(text.contains("[redacted]"));
        }
    }

    #[test]
    fn no_secret_is_in_the_error_of_a_broken_connect() {
        let error = ConnectRequest::parse(br#"{"pass":"canary","user":"canary"#).unwrap_err();
        assert_eq!(error.to_string(), "the CONNECT is not valid JSON at line 1, column 31");
        assert!(!format!("{error:?}").contains("canary"));
    }

    #[test]
    fn what_a_client_leaves_out_has_the_servers_defaults() {
        let request = ConnectRequest::parse(b"{}").unwrap();
        assert_eq!(request, ConnectRequest::default());
        assert!(request.verbose && request.pedantic && request.echo);
        assert_eq!(request.protocol, 0);
        let odd = br#"{"verbose":null,"echo":"no","protocol":"x","user":5,"pass":[],"headers":1,"new":{}}"#;
        assert_eq!(ConnectRequest::parse(odd).unwrap(), ConnectRequest::default());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "null", "x"] {
            let error = ConnectRequest::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "the CONNECT is not a JSON object");
        }
    }

    proptest! {
        #[test]
        fn any_text_reaches_the_server_unchanged(
            user in "\\PC{1,9}|[\"\\\\\u{0}-\u{1f}]{1,9}",
            pass in "\\PC{1,9}|[\"\\\\\u{0}-\u{1f}]{1,9}",
        ) {
            let connect = Connect {
                user: Some(user.clone()),
                pass: Some(pass.as_str().into()),
                ..Connect::default()
            };
            let json = connect.to_json();
            prop_assert!(!json.iter().any(|byte| byte.is_ascii_control()), "one line");
            let request = ConnectRequest::parse(&json).unwrap();
            prop_assert_eq!(request.user, Some(user));
            prop_assert_eq!(request.pass, Some(Secret::new(pass)));
        }
    }
}
