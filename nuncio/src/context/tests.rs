use super::*;

fn context(json: &str) -> Context {
    Context::parse("test", json).unwrap()
}

fn value(json: &str) -> (&'static str, String) {
    match context(json).connect() {
        Err(ContextError::Value { name, option, problem }) if name == "test" => (option, problem),
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn secrets_are_not_shown() {
    let context = context(
        r#"{"url":"nats://joe:s3cr3t@a:1, b","password":"s3cr3t","token":"s3cr3t","user_jwt":"s3cr3t",
            "user_seed":"s3cr3t","description":"for tests","nkey":"","tls_first":false,"cert":null,
            "socks_proxy":"socks5://me:s3cr3t@p","not_known":"s3cr3t","nested":{"a":"s3cr3t"},
            "creds":"/a/b.creds","tls_first":true}"#,
    );
    let debug = format!("{context:?}");
    assert!(!debug.contains("s3cr3t"), "{debug}");
    let redacted = || "[redacted]".to_owned();
    assert_eq!(
        context.shown().collect::<Vec<_>>(),
        [
            ("creds", "/a/b.creds".to_owned()),
            ("description", "for tests".into()),
            ("nested", redacted()),
            ("not_known", redacted()),
            ("password", redacted()),
            ("socks_proxy", "socks5://p:1080".into()),
            ("tls_first", "true".into()),
            ("token", redacted()),
            ("url", "nats://a:1,nats://b:4222".into()),
            ("user_jwt", redacted()),
            ("user_seed", redacted()),
        ]
    );
    assert!(!format!("{:?}", Context::parse("x", "s3cr3t")).contains("s3cr3t"));
}

#[test]
fn an_address_that_cannot_be_read_may_hold_a_secret_anywhere() {
    for url in ["nats://joe:s3cr3t,s3cr3t@a", "nats://joe:s3cr3t", "nats://joe:s3/cr3t@a"] {
        let shown: Vec<_> = context(&format!(r#"{{"url":"{url}","socks_proxy":"{url}"}}"#))
            .shown()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(shown, [UNREADABLE, UNREADABLE], "{url}");
    }
}

#[test]
fn a_seed_in_place_of_its_file_is_refused_and_not_shown() {
    let seed = KeyPair::generate(crate::nkey::Role::User).unwrap().seed().expose().to_owned();
    let context = context(&format!(r#"{{"nkey":"{seed}"}}"#));
    let error = context.connect().unwrap_err();
    assert!(matches!(error, ContextError::Value { option: "nkey", .. }), "{error:?}");
    assert!(!format!("{error:?} {error} {context:?}").contains(&seed));
}

#[test]
fn what_cannot_be_honoured_is_refused_and_not_left_out() {
    for (option, json) in [
        ("nsc", r#"{"nsc":"nsc://o/a/u","creds":"x"}"#),
        ("windows_cert_store", r#"{"windows_cert_store":"user"}"#),
    ] {
        let error = context(json).connect().unwrap_err();
        assert!(matches!(&error, ContextError::Unsupported { option: o, .. } if *o == option), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("\"test\"") && text.contains(option) && text.contains("not supported: write"),
            "{text}"
        );
    }
    let harmless =
        context(r#"{"tls_first":false,"creds":"","nkey":null,"nsc":"","color_scheme":"x","else":1}"#);
    assert!(harmless.connect().is_ok());
}

#[test]
fn options_of_another_type_and_halves_of_pairs_are_errors() {
    for (json, option) in [
        (r#"{"url":1}"#, "url"),
        (r#"{"url":"nats://joe:s3cr3t@a:99999"}"#, "url"),
        (r#"{"creds":["x"]}"#, "creds"),
        (r#"{"tls_first":"true"}"#, "tls_first"),
        (r#"{"cert":"x"}"#, "cert"),
        (r#"{"key":"x"}"#, "key"),
        (r#"{"user_seed":"x"}"#, "user_seed"),
        (r#"{"password":"x"}"#, "password"),
        (r#"{"socks_proxy":"http://x"}"#, "socks_proxy"),
        (r#"{"ca":"$NUNCIO_IS_NOT_SET/ca.pem"}"#, "ca"),
        (r#"{"creds":"${NUNCIO_IS_NOT_SET}"}"#, "creds"),
    ] {
        let (found, problem) = value(json);
        assert_eq!(found, option, "{json}");
        assert!(!problem.contains("s3cr3t"), "{problem}");
    }
    assert_eq!(
        value(r#"{"ca":"$NUNCIO_IS_NOT_SET/ca.pem"}"#).1,
        "the variable $NUNCIO_IS_NOT_SET is not set"
    );
}

#[test]
fn the_first_way_to_log_in_counts_and_a_token_besides() {
    let of = |json: &str| format!("{:?}", context(json).auth().unwrap());
    let all = r#"{"user":"joe","password":"x","creds":"a.creds","nkey":"a.nk","token":"x"}"#;
    assert!(of(all).contains("joe") && !of(all).contains("a.creds"), "{}", of(all));
    assert_eq!(context(all).auth().unwrap().len(), 2);
    assert_eq!(of(r#"{"creds":"a.creds","nkey":"a.nk"}"#), r#"[CredsFile("a.creds")]"#);
    assert_eq!(of(r#"{"nkey":"a.nk","user_jwt":"x"}"#), r#"[KeyFile("a.nk")]"#);
    assert_eq!(context(r#"{"user_jwt":"x"}"#).auth().unwrap().len(), 1);
    assert_eq!(of("{}"), "[]");
}

#[test]
fn any_option_of_tls_makes_it_a_must() {
    let of = |json: &str| context(json).tls().unwrap();
    assert!(of(r#"{"tls_first":false}"#).is_none());
    assert!(of(r#"{"tls_first":true}"#).unwrap().first);
    let tls = format!("{:?}", of(r#"{"ca":"ca.pem","cert":"c.pem","key":"k.pem"}"#).unwrap());
    assert!(["ca.pem", "c.pem", "k.pem"].iter().all(|file| tls.contains(file)), "{tls}");
}

#[test]
fn what_is_only_for_jetstream_can_be_read() {
    let context = context(
        r#"{"jetstream_domain":"d","jetstream_api_prefix":"a","jetstream_event_prefix":"e","inbox_prefix":"i"}"#,
    );
    assert_eq!(context.jetstream_domain(), Some("d"));
    assert_eq!(context.jetstream_api_prefix(), Some("a"));
    assert_eq!(context.jetstream_event_prefix(), Some("e"));
    assert_eq!(context.inbox_prefix(), Some("i"));
}
