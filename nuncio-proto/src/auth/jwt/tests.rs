use super::*;

fn keys() -> (KeyPair, KeyPair) {
    (KeyPair::generate(Role::Account).unwrap(), KeyPair::generate(Role::User).unwrap())
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn json_of(jwt: &Secret, index: usize) -> serde_json::Value {
    let part = jwt.expose().split('.').nth(index).unwrap().to_owned();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

#[test]
fn what_is_issued_reads_as_it_was_meant() {
    let (account, user) = keys();
    let mut claims = UserClaims::new("demo", user.public_key());
    claims.expires = Some(at(2000));
    claims.not_before = Some(at(900));
    claims.tags = vec!["t:1".into()];
    claims.publish.allow = vec!["a.>".into()];
    claims.subscribe.deny = vec!["b".into()];
    claims.responses = Some(ResponsePermission { max: 2, ttl: 5 });
    claims.bearer = true;
    claims.connection_types = vec!["STANDARD".into()];
    claims.max_subscriptions = Some(7);
    claims.issuer_account = Some(account.public_key());
    let jwt = claims.sign(&account, at(1000)).unwrap();
    let read = UserClaims::decode(jwt.expose()).unwrap();
    claims.issuer = account.public_key();
    claims.issued_at = Some(at(1000));
    claims.id.clone_from(&read.id);
    assert_eq!(read, claims);
}

#[test]
fn the_json_is_that_of_adr_14() {
    let (account, user) = keys();
    let jwt = UserClaims::new("demo", user.public_key()).sign(&account, at(1000)).unwrap();
    assert_eq!(json_of(&jwt, 0), serde_json::json!({"typ": "JWT", "alg": "ed25519-nkey"}));
    let mut body = json_of(&jwt, 1);
    let jti = body["jti"].as_str().unwrap().to_owned();
    assert_eq!(jti.len(), 52);
    body["jti"] = "".into();
    let expected = serde_json::json!({
        "jti": "", "iat": 1000, "iss": account.public_key(), "name": "demo", "sub": user.public_key(),
        "nats": {"subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2},
    });
    assert_eq!(body, expected);
    assert!(!jwt.expose().contains('='));
}

#[test]
fn the_signature_is_that_of_the_account() {
    let (account, user) = keys();
    let jwt = UserClaims::new("demo", user.public_key()).sign(&account, at(1000)).unwrap();
    let (signed, sig) = jwt.expose().rsplit_once('.').unwrap();
    let public: PublicKey = account.public_key().parse().unwrap();
    assert!(public.verify_nonce(signed, sig));
}

#[test]
fn a_scoped_user_has_no_limits_of_its_own() {
    let (account, user) = keys();
    let mut claims = UserClaims::new("demo", user.public_key());
    claims.publish.allow = vec!["a".into()];
    claims.scoped = true;
    let jwt = claims.sign(&account, at(1000)).unwrap();
    assert_eq!(json_of(&jwt, 1)["nats"], serde_json::json!({"type": "user", "version": 2}));
    assert!(UserClaims::decode(jwt.expose()).unwrap().scoped);
}

#[test]
fn only_an_account_issues_and_only_to_a_user() {
    let (account, user) = keys();
    let claims = UserClaims::new("demo", user.public_key());
    assert!(matches!(claims.sign(&user, at(1)), Err(JwtError::Key(NkeyError::Role { .. }))));
    let claims = UserClaims::new("demo", account.public_key());
    assert!(matches!(claims.sign(&account, at(1)), Err(JwtError::Key(NkeyError::Role { .. }))));
    let claims = UserClaims::new("demo", "U");
    assert!(matches!(claims.sign(&account, at(1)), Err(JwtError::Key(NkeyError::Length { .. }))));
}

#[test]
fn what_is_no_user_jwt_is_refused() {
    let (account, _) = keys();
    let error = |jwt: &str| UserClaims::decode(jwt).unwrap_err();
    for text in ["", "a", "a.b.c", "..", "e30.e30.", "e30.e30.e30.e30", "🦀.e30.e30"] {
        assert!(matches!(error(text), JwtError::Malformed | JwtError::Algorithm), "{text}");
    }
    let nats = serde_json::json!({"type": "account", "version": 2});
    let claims =
        Claims { name: "a".into(), subject: account.public_key(), expires: None, not_before: None, nats };
    let jwt = claims.sign(&account, at(1)).unwrap();
    assert_eq!(error(jwt.expose()), JwtError::NotAUser("account".into()));
}

#[test]
fn an_expiry_of_nought_or_beyond_all_sense_is_none() {
    for exp in [0, -1, i64::MAX] {
        assert!(time(exp).is_none_or(|time| time > at(1 << 40)), "{exp}");
    }
    assert_eq!(time(5), Some(at(5)));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(jwt in ".{0,80}", body in ".{0,80}") {
        let _ = UserClaims::decode(&jwt);
        let built = format!("{}.{}.x", BASE64URL_NOPAD.encode(HEADER), BASE64URL_NOPAD.encode(body.as_bytes()));
        let _ = UserClaims::decode(&built);
    }
}
