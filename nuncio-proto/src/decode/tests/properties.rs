use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{
    encode, fuzzing,
    header::{HeaderMap, HeaderView},
    subject,
};

/// A subject, queue or id: any bytes that don't end a term.
fn term() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        8 => b'!'..=b'~',
        1 => any::<u8>().prop_filter("ends a term", |byte| !b" \t\r\n".contains(byte)),
    ];
    // Numbers on their own, too: a reply subject may be one.
    prop_oneof![4 => vec(byte, 1..40), 1 => (0_u32..300).prop_map(|number| number.to_string().into_bytes())]
}

/// A text without a line feed that is not trimmed any further.
fn text() -> impl Strategy<Value = Vec<u8>> {
    "[!-&(-~]([ -~]{0,60}[!-&(-~])?".prop_map(String::into_bytes)
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(Vec::new()), vec(any::<u8>(), 1..80)]
}

/// A header block as a map writes it, or nothing.
fn headers() -> impl Strategy<Value = Vec<u8>> {
    vec(("[!-9;-~]{1,20}", "[^\r\n]{0,20}"), 0..4).prop_map(|entries| {
        let map = HeaderMap::try_from_iter(entries).unwrap();
        let mut block = Vec::new();
        if !map.is_empty() {
            map.encode_into(&mut block);
        }
        block
    })
}

fn server_op() -> impl Strategy<Value = Op> {
    let message = (any::<u64>(), term(), option::of(term()), header(), vec(any::<u8>(), 0..200));
    prop_oneof![
        6 => message.prop_map(|(sid, subject, reply, header, payload)| {
            Op::Message { sid, subject, reply, header, payload }
        }),
        1 => text().prop_map(Op::Info),
        1 => text().prop_map(Op::Err),
        1 => prop_oneof![Just(Op::Ok), Just(Op::Ping), Just(Op::Pong)],
    ]
}

fn client_op() -> impl Strategy<Value = Op> {
    let publish = (term(), option::of(term()), headers(), vec(any::<u8>(), 0..200));
    let sid = || any::<u64>().prop_map(|sid| sid.to_string().into_bytes());
    prop_oneof![
        4 => publish.prop_map(|(subject, reply, header, payload)| {
            Op::Publish { subject, reply, header, payload }
        }),
        2 => (term(), option::of(term()), sid())
            .prop_map(|(subject, queue, sid)| Op::Subscribe { subject, queue, sid }),
        1 => (sid(), option::of(any::<u64>())).prop_map(|(sid, max)| Op::Unsubscribe { sid, max }),
        1 => text().prop_map(Op::Connect),
        1 => prop_oneof![Just(Op::Ping), Just(Op::Pong)],
    ]
}

/// What an application may hand in as a subject, a queue group, a name or a value.
fn given() -> impl Strategy<Value = Vec<u8>> {
    let byte = |letters| {
        prop_oneof![
            letters => b'a'..=b'c',
            2 => prop::sample::select(&b" \t\r\n.*>:"[..]),
            1 => any::<u8>(),
        ]
    };
    prop_oneof![vec(byte(6), 0..6), vec(byte(60), 6..30)]
}

fn encode(ops: &[Op]) -> Vec<u8> {
    let mut out = Vec::new();
    let number = |sid: &[u8]| std::str::from_utf8(sid).unwrap().parse().unwrap();
    for op in ops {
        match op {
            Op::Message { sid, subject, reply, header, payload } => {
                let header = (!header.is_empty()).then_some(header.as_slice());
                let sid = sid.to_string();
                encode::message(&mut out, subject, sid.as_bytes(), reply.as_deref(), header, payload);
            }
            Op::Publish { subject, reply, header, payload } => {
                let headers = HeaderView::parse(header).ok().map(|view| view.to_map());
                assert_eq!(headers.is_none(), header.is_empty());
                encode::publish(&mut out, subject, reply.as_deref(), headers.as_ref(), payload);
            }
            Op::Subscribe { subject, queue, sid } => {
                encode::subscribe(&mut out, subject, queue.as_deref(), number(sid));
            }
            Op::Unsubscribe { sid, max } => encode::unsubscribe(&mut out, number(sid), *max),
            Op::Info(json) => encode::info(&mut out, json),
            Op::Connect(json) => encode::connect(&mut out, json),
            Op::Err(text) => encode::err(&mut out, text),
            Op::Ok => out.extend_from_slice(encode::OK),
            Op::Ping => out.extend_from_slice(encode::PING),
            Op::Pong => out.extend_from_slice(encode::PONG),
        }
    }
    out
}

