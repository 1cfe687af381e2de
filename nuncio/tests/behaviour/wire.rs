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
    // With one listener alone, a place that tells is judged by the thread that comes by first, which may be that of
    // another test, where nobody listens.
    let _another = tracing::Dispatch::new(Tap::default());
    let _listening = tracing::subscriber::set_default(tap.clone());
    // Once so that every place is known, some of them perhaps from before there were two.
    runtime.block_on(session());
    tracing::callsite::rebuild_interest_cache();
    tap.0.lock().unwrap().clear();
    runtime.block_on(session());
    let text = tap.0.lock().unwrap().clone();
    let plain = text.replace("\\\"", "\"");
    for (direction, seen) in [
        ("<<< INFO {", ""),
        (">>> CONNECT {", "[redacted]"),
        (">>> CONNECT {", "\"joe\""),
        (">>> ", "SUB seen 2"),
        (">>> ", "PUB seen 5"),
        // What came before it may be in the same piece.
        ("<<< ", "MSG seen 2 5"),
    ] {
        let is_it = |line: &str| line.starts_with(direction) && line.contains(seen);
        assert!(plain.lines().any(is_it), "no {direction}…{seen} in {text}");
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
