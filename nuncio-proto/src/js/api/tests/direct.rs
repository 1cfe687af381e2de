//! Direct gets: what replies say, and what comes next.

use crate::js::api::direct::{DirectGetRequest, DirectPages, DirectReply, DirectStep};
use crate::js::api::snapshot::chunk_index;

/// A message as 2.15.1 sends it.
fn message(sequence: u64, pending: u64, last: u64) -> Vec<u8> {
    format!(
        "NATS/1.0\r\nX: 1\r\nNats-Stream: D\r\nNats-Subject: d.0\r\nNats-Sequence: {sequence}\r\n\
         Nats-Time-Stamp: 2026-11-24T10:51:00.120775818Z\r\nNats-Num-Pending: {pending}\r\n\
         Nats-Last-Sequence: {last}\r\n\r\n"
    )
    .into()
}

fn end(pending: u64, last: u64) -> Vec<u8> {
    format!("NATS/1.0 204 EOB\r\nNats-Num-Pending: {pending}\r\nNats-Last-Sequence: {last}\r\n\r\n").into()
}

fn parse(block: &[u8]) -> DirectReply {
    DirectReply::parse(Some(block)).unwrap()
}

fn feed(pages: &mut DirectPages, block: Vec<u8>) -> DirectStep {
    pages.reply(parse(&block))
}

fn body(request: Option<DirectGetRequest>) -> String {
    serde_json::to_string(&request).unwrap()
}

#[test]
fn replies_say_what_they_are() {
    let DirectReply::Message(message) = parse(&message(7, 3, 6)) else { panic!("a message") };
    assert_eq!((message.stream.as_str(), message.subject.as_str(), message.sequence), ("D", "d.0", 7));
    assert_eq!((message.pending, message.last_sequence), (Some(3), Some(6)));
    assert_eq!(message.time.as_nanos() % 1000, 818);
    assert_eq!(DirectReply::parse(None), Ok(DirectReply::Bare));
    assert_eq!(
        parse(b"NATS/1.0 204 EOB\r\nNats-Num-Pending: 1\r\nNats-Last-Sequence: 7\r\nNats-UpTo-Sequence: 8\r\n\r\n"),
        DirectReply::End { pending: 1, last_sequence: 7, up_to_sequence: Some(8) }
    );
    assert_eq!(parse(b"NATS/1.0 404 Message Not Found\r\n\r\n"), DirectReply::NotFound);
    assert_eq!(parse(b"NATS/1.0 404 No Results\r\n\r\n"), DirectReply::NotFound);
    assert_eq!(parse(b"NATS/1.0 413 Too Many Results\r\n\r\n"), DirectReply::TooMany);
    let refused = |code, text: &str| DirectReply::Refused { code, description: text.into() };
    assert_eq!(parse(b"NATS/1.0 408 Empty Request\r\n\r\n"), refused(408, "Empty Request"));
    assert_eq!(parse(b"NATS/1.0 412 Required Api Level\r\n\r\n"), refused(412, "Required Api Level"));
}

#[test]
fn a_message_that_was_stored_with_odd_headers_is_a_message() {
    let odd: &[u8] =
        b"NATS/1.0 404 stored so\r\nbad line\r\nV: \xff\r\nNats-Sequence: 9\r\nNats-Stream: S\r\n\
        Nats-Subject: a\r\nNats-Sequence: 2\r\nNats-Time-Stamp: 2026-11-24T10:51:00Z\r\n\r\n";
    let DirectReply::Message(message) = parse(odd) else { panic!("a message") };
    assert_eq!((message.sequence, message.pending), (2, None));
}

#[test]
fn what_is_no_reply_is_a_decode_error() {
    assert!(DirectReply::parse(Some(b"NATS/1.0\r\nX: 1\r\n\r\n")).is_err());
    let bad = String::from_utf8(message(1, 0, 0)).unwrap();
    assert!(DirectReply::parse(Some(bad.replace("Sequence: 1", "Sequence: one").as_bytes())).is_err());
    assert!(DirectReply::parse(Some(bad.replace("2026-", "x-").as_bytes())).is_err());
}

