use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> ServerAddr {
    ServerAddr::parse(text).unwrap()
}

fn error(text: &str) -> AddrError {
    ServerAddr::parse(text).unwrap_err()
}

#[test]
fn every_form_of_host_and_port_is_read() {
    for (text, expected) in [
        ("localhost", "nats://localhost:4222"),
        ("localhost:", "nats://localhost:4222"),
        ("localhost:1", "nats://localhost:1"),
        ("host:65535", "nats://host:65535"),
        ("  host:4333 \n", "nats://host:4333"),
        ("host/", "nats://host:4222"),
        ("nats://host", "nats://host:4222"),
        ("nats://host:4333/", "nats://host:4333"),
        ("nats://host//", "nats://host:4222"),
        ("NATS://Host.Example", "nats://host.example:4222"),
        ("tls://host", "tls://host:4222"),
        ("ws://host", "ws://host:80"),
        ("wss://host", "wss://host:443"),
        ("ws://host:4222", "ws://host:4222"),
        ("ws://host/", "ws://host:80"),
        ("ws://host/a/b", "ws://host:80/a/b"),
        ("wss://host:8443/a?key=canary", "wss://host:8443/a"),
        ("my_host-1.local.", "nats://my_host-1.local.:4222"),
        ("127.0.0.1", "nats://127.0.0.1:4222"),
        ("127.0.0.1:4333", "nats://127.0.0.1:4333"),
        ("::1", "nats://[::1]:4222"),
        ("[::1]", "nats://[::1]:4222"),
        ("[::1]:4333", "nats://[::1]:4333"),
        ("nats://[::1]:/", "nats://[::1]:4222"),
        ("nats://::1", "nats://[::1]:4222"),
        ("2001:DB8:0:0::1", "nats://[2001:db8::1]:4222"),
        ("tls://me@[2001:db8::1]:9", "tls://[2001:db8::1]:9"),
        ("[fe80::1%eth0]:9", "nats://[fe80::1%eth0]:9"),
        ("[fe80::1%25eth0]:9", "nats://[fe80::1%eth0]:9"),
        ("::ffff:1.2.3.4", "nats://1.2.3.4:4222"),
        ("[::ffff:1.2.3.4]:9", "nats://1.2.3.4:9"),
        ("@host", "nats://host:4222"),
    ] {
        let addr = parse(text);
        assert_eq!(addr.to_string(), expected, "{text}");
        assert_eq!(text.parse::<ServerAddr>().unwrap(), addr);
    }
    assert_eq!(ServerAddr::default(), parse("127.0.0.1"));
    assert_eq!(parse("ws://host/a?key=canary").path(), Some("/a?key=canary"));
}

#[test]
fn a_unix_socket_is_a_path() {
    let addr = parse("unix:///run/nats%20a@b?c#d.sock".replace('@', "%40").as_str());
    assert_eq!(addr.path(), Some("/run/nats a@b?c#d.sock"));
    assert_eq!(addr.to_string(), "unix:///run/nats a%40b?c#d.sock");
    assert_eq!(parse(&addr.to_string()), addr);
    assert!(addr.is_loopback() && !addr.has_credentials());

    let addr = parse("unix://me:canary@/run/nats.sock");
    assert_eq!((addr.user(), addr.path()), (Some("me"), Some("/run/nats.sock")));
    assert_eq!(addr.to_string(), "unix:///run/nats.sock");
    assert!(addr.same_server(&parse("unix:///run/nats.sock")));
    for other in ["unix:///run/other.sock", "localhost", "ws://localhost:4222/run/nats.sock"] {
        assert!(!addr.same_server(&parse(other)), "{other}");
    }
}

