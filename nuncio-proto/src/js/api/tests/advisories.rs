//! Advisories as 2.15.1 sends them.

use std::time::Duration;

use crate::js::api::advisory::{Action, Advisory, AdvisoryEvent, Attempt};

fn event(kind: &str, rest: &str) -> AdvisoryEvent {
    let text = format!(
        r#"{{"type":"io.nats.jetstream.{kind}","id":"x1","timestamp":"2026-11-24T10:57:26.766732044Z",{rest}"domain":"hub"}}"#
    );
    let advisory = Advisory::parse(text.as_bytes()).unwrap();
    assert_eq!((advisory.id.as_str(), advisory.domain.as_deref()), ("x1", Some("hub")));
    advisory.event
}

#[test]
fn streams_and_consumers_come_and_go() {
    assert_eq!(
        event("advisory.v1.stream_action", r#""stream":"E","action":"modify","#),
        AdvisoryEvent::Stream(Action::Modify)
    );
    assert_eq!(
        event("advisory.v1.consumer_action", r#""stream":"E","consumer":"c","action":"delete","#),
        AdvisoryEvent::Consumer(Action::Delete)
    );
}

#[test]
fn deliveries_end_in_several_ways() {
    let rest = r#""stream":"E","consumer":"c","consumer_seq":3,"stream_seq":4,"deliveries":1,"#;
    let AdvisoryEvent::Nak(Attempt { consumer_sequence, stream_sequence, .. }) =
        event("advisory.v1.nak", rest)
    else {
        panic!("a nak")
    };
    assert_eq!((consumer_sequence, stream_sequence), (3, 4));
    let AdvisoryEvent::Terminated(attempt) =
        event("advisory.v1.terminated", &format!(r#"{rest}"reason":"why not","#))
    else {
        panic!("a termination")
    };
    assert_eq!(attempt.reason.as_deref(), Some("why not"));
    let AdvisoryEvent::Acknowledged(attempt) =
        event("metric.v1.consumer_ack", &format!(r#"{rest}"ack_time":171529,"#))
    else {
        panic!("an acknowledgement")
    };
    assert_eq!(attempt.ack_time, Duration::from_nanos(171_529));
    assert_eq!(
        event("advisory.v1.max_deliver", r#""stream":"E","consumer":"c","stream_seq":2,"deliveries":1,"#),
        AdvisoryEvent::MaxDeliveries { stream_sequence: 2, deliveries: 1 }
    );
}

#[test]
fn pauses_and_pins_are_told() {
    assert_eq!(
        event("advisory.v1.consumer_pause", r#""paused":false,"pause_until":"0001-01-01T00:00:00Z","#),
        AdvisoryEvent::Pause { paused: false, until: None }
    );
    assert_eq!(
        event("advisory.v1.consumer_group_pinned", r#""account":"$G","group":"A","pinned_id":"p","#),
        AdvisoryEvent::Pinned { group: "A".into(), pinned_id: "p".into() }
    );
    assert_eq!(
        event("advisory.v1.consumer_group_unpinned", r#""group":"A","reason":"admin","#),
        AdvisoryEvent::Unpinned { group: "A".into(), reason: "admin".into() }
    );
    assert_eq!(
        event("advisory.v1.stream_batch_abandoned", r#""batch":"b1","reason":"incomplete","#),
        AdvisoryEvent::BatchAbandoned { batch: "b1".into(), reason: "incomplete".into() }
    );
}

#[test]
fn leaders_and_servers_are_told() {
    let AdvisoryEvent::LeaderElected { leader, replicas } = event(
        "advisory.v1.stream_leader_elected",
        r#""leader":"n1","replicas":[{"name":"n1","current":true,"active":0}],"#,
    ) else {
        panic!("an election")
    };
    assert_eq!((leader.as_str(), replicas[0].name.as_str()), ("n1", "n1"));
    assert_eq!(
        event("advisory.v1.consumer_quorum_lost", r#""replicas":null,"#),
        AdvisoryEvent::QuorumLost { replicas: Vec::new() }
    );
    assert_eq!(
        event("advisory.v1.api_limit_reached", r#""server":"n1","dropped":3,"#),
        AdvisoryEvent::ApiLimitReached { server: "n1".into(), dropped: 3 }
    );
    let AdvisoryEvent::RestoreComplete(span) = event(
        "advisory.v1.restore_complete",
        r#""start":"2026-11-24T10:57:26.868656009Z","end":"2026-11-24T10:57:26.872747734Z","bytes":9317,"#,
    ) else {
        panic!("a restore")
    };
    assert_eq!((span.bytes, span.start < span.end), (9317, true));
}

#[test]
fn kinds_that_are_not_known_keep_their_fields() {
    let AdvisoryEvent::Unknown(fields) = event("advisory.v9.party", r#""guests":7,"#) else {
        panic!("unknown")
    };
    assert_eq!(fields["guests"], 7);
}

#[test]
fn what_is_no_advisory_is_an_error() {
    for bad in [&b""[..], b"{}", br#"{"type":"io.nats.server.advisory.v1.x"}"#, b"[]"] {
        assert!(Advisory::parse(bad).is_err(), "{bad:?}");
    }
}
