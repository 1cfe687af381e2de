use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> ServerError {
    ServerError::parse(text.as_bytes())
}

fn subscribe(subject: &'static str, queue: Option<&'static str>, sid: Option<u64>) -> ServerError {
    ServerError::SubscribeViolation { subject: subject.into(), queue: queue.map(Bytes::from), sid }
}

/// The texts of nats-server 2.10 to 2.15, what they mean, whether the connection ends, whether they are
/// about credentials.
fn real_texts() -> Vec<(&'static str, ServerError, bool, bool)> {
    use ServerError as E;
    vec![
        (
            r#"Permissions Violation for Publish to "a.b""#,
            E::PublishViolation { subject: "a.b".into() },
            false,
            false,
        ),
        (
            r#"Permissions Violation for Publish with Reply of "_R_.x""#,
            E::ReplyViolation { reply: "_R_.x".into() },
            false,
            false,
        ),
        (r#"Permissions Violation for Subscription to "no""#, subscribe("no", None, None), false, false),
        (
            r#"Permissions Violation for Subscription to "no" using queue "q""#,
            subscribe("no", Some("q"), None),
            false,
            false,
        ),
        (
            r#"Permissions Violation for Subscription to "no" (sid "12")"#,
            subscribe("no", None, Some(12)),
            false,
            false,
        ),
        (
            r#"Permissions Violation for Subscription to "no" using queue "q" (sid "3")"#,
            subscribe("no", Some("q"), Some(3)),
            false,
            false,
        ),
        (
            r#"Permissions Violation for Subscription to "a.b.c", too many tokens"#,
            subscribe("a.b.c", None, None),
            false,
            false,
        ),
        ("Authorization Violation", E::AuthorizationViolation, true, true),
        ("Authentication Timeout", E::AuthenticationTimeout, true, false),
        ("User Authentication Expired", E::AuthenticationExpired, true, true),
        ("User Authentication Revoked", E::AuthenticationRevoked, true, true),
        ("Account Authentication Expired", E::AccountAuthenticationExpired, true, true),
        ("maximum connections exceeded", E::MaxConnections, true, false),
        ("maximum account active connections exceeded", E::MaxAccountConnections, true, false),
        ("maximum subscriptions exceeded", E::MaxSubscriptions, false, false),
        ("Invalid Subject", E::InvalidSubject, false, false),
        ("Invalid Publish Subject", E::InvalidPublishSubject, false, false),
        ("Maximum Payload Violation", E::MaxPayload, true, false),
        ("maximum control line exceeded", E::MaxControlLine, true, false),
        ("Unknown Protocol Operation", E::UnknownOperation, true, false),
        ("Stale Connection", E::StaleConnection, true, false),
        ("Secure Connection - TLS Required", E::TlsRequired, true, false),
        ("Connection throttling is active. Please try again later.", E::Throttled, true, false),
        ("no responders requires headers support", E::NoRespondersRequiresHeaders, true, false),
        ("invalid client protocol", E::InvalidClientProtocol, true, false),
        ("Failed Account Registration", E::AccountRegistration, true, false),
        ("attempted to connect to route port", E::WrongPort, true, false),
    ]
}

#[test]
fn every_real_text_is_known_in_any_case_and_with_or_without_quotes() {
    for (text, expected, closes, is_auth) in real_texts() {
        assert_eq!(parse(text), expected, "{text}");
        assert_eq!(parse(&format!("'{text}'")), expected, "{text}");
        assert_eq!(parse(&format!(" \t{text}\r\n")), expected, "{text}");
        assert_eq!(expected.closes(), Some(closes), "{text}");
        assert_eq!(expected.is_auth(), is_auth, "{text}");
        if !text.contains('"') {
            assert_eq!(parse(&text.to_uppercase()), expected, "{text}");
            assert_eq!(parse(&format!("{text}, and details")), expected, "{text}");
        }
    }
    assert_eq!(
        parse(r#"permissions violation FOR publish TO "Ab""#),
        ServerError::PublishViolation { subject: "Ab".into() },
        "the case of the subject stays"
    );
}

#[test]
fn quoting_is_undone_to_the_bytes_that_were_sent() {
    let subject = |quoted: &[u8]| {
        let text = [b"Permissions Violation for Publish to ", quoted].concat();
        match ServerError::parse(&text) {
            ServerError::PublishViolation { subject } => subject,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(subject("\"we\\\"ird\\\\x\\x01é\"".as_bytes()), "we\"ird\\x\u{1}é".as_bytes());
    assert_eq!(subject(br#""no\"\x02\xff""#), &b"no\"\x02\xff"[..]);
    assert_eq!(subject(br#""\a\b\f\v\x7f""#), &b"\x07\x08\x0c\x0b\x7f"[..]);
    assert_eq!(subject(br#""a\t\r\n""#), &b"a\t\r\n"[..]);
    assert_eq!(subject(br#""\u00ad\U000e0001""#), "\u{ad}\u{e0001}".as_bytes());
    assert_eq!(subject(br#""\ud800\Uffffffff""#), "\u{fffd}\u{fffd}".as_bytes());
    assert_eq!(subject(br#""\xzz\u12""#), &br"\xzz\u12"[..]);
    assert_eq!(subject(br#""""#), &b""[..]);
    assert_eq!(subject(b"\"raw \xff\""), &b"raw \xff"[..]);
}

#[test]
fn a_quote_in_a_subject_does_not_end_it_and_both_arguments_are_unquoted() {
    assert_eq!(
        parse(
            r#"Permissions Violation for Subscription to "a\" using queue \"b" using queue "q\"z" (sid "9")"#
        ),
        subscribe("a\" using queue \"b", Some("q\"z"), Some(9))
    );
}

#[test]
fn bare_words_of_old_servers_are_taken() {
    assert_eq!(parse("Permissions Violation for Subscription to foo.bar"), subscribe("foo.bar", None, None));
    assert_eq!(
        parse("Permissions Violation for Subscription to foo using queue q (sid 4)"),
        subscribe("foo", Some("q"), Some(4))
    );
}

#[test]
fn a_sid_that_is_no_number_is_no_sid() {
    for sid in ["x", "-1", "+1", "", "18446744073709551616"] {
        let text = format!(r#"Permissions Violation for Subscription to "s" (sid "{sid}")"#);
        assert_eq!(parse(&text), subscribe("s", None, None), "{sid}");
    }
}

#[test]
fn what_is_not_known_is_kept_as_it_is_and_cut() {
    for (text, expected) in [
        ("", ""),
        ("''", ""),
        ("'", "'"),
        ("  ", ""),
        ("Something New", "Something New"),
        ("Permissions Violation", "Permissions Violation"),
        ("Permissions Violation for Publish to ", "Permissions Violation for Publish to"),
        ("Permissions Violation for Publish to \"open", "Permissions Violation for Publish to \"open"),
        ("Permissions Violation for Publish to \"open\\", "Permissions Violation for Publish to \"open\\"),
        ("Authorization", "Authorization"),
    ] {
        let error = parse(text);
        assert_eq!(error, ServerError::Other(expected.into()));
        assert_eq!(error.closes(), None);
        assert!(!error.is_auth());
    }
    assert_eq!(parse(&"é".repeat(1000)), ServerError::Other("é".repeat(128)));
    assert_eq!(parse(&format!("x{}", "é".repeat(1000))), ServerError::Other(format!("x{}", "é".repeat(127))));
    assert_eq!(ServerError::parse(b"bad \xff"), ServerError::Other("bad \u{fffd}".into()));
}

#[test]
fn the_message_names_the_subject_and_shows_no_raw_control_bytes() {
    assert_eq!(
        subscribe("a.\u{1b}", Some("q"), Some(1)).to_string(),
        "the server refuses the subscription to \"a.\\u{1b}\" in queue group \"q\": \
         the user's permissions do not allow it"
    );
    for (_, error, ..) in real_texts() {
        assert!(!error.to_string().is_empty());
        assert!(!error.to_string().contains('\n'));
    }
}

/// Go's `%q` as far as subjects need it.
fn quoted(subject: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for chunk in subject.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '"' | '\\' => out.extend([b'\\', char as u8]),
                '\x07' => out.extend(b"\\a"),
                '\u{0}'..'\u{20}' | '\u{7f}' => out.extend(format!("\\x{:02x}", char as u32).bytes()),
                _ => out.extend(char.to_string().bytes()),
            }
        }
        out.extend(chunk.invalid().iter().flat_map(|byte| format!("\\x{byte:02x}").into_bytes()));
    }
    out.push(b'"');
    out
}

proptest! {
    #[test]
    fn any_subject_and_queue_survive_the_quoting(
        subject in proptest::collection::vec(any::<u8>(), 0..40),
        queue in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let text = [
            b"'Permissions Violation for Subscription to ", quoted(&subject).as_slice(),
            b" using queue ", &quoted(&queue), b" (sid \"7\")'",
        ].concat();
        let expected = ServerError::SubscribeViolation {
            subject: subject.into(), queue: Some(queue.into()), sid: Some(7),
        };
        prop_assert_eq!(ServerError::parse(&text), expected);
    }

    #[test]
    fn no_bytes_panic(front in 0usize..8, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let front = real_texts()[front % 7].0.as_bytes();
        let _ = ServerError::parse(&bytes).to_string();
        let cut = bytes.len() % (front.len() + 1);
        let _ = ServerError::parse(&[&front[..cut], &bytes].concat()).to_string();
    }
}