#[test]
fn a_server_behind_a_unix_socket_gossips_of_tcp() {
    let from = parse("unix:///run/nats.sock");
    let next = ServerAddr::gossiped("10.0.0.2:1", &from, false, false).unwrap();
    assert_eq!((next.to_string().as_str(), next.tls_name()), ("nats://10.0.0.2:1", "10.0.0.2"));
    let next = ServerAddr::gossiped("10.0.0.2:1", &from, true, false).unwrap();
    assert_eq!(next.to_string(), "tls://10.0.0.2:1");
}

#[test]
fn user_information_is_decoded() {
    let addr = parse("nats://me%40home:p%3Aa%2Fs%25%C3%A9%20+@host:1");
    assert_eq!(addr.user(), Some("me@home"));
    assert_eq!(addr.password().map(Secret::expose), Some("p:a/s%é +"));
    assert_eq!(addr.token(), None);

    let addr = parse("nats://to%2Cken@host");
    assert_eq!(addr.token().map(Secret::expose), Some("to,ken"));
    assert_eq!((addr.user(), addr.password()), (None, None));

    let addr = parse("me:a@b:c@host");
    assert_eq!((addr.user(), addr.password().map(Secret::expose)), (Some("me"), Some("a@b:c")));
    assert_eq!(addr.host(), "host");

    let addr = parse("me:@host");
    assert_eq!((addr.user(), addr.password().map(Secret::expose)), (Some("me"), Some("")));
    assert!(!parse("@host").has_credentials());
    assert!(!parse("host").has_credentials());
}

#[test]
fn what_is_wrong_is_named_by_kind() {
    use AddrError as E;
    type Kind = fn(String) -> AddrError;
    let kinds: [(&str, Kind, &str); 33] = [
        ("http://host", |addr| E::UnknownScheme { addr }, "http://host"),
        ("://host", |addr| E::UnknownScheme { addr }, "://host"),
        ("nats://", |addr| E::MissingHost { addr }, "nats://"),
        ("nats://:4222", |addr| E::MissingHost { addr }, "nats://:4222"),
        ("nats://me:canary@", |addr| E::MissingHost { addr }, "nats://…@"),
        ("/", |addr| E::MissingHost { addr }, "…"),
        ("host name", |addr| E::InvalidHost { addr }, "host…"),
        ("höst", |addr| E::InvalidHost { addr }, "h…"),
        ("ho\\st", |addr| E::InvalidHost { addr }, "ho…"),
        ("[::1", |addr| E::InvalidHost { addr }, "[::1"),
        ("[::1]4222", |addr| E::InvalidHost { addr }, "[::1]4222"),
        ("[host]:1", |addr| E::InvalidHost { addr }, "…"),
        ("[]", |addr| E::InvalidHost { addr }, "[]"),
        ("[fe80::1%]", |addr| E::InvalidHost { addr }, "…"),
        ("[fe80::1%a b]", |addr| E::InvalidHost { addr }, "…"),
        ("host:1:2", |addr| E::InvalidHost { addr }, "host…"),
        ("::1::", |addr| E::InvalidHost { addr }, "…"),
        ("host:0", |addr| E::InvalidPort { addr }, "host:0"),
        ("host:65536", |addr| E::InvalidPort { addr }, "host:65536"),
        ("host:-1", |addr| E::InvalidPort { addr }, "host…"),
        ("host:+1", |addr| E::InvalidPort { addr }, "host…"),
        ("me:canary", |addr| E::InvalidPort { addr }, "me…"),
        ("nats://a:b%zz@host", |addr| E::InvalidUserInfo { addr }, "nats://…@host"),
        ("nats://a:b%4@host", |addr| E::InvalidUserInfo { addr }, "nats://…@host"),
        ("nats://a:%ff@host", |addr| E::InvalidUserInfo { addr }, "nats://…@host"),
        ("ws://me:can/ary@host:1", |addr| E::InvalidUserInfo { addr }, "ws://…@host:1"),
        ("nats://host/path", |addr| E::InvalidPath { addr }, "nats://host…"),
        ("ws://host/a#b", |addr| E::InvalidPath { addr }, "ws://host…"),
        ("unix://", |addr| E::InvalidPath { addr }, "unix://"),
        ("unix:///", |addr| E::InvalidPath { addr }, "unix://…"),
        ("unix://host/run/nats", |addr| E::InvalidPath { addr }, "unix://host…"),
        ("unix:///run/%00", |addr| E::InvalidPath { addr }, "unix://…"),
        ("unix:///run/%zz", |addr| E::InvalidPath { addr }, "unix://…"),
    ];
    for (text, kind, shown) in kinds {
        assert_eq!(error(text), kind(shown.to_owned()), "{text}");
    }
    for text in ["", "  \n"] {
        assert_eq!(error(text), E::Empty);
    }
    assert!(error(&"h".repeat(254)).to_string().len() < 300, "a long host is cut");
    assert!(parse(&"h".repeat(253)).host().len() == 253);
}

