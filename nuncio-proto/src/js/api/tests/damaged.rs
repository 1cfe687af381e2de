//! What arrives damaged is an error at most.

use proptest::prelude::*;

use super::*;
use crate::js::api::account::AccountInfo;
use crate::js::api::advisory::Advisory;
use crate::js::api::consumer::{ConsumerInfo, ConsumerReset};
use crate::js::api::direct::{DirectGetRequest, DirectPages, DirectReply, DirectStep};
use crate::js::api::lists::{ConsumerListPage, StreamListPage, StreamNamesPage};
use crate::js::api::message::{GetMessageReply, StoredMessage};
use crate::js::api::pause::PauseState;
use crate::js::api::snapshot::{SnapshotInfo, chunk_index};
use crate::js::api::stream::StreamInfo;
use crate::js::api::stream_config::StreamConfig;
use crate::js::time::Timestamp;

fn read_all(bytes: &[u8]) {
    let _ = Response::<StreamInfo>::parse(bytes);
    let _ = Response::<ConsumerInfo>::parse(bytes);
    let _ = Response::<ConsumerReset>::parse(bytes);
    let _ = Response::<AccountInfo>::parse(bytes);
    let _ = Response::<StreamListPage>::parse(bytes);
    let _ = Response::<StreamNamesPage>::parse(bytes);
    let _ = Response::<ConsumerListPage>::parse(bytes);
    let _ = Response::<PauseState>::parse(bytes);
    let _ = Response::<SnapshotInfo>::parse(bytes);
    let _ = Advisory::parse(bytes);
    if let Ok(Ok(reply)) = Response::<GetMessageReply>::parse(bytes) {
        let message = StoredMessage::from(reply);
        let _ = (message.headers(), message.header("X"), message.text());
    }
    if let Ok(Ok(info)) = Response::<StreamInfo>::parse(bytes) {
        let _ = (info.config.diff(&StreamConfig::new("A")), info.config.needs());
        let again: StreamConfig =
            serde_json::from_value(serde_json::to_value(&info.config).unwrap()).unwrap();
        assert_eq!(again, info.config);
    }
}

proptest! {
    /// Bytes are changed, and the end is cut off.
    #[test]
    fn damaged_replies_never_panic(
        line in 0..SAMPLES.lines().count(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let line = SAMPLES.lines().nth(line).unwrap();
        let mut bytes = line.split_once(' ').unwrap().1.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(&bytes);
    }

    /// Values of another type, of another sign, or missing.
    #[test]
    fn replies_with_other_values_never_panic(
        line in 0..SAMPLES.lines().count(),
        at in any::<prop::sample::Index>(),
        value in prop::sample::select(vec!["null", "-1", "18446744073709551616", "1e300", "\"\"", "[]", "{}", "true", "\"9999-12-31T23:59:59Z\""]),
    ) {
        let line = SAMPLES.lines().nth(line).unwrap();
        let text = line.split_once(' ').unwrap().1;
        // The value behind a colon.
        let colons: Vec<usize> = text.match_indices("\":").map(|(at, _)| at + 2).collect();
        let begin = colons[at.index(colons.len())];
        let (head, rest) = text.split_at(begin);
        let tail = rest.split_at(rest.find([',', '}', ']']).unwrap_or(rest.len())).1;
        read_all(format!("{head}{value}{tail}").as_bytes());
    }

    #[test]
    fn any_header_block_is_a_reply_or_an_error(block in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = DirectReply::parse(Some(&block));
        let mut prefixed = b"NATS/1.0\r\nNats-Stream: A\r\nNats-Subject: b\r\nNats-Time-Stamp: ".to_vec();
        prefixed.extend_from_slice(&block);
        let _ = (DirectReply::parse(Some(&prefixed)), chunk_index(&block));
    }

    /// Whatever a server answers, no message comes twice or out of order, and none beyond the limit.
    #[test]
    fn pages_go_forward_whatever_is_answered(
        replies in proptest::collection::vec((0_u8..6, 0_u64..20, 0_u64..5, 0_u64..20), 0..60),
        limit in any::<Option<u8>>(),
    ) {
        let mut pages = DirectPages::new(DirectGetRequest::default(), 3, None, limit.map(Into::into));
        let mut replies = replies.into_iter();
        let mut taken = Vec::new();
        'pages: while let Some(request) = pages.next_request() {
            prop_assert!(request.batch.is_some_and(|batch| (1..=3).contains(&batch)));
            loop {
                let Some((kind, sequence, pending, last)) = replies.next() else { break 'pages };
                let text = match kind {
                    0 => format!("NATS/1.0 204 EOB\r\nNats-Num-Pending: {pending}\r\nNats-Last-Sequence: {last}\r\n\r\n"),
                    1 => "NATS/1.0 404 x\r\n\r\n".to_owned(),
                    _ => format!(
                        "NATS/1.0\r\nNats-Stream: D\r\nNats-Subject: d\r\nNats-Sequence: {sequence}\r\n\
                         Nats-Time-Stamp: 2026-01-01T00:00:00Z\r\nNats-Num-Pending: {pending}\r\n\
                         Nats-Last-Sequence: {last}\r\n\r\n"
                    ),
                };
                match pages.reply(DirectReply::parse(Some(text.as_bytes())).unwrap()) {
                    DirectStep::Message(message) => taken.push(message.sequence),
                    DirectStep::Ignore => {}
                    _ => break,
                }
            }
        }
        prop_assert!(taken.is_sorted_by(|one, next| one < next), "{:?}", taken);
        prop_assert!(limit.is_none_or(|limit| taken.len() <= limit.into()));
    }

    #[test]
    fn times_are_read_as_they_are_written(nanos in any::<i64>()) {
        let time = Timestamp::from_nanos(nanos);
        prop_assert_eq!(time.to_string().parse(), Ok(time));
    }
}
