//! `INFO`: what a server says about itself.

use serde::Serialize;

use crate::json;

/// The largest `max_payload` that is believed. The server keeps its limit in 32 bits with a sign.
const MAX_PAYLOAD_CAP: i64 = i32::MAX as i64;

/// What a server says about itself and about this connection, in its `INFO`.
///
/// The first `INFO` opens the connection; more may follow at any time, when the cluster or a limit changes.
/// Reading is tolerant: unknown fields are ignored, `null` is the same as missing, and a value of the wrong
/// type leaves its own field, and only that, at the default.
///
/// ```
/// use nuncio_proto::info::ServerInfo;
///
/// let info = ServerInfo::parse(br#"{"version":"2.11.1","max_payload":1048576,"connect_urls":null}"#)?;
/// assert!(info.version_at_least(2, 10, 26));
/// assert_eq!(info.max_payload(), Some(1_048_576));
/// # Ok::<(), nuncio_proto::info::InfoError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServerInfo {
    /// The server's id, new at each start.
    pub server_id: String,
    /// The server's configured name; its id where none is configured.
    pub server_name: String,
    /// The server's version, such as `2.11.1`.
    pub version: String,
    /// Version of the protocol; 1 and more mean that `INFO` may come at any time.
    pub proto: i64,
    /// The commit that the server was built from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub git_commit: String,
    /// The Go version that the server was built with.
    pub go: String,
    /// The address that the server listens on, often `0.0.0.0`.
    pub host: String,
    /// The port that the server listens on.
    pub port: u16,
    /// The server understands message headers.
    pub headers: bool,
    /// The server wants credentials.
    #[serde(skip_serializing_if = "is_false")]
    pub auth_required: bool,
    /// The server accepts nothing but TLS.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    /// The server wants a certificate of the client.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    /// The server accepts TLS.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_available: bool,
    /// The largest header block and payload together, as the server wrote it; see [`ServerInfo::max_payload`].
    pub max_payload: i64,
    /// The server runs JetStream.
    #[serde(skip_serializing_if = "is_false")]
    pub jetstream: bool,
    /// The server's id of this connection.
    #[serde(skip_serializing_if = "is_zero_u64")]
    pub client_id: u64,
    /// The address that the server sees the client at.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_ip: String,
    /// The text to be signed by clients that log in with a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Name of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The cluster's name was made up by the servers.
    #[serde(skip_serializing_if = "is_false")]
    pub cluster_dynamic: bool,
    /// The JetStream domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// `host:port` of the servers of the cluster that clients may connect to; at most 256 are kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_urls: Vec<String>,
    /// The server is about to shut down and asks its clients to leave (lame duck mode).
    #[serde(rename = "ldm", skip_serializing_if = "is_false")]
    pub lame_duck_mode: bool,
    /// This `INFO` answers the `CONNECT`: it has the limits of the account.
    #[serde(skip_serializing_if = "is_false")]
    pub connect_info: bool,
    /// The account that the client was bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_account: Option<String>,
    /// That account is the system account.
    #[serde(rename = "acc_is_sys", skip_serializing_if = "is_false")]
    pub account_is_system: bool,
    /// Level of the JetStream API.
    #[serde(rename = "api_lvl", skip_serializing_if = "is_zero_i64")]
    pub api_level: i64,
    /// The server's public key for encrypted replies of an authentication service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xkey: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero_u64(value: &u64) -> bool {
    *value == 0
}

fn is_zero_i64(value: &i64) -> bool {
    *value == 0
}

/// Why a text is not an `INFO`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the INFO {0}; is this the client port of a NATS server?")]
pub struct InfoError(json::Fault);

impl ServerInfo {
    /// Reads the JSON text of an `INFO`.
    ///
    /// # Errors
    ///
    /// [`InfoError`] if the text is not one JSON object or nests deeper than 32 levels. Fields never fail.
    pub fn parse(text: &[u8]) -> Result<ServerInfo, InfoError> {
        let mut info = ServerInfo::default();
        json::read_object(text, |key, value| info.set(key, value)).map_err(InfoError)?;
        Ok(info)
    }

