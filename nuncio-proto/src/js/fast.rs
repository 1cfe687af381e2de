//! Fast ingest (ADR-50): many messages for one stream, with acknowledgements that hold for all before them.
//!
//! The reply subject of each message carries its place; the server answers on it from time to time and says how many
//! messages apart its answers are, which is what keeps the publisher in step.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::error::{ApiError, DecodeError};
use super::puback::PubAck;
use crate::{encode, inbox};

/// The server gives a batch up that it has not heard of for ten seconds.
const IDLE: Duration = Duration::from_secs(5);
/// Without an answer for so long while one is due, it is asked for.
const STALL: Duration = Duration::from_secs(1);

/// The most messages between two answers that the server takes; it begins with fewer. Measured, it is quickest so.
const MOST: u16 = 500;

/// What happens when messages are lost on the way, or refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnGap {
    /// The batch ends there: what came before is stored.
    #[default]
    Stop,
    /// The batch goes on without them.
    Continue,
}

/// What a message is to its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// It is stored. Whether it is the first one is known here.
    Add,
    /// It is stored, and the batch ends.
    Commit,
    /// The batch ends, and this one is not stored.
    End,
}

/// The choices for a batch.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// So many messages apart answers are wished for; the server decides. At most 500 is taken.
    pub flow: u16,
    /// So many answers may be outstanding: 1 to 3.
    pub outstanding: u8,
    /// What happens when messages are lost.
    pub on_gap: OnGap,
}

impl Default for Config {
    fn default() -> Self {
        Self { flow: MOST, outstanding: 2, on_gap: OnGap::Stop }
    }
}

/// Something that the server told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Messages from the first number up to, not including, the second are lost.
    Lost(u64, u64),
    /// A message was refused.
    Refused(u64, ApiError),
    /// It is over. The count of the acknowledgement is that of numbers, those of lost messages included.
    Done(PubAck),
    /// It is over, and the server does not know it, or did not begin it.
    Failed(ApiError),
}

/// One batch.
#[derive(Clone, Debug)]
pub struct Fast {
    /// `<inbox>.<batch id>.`
    inbox: String,
    /// What the reply subjects of messages have before their numbers.
    prefix: String,
    config: Config,
    sent: u64,
    acked: u64,
    /// Messages between two answers; unknown until the first one.
    every: Option<u64>,
    ending: bool,
    over: bool,
    heard: Instant,
    spoke: Instant,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    msgs: u64,
    #[serde(default)]
    last_seq: u64,
    error: Option<ApiError>,
}

impl Fast {
    /// A batch with a new id, whose answers come below `inbox`.
    pub fn new(inbox: &str, config: Config, now: Instant) -> Self {
        let outstanding = config.outstanding.clamp(1, 3);
        let (flow, inbox) = (config.flow.max(1), format!("{inbox}.{}.", inbox::nuid()));
        let gap = match config.on_gap {
            OnGap::Stop => "fail",
            OnGap::Continue => "ok",
        };
        Self {
            prefix: format!("{inbox}{flow}.{gap}."),
            inbox,
            config: Config { outstanding, flow, ..config },
            sent: 0,
            acked: 0,
            every: None,
            ending: false,
            over: false,
            heard: now,
            spoke: now,
        }
    }

    /// What is to be subscribed to before the first message is sent.
    pub fn subscription(&self) -> String {
        format!("{}>", self.inbox)
    }

    /// The number of the last message that was sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// All up to this number are stored, but for those that were told lost or refused.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the last message was sent.
    pub fn is_ending(&self) -> bool {
        self.ending
    }

    /// Whether another message may be sent now. Before the first answer that is the first one alone.
    pub fn may_send(&self) -> bool {
        !self.over
            && !self.ending
            && match self.every {
                None => self.sent == 0,
                Some(every) => {
                    self.sent - self.acked < every.max(1).saturating_mul(self.config.outstanding.into())
                }
            }
    }

    /// Whether an answer is due before anything more can be done.
    pub fn is_waiting(&self) -> bool {
        !self.over && self.sent > 0 && !self.may_send()
    }

