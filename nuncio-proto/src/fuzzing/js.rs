//! What JetStream answers.

use crate::header::{self, HeaderView};
use crate::js::ack::Delivery;
use crate::js::api::{consumer::ConsumerInfo, stream::StreamInfo};
use crate::js::error::Response;
use crate::js::puback::PubAck;
use crate::js::status::{PullStatus, StatusKind};

/// The reply subject of a message from a consumer: its tokens are those between the dots.
pub fn ack_subjects(reply: &[u8]) {
    let Some(delivery) = Delivery::parse(reply) else { return };
    let tokens: Vec<&[u8]> = reply.split(|byte| *byte == b'.').skip(2).collect();
    let (before, tokens) =
        if tokens.len() == 7 { (None, &tokens[..]) } else { (Some(&tokens[..2]), &tokens[2..]) };
    assert_eq!(delivery.account, before.map(|before| before[1]));
    assert_eq!(delivery.domain, before.map(|before| before[0]).filter(|domain| *domain != b"_"));
    assert_eq!([delivery.stream, delivery.consumer], tokens[..2]);
    let number = |at: usize| std::str::from_utf8(tokens[at]).unwrap().parse::<u64>().unwrap();
    let numbers = [delivery.delivered, delivery.stream_sequence, delivery.consumer_sequence];
    assert_eq!(numbers, [number(2), number(3), number(4)]);
    assert_eq!((u64::try_from(delivery.timestamp), delivery.pending), (Ok(number(5)), number(6)));
    let _ = delivery.published().to_string();
}

/// The header block of a status: it has the code of its line, and that nobody listens is told wherever it is read.
pub fn statuses(block: &[u8]) {
    let status = PullStatus::classify(block);
    assert_eq!(status.is_some(), header::status(block).is_some());
    let Some(status) = status else { return };
    if header::is_no_responders(block) {
        assert_eq!(status.kind, StatusKind::NoResponders);
    }
    assert!(status.pending.is_none() || HeaderView::parse(block).is_ok());
    assert!(!status.description().contains(char::is_control), "{status:?}");
}

/// The answer to a call of the API: what was read is the same after it is written and read again.
pub fn api_replies(reply: &[u8]) {
    match Response::<StreamInfo>::parse(reply) {
        Ok(Ok(info)) => again(&info),
        Ok(Err(error)) => drop((error.hint(), error.is_retryable(), error.to_string())),
        Err(error) => drop(error.to_string()),
    }
    if let Ok(Ok(info)) = Response::<ConsumerInfo>::parse(reply) {
        again(&info);
    }
}

/// The answer to a message that was published: what is taken for an acknowledgement is JSON, and says just that.
pub fn pubacks(reply: &[u8]) {
    let Ok(Ok(ack)) = PubAck::parse(reply) else { return };
    serde_json::from_slice::<serde::de::IgnoredAny>(reply).expect("what is no JSON is no acknowledgement");
    let known = PubAck::parse_known(reply, &mut Some(ack.stream.clone()));
    assert_eq!(known.ok().and_then(Result::ok).as_ref(), Some(&ack), "where the stream is known");
    // A number that is too large for it may stand in a field that nobody knows.
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(reply) else { return };
    let text = |name: &str| json.get(name).and_then(serde_json::Value::as_str);
    let number = |name: &str| json.get(name).and_then(serde_json::Value::as_u64);
    assert_eq!((Some(&*ack.stream), ack.sequence), (text("stream"), number("seq").unwrap_or(0)));
    assert_eq!(ack.domain.as_deref(), text("domain").filter(|domain| !domain.is_empty()));
    assert_eq!(ack.duplicate, json.get("duplicate").is_some_and(|duplicate| duplicate == true));
    assert_eq!((ack.value.as_deref(), ack.batch.as_deref()), (text("val"), text("batch")));
    assert_eq!(ack.count, number("count"));
}

fn again<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(info: &T) {
    let written = serde_json::to_vec(info).expect("what was read can be written");
    assert_eq!(Response::<T>::parse(&written).as_ref().ok().and_then(|read| read.as_ref().ok()), Some(info));
}