#[test]
fn pages_follow_each_other_until_nothing_is_pending() {
    let mut pages = DirectPages::new(DirectGetRequest::default(), 2, Some(1000), None);
    assert_eq!(body(pages.next_request()), r#"{"seq":1,"batch":2,"max_bytes":1000}"#);
    assert!(matches!(feed(&mut pages, message(1, 2, 0)), DirectStep::Message(_)));
    assert!(matches!(feed(&mut pages, message(5, 1, 1)), DirectStep::Message(_)));
    assert_eq!(feed(&mut pages, end(1, 5)), DirectStep::PageEnd);
    assert_eq!(body(pages.next_request()), r#"{"seq":6,"batch":2,"max_bytes":1000}"#);
    assert!(matches!(feed(&mut pages, message(8, 0, 0)), DirectStep::Message(_)));
    assert_eq!(feed(&mut pages, end(0, 8)), DirectStep::PageEnd);
    assert_eq!(pages.next_request(), None);
}

/// As nats-server 2.11.11 counts.
#[test]
fn a_page_whose_end_counts_too_few_is_not_the_last() {
    let mut pages = DirectPages::new(DirectGetRequest::multi_last(["d.>"]), 1, None, None);
    pages.next_request();
    feed(&mut pages, message(6, 1, 0));
    assert_eq!(feed(&mut pages, end(0, 6)), DirectStep::PageEnd);
    assert_eq!(body(pages.next_request()), r#"{"seq":7,"batch":1,"multi_last":["d.>"]}"#);
    feed(&mut pages, message(7, 0, 0));
    feed(&mut pages, end(0, 7));
    assert_eq!(pages.next_request(), None);
}

#[test]
fn a_limit_ends_the_pages() {
    let mut pages = DirectPages::new(DirectGetRequest::next_by_subject("a", 3), 2, None, Some(3));
    assert_eq!(body(pages.next_request()), r#"{"seq":3,"next_by_subj":"a","batch":2}"#);
    feed(&mut pages, message(3, 9, 0));
    feed(&mut pages, message(4, 8, 3));
    feed(&mut pages, end(8, 4));
    assert_eq!(body(pages.next_request()), r#"{"seq":5,"next_by_subj":"a","batch":1}"#);
    feed(&mut pages, message(5, 7, 0));
    feed(&mut pages, end(7, 5));
    assert_eq!(pages.next_request(), None);
    assert_eq!(DirectPages::new(DirectGetRequest::default(), 2, None, Some(0)).next_request(), None);
}

#[test]
fn the_last_of_many_subjects_stay_as_they_were_at_the_first_page() {
    let mut pages = DirectPages::new(DirectGetRequest::multi_last(["d.>"]), 1, None, None);
    assert_eq!(body(pages.next_request()), r#"{"batch":1,"multi_last":["d.>"]}"#);
    feed(&mut pages, message(6, 1, 0));
    let eob =
        b"NATS/1.0 204 EOB\r\nNats-Num-Pending: 1\r\nNats-Last-Sequence: 6\r\nNats-UpTo-Sequence: 8\r\n\r\n";
    assert_eq!(feed(&mut pages, eob.to_vec()), DirectStep::PageEnd);
    assert_eq!(body(pages.next_request()), r#"{"seq":7,"batch":1,"multi_last":["d.>"],"up_to_seq":8}"#);
    // The last message may be gone since.
    assert_eq!(pages.reply(DirectReply::NotFound), DirectStep::PageEnd);
    assert_eq!(pages.next_request(), None);
}

#[test]
fn a_lost_reply_is_asked_for_again() {
    let mut pages = DirectPages::new(DirectGetRequest::default(), 3, None, None);
    pages.next_request();
    feed(&mut pages, message(1, 2, 0));
    assert_eq!(feed(&mut pages, message(3, 0, 2)), DirectStep::Lost);
    assert_eq!(body(pages.next_request()), r#"{"seq":2,"batch":3}"#);
    feed(&mut pages, message(2, 1, 0));
    // Now the last one is lost.
    assert_eq!(feed(&mut pages, end(0, 3)), DirectStep::Lost);
    assert_eq!(body(pages.next_request()), r#"{"seq":3,"batch":3}"#);
    // Or nothing comes at all.
    pages.lost();
    assert_eq!(body(pages.next_request()), r#"{"seq":3,"batch":3}"#);
}

#[test]
fn a_server_without_batches_answers_once() {
    let mut pages = DirectPages::new(DirectGetRequest::default(), 3, None, None);
    pages.next_request();
    let text = String::from_utf8(message(1, 0, 0)).unwrap();
    let single = text.replace("Nats-Num-Pending: 0\r\nNats-Last-Sequence: 0\r\n", "");
    let DirectStep::Message(message) = feed(&mut pages, single.into()) else { panic!("a message") };
    assert_eq!(message.pending, None);
    assert_eq!(pages.next_request(), None);
}

#[test]
fn a_refusal_of_the_first_page_is_told() {
    let mut pages = DirectPages::new(DirectGetRequest::multi_last(["a"]), 3, None, None);
    pages.next_request();
    assert_eq!(pages.reply(DirectReply::NotFound), DirectStep::Refused(DirectReply::NotFound));
    assert_eq!(pages.reply(DirectReply::TooMany), DirectStep::Refused(DirectReply::TooMany));
}

#[test]
fn chunks_of_a_snapshot_are_counted() {
    assert_eq!(chunk_index(b"$JS.SNAPSHOT.ACK.E.l1JsNO9w0FSdzOgECpaS4J.1024.9"), Some(9));
    assert_eq!(chunk_index(b"$JS.SNAPSHOT.ACK.E.id.1024.x"), None);
}
