use super::*;

/// One of everything a client sends, with the forms that only the tolerant path takes.
pub(super) const SESSION: &[u8] =
    b"CONNECT {\"verbose\":false}\r\nPING\r\nSUB a.* 1\r\nSUB b q 2\r\nUNSUB 1\r\n\
    UNSUB 2 10\r\nPUB a 2\r\nhi\r\nPUB a r 0\r\n\r\nHPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n\
    HPUB a r 12 12\r\nNATS/1.0\r\n\r\n\r\nPONG\r\nsub \t a\tq  x \r\npub  1 2 3\nabc\r\nunsub 1 0\nping\n";

#[test]
fn every_operation_of_a_client_is_decoded() {
    let subscribe = |subject: &str, queue: Option<&str>, sid: &str| Op::Subscribe {
        subject: subject.into(),
        queue: queue.map(Into::into),
        sid: sid.into(),
    };
    let unsubscribe = |sid: &str, max| Op::Unsubscribe { sid: sid.into(), max };
    let (ops, fault) = client(SESSION);
    assert_eq!(fault, None);
    assert_eq!(
        ops,
        [
            Op::Connect(b"{\"verbose\":false}".into()),
            Op::Ping,
            subscribe("a.*", None, "1"),
            subscribe("b", Some("q"), "2"),
            unsubscribe("1", None),
            unsubscribe("2", Some(10)),
            publish("a", None, "", "hi"),
            publish("a", Some("r"), "", ""),
            publish("a", None, "NATS/1.0\r\n\r\n", "hi"),
            publish("a", Some("r"), "NATS/1.0\r\n\r\n", ""),
            Op::Pong,
            subscribe("a", Some("q"), "x"),
            publish("1", Some("2"), "", "abc"),
            unsubscribe("1", Some(0)),
            Op::Ping,
        ]
    );
}

#[test]
fn what_is_not_the_protocol_is_refused() {
    use Fault::*;
    for (data, fault) in [
        (&b" PING\r\n"[..], Operation),
        (b"\r\n", Operation),
        (b"GET / HTTP/1.1\r\n", Operation),
        (b"PINGxyz\r\n", Operation),
        (b"PING x\r\n", Arguments),
        (b"MSG a 1 0\r\n\r\n", Operation),
        (b"INFO {}\r\n", Operation),
        (b"+OK\r\n", Operation),
        (b"CONNECT{}\r\n", Operation),
        (b"CONNECT\r\n", Operation),
        (b"CONNECTX", Operation),
        (b"PUB\r\n", Operation),
        (b"PUB \r\n", Arguments),
        (b"PUB a\r\n", Arguments),
        (b"PUB a b c 1\r\n", Arguments),
        (b"PUB a b\r\n", Number),
        (b"PUB a -1\r\n", Number),
        (b"PUB a 5\r\nhello world\r\n", PayloadEnd),
        (b"PUB a 5\r\nhello\nPING\r\n", PayloadEnd),
        (b"HPUB a 12\r\n", Arguments),
        (b"HPUB a r 12 12 12\r\n", Arguments),
        (b"HPUB a 0 5\r\nhello\r\n", HeaderLength),
        (b"HPUB a 6 5\r\nhello\r\n", HeaderLength),
        (b"HPUB a x 5\r\nhello\r\n", Number),
        (b"SUB\r\n", Operation),
        (b"SUB a\r\n", Arguments),
        (b"SUB a b c d\r\n", Arguments),
        (b"SUBx a 1\r\n", Operation),
        (b"UNSUB\r\n", Operation),
        (b"UNSUB \r\n", Arguments),
        (b"UNSUB 1 2 3\r\n", Arguments),
        (b"UNSUB 1 x\r\n", Number),
        (b"UNSUB 1 -1\r\n", Number),
        (b"UNSUB 1 18446744073709551616\r\n", Number),
    ] {
        assert_eq!(client(data), (vec![], Some(fault)), "{}", data.escape_ascii());
        let bytewise = run(ClientDecoder::default(), data, 1..data.len());
        assert_eq!(bytewise, (vec![], Some(fault)), "byte by byte: {}", data.escape_ascii());
    }
}

#[test]
fn max_payload_counts_headers_and_payload() {
    let limits = ClientLimits { max_payload: 14, ..ClientLimits::default() };
    let decode = |data: &[u8]| run(ClientDecoder::new(limits), data, []).1;
    assert_eq!(decode(b"HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"), None);
    assert_eq!(decode(b"HPUB a 12 15\r\n"), Some(Fault::TooLarge(15)));
    assert_eq!(decode(b"PUB a 15\r\n"), Some(Fault::TooLarge(15)));
    assert_eq!(decode(b"PUB a 123456789012345678901234567890\r\n"), Some(Fault::TooLarge(u64::MAX)));
}

#[test]
fn the_control_line_limit_counts_the_arguments_as_nats_server_does() {
    for (surplus, fault) in [(0, None), (1, Some(Fault::LineTooLong))] {
        let subject = vec![b'a'; 4096 - 2 + surplus];
        let line = [b"SUB ", &subject[..], b" 1\r\n"].concat();
        assert_eq!(client(&line).1, fault);
        assert_eq!(run(ClientDecoder::default(), &line, 1..line.len()).1, fault);
        let frame = [b"PUB ", &subject[..], b" 0\r\n\r\n"].concat();
        assert_eq!(client(&frame).1, fault);
        let connect = [b"CONNECT ", &vec![b'x'; 4096 + surplus][..], b"\r\n"].concat();
        assert_eq!(client(&connect).1, fault);
    }
    let mut decoder = ClientDecoder::default();
    let endless = vec![b'a'; 5000];
    assert!(decoder.decode(&[b"PUB ", &endless[..]].concat()).is_err());
}

#[test]
fn a_publish_in_pieces_is_put_together() {
    let frame = b"HPUB sub.ject rep.ly 12 14\r\nNATS/1.0\r\n\r\nhi\r\n";
    let mut decoder = ClientDecoder::default();
    assert_eq!(decoder.decode(&frame[..30]), Ok(None));
    assert_eq!(decoder.needed(), frame.len());
    decoder.set_limits(ClientLimits { max_payload: 0, ..ClientLimits::default() });
    let (op, len) = decoder.decode_owned(frame).unwrap().unwrap();
    assert_eq!((op, len), (publish("sub.ject", Some("rep.ly"), "NATS/1.0\r\n\r\n", "hi"), frame.len()));
    assert!(decoder.decode(frame).is_err(), "the new limit holds for the next publish");
    decoder.reset();
    assert_eq!(decoder.needed(), 0);
}
