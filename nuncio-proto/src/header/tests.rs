use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const BLANK: [char; 2] = [' ', '\t'];

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[!-9;-~]{1,12}", "[aA]", "[aA]-[bB]"]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[^\r\n]{0,20}", "[ \ta:é]{0,6}"]
}

fn encoded(map: &HeaderMap) -> Vec<u8> {
    let mut out = Vec::new();
    map.encode_into(&mut out);
    out
}

/// Bytes that look like a header block, with or without faults.
fn block() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => Just(b"\r\n".to_vec()),
        4 => Just(b"a: b".to_vec()),
        2 => Just(b"NATS/1.0".to_vec()),
        2 => Just(b" 503".to_vec()),
        2 => Just(b":".to_vec()),
        1 => Just(b" ".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    (
        prop_oneof![4 => Just("NATS/1.0"), 1 => Just("")],
        vec(piece, 0..12),
        prop_oneof![4 => Just("\r\n\r\n"), 1 => Just("")],
    )
        .prop_map(|(start, middle, end)| [start.as_bytes(), &middle.concat(), end.as_bytes()].concat())
}

#[derive(Clone, Debug)]
enum Change {
    Append(String, String),
    Insert(String, String),
    Remove(String),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (name(), value()).prop_map(|(name, value)| Change::Append(name, value)),
        2 => (name(), value()).prop_map(|(name, value)| Change::Insert(name, value)),
        1 => name().prop_map(Change::Remove),
    ]
}

/// What the changes do to a plain list.
fn change_list(list: &mut Vec<(String, String)>, change: Change) {
    match change {
        Change::Append(name, value) => list.push((name, value)),
        Change::Insert(name, value) => {
            let at = list.iter().position(|(n, _)| *n == name).unwrap_or(list.len());
            list.retain(|(n, _)| *n != name);
            list.insert(at, (name, value));
        }
        Change::Remove(name) => list.retain(|(n, _)| *n != name),
    }
}

proptest! {
    #[test]
    fn map_survives_the_wire(
        status in proptest::option::of((any::<u16>(), value())),
        entries in vec((name(), value()), 0..10),
    ) {
        let mut map = match &status {
            Some((code, description)) => HeaderMap::with_status(*code, description).unwrap(),
            None => HeaderMap::new(),
        };
        map.try_extend(entries.iter().map(|(n, v)| (n, v))).unwrap();
        let wire = encoded(&map);
        prop_assert_eq!(wire.len(), map.encoded_len());

        let view = HeaderView::parse(&wire).unwrap();
        prop_assert_eq!(&map, &view);
        prop_assert_eq!(&view.to_map(), &map);
        let expected: Vec<_> = entries.iter().map(|(n, v)| (n.as_str(), v.trim_matches(BLANK))).collect();
        prop_assert_eq!(view.iter().collect::<Vec<_>>(), expected);
        prop_assert_eq!(view.status().and_then(|s| s.code()), status.map(|(code, _)| code));
        prop_assert_eq!(view.len(), entries.len());
        prop_assert_eq!(view.is_empty(), map.is_empty());
    }

    #[test]
    fn map_changes_like_a_list(changes in vec(change(), 0..20)) {
        let mut map = HeaderMap::new();
        let mut list = Vec::new();
        for change in changes {
            match &change {
                Change::Append(name, value) => { map.append(name, value).unwrap(); }
                Change::Insert(name, value) => { map.insert(name, value).unwrap(); }
                Change::Remove(name) => {
                    prop_assert_eq!(map.remove(name), list.iter().any(|(n, _)| n == name));
                }
            }
            change_list(&mut list, change);
            let expected: Vec<_> = list.iter().map(|(n, v)| (n.as_str(), v.trim_matches(BLANK))).collect();
            prop_assert_eq!(map.iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn get_is_the_first_of_all_and_contains_agrees(entries in vec((name(), value()), 0..10), asked in name()) {
        let map = HeaderMap::try_from_iter(entries).unwrap();
        prop_assert_eq!(map.get(&asked), map.get_all(&asked).next());
        prop_assert_eq!(map.get_last(&asked), map.get_all(&asked).last());
        prop_assert_eq!(map.contains(&asked), map.get(&asked).is_some());
        prop_assert_eq!(map.keys().any(|key| key == asked), map.get_exact(&asked).is_some());
    }

    #[test]
    fn raw_lines_of_a_good_block_are_its_entries(block in block()) {
        if let Ok(view) = HeaderView::parse(&block) {
            let raw: Result<Vec<_>, _> = raw_lines(&block).collect();
            let entries: Vec<_> = view.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
            prop_assert_eq!(raw, Ok(entries));
            prop_assert_eq!(view.status(), status(&block));
            prop_assert_eq!(encoded(&view.to_map()), block);
        }
    }

    #[test]
    fn looking_up_finds_what_the_strict_check_finds(block in block(), asked in name()) {
        for name in [asked.as_str(), "a", "A", "NATS/1.0", "", "a: b"] {
            let strictly = HeaderView::check(&block).ok().and_then(|view| view.get(name));
            prop_assert_eq!(look_up(&block, name), strictly);
        }
        prop_assert_eq!(HeaderView::parse(&block), HeaderView::check(&block));
    }

    #[test]
    fn looking_up_in_what_was_sent_finds_its_first_value(
        entries in vec((name(), "[^\r\n]{0,90}"), 0..6),
        fault in proptest::option::of((0..400_usize, any::<u8>())),
        asked in name(),
    ) {
        let mut wire = encoded(&HeaderMap::try_from_iter(entries.iter().map(|(n, v)| (n, v))).unwrap());
        if let Some((at, byte)) = fault {
            let at = at % wire.len();
            wire[at] = byte;
        }
        for name in entries.iter().map(|(name, _)| name).chain([&asked]) {
            let strictly = HeaderView::check(&wire).ok().and_then(|view| view.get(name));
            prop_assert_eq!(look_up(&wire, name), strictly);
            if fault.is_none() {
                let list = || entries.iter().map(|(name, value)| (name.as_str(), value.trim_matches(BLANK)));
                let exact = list().find(|(candidate, _)| candidate == name);
                let similar = || list().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
                prop_assert_eq!(strictly, exact.or_else(similar).map(|(_, value)| value));
            }
        }
    }

    #[test]
    fn short_cut_to_no_responders_agrees_with_the_status(block in block()) {
        prop_assert_eq!(is_no_responders(&block), status(&block).is_some_and(|s| s.is_no_responders()));
    }

    #[test]
    fn any_bytes_are_read_without_panic(block in vec(any::<u8>(), 0..60)) {
        let _ = HeaderView::parse(&block).map(|view| view.keys().count());
        let _ = raw_lines(&block).count();
        let _ = status(&block).map(|status| (status.code(), status.to_string()));
    }
}
