//! What each operation of a client does.

use nuncio_proto::connect::ConnectRequest;
use nuncio_proto::decode::DecodeError;
use nuncio_proto::encode;
use nuncio_proto::op::ClientOp;

use crate::core::{Closing, Core, Message};
use crate::errors;
use crate::info;
use crate::sublist::{has_wildcard, is_valid_pattern};

/// The largest number that nats-server reads: nine digits. More are no number to it, whatever they say.
const LARGEST_NUMBER: u64 = 999_999_999;

/// Carries out one operation.
pub(super) fn apply(core: &mut Core, id: u64, op: ClientOp<'_>) {
    match op {
        ClientOp::Connect(json) => connect(core, id, json),
        ClientOp::Publish { subject, reply, header, payload } => {
            publish(core, id, Message { subject, reply, header, payload });
        }
        ClientOp::Subscribe { subject, queue, sid } => subscribe(core, id, subject, queue, sid),
        ClientOp::Unsubscribe { sid, max } => unsubscribe(core, id, sid, max),
        ClientOp::Ping => ping(core, id),
        ClientOp::Pong => {
            if let Some(client) = core.open_client(id) {
                client.pings_out = 0;
            }
        }
    }
}

/// Closes the connection of a client whose bytes can't be followed, with the text that nats-server sends. For wrong
/// arguments it sends none.
pub(super) fn refuse(core: &mut Core, id: u64, fault: &DecodeError) {
    tracing::debug!(client = id, %fault, "protocol fault");
    match fault {
        DecodeError::UnknownOperation { .. } | DecodeError::MissingPayloadEnd { .. } => {
            core.fail(id, errors::UNKNOWN_OPERATION);
        }
        DecodeError::ControlLineTooLong { .. } => core.fail(id, errors::MAX_CONTROL_LINE),
        DecodeError::PayloadTooLarge { announced, .. } if *announced <= LARGEST_NUMBER => {
            core.fail(id, errors::MAX_PAYLOAD);
        }
        _ => core.close(id, Closing::Flush),
    }
}

fn ok(core: &mut Core, id: u64) {
    if core.open_client(id).is_some_and(|client| client.verbose) {
        core.send(id, |out| out.extend_from_slice(encode::OK));
    }
}

fn connect(core: &mut Core, id: u64, json: &[u8]) {
    let Ok(request) = ConnectRequest::parse(json) else { return core.close(id, Closing::Flush) };
    // A client that connects anew begins anew.
    core.unsubscribe_all(id);
    let nonce = core.open_client(id).and_then(|client| client.nonce.clone());
    if !core.access.admits(&request, nonce.as_deref()) {
        return core.fail(id, errors::AUTHORIZATION);
    }
    let permissions = core.access.permissions_of(request.user.as_deref());
    let headers = core.info.headers;
    let Some(client) = core.open_client(id) else { return };
    client.authenticated = true;
    client.connected = true;
    client.permissions = permissions;
    client.user = request.user;
    client.verbose = request.verbose;
    client.pedantic = request.pedantic;
    client.echo = request.echo;
    client.headers = request.headers && headers;
    client.no_responders = request.no_responders;
    client.protocol = request.protocol;
    client.name = request.name;
    client.lang = request.lang;
    client.version = request.version;
    if !(0..=1).contains(&request.protocol) {
        return core.fail(id, errors::INVALID_PROTOCOL);
    }
    if client.no_responders && !client.headers {
        return core.fail(id, errors::NO_RESPONDERS);
    }
    ok(core, id);
}

fn ping(core: &mut Core, id: u64) {
    core.send(id, |out| out.extend_from_slice(encode::PONG));
    let Some(client) = core.open_client(id) else { return };
    if !client.connected || client.first_pong_sent {
        return;
    }
    client.first_pong_sent = true;
    if client.protocol < 1 {
        return;
    }
    let Some(client) = core.clients.get(&id) else { return };
    let json = info::for_client(core, client, true);
    core.send(id, |out| encode::info(out, &json));
}

fn publish(core: &mut Core, id: u64, message: Message<'_>) {
    let Message { subject, reply, header, .. } = message;
    let Some(client) = core.open_client(id) else { return };
    if header.is_some() && !client.headers {
        return core.close(id, Closing::Flush);
    }
    client.messages_in += 1;
    let allowed = client.may_publish(subject);
    let verdict_on_reply = client.no_responders;
    if client.pedantic && (has_wildcard(subject) || !is_valid_pattern(subject)) {
        // The message goes on all the same.
        core.complain(id, errors::INVALID_PUBLISH_SUBJECT);
    }
    if !allowed || is_within(subject, b"_GR_.") {
        return core.complain(id, &errors::publish_violation(subject));
    }
    if let Some(reply) = reply.filter(|reply| is_reserved(reply)) {
        return core.complain(id, &errors::reply_violation(reply));
    }
    ok(core, id);
    let delivered = core.route(id, message);
    if let Some(reply) = reply.filter(|_| delivered == 0 && verdict_on_reply) {
        core.no_responders(id, subject, reply);
    }
}

/// Reply subjects that the server makes itself.
fn is_reserved(reply: &[u8]) -> bool {
    [&b"$JS.ACK."[..], b"_R_.", b"_GR_."].iter().any(|prefix| is_within(reply, prefix))
}

fn is_within(subject: &[u8], prefix: &[u8]) -> bool {
    subject.len() > prefix.len() && subject.starts_with(prefix)
}

fn subscribe(core: &mut Core, id: u64, subject: &[u8], queue: Option<&[u8]>, sid: &[u8]) {
    let limit = core.config.settings.max_subscriptions;
    let Some(client) = core.open_client(id) else { return };
    if client.permissions.as_ref().is_some_and(|rules| !rules.can_subscribe(subject, queue)) {
        return core.complain(id, &errors::subscribe_violation(subject, queue));
    }
    if limit > 0 && client.sids.len() >= limit {
        return core.complain(id, errors::MAX_SUBSCRIPTIONS);
    }
    // A second SUB of the same id is ignored.
    if !client.sids.contains_key(sid) && core.subscribe(id, subject, queue, sid).is_err() {
        return core.complain(id, errors::INVALID_SUBJECT);
    }
    ok(core, id);
}

fn unsubscribe(core: &mut Core, id: u64, sid: &[u8], max: Option<u64>) {
    // As with nats-server, a count that it can't read ends the subscription at once.
    let max = max.filter(|max| *max <= LARGEST_NUMBER);
    let key = core.open_client(id).and_then(|client| client.sids.get(sid).copied());
    if let Some(key) = key {
        match core.subscriptions.get_mut(&key) {
            Some(subscription) if max.is_some_and(|max| max > subscription.delivered) => {
                subscription.max = max
            }
            _ => core.unsubscribe(key),
        }
    }
    ok(core, id);
}
