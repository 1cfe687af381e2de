use super::*;

fn view(block: &[u8]) -> HeaderView<'_> {
    HeaderView::parse(block).unwrap()
}

fn refused(block: &[u8]) -> HeaderError {
    HeaderView::parse(block).unwrap_err()
}

const SAMPLE: &[u8] = b"NATS/1.0\r\nId: 1\r\nid: 2\r\nTag:a\r\nID:\t3 \r\nTag: b:c\r\nEmpty:\r\n\r\n";

#[test]
fn entries_come_in_order_with_their_case() {
    assert_eq!(
        view(SAMPLE).iter().collect::<Vec<_>>(),
        [("Id", "1"), ("id", "2"), ("Tag", "a"), ("ID", "3"), ("Tag", "b:c"), ("Empty", "")]
    );
    assert_eq!(view(SAMPLE).len(), 6);
}

#[test]
fn get_prefers_the_exact_spelling() {
    assert_eq!(view(SAMPLE).get("id"), Some("2"));
    assert_eq!(view(SAMPLE).get("ID"), Some("3"));
    assert_eq!(view(SAMPLE).get("iD"), Some("1"));
    assert_eq!(view(SAMPLE).get("tag"), Some("a"));
    assert_eq!(view(SAMPLE).get("none"), None);
}

#[test]
fn get_exact_is_case_sensitive() {
    assert_eq!(view(SAMPLE).get_exact("Tag"), Some("a"));
    assert_eq!(view(SAMPLE).get_exact("tag"), None);
}

#[test]
fn get_canonical_finds_the_mime_spelling() {
    let headers = view(b"NATS/1.0\r\nnats-msg-id: no\r\nNats-Msg-Id: yes\r\n-X-9a: dash\r\n\r\n");
    assert_eq!(headers.get_canonical("nats-msg-id"), Some("yes"));
    assert_eq!(headers.get_canonical("NATS-MSG-ID"), Some("yes"));
    assert_eq!(headers.get_canonical("-x-9A"), Some("dash"));
    assert_eq!(view(b"NATS/1.0\r\nid: 1\r\n\r\n").get_canonical("id"), None);
}

#[test]
fn get_all_takes_the_same_spelling_as_get() {
    let all = |name| view(SAMPLE).get_all(name).collect::<Vec<_>>();
    assert_eq!(all("Tag"), ["a", "b:c"]);
    assert_eq!(all("TAG"), ["a", "b:c"]);
    assert_eq!(all("id"), ["2"]);
    assert_eq!(all("iD"), ["1", "2", "3"]);
    assert!(all("none").is_empty());
}

#[test]
fn get_last_is_the_last_of_all() {
    assert_eq!(view(SAMPLE).get_last("tag"), Some("b:c"));
    assert_eq!(view(SAMPLE).get_last("iD"), Some("3"));
    assert_eq!(view(SAMPLE).get_last("none"), None);
}

#[test]
fn contains_ignores_case_like_get() {
    assert!(view(SAMPLE).contains("EMPTY"));
    assert!(!view(SAMPLE).contains("Empt"));
}

#[test]
fn name_with_a_colon_is_never_found() {
    assert_eq!(view(SAMPLE).get("Tag: b"), None);
    assert_eq!(view(SAMPLE).get("Tag:"), None);
    assert_eq!(view(SAMPLE).get(""), None);
}

#[test]
fn keys_are_distinct_and_in_order() {
    assert_eq!(view(SAMPLE).keys().collect::<Vec<_>>(), ["Id", "id", "Tag", "ID", "Empty"]);
}

#[test]
fn keys_stay_distinct_and_quick_when_there_are_many() {
    let mut block = String::from("NATS/1.0\r\n");
    for round in 0..2 {
        for name in 0..100_000 {
            block.push_str(&format!("k{name}:{round}\r\n"));
        }
    }
    block.push_str("\r\n");
    let names: Vec<_> = view(block.as_bytes()).keys().collect();
    assert_eq!(names.len(), 100_000);
    assert_eq!((names[0], names[99_999]), ("k0", "k99999"));
}

#[test]
fn block_without_entries_is_legal() {
    let headers = view(b"NATS/1.0\r\n\r\n");
    assert!(headers.is_empty());
    assert_eq!((headers.len(), headers.status(), headers.iter().next()), (0, None, None));
}

