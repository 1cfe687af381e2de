use proptest::prelude::*;

use super::*;

const SHORT: &[u8] = b"$JS.ACK.T1.C1.1.2.3.1795492361452366662.4";
const LONG: &[u8] = b"$JS.ACK.hub.szMpdrwD.T1.C1.1.2.3.1795492363480541524.4";

#[test]
fn the_form_with_nine_tokens_is_read() {
    let expected = Delivery {
        domain: None,
        account: None,
        stream: b"T1",
        consumer: b"C1",
        delivered: 1,
        stream_sequence: 2,
        consumer_sequence: 3,
        timestamp: 1_795_492_361_452_366_662,
        pending: 4,
    };
    assert_eq!(Delivery::parse(SHORT), Some(expected));
}

#[test]
fn the_form_with_eleven_tokens_is_read_with_domain_and_account() {
    let delivery = Delivery::parse(LONG).unwrap();
    assert_eq!((delivery.domain, delivery.account), (Some(&b"hub"[..]), Some(&b"szMpdrwD"[..])));
    assert_eq!((delivery.stream, delivery.consumer), (&b"T1"[..], &b"C1"[..]));
    assert_eq!(delivery.pending, 4);
}

#[test]
fn an_underscore_stands_for_no_domain() {
    let reply = b"$JS.ACK._.hash.T1.C1.1.2.3.4.5";
    assert_eq!(Delivery::parse(reply).unwrap().domain, None);
}

#[test]
fn tokens_behind_the_eleventh_are_ignored() {
    let more = [LONG, b".random.more"].concat();
    assert_eq!(Delivery::parse(&more), Delivery::parse(LONG));
}

#[test]
fn ten_tokens_and_less_than_nine_are_refused() {
    for reply in [
        &b"$JS.ACK.hub.T1.C1.1.2.3.4.5"[..],
        b"$JS.ACK.T1.C1.1.2.3.4",
        b"$JS.ACK.",
        b"$JS.ACK",
        b"",
        b"_INBOX.abc",
    ] {
        assert_eq!(Delivery::parse(reply), None, "{reply:?}");
    }
}

#[test]
fn what_is_no_number_or_too_large_is_refused() {
    for reply in [
        &b"$JS.ACK.T1.C1.x.2.3.4.5"[..],
        b"$JS.ACK.T1.C1.1.-2.3.4.5",
        b"$JS.ACK.T1.C1.1..3.4.5",
        b"$JS.ACK..C1.1.2.3.4.5",
        b"$JS.ACK.T1.C1.1.18446744073709551616.3.4.5",
        b"$JS.ACK.T1.C1.1.2.3.9223372036854775808.5",
    ] {
        assert_eq!(Delivery::parse(reply), None, "{reply:?}");
    }
    let largest = Delivery::parse(b"$JS.ACK.T1.C1.1.18446744073709551615.3.4.5").unwrap();
    assert_eq!(largest.stream_sequence, u64::MAX);
}

#[test]
fn each_answer_has_its_payload() {
    for (ack, payload) in [
        (Ack::Ack, &b"+ACK"[..]),
        (Ack::Nak, b"-NAK"),
        (Ack::NakDelay(Duration::from_millis(1500)), b"-NAK {\"delay\":1500000000}"),
        (Ack::NakDelay(Duration::MAX), b"-NAK {\"delay\":9223372036854775807}"),
        (Ack::Progress, b"+WPI"),
        (Ack::Term, b"+TERM"),
        (Ack::TermReason("no such customer"), b"+TERM no such customer"),
    ] {
        assert_eq!(&*ack.payload(), payload);
        assert_eq!(ack.is_final(), ack != Ack::Progress);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(tail in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Delivery::parse(&[PREFIX, &tail[..]].concat());
    }

    #[test]
    fn what_was_printed_is_read(
        name in "[A-Za-z0-9_-]{1,20}", numbers in any::<[u64; 4]>(), at in 0i64..,
    ) {
        let [delivered, sseq, cseq, pending] = numbers;
        let reply = format!("$JS.ACK.{name}.{name}.{delivered}.{sseq}.{cseq}.{at}.{pending}");
        let delivery = Delivery::parse(reply.as_bytes()).unwrap();
        prop_assert_eq!(delivery.stream, name.as_bytes());
        prop_assert_eq!(
            (delivery.delivered, delivery.stream_sequence, delivery.consumer_sequence, delivery.pending),
            (delivered, sseq, cseq, pending)
        );
        prop_assert_eq!(delivery.timestamp, at);
    }
}