    fn set(&mut self, key: &str, value: json::Value) {
        match key {
            "server_id" => self.server_id = value.text(),
            "server_name" => self.server_name = value.text(),
            "version" => self.version = value.text(),
            "proto" => self.proto = value.number(),
            "git_commit" => self.git_commit = value.text(),
            "go" => self.go = value.text(),
            "host" => self.host = value.text(),
            "port" => self.port = value.number(),
            "headers" => self.headers = value.bool_or(false),
            "auth_required" => self.auth_required = value.bool_or(false),
            "tls_required" => self.tls_required = value.bool_or(false),
            "tls_verify" => self.tls_verify = value.bool_or(false),
            "tls_available" => self.tls_available = value.bool_or(false),
            "max_payload" => self.max_payload = value.saturated(),
            "jetstream" => self.jetstream = value.bool_or(false),
            "client_id" => self.client_id = value.number(),
            "client_ip" => self.client_ip = value.text(),
            "nonce" => self.nonce = value.optional_text(),
            "cluster" => self.cluster = value.optional_text(),
            "cluster_dynamic" => self.cluster_dynamic = value.bool_or(false),
            "domain" => self.domain = value.optional_text(),
            "connect_urls" => self.connect_urls = value.list(),
            "ldm" => self.lame_duck_mode = value.bool_or(false),
            "connect_info" => self.connect_info = value.bool_or(false),
            "remote_account" => self.remote_account = value.optional_text(),
            "acc_is_sys" => self.account_is_system = value.bool_or(false),
            "api_lvl" => self.api_level = value.number(),
            "xkey" => self.xkey = value.optional_text(),
            _ => {}
        }
    }

    /// The largest header block and payload together that the server takes; `None` means any size.
    ///
    /// Zero and less mean no limit, as does a missing limit; a limit over 2³¹ - 1 is cut to that.
    pub fn max_payload(&self) -> Option<usize> {
        if self.max_payload <= 0 {
            return None;
        }
        usize::try_from(self.max_payload.min(MAX_PAYLOAD_CAP)).ok()
    }

    /// Whether the server's version is this one or a later one.
    ///
    /// A pre-release counts as the release that it leads to. A version that cannot be read is no version.
    pub fn version_at_least(&self, major: u32, minor: u32, patch: u32) -> bool {
        parse_version(&self.version).is_some_and(|version| version >= [major, minor, patch])
    }

    /// Takes over a later `INFO` of the same connection, which repeats all that holds except for the nonce.
    pub fn update(&mut self, later: ServerInfo) {
        let nonce = self.nonce.take();
        *self = later;
        if self.nonce.is_none() {
            self.nonce = nonce;
        }
    }

    /// The JSON text, as a server writes it into its `INFO`.
    pub fn to_json(&self) -> Vec<u8> {
        // Text, numbers and truth values cannot fail to serialise into memory.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn parse_version(text: &str) -> Option<[u32; 3]> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let release = text.split(['-', '+']).next()?;
    let mut numbers = release.split('.').map(|number| number.parse::<u32>().ok());
    let version = [numbers.next()??, numbers.next().unwrap_or(Some(0))?, numbers.next().unwrap_or(Some(0))?];
    Some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> ServerInfo {
        ServerInfo::parse(text.as_bytes()).unwrap()
    }

    const REAL: &str = r#"{"server_id":"NAJPIK","server_name":"n1","version":"2.15.1","proto":1,
        "git_commit":"b2fd3ef","go":"go1.27.2","host":"0.0.0.0","port":14991,"headers":true,
        "auth_required":true,"tls_required":true,"tls_verify":true,"tls_available":true,"max_payload":1000,
        "jetstream":true,"client_id":5,"client_ip":"127.0.0.1","nonce":"abcdefghijklmno","cluster":"C1",
        "cluster_dynamic":true,"domain":"hub","connect_urls":["10.0.0.1:4222","[::1]:4222"],"ldm":true,
        "connect_info":true,"remote_account":"$G","acc_is_sys":true,"api_lvl":5,"xkey":"XAS5"}"#;

    #[test]
    fn every_field_is_read() {
        let info = parse(REAL);
        let expected = ServerInfo {
            server_id: "NAJPIK".into(),
            server_name: "n1".into(),
            version: "2.15.1".into(),
            proto: 1,
            git_commit: "b2fd3ef".into(),
            go: "go1.27.2".into(),
            host: "0.0.0.0".into(),
            port: 14991,
            headers: true,
            auth_required: true,
            tls_required: true,
            tls_verify: true,
            tls_available: true,
            max_payload: 1000,
            jetstream: true,
            client_id: 5,
            client_ip: "127.0.0.1".into(),
            nonce: Some("abcdefghijklmno".into()),
            cluster: Some("C1".into()),
            cluster_dynamic: true,
            domain: Some("hub".into()),
            connect_urls: vec!["10.0.0.1:4222".into(), "[::1]:4222".into()],
            lame_duck_mode: true,
            connect_info: true,
            remote_account: Some("$G".into()),
            account_is_system: true,
            api_level: 5,
            xkey: Some("XAS5".into()),
        };
        assert_eq!(info, expected);
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let info = parse(REAL);
        assert_eq!(ServerInfo::parse(&info.to_json()).unwrap(), info);
        let bare = ServerInfo::default();
        assert_eq!(ServerInfo::parse(&bare.to_json()).unwrap(), bare);
        assert!(!String::from_utf8(bare.to_json()).unwrap().contains("nonce"));
    }