    /// Writes the reply subject of the next message to `out`, in place of what is there.
    pub fn write_reply(&self, op: Op, out: &mut Vec<u8>) {
        let op = match op {
            Op::Add if self.sent == 0 => b'0',
            Op::Add => b'1',
            Op::Commit => b'2',
            Op::End => b'3',
        };
        self.write_place(self.sent + 1, op, out);
    }

    /// Writes the reply subject of a question for the last answer, which is sent with nothing else.
    pub fn write_ping(&self, out: &mut Vec<u8>) {
        self.write_place(self.sent, b'4', out);
    }

    fn write_place(&self, number: u64, op: u8, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(self.prefix.as_bytes());
        encode::number(out, number);
        out.extend_from_slice(&[b'.', op]);
        out.extend_from_slice(b".$FI");
    }

    /// The message whose reply subject was made last is sent.
    pub fn count(&mut self, op: Op, now: Instant) {
        self.sent += u64::from(op != Op::End);
        self.ending |= op != Op::Add;
        self.spoke = now;
    }

    /// A question was sent.
    pub fn pinged(&mut self, now: Instant) {
        self.spoke = now;
        self.heard = now;
    }

    /// When to ask at the latest, since the server is silent or might take the batch for abandoned.
    pub fn ping_at(&self) -> Option<Instant> {
        if self.over || self.sent == 0 {
            return None;
        }
        let idle = self.spoke + IDLE;
        Some(if self.is_waiting() { idle.min(self.heard.max(self.spoke) + STALL) } else { idle })
    }

    /// Takes in what came on the subscription.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if it is nothing that the server says of a batch.
    pub fn receive(&mut self, payload: &[u8], now: Instant) -> Result<Option<Event>, DecodeError> {
        self.heard = now;
        let wire: Wire = serde_json::from_slice(payload)?;
        match wire.kind.as_str() {
            "ack" => {
                // Answers may overtake each other: what was stored stays stored.
                self.acked = self.acked.max(wire.seq.min(self.sent));
                self.every = Some(wire.msgs.max(1));
                Ok(None)
            }
            "gap" => Ok(Some(Event::Lost(wire.last_seq, wire.seq))),
            "err" => match wire.error {
                Some(error) => Ok(Some(Event::Refused(wire.seq, error))),
                None => Err(DecodeError::new("a refusal without a reason")),
            },
            _ => self.end(payload).map(Some),
        }
    }

    fn end(&mut self, payload: &[u8]) -> Result<Event, DecodeError> {
        let end = PubAck::parse(payload)?;
        self.over = true;
        Ok(match end {
            Ok(ack) => {
                self.acked = self.acked.max(ack.count.unwrap_or(0).min(self.sent));
                Event::Done(ack)
            }
            Err(error) => Event::Failed(error),
        })
    }

