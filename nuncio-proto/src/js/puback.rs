//! What a stream answers to a message that was published to it.

use std::sync::Arc;

use serde::Deserialize;

use super::error::{ApiError, DecodeError};

mod fast;

/// A stream has stored a message, or had it already.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PubAck {
    /// The stream. The acknowledgements of one publisher share the text.
    pub stream: Arc<str>,
    /// The message's sequence in the stream. For a batch, that of its last message.
    pub sequence: u64,
    /// The domain of the stream, if it has one.
    pub domain: Option<String>,
    /// The stream had a message of the same id already: nothing new was stored, and
    /// [`sequence`](Self::sequence) is that of the earlier one.
    pub duplicate: bool,
    /// What the counter is now, as a decimal number of any length (ADR-49).
    pub value: Option<String>,
    /// The batch that was stored (ADR-50).
    pub batch: Option<String>,
    /// How many messages the batch has.
    pub count: Option<u64>,
}

#[derive(Deserialize)]
struct Wire {
    error: Option<ApiError>,
    #[serde(default)]
    stream: String,
    #[serde(default)]
    seq: u64,
    domain: Option<String>,
    #[serde(default)]
    duplicate: bool,
    val: Option<String>,
    batch: Option<String>,
    count: Option<u64>,
}

impl PubAck {
    /// Reads an acknowledgement or the refusal that stands in its place.
    ///
    /// ```
    /// use nuncio_proto::js::puback::PubAck;
    ///
    /// let ack = PubAck::parse(br#"{"stream":"ORDERS", "seq":7,"duplicate": true}"#)?.map_err(|e| e.to_string())?;
    /// assert_eq!((&*ack.stream, ack.sequence, ack.duplicate), ("ORDERS", 7, true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if it is neither: the reply is that of somebody else.
    pub fn parse(reply: &[u8]) -> Result<Result<Self, ApiError>, DecodeError> {
        Self::parse_known(reply, &mut None)
    }

    /// As [`parse`](Self::parse); the text of the stream's name is shared with the last one, where it is the same.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_known(
        reply: &[u8],
        known: &mut Option<Arc<str>>,
    ) -> Result<Result<Self, ApiError>, DecodeError> {
        if let Some(stream) = known
            && let Some(sequence) = fast::sequence_in(reply, stream)
        {
            return Ok(Ok(Self::new(Arc::clone(stream), sequence)));
        }
        Self::parse_any(reply, known)
    }

    fn new(stream: Arc<str>, sequence: u64) -> Self {
        Self { stream, sequence, domain: None, duplicate: false, value: None, batch: None, count: None }
    }

    /// Whether it is an acknowledgement of the stream `known` that tells its sequence and nothing else, for those who want
    /// no more than that. What is none may be an acknowledgement all the same.
    #[inline]
    pub fn is_plain(reply: &[u8], known: &str) -> bool {
        fast::sequence_in(reply, known).is_some()
    }

    fn parse_any(reply: &[u8], known: &mut Option<Arc<str>>) -> Result<Result<Self, ApiError>, DecodeError> {
        if let Some(ack) = fast::parse(reply) {
            return Ok(Ok(Self {
                domain: ack.domain.map(str::to_owned),
                duplicate: ack.duplicate,
                ..Self::new(shared(ack.stream, known), ack.sequence)
            }));
        }
        let wire: Wire = serde_json::from_slice(reply)?;
        if let Some(error) = wire.error {
            return Ok(Err(error));
        }
        if wire.stream.is_empty() {
            return Err(DecodeError::new("it names no stream"));
        }
        Ok(Ok(Self {
            stream: shared(&wire.stream, known),
            sequence: wire.seq,
            domain: wire.domain.filter(|domain| !domain.is_empty()),
            duplicate: wire.duplicate,
            value: wire.val,
            batch: wire.batch,
            count: wire.count,
        }))
    }
}