#[test]
fn lists_are_split_at_commas_and_the_first_wrong_one_is_named() {
    let list = ServerAddr::parse_list(" a:1, tls://b ,,[::1]:2,").unwrap();
    let shown: Vec<String> = list.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["nats://a:1", "tls://b:4222", "nats://[::1]:2"]);
    assert_eq!(ServerAddr::parse_list("a,b:x,c:y"), Err(AddrError::InvalidPort { addr: "b…".into() }));
    for text in ["", " , ,"] {
        assert_eq!(ServerAddr::parse_list(text), Err(AddrError::Empty));
    }
}

#[test]
fn no_secret_is_shown_by_an_address_or_an_error() {
    let frames = [
        "nats://{}@host",
        "nats://{}:x@host",
        "nats://me:{}@host",
        "tls://me:{}@[::1]:4",
        "{}@host",
        "me:{}@host",
        "me:{}@",
        "me:{}",
        "nats://me:{}",
        "nats://me:{}@host:x",
        "nats://me:{}@ho st",
        "nats://me:{}@host/path",
        "http://me:{}@host",
        "me:{}://x@host",
        "nats://me:a/{}@host",
        "nats://me:a/{}",
        "nats://me:a,{}@host:1",
        "ws://host/?key={}",
        "ws://host/a?key={} ",
        "wss://me:x/{}@host",
    ];
    for frame in frames {
        for secret in
            ["canary", "%zzcanary", "can%ary", "a:canary", "canary/b", "canary?b", "canary#b", "x@canary"]
        {
            let text = frame.replace("{}", secret);
            for outcome in [ServerAddr::parse(&text).map(|addr| vec![addr]), ServerAddr::parse_list(&text)] {
                let shown = match outcome {
                    Ok(addrs) => addrs.iter().map(|addr| format!("{addr} {addr:?} {addr:#?}")).collect(),
                    Err(error) => format!("{error} {error:?}"),
                };
                let as_host = secret == "x@canary" && !frame.contains("{}@") && !frame.contains("{}:x@");
                assert!(as_host || !shown.contains("canar") && !shown.contains("ary"), "{text}: {shown}");
            }
        }
    }
}

