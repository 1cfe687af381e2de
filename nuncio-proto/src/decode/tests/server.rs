use super::*;

/// One of everything a server sends, with the forms that only the tolerant path takes.
pub(super) const SESSION: &[u8] = b"INFO {\"server_id\":\"NX\"}\r\nPONG\r\nMSG a.b 1 5\r\nhello\r\n\
    MSG a.b 18446744073709551615 reply.to 0\r\n\r\nHMSG a 2 12 12\r\nNATS/1.0\r\n\r\n\r\n\
    HMSG a 2 r 16 18\r\nNATS/1.0 503\r\n\r\nhi\r\nPING\r\n+OK\r\n-ERR 'Stale Connection'\r\n-ERR\r\n\
    msg\ta  3 \t r 2 \r\n\r\n\r\nMsG 1 2 3\nabc\r\nhmsg a 4 0 1\r\nx\r\nping \r\nPONG\n";

#[test]
fn every_operation_of_a_server_is_decoded() {
    let (ops, fault) = server(SESSION);
    assert_eq!(fault, None);
    assert_eq!(
        ops,
        [
            Op::Info(b"{\"server_id\":\"NX\"}".into()),
            Op::Pong,
            message("a.b", 1, None, "", "hello"),
            message("a.b", u64::MAX, Some("reply.to"), "", ""),
            message("a", 2, None, "NATS/1.0\r\n\r\n", ""),
            message("a", 2, Some("r"), "NATS/1.0 503\r\n\r\n", "hi"),
            Op::Ping,
            Op::Ok,
            Op::Err(b"Stale Connection".into()),
            Op::Err(b"".into()),
            message("a", 3, Some("r"), "", "\r\n"),
            message("1", 2, None, "", "abc"),
            message("a", 4, None, "", "x"),
            Op::Ping,
            Op::Pong,
        ]
    );
}

#[test]
fn subjects_are_bytes() {
    for subject in [&b"\xff\xfe.\x80"[..], "größe.π".as_bytes(), b"a\0b\x01\x0b\x0c\x7f"] {
        for reply in [&b""[..], b" \xc3\x28"] {
            let frame = [b"MSG ", subject, b" 7", reply, b" 1\r\n\xff\r\n"].concat();
            let (ops, fault) = server(&frame);
            let [Op::Message { subject: decoded, reply: answer, .. }] = ops.as_slice() else {
                panic!("{} gave {ops:?}, {fault:?}", frame.escape_ascii())
            };
            assert_eq!(decoded, subject);
            assert_eq!(answer.is_some(), !reply.is_empty());
        }
    }
}

#[test]
fn the_text_of_an_error_is_trimmed_and_its_quotes_stripped() {
    for (line, text) in [
        ("-ERR\r\n", ""),
        ("-ERR \r\n", ""),
        ("-ERR ''\r\n", ""),
        ("-ERR '\r\n", ""),
        ("-ERR 'a b'\r\n", "a b"),
        ("-ERR  \t'a b' \r\n", "a b"),
        ("-ERR a b\r\n", "a b"),
        ("-ERR 'a\r\n", "a"),
        ("-err a'\n", "a"),
        ("-ERR 'to \"it''s\"'\r\n", "to \"it''s\""),
    ] {
        assert_eq!(server(line.as_bytes()), (vec![Op::Err(text.into())], None), "{line:?}");
    }
}

