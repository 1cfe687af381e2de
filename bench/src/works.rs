//! The list of works: a row of a table each.

use crate::servers::Kind::{self, Discard, Echo, Emulated, Flood, Nats};
use crate::wire::Over;
use crate::work::{self, Piece, Storage, Verb, Work};

pub(crate) fn all() -> Vec<Work> {
    [publish(), subscribe(), request(), layers(), through(), streams(), held(), instructions(), builds()]
        .concat()
}

fn row(name: &'static str, verb: Verb, size: usize, headers: usize, messages: u64, server: Kind) -> Work {
    Work {
        name,
        verb,
        over: Over::Tcp,
        storage: Storage::Memory,
        size,
        headers,
        read_header: false,
        messages,
        server,
        kind: work::Kind::Time,
    }
}

fn publish() -> Vec<Work> {
    vec![
        row("publish 16 B", Verb::Publish, 16, 0, 2_000_000, Discard),
        row("publish 128 B", Verb::Publish, 128, 0, 2_000_000, Discard),
        row("publish 128 B, 2 headers", Verb::Publish, 128, 2, 1_000_000, Discard),
        row("publish 1 KiB", Verb::Publish, 1024, 0, 1_000_000, Discard),
        row("publish 16 KiB", Verb::Publish, 16 * 1024, 0, 150_000, Discard),
        row("publish 128 B, 16 tasks", Verb::PublishMany, 128, 0, 1_600_000, Discard),
    ]
}

fn subscribe() -> Vec<Work> {
    let read = row("subscribe 128 B, 2 headers, one read", Verb::Subscribe, 128, 2, 600_000, Flood);
    vec![
        row("subscribe 16 B", Verb::Subscribe, 16, 0, 1_500_000, Flood),
        row("subscribe 128 B", Verb::Subscribe, 128, 0, 1_500_000, Flood),
        row("subscribe 128 B, by callback", Verb::Callback, 128, 0, 2_000_000, Flood),
        row("subscribe 1 KiB", Verb::Subscribe, 1024, 0, 600_000, Flood),
        row("subscribe 128 B, 2 headers, none read", Verb::Subscribe, 128, 2, 600_000, Flood),
        Work { read_header: true, ..read },
    ]
}

fn request() -> Vec<Work> {
    vec![
        row("request 128 B, one at a time", Verb::Request { in_flight: 1 }, 128, 0, 15_000, Echo),
        row("request 128 B, 64 at once", Verb::Request { in_flight: 64 }, 128, 0, 400_000, Echo),
        row("request 128 B, 256 at once", Verb::Request { in_flight: 256 }, 128, 0, 500_000, Echo),
    ]
}

fn layers() -> Vec<Work> {
    let over =
        |over, name, verb, messages, server| Work { over, ..row(name, verb, 128, 0, messages, server) };
    vec![
        over(Over::Tls, "publish 128 B, TLS", Verb::Publish, 1_000_000, Discard),
        over(Over::Tls, "subscribe 128 B, TLS", Verb::Subscribe, 800_000, Flood),
        over(Over::WebSocket, "publish 128 B, WebSocket", Verb::Publish, 1_000_000, Discard),
        over(Over::WebSocket, "subscribe 128 B, WebSocket", Verb::Subscribe, 800_000, Flood),
    ]
}

fn through() -> Vec<Work> {
    vec![row("publish and receive 128 B through nats-server", Verb::Through, 128, 0, 800_000, Nats)]
}

/// What is done with streams: at a server that keeps them in memory, at one that keeps them on disk, and at one that
/// answers at once.
fn streams() -> Vec<Work> {
    let memory = |name, verb, messages| row(name, verb, 128, 0, messages, Nats);
    let file = |name, verb, messages| Work { storage: Storage::File, ..memory(name, verb, messages) };
    let emulated = |name, verb, messages| row(name, verb, 128, 0, messages, Emulated);
    let (one, some, many) =
        (Verb::Store { in_flight: 1 }, Verb::Store { in_flight: 256 }, Verb::Store { in_flight: 1000 });
    let (read, acked) = (Verb::Consume { ack: false }, Verb::Consume { ack: true });
    vec![
        memory("stream publish 128 B, one at a time", one, 15_000),
        memory("stream publish 128 B, 256 in flight", some, 300_000),
        memory("stream publish 128 B, 1000 in flight", many, 300_000),
        memory("stream publish 128 B, fast ingest", Verb::Ingest, 300_000),
        Work { size: 16 * 1024, ..memory("stream publish 16 KiB, 256 in flight", some, 30_000) },
        memory("consume 128 B from a stream", read, 400_000),
        memory("consume 128 B from a stream, with acks", acked, 200_000),
        file("file stream publish 128 B, one at a time", one, 15_000),
        file("file stream publish 128 B, 256 in flight", some, 200_000),
        file("file stream publish 128 B, 1000 in flight", many, 200_000),
        file("file stream publish 128 B, fast ingest", Verb::Ingest, 200_000),
        file("consume 128 B from a file stream", read, 400_000),
        file("consume 128 B from a file stream, with acks", acked, 200_000),
        emulated("emulated stream publish 128 B, one at a time", one, 40_000),
        emulated("emulated stream publish 128 B, 256 in flight", some, 600_000),
        emulated("emulated stream publish 128 B, 1000 in flight", many, 600_000),
        emulated("consume 128 B from an emulated stream", read, 1_000_000),
        emulated("consume 128 B from an emulated stream, with acks", acked, 600_000),
    ]
}

fn held() -> Vec<Work> {
    let held =
        |name, verb, count, server| Work { kind: work::Kind::Memory, ..row(name, verb, 0, 0, count, server) };
    vec![
        held("hold 100,000 subscriptions", Verb::Subscriptions, 100_000, Discard),
        held("hold 200 idle connections", Verb::Connections, 200, Nats),
    ]
}

/// Of so many messages and of three times as many: what each message takes is in the difference.
fn instructions() -> Vec<Work> {
    let counted = |name, verb, headers, server| Work {
        kind: work::Kind::Instructions,
        ..row(name, verb, 128, headers, 20_000, server)
    };
    vec![
        counted("encode 128 B", Verb::Piece(Piece::Encode), 0, Discard),
        counted("encode 128 B, 2 headers", Verb::Piece(Piece::Encode), 2, Discard),
        counted("decode 128 B", Verb::Piece(Piece::Decode), 0, Discard),
        counted("decode 128 B, 2 headers", Verb::Piece(Piece::Decode), 2, Discard),
        counted("decode and dispatch 128 B", Verb::Piece(Piece::Dispatch), 0, Discard),
        counted("look up the second of 2 headers", Verb::Piece(Piece::View), 2, Discard),
        counted("instructions: publish 128 B", Verb::Publish, 0, Discard),
        counted("instructions: publish 128 B, 2 headers", Verb::Publish, 2, Discard),
        counted("instructions: subscribe 128 B", Verb::Subscribe, 0, Flood),
        counted("instructions: request 128 B, 64 at once", Verb::Request { in_flight: 64 }, 0, Echo),
    ]
}

fn builds() -> Vec<Work> {
    vec![Work { kind: work::Kind::Build, ..row("cold build", Verb::Build, 0, 0, 1, Discard) }]
}