#[test]
fn status_is_read_from_the_first_line() {
    let headers = view(b"NATS/1.0 503 Nobody\r\nNats-Subject: a\r\n\r\n");
    let status = headers.status().unwrap();
    assert_eq!((status.code(), status.description), (Some(503), &b"Nobody"[..]));
    assert_eq!(headers.get("Nats-Subject"), Some("a"));
    assert!(!view(b"NATS/1.0 503\r\n\r\n").is_empty());
}

#[test]
fn version_line_is_required() {
    for (block, line) in [
        (&b""[..], ""),
        (b"a: b\r\n\r\n", "a: b"),
        (b"NATS/1.0x\r\n\r\n", "NATS/1.0x"),
        (b"nats/1.0\r\n\r\n", "nats/1.0"),
    ] {
        assert_eq!(refused(block), HeaderError::MissingVersion { line: line.into() });
    }
}

#[test]
fn every_line_has_a_colon() {
    assert_eq!(refused(b"NATS/1.0\r\na b\r\n\r\n"), HeaderError::MissingColon { line: "a b".into() });
}

#[test]
fn name_of_a_peer_is_printable_ascii() {
    assert_eq!(refused(b"NATS/1.0\r\n: x\r\n\r\n"), HeaderError::EmptyName);
    for block in ["NATS/1.0\r\na : x\r\n\r\n", "NATS/1.0\r\na\x01: x\r\n\r\n", "NATS/1.0\r\nä: x\r\n\r\n"] {
        assert!(matches!(refused(block.as_bytes()), HeaderError::InvalidName { .. }), "{block:?}");
    }
}

#[test]
fn bare_cr_in_a_value_is_refused() {
    for block in [&b"NATS/1.0\r\na: x\ry\r\n\r\n"[..], b"NATS/1.0\r\na: x\r\r\n\r\n"] {
        assert_eq!(refused(block), HeaderError::InvalidValue { name: "a".into() });
    }
}

#[test]
fn line_that_ends_without_cr_is_refused() {
    for (block, line) in [
        (&b"NATS/1.0\n\r\n"[..], "NATS/1.0"),
        (b"NATS/1.0\r\na: x\n\r\n", "a: x"),
        (b"NATS/1.0\r\na: x\r\n\n", ""),
    ] {
        assert_eq!(refused(block), HeaderError::MissingCarriageReturn { line: line.into() });
    }
}

#[test]
fn folded_value_is_refused() {
    for block in [&b"NATS/1.0\r\na: x\r\n y\r\n\r\n"[..], b"NATS/1.0\r\n\ta: x\r\n\r\n"] {
        assert!(matches!(refused(block), HeaderError::ContinuationLine { .. }));
    }
}

#[test]
fn line_that_is_not_utf8_is_named() {
    assert_eq!(
        refused(b"NATS/1.0\r\na: x\r\nb: y\xff\r\n\r\n"),
        HeaderError::NotUtf8 { line: r"b: y\xff".into() }
    );
    assert_eq!(refused(b"NATS/1.0 \xff"), HeaderError::NotUtf8 { line: r"NATS/1.0 \xff".into() });
}

#[test]
fn block_ends_with_its_only_empty_line() {
    for block in [&b"NATS/1.0"[..], b"NATS/1.0\r\n", b"NATS/1.0\r\na: x\r\n", b"NATS/1.0\r\na: x\r\n\r"] {
        assert_eq!(refused(block), HeaderError::MissingEnd, "{block:?}");
    }
    assert_eq!(
        refused(b"NATS/1.0\r\n\r\na: x\r\n\r\n"),
        HeaderError::TrailingBytes { text: r"a: x\r\n\r\n".into() }
    );
}

#[test]
fn map_of_a_view_is_the_same_text() {
    let mut out = Vec::new();
    view(SAMPLE).to_map().encode_into(&mut out);
    assert_eq!(out, SAMPLE);
}

#[test]
fn spaces_do_not_count_for_equality() {
    let headers = view(b"NATS/1.0 503\r\na:b\r\n\r\n");
    assert_eq!(headers, view(b"NATS/1.0  503 \r\na:   b \r\n\r\n"));
    assert_ne!(headers, view(b"NATS/1.0\r\na:b\r\n\r\n"));
    assert_eq!(headers, headers.to_map());
}

#[test]
fn debug_shows_the_entries() {
    let headers = view(b"NATS/1.0\r\na:b\r\n\r\n");
    assert_eq!(format!("{headers:?}"), r#"HeaderView { entries: {"a": "b"} }"#);
}