#[test]
fn what_is_not_the_protocol_is_refused() {
    use Fault::*;
    for (data, fault) in [
        (&b" PING\r\n"[..], Operation),
        (b" PING", Operation),
        (b"\r\n", Operation),
        (b"\n", Operation),
        (b"\0", Operation),
        (b"POO", Operation),
        (b"Px", Operation),
        (b"PIx", Operation),
        (b"PINx", Operation),
        (b"POx", Operation),
        (b"PONx", Operation),
        (b"PINGxyz\r\n", Operation),
        (b"PINGx", Operation),
        (b"PONGx\r\n", Operation),
        (b"PING x\r\n", Arguments),
        (b"PONG 1\r\n", Arguments),
        (b"Mx", Operation),
        (b"MSx", Operation),
        (b"MSGx", Operation),
        (b"MSG\r\n", Operation),
        (b"MSG\n", Operation),
        (b"MSG \r\n", Arguments),
        (b"MSG foo\r\n", Arguments),
        (b"MSG foo 1\r\n", Arguments),
        (b"MSG foo 1 r 5 6\r\n", Arguments),
        (b"MSG  foo 1 r 5 6\r\n", Arguments),
        (b"MSG foo bar 5\r\nhello\r\n", Number),
        (b"MSG foo 1 x\r\n", Number),
        (b"MSG foo 1 5x\r\nhello\r\n", Number),
        (b"MSG foo 1 0x5\r\nhello\r\n", Number),
        (b"MSG foo 1x 5\r\nhello\r\n", Number),
        (b"MSG foo -1 5\r\nhello\r\n", Number),
        (b"MSG foo 18446744073709551616 5\r\nhello\r\n", Number),
        (b"MSG foo 1 5\r\nhelloXX", PayloadEnd),
        (b"MSG foo 1 5\r\nhello\r\r", PayloadEnd),
        (b"MSG foo 1 5\r\nhello\n\n", PayloadEnd),
        (b"MSG foo 1 5\r\nhello world\r\n", PayloadEnd),
        (b"MSG foo 1 5\r\nhell\r\nPING\r\n", PayloadEnd),
        (b"MSG foo 1 0\r\nPING\r\n", PayloadEnd),
        (b"HMSG foo 1 12\r\n", Arguments),
        (b"HMSG foo 1 r 12 12 12\r\n", Arguments),
        (b"HMSG foo 1 x 12\r\n", Number),
        (b"HMSGx", Operation),
        (b"HMSG\r\n", Operation),
        (b"HMSG foo 1 12 12\r\nNATS/1.0\r\n\r\nxx", PayloadEnd),
        (b"+x", Operation),
        (b"+0x", Operation),
        (b"+OKx\r\n", Operation),
        (b"+OK x\r\n", Arguments),
        (b"-x", Operation),
        (b"-Ex", Operation),
        (b"-ERx", Operation),
        (b"-ERRx\r\n", Operation),
        (b"-ERR'x'\r\n", Operation),
        (b"Ix", Operation),
        (b"INFO{}\r\n", Operation),
        (b"INFO\r\n", Operation),
        (b"INFOx", Operation),
        (b"PUB foo 1\r\n", Operation),
        (b"SUB foo 1\r\n", Operation),
        (b"CONNECT {}\r\n", Operation),
        (b"HTTP/1.1 400 Bad Request\r\n", Operation),
        (b"\x16\x03\x01\x02\x00", Operation),
    ] {
        assert_eq!(server(data), (vec![], Some(fault)), "{}", data.escape_ascii());
        let bytewise = run(ServerDecoder::default(), data, 1..data.len());
        assert_eq!(bytewise, (vec![], Some(fault)), "byte by byte: {}", data.escape_ascii());
    }
}

#[test]
fn hostile_lengths_are_errors_before_any_payload_arrives() {
    use Fault::*;
    let default = Limits::default().message as u64;
    for (length, fault) in [
        ("-1", Number),
        ("+1", Number),
        ("1_000", Number),
        ("1.0", Number),
        ("9223372036854775807", TooLarge((1 << 63) - 1)),
        ("9223372036854775808", TooLarge(1 << 63)),
        ("2147483648", TooLarge(1 << 31)),
        ("4294967296", TooLarge(1 << 32)),
        ("18446744073709551615", TooLarge(u64::MAX)),
        ("18446744073709551616", TooLarge(u64::MAX)),
        ("99999999999999999999", TooLarge(u64::MAX)),
        ("123456789012345678901234567890", TooLarge(u64::MAX)),
        (&(default + 1).to_string(), TooLarge(default + 1)),
    ] {
        for line in [
            format!("MSG foo 1 {length}\r\n"),
            format!("MSG foo 1 reply {length}\r\n"),
            format!("HMSG foo 1 12 {length}\r\n"),
            format!("HMSG foo 1 reply 12 {length}\r\n"),
        ] {
            assert_eq!(server(line.as_bytes()), (vec![], Some(fault)), "{line:?}");
        }
    }
    assert_eq!(server(format!("MSG foo 1 {default}\r\n").as_bytes()), (vec![], None));
    let zeros = [b"MSG foo 1 ".to_vec(), vec![b'0'; 40], b"2\r\nhi\r\n".to_vec()].concat();
    assert_eq!(server(&zeros), (vec![message("foo", 1, None, "", "hi")], None));
}