#[test]
fn a_gossiped_address_inherits_how_to_connect() {
    let from = parse("tls://me:canary@hub.example:4222");
    let by_ip = ServerAddr::gossiped("10.0.0.2:5222", &from, true, true).unwrap();
    assert_eq!(by_ip.to_string(), "tls://10.0.0.2:5222");
    assert_eq!(by_ip.tls_name(), "hub.example");
    assert_eq!(by_ip.password().map(Secret::expose), Some("canary"));

    let onward = ServerAddr::gossiped("10.0.0.3:5222", &by_ip, true, false).unwrap();
    assert_eq!(onward.tls_name(), "hub.example", "the name is passed on");
    assert!(!onward.has_credentials());

    let by_name = ServerAddr::gossiped("other.example", &from, true, true).unwrap();
    assert_eq!((by_name.tls_name(), by_name.port()), ("other.example", 4222));

    let from = parse("nats://10.0.0.1");
    let upgraded = ServerAddr::gossiped("10.0.0.2:1", &from, true, false).unwrap();
    assert_eq!(upgraded.to_string(), "tls://10.0.0.2:1", "TLS that was used once stays");
    assert_eq!(upgraded.tls_name(), "10.0.0.2");
    let plain = ServerAddr::gossiped("[::2]:1", &from, false, false).unwrap();
    assert_eq!(plain.to_string(), "nats://[::2]:1");

    let from = parse("ws://hub/nats");
    assert_eq!(
        ServerAddr::gossiped("10.0.0.2", &from, false, false).unwrap().to_string(),
        "ws://10.0.0.2:80/nats"
    );
    assert_eq!(ServerAddr::gossiped("10.0.0.2", &from, true, false).unwrap().scheme(), Scheme::Wss);
}

#[test]
fn gossip_that_is_no_bare_host_and_port_is_no_address() {
    let from = ServerAddr::default();
    for text in [
        "",
        ":4222",
        "a@b",
        "nats://a:1",
        "a:1/",
        "a b:1",
        "a:x",
        "a:0",
        "0.0.0.0:4222",
        "[::]:1",
        "[::1",
        "é:1",
    ] {
        assert_eq!(ServerAddr::gossiped(text, &from, false, true), None, "{text}");
    }
}

#[test]
fn the_same_server_is_known_whoever_logs_in_and_in_any_case() {
    assert!(parse("nats://me:x@Host:4222").same_server(&parse("tls://host")));
    assert!(parse("[0:0::1]").same_server(&parse("::1")));
    for other in ["host:1", "other", "ws://host:4222"] {
        assert!(!parse("host").same_server(&parse(other)), "{other}");
    }
}

#[test]
fn loopback_is_known_by_name_and_by_number() {
    for text in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert!(parse(text).is_loopback(), "{text}");
    }
    for text in ["10.0.0.1", "example.org", "localhost.example.org", "::2"] {
        assert!(!parse(text).is_loopback(), "{text}");
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

proptest! {
    #[test]
    fn any_password_survives_its_encoding(user in "\\PC{1,12}", password in any::<String>(), port in 1u16..) {
        let text = format!("nats://{}:{}@h:{port}", percent_encoded(&user), percent_encoded(&password));
        let addr = ServerAddr::parse(&text).unwrap();
        prop_assert_eq!(addr.user(), Some(user.as_str()));
        prop_assert_eq!(addr.password().map(Secret::expose), Some(password.as_str()));
        prop_assert_eq!(addr.to_string(), format!("nats://h:{port}"));
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same_server(
        scheme in prop_oneof!["nats://", "tls://", "ws://", "wss://", ""],
        host in prop_oneof!["[a-z0-9]{1,9}(\\.[a-z]{1,5}){0,2}", any::<Ipv6Addr>().prop_map(|ip| format!("[{ip}]"))],
        port in prop_oneof![Just(String::new()), (1u16..).prop_map(|port| format!(":{port}"))],
    ) {
        let addr = ServerAddr::parse(&format!("{scheme}{host}{port}")).unwrap();
        prop_assert_eq!(ServerAddr::parse(&addr.to_string()).unwrap(), addr);
    }

    #[test]
    fn no_text_panics(text in "[ -~é\\n]{0,40}", structured in "(nats://|ws://|unix://)?[a@:%/\\[\\]1?#]{0,12}") {
        for text in [text, structured] {
            for outcome in [ServerAddr::parse(&text).map(|_| ()), ServerAddr::parse_list(&text).map(|_| ())] {
                if let Err(error) = outcome {
                    prop_assert!(!error.to_string().is_empty());
                }
            }
            let _ = ServerAddr::gossiped(&text, &ServerAddr::default(), true, true);
        }
    }
}
