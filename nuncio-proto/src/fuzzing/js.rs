//! What JetStream answers.

use crate::header::{self, HeaderView};
use crate::js::ack::Delivery;
use crate::js::api::{consumer::ConsumerInfo, stream::StreamInfo};
use crate::js::error::Response;
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

fn again<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(info: &T) {
    let written = serde_json::to_vec(info).expect("what was read can be written");
    assert_eq!(Response::<T>::parse(&written).as_ref().ok().and_then(|read| read.as_ref().ok()), Some(info));
}
