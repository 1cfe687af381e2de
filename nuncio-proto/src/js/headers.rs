//! The headers that JetStream reads and writes.

macro_rules! headers {
    ($($name:ident $text:literal $doc:literal;)*) => {$(
        #[doc = concat!("`", $text, "`: ", $doc, ".")]
        pub const $name: &str = $text;
    )*};
}

headers! {
    MESSAGE_ID "Nats-Msg-Id" "an id under which a stream stores a message once, within its duplicate window";
    EXPECTED_STREAM "Nats-Expected-Stream" "the stream that the message is meant for";
    EXPECTED_LAST_SEQUENCE "Nats-Expected-Last-Sequence" "the sequence of the stream's last message";
    EXPECTED_LAST_MESSAGE_ID "Nats-Expected-Last-Msg-Id" "the id of the stream's last message";
    EXPECTED_LAST_SUBJECT_SEQUENCE "Nats-Expected-Last-Subject-Sequence"
        "the sequence of the last message of the same subject";
    EXPECTED_LAST_SUBJECT_SEQUENCE_SUBJECT "Nats-Expected-Last-Subject-Sequence-Subject"
        "another subject that the expected sequence is that of";
    ROLLUP "Nats-Rollup" "all earlier messages of the subject (`sub`) or of the stream (`all`) go";
    TTL "Nats-TTL" "how long the message is kept";
    MARKER_REASON "Nats-Marker-Reason" "why a message marks that others are gone";
    SCHEDULE "Nats-Schedule" "when the message is to be sent on";
    SCHEDULE_TARGET "Nats-Schedule-Target" "the subject that it is then stored under";
    SCHEDULE_SOURCE "Nats-Schedule-Source" "the subject whose last message is sent in its place";
    SCHEDULE_TIME_ZONE "Nats-Schedule-Time-Zone" "the time zone of a cron schedule";
    SCHEDULE_TTL "Nats-Schedule-TTL" "how long what it generates is kept";
    SCHEDULE_ROLLUP "Nats-Schedule-Rollup" "what it generates replaces what the target has";
    SCHEDULER "Nats-Scheduler" "the subject of the schedule that a message comes from";
    SCHEDULE_NEXT "Nats-Schedule-Next" "when the schedule fires next; `purge` if never again";
    BATCH_ID "Nats-Batch-Id" "the atomic batch that the message belongs to";
    BATCH_SEQUENCE "Nats-Batch-Sequence" "its place in the batch, from 1";
    BATCH_COMMIT "Nats-Batch-Commit" "the batch ends here and is stored";
    INCREMENT "Nats-Incr" "what is added to a counter";
    COUNTER_SOURCES "Nats-Counter-Sources" "what a counter got from other streams";
    REQUIRED_API_LEVEL "Nats-Required-Api-Level" "the level of the API that a request needs";
    STREAM "Nats-Stream" "the stream that a message is from";
    SUBJECT "Nats-Subject" "the subject that a message is stored under, or that a request asked";
    SEQUENCE "Nats-Sequence" "its sequence in the stream";
    LAST_SEQUENCE "Nats-Last-Sequence" "the sequence of the message before it";
    TIME_STAMP "Nats-Time-Stamp" "when it was stored";
    NUM_PENDING "Nats-Num-Pending" "how many follow";
    UP_TO_SEQUENCE "Nats-UpTo-Sequence" "the sequence that the answer reaches to";
    MESSAGE_SIZE "Nats-Msg-Size" "the size of a payload that was left out";
    PENDING_MESSAGES "Nats-Pending-Messages" "what a pull still had to get, in messages";
    PENDING_BYTES "Nats-Pending-Bytes" "what a pull still had to get, in bytes";
    LAST_CONSUMER "Nats-Last-Consumer" "the consumer sequence of what was delivered last";
    LAST_STREAM "Nats-Last-Stream" "the stream sequence of what was delivered last";
    CONSUMER_STALLED "Nats-Consumer-Stalled" "the flow control request that a push consumer waits for";
    PIN_ID "Nats-Pin-Id" "the pin of a client that a consumer prefers";
    STREAM_SOURCE "Nats-Stream-Source" "where a sourced message comes from";
    STREAM_IDENTITY "Nats-Stream-Identity" "tells a stream from a later one of the same name";
}
