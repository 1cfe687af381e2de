//! Following a message through the servers.

use nuncio::trace::{Peer, Step, TraceEvent};
use nuncio::{PublishError, RequestError};

use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    async fn tracing_is_asked_for_by_headers(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "").trace("trace.here").await.unwrap();
        let message = next(&mut sub).await;
        assert_eq!((message.header("Nats-Trace-Dest"), message.header("Nats-Trace-Only")), (Some("trace.here"), None));
        for bad in ["", "a b", "a\r\nb"] {
            assert!(matches!(nc.publish("a", "").trace(bad).await, Err(PublishError::Subject(_))));
        }
        let error = nc.request("a", "").trace_only("a.*").await.unwrap_err();
        assert!(matches!(error, RequestError::Publish(PublishError::Wildcard { .. })), "{error:?}");
    }
}

async fn the_server_reports_where_a_message_went(t: Target) {
    let nc = t.connect().name("tracer").await.unwrap();
    let mut sub = nc.subscribe(unique()).await.unwrap();
    let inbox = nc.new_inbox();
    let mut reports = nc.subscribe(&inbox).await.unwrap();
    nc.publish(sub.subject(), "12345").trace(&inbox).await.unwrap();
    if !is_since(&nc, (2, 11)) {
        // Such a server knows nothing of traces: the message is one like any other.
        assert_eq!(texts(&mut sub, 1).await, ["12345"]);
        settle(&[&nc]).await;
        assert!(present(&mut reports).is_empty());
        return;
    }
    let report: TraceEvent = next(&mut reports).await.decode().unwrap();
    assert_eq!(report.server.version, nc.server_info().version);
    assert_eq!((report.hops, report.hop()), (0, None));
    assert!(report.request.size >= 5);
    let [Step::Ingress(came), Step::Egress(went)] = report.events.as_slice() else { panic!("{report:?}") };
    assert_eq!((came.kind, came.cid, came.subj.as_str()), (Peer::Client, nc.client_id(), &*sub.subject()));
    assert_eq!(
        (went.cid, went.name.as_str(), went.sub.as_deref()),
        (nc.client_id(), "tracer", Some(&*sub.subject()))
    );
    assert!(!came.ts.is_empty() && came.error.is_none());
    next(&mut sub).await;
    nc.publish(sub.subject(), "not delivered").trace_only(&inbox).await.unwrap();
    let report: TraceEvent = next(&mut reports).await.decode().unwrap();
    assert_eq!(report.events.len(), 2, "{report:?}");
    settle(&[&nc]).await;
    assert!(present(&mut sub).is_empty());
}

#[test]
fn the_server_reports_where_a_message_went_and_what_it_would_have_done() {
    crate::target::real(Setup::new(), the_server_reports_where_a_message_went);
}

#[test]
fn what_a_later_server_reports_besides_is_read_past() {
    use nuncio::Decode as _;
    let json = br#"{"server":{"name":"n","new":1},"request":{"header":{"Nats-Trace-Hop":["1.2"]}},"hops":2,
        "events":[{"type":"in","kind":9},{"type":"new","x":1},{"type":"js","stream":"S","nointerest":true}]}"#;
    let report = TraceEvent::decode(json).unwrap();
    assert_eq!((report.hop(), report.hops), (Some("1.2"), 2));
    assert!(matches!(&report.events[0], Step::Ingress(i) if i.kind == Peer::Other(9)));
    assert_eq!(report.events[1], Step::Other);
    assert!(matches!(&report.events[2], Step::JetStream(j) if j.nointerest));
    assert!(TraceEvent::decode(b"{").is_err());
}