fn shared(name: &str, known: &mut Option<Arc<str>>) -> Arc<str> {
    match known {
        Some(known) if **known == *name => Arc::clone(known),
        other => Arc::clone(other.insert(name.into())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::js::codes::ErrorCode;

    fn ack(reply: &str) -> PubAck {
        PubAck::parse(reply.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn every_field_is_read() {
        let full = ack(
            r#"{"stream":"S","seq":18446744073709551615,"domain":"hub","duplicate":true,"val":"-12","batch":"b","count":3,"new":{}}"#,
        );
        assert_eq!(
            full,
            PubAck {
                stream: "S".into(),
                sequence: u64::MAX,
                domain: Some("hub".into()),
                duplicate: true,
                value: Some("-12".into()),
                batch: Some("b".into()),
                count: Some(3),
            }
        );
    }

    #[test]
    fn a_refusal_is_read_whatever_else_the_reply_holds() {
        let refused = PubAck::parse(
            br#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 4"},"stream":"S","seq":0}"#,
        );
        assert_eq!(refused.unwrap().unwrap_err().err_code, ErrorCode::STREAM_WRONG_LAST_SEQUENCE);
        let refused = PubAck::parse(
            br#"{"stream":"S","seq":0,"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"}}"#,
        );
        assert_eq!(refused.unwrap().unwrap_err().code, 503);
    }

    #[test]
    fn what_names_no_stream_is_no_acknowledgement() {
        for other in
            ["", "+OK", "{}", r#"{"seq":1}"#, r#"{"stream":"","seq":1}"#, r#"{"stream":"S","seq":-1}"#, "7"]
        {
            assert!(PubAck::parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn control_characters_in_text_are_no_json() {
        for other in [
            "{\"stream\":\"S\n\",\"seq\":1}",
            "{\"stream\":\"S\t\",\"seq\":1}",
            "{\"stream\n\":\"S\",\"seq\":1}",
        ] {
            assert!(PubAck::parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn names_are_shared() {
        let mut known = None;
        let reply = br#"{"stream":"S","seq":1}"#;
        let first = PubAck::parse_known(reply, &mut known).unwrap().unwrap();
        let second = PubAck::parse_known(reply, &mut known).unwrap().unwrap();
        assert!(Arc::ptr_eq(&first.stream, &second.stream));
        let other = PubAck::parse_known(br#"{"stream":"T","seq":1}"#, &mut known).unwrap().unwrap();
        assert_eq!(&*other.stream, "T");
    }

    #[test]
    fn text_with_escapes_is_read_too() {
        assert_eq!(&*ack(r#"{"stream":"a\u003eb","seq":1}"#).stream, "a>b");
    }

    fn by_serde(reply: &str) -> Option<(String, u64, Option<String>, bool)> {
        let wire: Wire = serde_json::from_str(reply).ok()?;
        Some((wire.stream, wire.seq, wire.domain, wire.duplicate))
    }

    proptest! {
        /// Wherever the short way gives an answer it is the one of the long way.
        #[test]
        fn both_ways_agree(reply in r#"\{( ?"(stream|seq|domain|duplicate|x)" ?: ?("[A-Z\n\\"]{0,2}"|-?[0-9]{1,21}|true|false|null) ?,?){0,4}\} ?"#) {
            if let Some(fast) = fast::parse(reply.as_bytes()) {
                let (stream, seq, domain, duplicate) = by_serde(&reply).expect("serde refuses it");
                prop_assert_eq!((fast.stream, fast.sequence, fast.duplicate), (&*stream, seq, duplicate));
                prop_assert_eq!(fast.domain, domain.as_deref().filter(|domain| !domain.is_empty()));
            }
        }

        /// Where the stream is known, and the reply much like that of a server.
        #[test]
        fn the_shortest_way_agrees(reply in r#"\{"stream":"[ST]{1,2}",? ?"seq":[0-9]{0,21}(,"duplicate":true)?\}?"#) {
            let long = by_serde(&reply);
            if let Some(sequence) = fast::sequence_in(reply.as_bytes(), "S") {
                prop_assert_eq!(long.clone(), Some(("S".to_owned(), sequence, None, false)));
            }
            let known = PubAck::parse_known(reply.as_bytes(), &mut Some("S".into())).ok().and_then(Result::ok);
            prop_assert_eq!(known.map(|ack| (ack.stream.to_string(), ack.sequence, ack.domain, ack.duplicate)), long);
        }

        #[test]
        fn no_reply_panics(reply: Vec<u8>) {
            let _ = PubAck::parse(&reply);
            let _ = PubAck::is_plain(&reply, "S");
        }

        #[test]
        fn the_common_form_takes_the_short_way(stream in "[A-Za-z0-9_-]{1,20}", seq: u64, duplicate: bool) {
            let tail = if duplicate { ",\"duplicate\": true" } else { "" };
            let reply = format!("{{\"stream\":\"{stream}\", \"seq\":{seq}{tail}}}");
            prop_assert_eq!(PubAck::is_plain(reply.as_bytes(), &stream), !duplicate && seq < 10u64.pow(19));
            let fast = fast::parse(reply.as_bytes()).expect("the short way refuses it");
            prop_assert_eq!((fast.stream, fast.sequence, fast.duplicate), (&*stream, seq, duplicate));
        }
    }
}