    /// Nothing more is awaited.
    pub fn abandon(&mut self) {
        self.over = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::js::codes::ErrorCode;

    fn begun(config: Config) -> (Fast, Instant) {
        let now = Instant::now();
        (Fast::new("_INBOX.x", config, now), now)
    }

    fn ack(fast: &mut Fast, seq: u64, every: u64, now: Instant) {
        let text = format!(r#"{{"type":"ack","seq":{seq},"msgs":{every}}}"#);
        assert_eq!(fast.receive(text.as_bytes(), now), Ok(None));
    }

    fn reply(fast: &Fast, op: Op) -> String {
        let mut out = b"the one before".to_vec();
        fast.write_reply(op, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The reply subject behind the id of the batch.
    fn place(fast: &Fast, op: Op) -> String {
        behind_id(&reply(fast, op))
    }

    fn behind_id(reply: &str) -> String {
        reply.strip_prefix("_INBOX.x.").unwrap().split_once('.').unwrap().1.to_owned()
    }

    #[test]
    fn the_reply_subject_tells_flow_policy_number_and_kind() {
        let (mut fast, now) = begun(Config { flow: 10, on_gap: OnGap::Continue, ..Config::default() });
        assert_eq!(place(&fast, Op::Add), "10.ok.1.0.$FI");
        fast.count(Op::Add, now);
        assert_eq!(place(&fast, Op::Add), "10.ok.2.1.$FI");
        assert_eq!(place(&fast, Op::Commit), "10.ok.2.2.$FI");
        assert_eq!(place(&fast, Op::End), "10.ok.2.3.$FI");
        let mut ping = Vec::new();
        fast.write_ping(&mut ping);
        assert_eq!(behind_id(&String::from_utf8(ping).unwrap()), "10.ok.1.4.$FI");
        assert!(reply(&fast, Op::Add).starts_with(fast.subscription().trim_end_matches('>')));
        let (fast, _) = begun(Config::default());
        assert_eq!(place(&fast, Op::Add), "500.fail.1.0.$FI");
    }

    #[test]
    fn the_second_message_waits_for_the_first_answer() {
        let (mut fast, now) = begun(Config::default());
        assert!(fast.may_send() && !fast.is_waiting());
        fast.count(Op::Add, now);
        assert!(!fast.may_send() && fast.is_waiting());
        ack(&mut fast, 0, 1, now);
        assert!(fast.may_send());
    }

    #[test]
    fn no_more_are_outstanding_than_the_server_says() {
        let (mut fast, now) = begun(Config { outstanding: 3, ..Config::default() });
        fast.count(Op::Add, now);
        ack(&mut fast, 0, 4, now);
        while fast.may_send() {
            fast.count(Op::Add, now);
        }
        assert_eq!(fast.sent(), 12);
        ack(&mut fast, 5, 4, now);
        // An answer that was overtaken takes nothing back.
        ack(&mut fast, 1, 4, now);
        assert_eq!((fast.acked(), fast.may_send()), (5, true));
        // Nor does one that promises more than was sent.
        ack(&mut fast, 99, 4, now);
        assert_eq!(fast.acked(), 12);
    }

    #[test]
    fn silence_and_idleness_are_ended_by_a_question() {
        let (mut fast, now) = begun(Config::default());
        assert_eq!(fast.ping_at(), None);
        fast.count(Op::Add, now);
        assert_eq!(fast.ping_at(), Some(now + STALL));
        fast.pinged(now + STALL);
        assert_eq!(fast.ping_at(), Some(now + STALL * 2));
        ack(&mut fast, 0, 9, now + STALL);
        assert_eq!(fast.ping_at(), Some(now + STALL + IDLE), "nothing is due, so it is only kept alive");
    }

    #[test]
    fn what_is_lost_or_refused_is_told() {
        let (mut fast, now) = begun(Config::default());
        fast.count(Op::Add, now);
        let lost = fast.receive(br#"{"type":"gap","last_seq":3,"seq":7}"#, now);
        assert_eq!(lost, Ok(Some(Event::Lost(3, 7))));
        let refused = fast.receive(
            br#"{"type":"err","seq":9,"error":{"code":400,"err_code":10071,"description":"wrong"}}"#,
            now,
        );
        let error = ApiError::new(400, ErrorCode(10071), "wrong");
        assert_eq!(refused, Ok(Some(Event::Refused(9, error))));
        assert!(!fast.is_over());
    }

    #[test]
    fn an_acknowledgement_or_an_error_is_the_end() {
        let (mut fast, now) = begun(Config::default());
        (0..3).for_each(|_| fast.count(Op::Add, now));
        fast.count(Op::Commit, now);
        assert!(!fast.may_send(), "nothing comes behind the last one");
        let done = fast.receive(br#"{"stream":"S","seq":14,"batch":"b","count":4}"#, now).unwrap();
        assert!(matches!(done, Some(Event::Done(ack)) if ack.sequence == 14));
        assert_eq!((fast.acked(), fast.is_over(), fast.ping_at()), (4, true, None));
        let (mut fast, now) = begun(Config::default());
        let gone = br#"{"error":{"code":400,"err_code":10208,"description":"unknown"},"stream":"S","seq":0}"#;
        assert!(
            matches!(fast.receive(gone, now), Ok(Some(Event::Failed(error))) if error.err_code.0 == 10208)
        );
        assert!(fast.is_over());
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        let (mut fast, now) = begun(Config::default());
        for bad in [&b""[..], b"+OK", b"{}", br#"{"type":"err"}"#, br#"{"type":"ack","seq":-1}"#, b"\xff"] {
            assert!(fast.receive(bad, now).is_err(), "{bad:?}");
        }
        assert!(!fast.is_over());
    }
}
