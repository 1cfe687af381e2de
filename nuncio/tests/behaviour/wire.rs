//! Everything on the wire, for those who listen.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Clone, Default)]
struct Tap(Arc<Mutex<String>>);

impl Subscriber for Tap {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "nuncio::wire"
    }

    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    writeln!(self.0, "{value:?}").unwrap();
                }
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push_str(&text.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn both_directions_can_be_listened_to_and_show_no_secret() {
    let tap = Tap::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Once without listening, so that no other test is just about to be the first at a place that tells.
    runtime.block_on(session());
    // With a second listener, each place that tells asks both, whichever thread comes there first. A single one would be
    // looked for in that thread.
    let _second = tracing::Dispatch::new(Tap::default());
    let _listening = tracing::subscriber::set_default(tap.clone());
    tracing::callsite::rebuild_interest_cache();
    runtime.block_on(session());
    let text = tap.0.lock().unwrap().clone();
    for seen in [
        "<<< INFO {",
        ">>> CONNECT {",
        "[redacted]",
        "\"joe\"",
        ">>> SUB seen 2",
        "PUB seen 5",
        "<<< MSG seen 2 5",
    ] {
        assert!(text.replace("\\\"", "\"").contains(seen), "no {seen} in {text}");
    }
    assert!(!text.contains("s3cr3t"), "{text}");
}

async fn session() {
    let server = nuncio_server::Server::builder().user("joe", "s3cr3t").start().await.unwrap();
    let nc = nuncio::connect(server.url()).user_and_password("joe", "s3cr3t").await.unwrap();
    let mut sub = nc.subscribe("seen").await.unwrap();
    nc.publish("seen", "hello").await.unwrap();
    sub.next().await.unwrap();
    nc.close().await;
}