    #[test]
    fn null_and_wrong_types_leave_their_own_field_alone_at_the_default() {
        let info = parse(
            r#"{"server_id":7,"server_name":null,"version":{"a":[1]},"proto":"1","port":70000,
                "headers":"true","auth_required":1,"max_payload":"big","client_id":-4,"client_ip":["x"],
                "nonce":false,"connect_urls":null,"ldm":[],"api_lvl":1.5,"xkey":"X"}"#,
        );
        assert_eq!(info, ServerInfo { xkey: Some("X".into()), ..ServerInfo::default() });
    }

    #[test]
    fn unknown_fields_of_any_shape_are_ignored() {
        let info = parse(r#"{"feature":{"a":[{"b":null}]},"host":"h","list":[[],[{}]]}"#);
        assert_eq!(info.host, "h");
    }

    #[test]
    fn the_last_of_a_repeated_field_counts() {
        assert_eq!(parse(r#"{"port":1,"port":2}"#).port, 2);
    }

    #[test]
    fn connect_urls_skip_what_is_no_text_and_stop_at_the_cap() {
        assert_eq!(
            parse(r#"{"connect_urls":["a:1",2,null,{"x":1},["y"],"b:2"]}"#).connect_urls,
            ["a:1", "b:2"]
        );
        assert!(parse(r#"{"connect_urls":"a:1"}"#).connect_urls.is_empty());
        let many: Vec<String> = (0..10_000).map(|n| format!("\"h{n}:4222\"")).collect();
        let info = parse(&format!(r#"{{"connect_urls":[{}],"port":9}}"#, many.join(",")));
        assert_eq!(info.connect_urls.len(), 256);
        assert_eq!(info.port, 9);
    }

    #[test]
    fn max_payload_is_unlimited_at_zero_and_below_and_cut_above_32_bits() {
        for (text, expected) in [
            ("1", Some(1)),
            ("1048576", Some(1_048_576)),
            ("0", None),
            ("-1", None),
            ("-9223372036854775808", None),
            ("2147483647", Some(2_147_483_647)),
            ("2147483648", Some(2_147_483_647)),
            ("18446744073709551615", Some(2_147_483_647)),
            ("1e30", Some(2_147_483_647)),
            ("1.5", None),
            ("null", None),
        ] {
            assert_eq!(parse(&format!(r#"{{"max_payload":{text}}}"#)).max_payload(), expected, "{text}");
        }
        assert_eq!(parse("{}").max_payload(), None);
    }

    #[test]
    fn what_is_no_json_object_is_refused_with_a_hint() {
        for text in ["", "null", "[]", "\"x\"", "1", "HTTP/1.1 400 Bad Request"] {
            let error = ServerInfo::parse(text.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the INFO is not a JSON object; is this the client port of a NATS server?"
            );
        }
        for text in ["{", "{\"a\"}", "{\"a\":1,}", "{}{}", "{\"a\":\"\u{1}\"}", "{\"a\":\"\\ud800\"}"] {
            let error = ServerInfo::parse(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("not valid JSON at line 1"), "{text}: {error}");
        }
        assert!(ServerInfo::parse(b"{\"host\":\"\xff\"}").is_err());
    }

    #[test]
    fn deep_nesting_is_refused_before_it_costs_anything() {
        let deep = format!("{{\"a\":{}", "[".repeat(1_000_000));
        let error = ServerInfo::parse(deep.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("deeper than 32"), "{error}");
    }

    #[test]
    fn versions_compare_by_number_and_ignore_what_follows() {
        let at_least = |version: &str| {
            ServerInfo { version: version.into(), ..ServerInfo::default() }.version_at_least(2, 10, 3)
        };
        for version in
            ["2.10.3", "2.10.26", "2.11.0", "3.0.0", "v2.10.3", "2.10.3-beta.1", "2.11", "3", "2.10.3+x"]
        {
            assert!(at_least(version), "{version}");
        }
        for version in
            ["2.10.2", "2.9.99", "1.99.99", "2.10", "", "dev", "2.x.1", "-1.0.0", "99999999999.0.0"]
        {
            assert!(!at_least(version), "{version}");
        }
    }

    #[test]
    fn an_update_keeps_the_nonce_and_replaces_the_rest() {
        let mut info = parse(r#"{"nonce":"n","cluster":"c","max_payload":10,"connect_urls":["a:1"]}"#);
        info.update(parse(r#"{"max_payload":5}"#));
        assert_eq!(info, ServerInfo { nonce: Some("n".into()), max_payload: 5, ..ServerInfo::default() });
        info.update(parse(r#"{"nonce":"m"}"#));
        assert_eq!(info.nonce.as_deref(), Some("m"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ServerInfo::parse(&bytes);
        }

        #[test]
        fn no_damage_to_a_real_info_panics(at in 0usize..900, byte in any::<u8>(), cut in any::<bool>()) {
            let mut bytes = REAL.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
            }
            if let Ok(info) = ServerInfo::parse(&bytes) {
                let _ = info.max_payload();
                let _ = info.version_at_least(2, 0, 0);
            }
        }
    }
}