proptest! {
    #[test]
    fn what_a_server_encodes_is_decoded_however_it_is_split(
        ops in vec(server_op(), 1..6),
        cuts in vec(0_usize..1500, 0..8),
    ) {
        let wire = encode(&ops);
        let mut cuts = cuts;
        cuts.sort_unstable();
        prop_assert_eq!(&server(&wire), &(ops.clone(), None));
        prop_assert_eq!(&run(ServerDecoder::default(), &wire, cuts), &(ops.clone(), None));
        prop_assert_eq!(&run(ServerDecoder::default(), &wire, 1..wire.len()), &(ops, None));
    }

    #[test]
    fn what_a_client_encodes_is_decoded_however_it_is_split(
        ops in vec(client_op(), 1..6),
        cuts in vec(0_usize..1500, 0..8),
    ) {
        let wire = encode(&ops);
        let mut cuts = cuts;
        cuts.sort_unstable();
        prop_assert_eq!(&client(&wire), &(ops.clone(), None));
        prop_assert_eq!(&run(ClientDecoder::default(), &wire, cuts), &(ops.clone(), None));
        prop_assert_eq!(&run(ClientDecoder::default(), &wire, 1..wire.len()), &(ops, None));
    }

    #[test]
    fn what_passes_the_checks_becomes_the_operation_that_was_meant_and_no_other(
        (subject, term) in (given(), option::of(given())),
        (name, value) in ("[a-z :\r\n]{0,4}", "[a-z :\r\n]{0,4}"),
        payload in given(),
    ) {
        let passes = |check: fn(&[u8]) -> _| term.as_deref().is_none_or(|term| check(term) == Ok(()));
        let mut headers = HeaderMap::new();
        if subject::validate_publish(&subject).is_ok()
            && passes(subject::validate_publish)
            && headers.append(name.as_str(), value.as_str()).is_ok()
        {
            let mut header = Vec::new();
            headers.encode_into(&mut header);
            let meant = Op::Publish { subject: subject.clone(), reply: term.clone(), header, payload };
            prop_assert_eq!(client(&encode(std::slice::from_ref(&meant))), (vec![meant], None));
        }
        if subject::validate_subscribe(&subject).is_ok() && passes(subject::validate_queue) {
            let meant = Op::Subscribe { subject, queue: term, sid: b"7".to_vec() };
            prop_assert_eq!(client(&encode(std::slice::from_ref(&meant))), (vec![meant], None));
        }
    }

    #[test]
    fn any_bytes_give_what_the_plain_reference_gives(data in vec(any::<u8>(), 0..300)) {
        fuzzing::server_ops(&data);
        fuzzing::client_ops(&data);
    }

    #[test]
    fn damaged_operations_give_what_the_plain_reference_gives(
        ops in vec(prop_oneof![server_op(), client_op()], 1..5),
        damage in vec((0_usize..400, prop_oneof![Just(b' '), Just(b'\r'), Just(b'\n'), any::<u8>()]), 1..4),
        choice in any::<[u8; 2]>(),
    ) {
        let mut data = [&choice[..], &encode(&ops)].concat();
        for (at, byte) in damage {
            if let Some(place) = data.get_mut(2 + at) {
                *place = byte;
            }
        }
        fuzzing::server_ops(&data);
        fuzzing::client_ops(&data);
    }
}

#[test]
fn every_split_of_a_session_gives_the_same() {
    let (data, whole) = (super::server::SESSION, server(super::server::SESSION));
    for cut in 0..data.len() {
        assert_eq!(run(ServerDecoder::default(), data, [cut]), whole, "cut at {cut}");
    }
    let (data, whole) = (super::client::SESSION, client(super::client::SESSION));
    for cut in 0..data.len() {
        assert_eq!(run(ClientDecoder::default(), data, [cut]), whole, "cut at {cut}");
    }
}

#[test]
fn every_pair_of_splits_of_a_short_operation_gives_the_same() {
    for data in [
        &b"PING\r\nPONG\r\n+OK\r\n-ERR 'Stale Connection'\r\n"[..],
        b"INFO {\"server_id\":\"NX\"}\r\nPONG\r\n",
        b"MSG a.b 1 5\r\nhello\r\nMSG a 1 r 0\r\n\r\n",
        b"HMSG a 2 r 16 18\r\nNATS/1.0 503\r\n\r\nhi\r\n",
        b"hmsg\ta  2 16 16 \r\nNATS/1.0 503\r\n\r\n\r\n",
        b"MSG foo 1 5\r\nhelloXX",
    ] {
        let whole = server(data);
        for (first, second) in
            (0..data.len()).flat_map(|first| (first..data.len()).map(move |it| (first, it)))
        {
            assert_eq!(run(ServerDecoder::default(), data, [first, second]), whole, "at {first}, {second}");
        }
    }
}
