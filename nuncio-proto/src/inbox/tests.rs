use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::subject::{SubjectErrorKind, validate_publish};

#[test]
fn nuid_is_22_base62_characters() {
    for _ in 0..100 {
        let id = nuid();
        assert_eq!(id.len(), 22);
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
    }
}

#[test]
fn nuids_are_unique_over_threads() {
    let threads: Vec<_> =
        (0..4).map(|_| std::thread::spawn(|| (0..1000).map(|_| nuid()).collect::<Vec<_>>())).collect();
    let ids: HashSet<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
    assert_eq!(ids.len(), 4000);
}

#[test]
fn nuids_of_a_generator_share_their_prefix_and_count_up() {
    let mut nuid = Nuid::new().unwrap();
    let (first, second) = (nuid.next(), nuid.next());
    assert_eq!(first[..12], second[..12]);
    assert!(first[12..] < second[12..]);
}

#[test]
fn seed_decides_the_output() {
    assert_eq!(Nuid::with_seed(7).next(), Nuid::with_seed(7).next());
    assert_ne!(Nuid::with_seed(7).next(), Nuid::with_seed(8).next());
}

#[test]
fn spent_sequence_carries_into_the_prefix() {
    let mut nuid = Nuid { prefix: *b"0000000000Az", sequence: SEQUENCE_END - 1, step: 33 };
    assert_eq!(nuid.next(), *b"0000000000B0000000000W");
    let mut nuid = Nuid { prefix: [b'z'; 12], sequence: SEQUENCE_END - 1, step: 33 };
    assert_eq!(nuid.next()[..12], [b'0'; 12]);
}

#[test]
fn random_token_is_22_base62_characters_and_differs() {
    let tokens: HashSet<_> = (0..1000).map(|_| random_token()).collect();
    assert_eq!(tokens.len(), 1000);
    assert!(tokens.iter().flatten().all(u8::is_ascii_alphanumeric));
    let used: HashSet<_> = tokens.iter().flatten().collect();
    assert_eq!(used.len(), 62);
}

#[test]
fn hash_keys_stand_in_for_the_system() {
    let (mut a, mut b) = ([0; 32], [0; 32]);
    fill_from_hash_keys(&mut a);
    fill_from_hash_keys(&mut b);
    assert_ne!(a, b);
    assert_ne!(a[..8], a[8..16]);
    assert_ne!(a[24..], [0; 8]);
}

#[test]
fn base62_draws_again_where_bits_are_no_digit() {
    let mut draws = 0;
    let text = base62(|raw| {
        draws += 1;
        raw.fill(if draws < 3 { 63 } else { 61 });
    });
    assert_eq!((text, draws), ([b'z'; 22], 3));
}

#[test]
fn inbox_is_the_prefix_and_a_random_token() {
    let inbox = new_inbox("_INBOX.me");
    assert_eq!(inbox.strip_prefix("_INBOX.me.").map(str::len), Some(22));
    assert!(validate_publish(inbox.as_bytes()).is_ok());
    assert_ne!(inbox, new_inbox("_INBOX.me"));
}

#[test]
fn prefix_with_a_wildcard_is_refused() {
    assert!(validate_prefix(b"_INBOX").is_ok());
    assert!(validate_prefix(b"_INBOX.team").is_ok());
    for prefix in [&b"*"[..], b"a.*", b"a.>"] {
        let error = validate_prefix(prefix).unwrap_err();
        assert_eq!(error.kind(), SubjectErrorKind::Wildcard);
        assert!(error.to_string().starts_with("invalid inbox prefix"));
    }
}

#[test]
fn prefix_must_be_a_valid_subject() {
    for prefix in [&b""[..], b"a.", b"a b", b"a..b"] {
        assert!(validate_prefix(prefix).is_err(), "{prefix:?}");
    }
}

fn encoded(token: Token) -> Vec<u8> {
    let mut out = Vec::new();
    token.encode_into(&mut out);
    out
}

#[test]
fn token_text_is_short() {
    assert_eq!(encoded(Token { slot: 0, generation: 0 }), b"00000000");
    assert_eq!(encoded(Token { slot: 62 + 64, generation: 1 << 6 }), b"-1001000");
    let largest = Token { slot: (1 << 18) - 1, generation: (1 << 30) - 1 };
    assert_eq!(encoded(largest), b"________");
    for larger in [Token { slot: 1 << 18, ..largest }, Token { generation: 1 << 30, ..largest }] {
        assert_eq!(encoded(larger).len(), Token::MAX_LEN);
        let mut text = [0; 20];
        assert_eq!(larger.write_to(&mut text), Some(Token::MAX_LEN));
        assert_eq!(text[..Token::MAX_LEN], encoded(larger));
        assert_eq!(larger.write_to(&mut [0; Token::MAX_LEN - 1]), None);
    }
}

#[test]
fn foreign_text_is_no_token() {
    let texts = [
        "",
        "0",
        "0000000",
        "0000000.",
        "000000000",
        "0000\n000",
        "00000000000",
        "10000000000",
        "zzzzzzzzzzz",
    ];
    for text in texts {
        assert_eq!(Token::decode(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(Token::decode(b"\xff0000000"), None);
}

proptest! {
    #[test]
    fn token_survives_its_text(slot: u32, generation: u32) {
        let token = Token { slot, generation };
        let text = encoded(token);
        prop_assert!(text.len() <= Token::MAX_LEN);
        prop_assert!(text.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b)));
        prop_assert_eq!(Token::decode(&text), Some(token));
    }

    #[test]
    fn text_that_decodes_is_what_encodes(text in "[0-9A-Za-z_-]{8}|[0-9A-Za-z_-]{11}|[0-9A-Za-z]{0,12}") {
        if let Some(token) = Token::decode(text.as_bytes()) {
            prop_assert_eq!(encoded(token), text.as_bytes());
        }
    }
}