#[test]
fn the_header_length_is_at_most_the_whole_length() {
    use Fault::*;
    for (lengths, fault) in [
        ("6 5", HeaderLength),
        ("1 0", HeaderLength),
        ("18446744073709551615 5", HeaderLength),
        ("18446744073709551616 5", HeaderLength),
        ("123456789012345678901234567890 5", HeaderLength),
        ("123456789012345678901234567890 123456789012345678901234567890", TooLarge(u64::MAX)),
        ("-1 5", Number),
        ("5 -1", Number),
    ] {
        for frame in
            [format!("HMSG a 1 {lengths}\r\nhello\r\n"), format!("HMSG a 1 r {lengths}\r\nhello\r\n")]
        {
            assert_eq!(server(frame.as_bytes()), (vec![], Some(fault)), "{frame:?}");
        }
    }
    assert_eq!(server(b"HMSG a 1 5 5\r\nhello\r\n"), (vec![message("a", 1, None, "hello", "")], None));
    assert_eq!(server(b"HMSG a 1 0 5\r\nhello\r\n"), (vec![message("a", 1, None, "", "hello")], None));
    assert_eq!(server(b"HMSG a 1 0 0\r\n\r\n"), (vec![message("a", 1, None, "", "")], None));
}

#[test]
fn bugclass_02_an_empty_message_with_headers_ends_where_it_says() {
    let frame = b"HMSG a 1 12 12\r\nNATS/1.0\r\n\r\n\r\nMSG b 2 1\r\nx\r\n";
    let expected = vec![message("a", 1, None, "NATS/1.0\r\n\r\n", ""), message("b", 2, None, "", "x")];
    assert_eq!(server(frame), (expected, None));
}

#[test]
fn bugclass_04_a_reply_subject_lies_where_it_was_written() {
    let frame = b"MSG sub.ject 1 rep.ly 2\r\nhi\r\n";
    let mut decoder = ServerDecoder::default();
    let Ok(Some((crate::op::ServerOp::Msg(layout), 29))) = decoder.decode(frame) else { panic!() };
    assert_eq!((layout.subject_at, layout.subject_len), (4, 8));
    assert_eq!((layout.reply_at, layout.reply_len), (15, 6));
    assert_eq!((layout.body_at, layout.header_len, layout.payload_len), (25, 0, 2));
}

#[test]
fn needed_tells_the_whole_frame_once_the_control_line_is_there() {
    let frame = b"HMSG a 1 12 15\r\nNATS/1.0\r\n\r\nabc\r\n";
    let mut decoder = ServerDecoder::default();
    for (len, needed) in [(0, 0), (5, 0), (15, 0), (16, 33), (17, 33), (32, 33), (33, 0)] {
        assert_eq!(decoder.decode_owned(&frame[..len]).unwrap().is_some(), len == 33);
        assert_eq!(decoder.needed(), needed, "with {len} bytes");
    }
    assert!(decoder.decode(&frame[..20]).unwrap().is_none());
    decoder.reset();
    assert_eq!(decoder.needed(), 0);
    assert_eq!(decoder.decode_owned(b"PING\r\n").unwrap(), Some((Op::Ping, 6)));
}

