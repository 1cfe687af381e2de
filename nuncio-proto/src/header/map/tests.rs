use super::*;

fn wire(map: &HeaderMap) -> String {
    let mut out = Vec::new();
    map.encode_into(&mut out);
    assert_eq!(out.len(), map.encoded_len());
    String::from_utf8(out).unwrap()
}

fn sample() -> HeaderMap {
    HeaderMap::try_from([("A", "1"), ("b", "2"), ("A", "3"), ("a", "4"), ("A", "5")]).unwrap()
}

fn entries(map: &HeaderMap) -> Vec<(&str, &str)> {
    map.iter().collect()
}

#[test]
fn each_entry_is_a_line_in_order_with_its_case() {
    assert_eq!(wire(&sample()), "NATS/1.0\r\nA: 1\r\nb: 2\r\nA: 3\r\na: 4\r\nA: 5\r\n\r\n");
}

#[test]
fn empty_map_is_a_bare_version_line() {
    let map = HeaderMap::new();
    assert!(map.is_empty());
    assert_eq!((map.len(), map.status(), map.get("a")), (0, None, None));
    assert_eq!(wire(&map), "NATS/1.0\r\n\r\n");
}

#[test]
fn encoding_appends() {
    let mut out = b"before".to_vec();
    HeaderMap::new().encode_into(&mut out);
    assert_eq!(out, b"beforeNATS/1.0\r\n\r\n");
}

#[test]
fn name_is_printable_ascii_without_colon() {
    let mut map = HeaderMap::new();
    let valid: String = ('!'..='~').filter(|c| *c != ':').collect();
    map.append(&valid, "x").unwrap();
    assert_eq!(map.get_exact(&valid), Some("x"));
    for name in ["a b", "a:", ":", "a\t", "a\r\nb", "\0", "\x7f", "é"] {
        let error = map.append(name, "x").unwrap_err();
        assert!(matches!(error, HeaderError::InvalidName { .. }), "{name:?}");
    }
    assert_eq!(map.append("", "x").unwrap_err(), HeaderError::EmptyName);
    assert_eq!(map.len(), 1);
}

#[test]
fn value_is_anything_without_cr_and_lf() {
    let mut map = HeaderMap::new();
    for value in ["", "a: b", "größe\t日本", "\0\x7f"] {
        map.insert("name", value).unwrap();
        assert_eq!(map.get("name"), Some(value));
    }
    for value in ["a\rb", "a\n", "\r\nInjected: x"] {
        let error = map.append("name", value).unwrap_err();
        assert_eq!(error, HeaderError::InvalidValue { name: "name".into() });
        assert_eq!(map.insert("name", value).unwrap_err(), error);
    }
    assert_eq!(entries(&map), [("name", "\0\x7f")]);
}

#[test]
fn spaces_around_a_value_are_sent_but_not_read() {
    let mut map = HeaderMap::new();
    map.append("a", " \tx y ").unwrap();
    assert_eq!(map.get("a"), Some("x y"));
    assert_eq!(wire(&map), "NATS/1.0\r\na:  \tx y \r\n\r\n");
    assert_eq!(map, HeaderMap::try_from([("a", "x y")]).unwrap());
}

#[test]
fn insert_replaces_all_values_in_the_first_ones_place() {
    let mut map = sample();
    map.insert("A", "9").unwrap();
    assert_eq!(entries(&map), [("A", "9"), ("b", "2"), ("a", "4")]);
    map.insert("new", "0").unwrap();
    assert_eq!(entries(&map), [("A", "9"), ("b", "2"), ("a", "4"), ("new", "0")]);
}

#[test]
fn remove_takes_all_values_of_the_exact_name() {
    let mut map = sample();
    assert!(map.remove("A"));
    assert_eq!(entries(&map), [("b", "2"), ("a", "4")]);
    assert!(!map.remove("A"));
    assert!(!map.remove("B"));
    assert!(map.remove("b") && map.remove("a"));
    assert!(map.is_empty());
    assert_eq!(map, HeaderMap::new());
}

