use proptest::prelude::*;

use super::*;

fn classify(line: &str) -> PullStatus<'static> {
    PullStatus::classify(format!("NATS/1.0 {line}\r\n\r\n").into_bytes().leak()).unwrap()
}

/// Every status that nats-server sends to a pull or push consumer.
const ROWS: [(&str, StatusKind<'static>); 24] = [
    ("100 Idle Heartbeat", StatusKind::Heartbeat { last_consumer: None, last_stream: None, stalled: None }),
    ("100 FlowControl Request", StatusKind::FlowControl),
    ("204 EOB", StatusKind::EndOfBatch),
    ("400 Bad Request - heartbeat value too large", StatusKind::BadRequest),
    ("404 No Messages", StatusKind::NoMessages),
    ("408 Request Timeout", StatusKind::Expired),
    ("408 Requests Pending", StatusKind::RequestsPending),
    ("408 Interest Expired", StatusKind::InterestExpired),
    ("409 Batch Completed", StatusKind::BatchCompleted),
    ("409 Message Size Exceeds MaxBytes", StatusKind::SizeExceeded),
    ("409 Exceeded MaxWaiting", StatusKind::MaxWaiting),
    ("409 Exceeded MaxRequestBatch of 10", StatusKind::LimitExceeded(Some(RequestLimit::Batch(10)))),
    ("409 Exceeded MaxRequestMaxBytes of 512", StatusKind::LimitExceeded(Some(RequestLimit::Bytes(512)))),
    (
        "409 Exceeded MaxRequestExpires of 1m30s",
        StatusKind::LimitExceeded(Some(RequestLimit::Expires(Duration::from_secs(90)))),
    ),
    ("409 Exceeded MaxRequestFuture of 1", StatusKind::LimitExceeded(None)),
    ("409 Consumer Deleted", StatusKind::ConsumerDeleted),
    ("409 Consumer is push based", StatusKind::PushBased),
    ("409 Leadership Change", StatusKind::LeadershipChange),
    ("409 Server Shutdown", StatusKind::ServerShutdown),
    ("412 Required Api Level", StatusKind::ApiLevel),
    ("423 Nats-Pin-Id mismatch", StatusKind::PinMismatch),
    ("423 Nats-Wrong-Pin-Id", StatusKind::PinMismatch),
    ("503", StatusKind::NoResponders),
    ("599 Something New", StatusKind::Unknown),
];

#[test]
fn every_status_has_its_meaning() {
    for (line, kind) in ROWS {
        assert_eq!(classify(line).kind, kind, "{line}");
    }
}

#[test]
fn texts_are_compared_ignoring_case_and_what_follows() {
    assert_eq!(classify("409 LEADERSHIP change (again)").kind, StatusKind::LeadershipChange);
    assert_eq!(classify("409 Leader").kind, StatusKind::Unknown);
    assert_eq!(classify("408 whatever else").kind, StatusKind::Expired);
}

#[test]
fn an_unknown_code_is_kept() {
    let status = classify("599 Something New");
    assert_eq!((status.code, &*status.description()), (599, "Something New"));
    assert_eq!(classify("abc").code, 0);
}

#[test]
fn what_is_left_of_the_pull_is_read() {
    let block =
        b"NATS/1.0 409 Batch Completed\r\nNats-Pending-Messages: 0\r\nNats-Pending-Bytes: 858\r\n\r\n";
    let status = PullStatus::classify(block).unwrap();
    assert_eq!(status.pending, Some(Pending { messages: 0, bytes: 858 }));
    assert_eq!(classify("409 Leadership Change").pending, None);
}

#[test]
fn a_heartbeat_tells_how_far_the_consumer_is_and_whether_it_is_stalled() {
    let block = b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\nNats-Last-Stream: 42\r\n\
                  Nats-Consumer-Stalled: $JS.FC.S.c.abcd\r\n\r\n";
    let kind = PullStatus::classify(block).unwrap().kind;
    let stalled = Some("$JS.FC.S.c.abcd");
    assert_eq!(kind, StatusKind::Heartbeat { last_consumer: Some(7), last_stream: Some(42), stalled });
}

#[test]
fn no_responders_with_the_header_of_newer_servers_has_no_text() {
    let block = b"NATS/1.0 503\r\nNats-Subject: $JS.API.CONSUMER.MSG.NEXT.S.C\r\n\r\n";
    let status = PullStatus::classify(block).unwrap();
    assert_eq!((status.kind, status.text), (StatusKind::NoResponders, &b""[..]));
}

#[test]
fn headers_of_a_message_are_no_status() {
    assert_eq!(
        PullStatus::classify(b"NATS/1.0\r\nStatus: 409\r\nDescription: Consumer Deleted\r\n\r\n"),
        None
    );
    assert_eq!(PullStatus::classify(b""), None);
}

#[test]
fn durations_are_read_as_go_prints_them() {
    for (text, expected) in [
        ("1h2m3s", Some(Duration::from_secs(3723))),
        ("1.5s", Some(Duration::from_millis(1500))),
        ("250ms", Some(Duration::from_millis(250))),
        ("2µs", Some(Duration::from_micros(2))),
        ("0s", Some(Duration::ZERO)),
        ("", None),
        ("5", None),
        ("5d", None),
        (".s", None),
        ("9999999999999999999999h", None),
    ] {
        assert_eq!(text.parse().ok().map(|GoDuration(duration)| duration), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(tail in proptest::collection::vec(any::<u8>(), 0..80)) {
        for beginning in [&b"NATS/1.0 409 Exceeded MaxRequestExpires of "[..], b"NATS/1.0 ", b""] {
            if let Some(status) = PullStatus::classify(&[beginning, &tail[..]].concat()) {
                let _ = format!("{status:?}");
            }
        }
    }
}