#[test]
fn what_has_been_scanned_is_not_looked_at_again() {
    let mut decoder = ServerDecoder::default();
    assert_eq!(decoder.decode(b"MSG aaaaaaaaaa"), Ok(None));
    // A line feed among the bytes of the first call shows whether they are searched twice.
    assert_eq!(decoder.decode(b"MSG aaaaaa\naaabbbb"), Ok(None));
    let mut decoder = ServerDecoder::default();
    assert_eq!(decoder.decode(b"MSG foo 1 10\r\nhello"), Ok(None));
    // So does another control line: the first one has been parsed once and for all.
    assert_eq!(decoder.decode(b"XXX foo 1 99\r\nhellohello\r\n").unwrap().unwrap().1, 26);
}

#[test]
fn an_endless_line_is_cut_at_the_limit() {
    let too_long = |operation, limit| Err(DecodeError::ControlLineTooLong { operation, limit });
    for (name, limit) in [("MSG", 64 << 10), ("HMSG", 64 << 10), ("-ERR", 64 << 10), ("INFO", 1 << 20)] {
        let line = [name.as_bytes(), b" ", &vec![b'a'; limit + 64]].concat();
        let longest = name.len() + 1 + limit + 1;
        let mut decoder = ServerDecoder::default();
        // In small pieces, which takes long if each byte is searched more than once.
        for len in (0..longest).step_by(61).chain([longest]) {
            assert_eq!(decoder.decode(&line[..len]), Ok(None), "{name} with {len} bytes");
        }
        assert_eq!(decoder.decode(&line[..=longest]), too_long(name, limit));
        assert_eq!(ServerDecoder::default().decode(&line), too_long(name, limit));
        let ended = [&line, &b"\r\n"[..]].concat();
        assert_eq!(ServerDecoder::default().decode(&ended), too_long(name, limit));
    }
}

#[test]
fn a_line_of_just_the_limit_is_taken() {
    let json = vec![b'x'; 1 << 20];
    let line = [b"INFO ", &json[..], b"\r\n"].concat();
    assert_eq!(server(&line), (vec![Op::Info(json)], None));
    for room in [0, 1] {
        let subject = vec![b's'; (64 << 10) - 4 + room];
        let frame = [b"MSG ", &subject[..], b" 1 0\r\n\r\n"].concat();
        assert_eq!(server(&frame).1, (room == 1).then_some(Fault::LineTooLong));
    }
}

#[test]
fn limits_can_be_changed_and_absurd_ones_are_bent() {
    let mut decoder = ServerDecoder::new(Limits { control_line: 0, info: 0, message: 5 });
    assert!(decoder.decode(b"MSG a 1 5\r\nhello\r\n").is_ok());
    let refused = Err(DecodeError::MessageTooLarge { announced: 6, limit: 5 });
    assert_eq!(decoder.decode(b"MSG a 1 6\r\nhello!\r\n"), refused);
    decoder.set_limits(Limits { control_line: usize::MAX, info: usize::MAX, message: usize::MAX });
    assert!(decoder.decode(b"MSG a 1 6\r\nhello!\r\n").is_ok());
    let refused = Err(DecodeError::MessageTooLarge { announced: (1 << 31) + 1, limit: 1 << 31 });
    assert_eq!(decoder.decode(b"MSG a 1 2147483649\r\n"), refused);
}

#[test]
fn errors_name_what_they_found_escaped_and_short() {
    let text = |data: &[u8]| ServerDecoder::default().decode(data).unwrap_err().to_string();
    assert!(text(b"HTTP/1.1 400\r\nmore").contains("`HTTP/1.1 400`"), "{}", text(b"HTTP/1.1 400\r\nmore"));
    assert!(text(b"MSG \x1b[2J\xff 1\r\n").contains("`MSG \\x1b[2J\\xff 1`"));
    assert!(text(b"MSG a 1 2\r\nhiXY").contains("`XY`"));
    let long = [b"MSG ", &[0xff; 500][..], b"\r\n"].concat();
    let Err(DecodeError::MalformedArguments { line, .. }) = ServerDecoder::default().decode(&long) else {
        panic!()
    };
    assert_eq!(line, format!("MSG {}", "\\xff".repeat(15)));
}
