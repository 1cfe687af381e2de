use proptest::prelude::*;

use super::*;

fn kind(result: Result<(), SubjectError>) -> Option<SubjectErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn empty_subject_is_refused() {
    assert_eq!(kind(validate_publish(b"")), Some(SubjectErrorKind::Empty));
    assert_eq!(kind(validate_subscribe(b"")), Some(SubjectErrorKind::Empty));
}

#[test]
fn whitespace_is_refused_wherever_it_stands() {
    for len in 1..40 {
        for at in 0..len {
            for b in *b" \t\r\n" {
                let mut subject = vec![b'a'; len];
                subject[at] = b;
                assert_eq!(kind(validate_publish(&subject)), Some(SubjectErrorKind::Whitespace));
            }
        }
    }
}

#[test]
fn empty_token_is_refused_wherever_it_stands() {
    for len in 1..40 {
        for at in 0..len {
            let mut subject = vec![b'a'; len];
            subject[at] = b'.';
            let inside = at > 0 && at + 1 < len;
            assert_eq!(validate_publish(&subject).is_ok(), inside, "{len} {at}");
            if inside {
                subject[at - 1] = b'.';
                assert_eq!(
                    kind(validate_publish(&subject)),
                    Some(SubjectErrorKind::EmptyToken),
                    "{len} {at}"
                );
            }
        }
    }
}

#[test]
fn publish_accepts_wildcards_control_bytes_and_any_encoding() {
    for subject in [
        &b"a.*.b"[..],
        b"a.>",
        b"a.>.b",
        b"*",
        b"a\0b\x01",
        b"\x7f.\x01",
        "größe.日本".as_bytes(),
        b"\xff\xfe.\x80",
    ] {
        assert!(validate_publish(subject).is_ok(), "{subject:?}");
    }
}

#[test]
fn subscribe_accepts_full_wildcard_only_at_the_end() {
    for subject in [&b">"[..], b"a.>", b"*.>", b"a.>b.c", b"a.b>"] {
        assert!(validate_subscribe(subject).is_ok(), "{subject:?}");
    }
    for subject in [&b"a.>.b"[..], b">.a", b">.>"] {
        assert_eq!(
            kind(validate_subscribe(subject)),
            Some(SubjectErrorKind::MisplacedWildcard),
            "{subject:?}"
        );
    }
}

#[test]
fn queue_is_one_term() {
    assert!(validate_queue(b"workers").is_ok());
    assert!(validate_queue(b"team.a").is_ok());
    assert_eq!(kind(validate_queue(b"")), Some(SubjectErrorKind::Empty));
    for queue in [&b"a b"[..], b"a\t", b"\ra", b"a\n"] {
        assert_eq!(kind(validate_queue(queue)), Some(SubjectErrorKind::Whitespace));
    }
}

#[test]
fn literal_has_no_wildcard_token() {
    for subject in [&b"a.b"[..], b"a*.b>", b"a.**", b""] {
        assert!(is_literal(subject), "{subject:?}");
    }
    for subject in [&b"*"[..], b"a.*.b", b">", b"a.>"] {
        assert!(!is_literal(subject), "{subject:?}");
    }
}

#[test]
fn star_matches_exactly_one_token() {
    assert!(matches(b"help.*.system", b"help.me.system"));
    assert!(matches(b"*", b"a"));
    assert!(!matches(b"*", b"a.b"));
    assert!(!matches(b"a.*", b"a"));
    assert!(!matches(b"help.*.system", b"help.me.now.system"));
    assert!(!matches(b"help.*", b"help.me.system"));
}

#[test]
fn full_wildcard_matches_one_or_more_trailing_tokens() {
    assert!(matches(b"help.>", b"help.me"));
    assert!(matches(b"help.>", b"help.me.system"));
    assert!(matches(b">", b"a"));
    assert!(matches(b"*.>", b"a.b"));
    assert!(!matches(b"help.>", b"help"));
    assert!(!matches(b">", b""));
    assert!(!matches(b"*.>", b"a"));
}

#[test]
fn wildcard_inside_a_token_is_ordinary() {
    assert!(matches(b"a*.b>", b"a*.b>"));
    assert!(!matches(b"a*", b"ab"));
    assert!(!matches(b"a.b>", b"a.bc"));
}

#[test]
fn wildcard_in_the_subject_is_an_ordinary_token() {
    assert!(matches(b"a.*", b"a.>"));
    assert!(matches(b"a.*", b"a.*"));
    assert!(!matches(b"a.b", b"a.*"));
    assert!(!matches(b"a.b", b"a.>"));
}

#[test]
fn tokens_are_split_at_dots() {
    assert_eq!(tokens(b"a.bc.d").collect::<Vec<_>>(), [&b"a"[..], b"bc", b"d"]);
}

#[test]
fn error_names_the_text_and_the_rule() {
    let error = validate_publish(b"a b\r\n\xff\"").unwrap_err();
    assert_eq!(error.subject(), r#"a b\r\n\xff\""#);
    assert_eq!(
        error.to_string(),
        r#"invalid subject "a b\r\n\xff\"": it must not hold a space, tab, CR or LF"#
    );
    assert!(validate_queue(b"").unwrap_err().to_string().starts_with("invalid queue group \"\": "));
}

#[test]
fn error_text_is_cut_to_128_bytes() {
    let error = validate_publish("ü ".repeat(4096).as_bytes()).unwrap_err();
    assert!(error.subject().len() <= 128);
    assert!(error.subject().ends_with('…'));
    let error = validate_publish(&[b'\n'; 4096]).unwrap_err();
    assert!(error.subject().len() <= 128);
}

/// The definition of matching, by recursion.
fn naive_match(pattern: &[&[u8]], subject: &[&[u8]]) -> bool {
    match (pattern, subject) {
        ([], []) => true,
        ([b">"], [_, ..]) => true,
        ([b"*", p @ ..], [_, s @ ..]) => naive_match(p, s),
        ([a, p @ ..], [b, s @ ..]) => a == b && naive_match(p, s),
        _ => false,
    }
}

proptest! {
    #[test]
    fn fast_check_agrees_with_the_rules(subject in proptest::collection::vec(
        prop_oneof![8 => Just(b'a'), 2 => Just(b'.'), 1 => any::<u8>()], 0..40)
    ) {
        prop_assert_eq!(kind(validate_publish(&subject)), fault(&subject));
    }

    #[test]
    fn matching_agrees_with_its_definition(
        pattern in proptest::collection::vec(prop_oneof!["a", "b", "ab", "\\*", ">"], 1..5),
        subject in proptest::collection::vec(prop_oneof![4 => "a", 4 => "b", 4 => "ab", 1 => "\\*", 1 => ">"], 1..5),
    ) {
        let (pattern, subject) = (pattern.join("."), subject.join("."));
        let expected = naive_match(
            &tokens(pattern.as_bytes()).collect::<Vec<_>>(),
            &tokens(subject.as_bytes()).collect::<Vec<_>>(),
        );
        prop_assert_eq!(matches(pattern.as_bytes(), subject.as_bytes()), expected);
    }
}