#[test]
fn change_keeps_the_status() {
    let mut map = HeaderMap::with_status(404, "No Messages").unwrap();
    map.append("a", "1").unwrap().insert("a", "2").unwrap().append("b", "3").unwrap();
    map.remove("b");
    assert_eq!(wire(&map), "NATS/1.0 404 No Messages\r\na: 2\r\n\r\n");
}

#[test]
fn status_headers_can_be_built() {
    let map = HeaderMap::with_status(503, "").unwrap();
    assert_eq!(wire(&map), "NATS/1.0 503\r\n\r\n");
    assert!(!map.is_empty());
    assert_eq!(map.len(), 0);
    let map = HeaderMap::with_status(65535, "No Way").unwrap();
    let status = map.status().unwrap();
    assert_eq!((status.code(), status.description), (Some(65535), &b"No Way"[..]));
}

#[test]
fn status_description_is_one_line() {
    for description in ["a\r\nX: y", "a\n", "\r"] {
        let error = HeaderMap::with_status(503, description).unwrap_err();
        assert!(matches!(error, HeaderError::InvalidDescription { .. }));
    }
}

#[test]
fn clear_leaves_an_empty_map() {
    let mut map = HeaderMap::with_status(503, "x").unwrap();
    map.append("a", "b").unwrap();
    map.clear();
    assert!(map.is_empty());
    assert_eq!(wire(&map), "NATS/1.0\r\n\r\n");
}

#[test]
fn failed_extension_changes_nothing() {
    let mut map = HeaderMap::new();
    assert!(map.try_extend([("a", "1"), ("b c", "2")]).is_err());
    assert_eq!(map, HeaderMap::new());
    map.append("x", "y").unwrap();
    assert!(map.try_extend([("a", "1"), ("b", "\n")]).is_err());
    assert_eq!(entries(&map), [("x", "y")]);
    map.try_extend(vec![("a".to_string(), "1".to_string())]).unwrap();
    assert_eq!(entries(&map), [("x", "y"), ("a", "1")]);
}

#[test]
fn equality_goes_by_status_and_entries_in_order() {
    let map = |entries: [(&str, &str); 2]| HeaderMap::try_from(entries).unwrap();
    assert_eq!(map([("a", "1"), ("b", "2")]), map([("a", "1"), ("b", "2")]));
    assert_ne!(map([("a", "1"), ("b", "2")]), map([("b", "2"), ("a", "1")]));
    assert_ne!(map([("a", "1"), ("b", "2")]), map([("a", "1"), ("B", "2")]));
    assert_ne!(HeaderMap::with_status(503, "").unwrap(), HeaderMap::new());
}

#[test]
fn debug_shows_status_and_entries() {
    let mut map = HeaderMap::with_status(503, "").unwrap();
    map.append("a", "1").unwrap();
    assert_eq!(format!("{map:?}"), r#"HeaderMap { status: Status("503"), entries: {"a": "1"} }"#);
}

#[test]
fn error_names_the_header() {
    let mut map = HeaderMap::new();
    let error = map.append("trace id", "x").unwrap_err().to_string();
    assert!(error.contains("\"trace id\""), "{error}");
    let error = map.append("trace", "x\n").unwrap_err().to_string();
    assert!(error.contains("\"trace\""), "{error}");
}

#[test]
fn refused_entry_leaves_the_block_whole() {
    let mut map = HeaderMap::with_capacity(128);
    for map_has in ["NATS/1.0\r\n\r\n", "NATS/1.0\r\na: 1\r\n\r\n"] {
        for (name, value) in
            [("", "x"), ("a b", "x"), ("name", "a\r\nb"), ("name", "long enough for two words\n")]
        {
            assert!(map.append(name, value).is_err());
            assert_eq!(wire(&map), map_has);
        }
        map.append("a", "1").unwrap();
    }
}

#[test]
fn entries_are_whole_wherever_the_room_ends() {
    for room in 0..80 {
        let mut map = HeaderMap::with_capacity(room);
        map.append("name", "0123456789").unwrap().append("k", "v").unwrap().append("tab", "\t").unwrap();
        assert_eq!(wire(&map), "NATS/1.0\r\nname: 0123456789\r\nk: v\r\ntab: \t\r\n\r\n");
        assert_eq!(wire(&map.clone()), wire(&map));
    }
}
