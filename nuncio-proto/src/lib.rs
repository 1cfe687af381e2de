//! The NATS client protocol with no I/O, no clock and no runtime.
//!
//! Bytes come in and go out through buffers of the caller's, the time is an argument, and what is left to chance
//! follows from a seed, so everything here can be tested without a socket and without waiting. The `nuncio` crate
//! drives it with tokio; nuncio-server uses the same decoders and encoders from the other side.
//!
//! # The contract
//!
//! 1. **One mutation at a time.** Give the machine *one* thing that happened: bytes that arrived, an order of the
//!    application, or the time. Then do everything that follows from it: decode until the decoder wants more bytes,
//!    act on each operation, write until nothing is left, and ask for the next deadline. Only then wait, and only for
//!    the next of these things.
//! 2. **Order is the caller's to keep.** What is put into an [`outbox::Batch`] goes over the wire in that order, whole
//!    frames only. A `PING` is pushed to [`session::fence::Fences`] in the same step as its bytes are appended, so that
//!    the next `PONG` belongs to the oldest fence. Only what answers the server ([`encode::PONG`]) and what a new
//!    connection has to know first ([`registry::Registry::replay`]) may go ahead of it.
//! 3. **A peer's bytes are data.** No bytes make anything here panic or allocate without limit. What is not protocol is
//!    a [`decode::DecodeError`], which ends the connection; what is wrong with one message's headers is an error of the
//!    accessor that reads them, and ends nothing.
//! 4. **Subjects and headers are bytes.** They are checked on the way out ([`subject`], [`header::HeaderMap`]) and
//!    handed on as they arrived on the way in ([`message::Message`], [`header::HeaderView`]).
//!
//! # The loop
//!
//! The whole of a client, with a script in place of the socket and the clock:
//!
//! ```
//! use std::collections::VecDeque;
//! use std::io::IoSlice;
//! use std::time::{Duration, Instant};
//!
//! use nuncio_proto::connect::Connect;
//! use nuncio_proto::decode::{Limits, ServerDecoder};
//! use nuncio_proto::encode;
//! use nuncio_proto::message::{Chunk, Message};
//! use nuncio_proto::op::ServerOp;
//! use nuncio_proto::outbox::{Batch, Payload};
//! use nuncio_proto::registry::{Delivery, Interest, Registry};
//! use nuncio_proto::server_error::ServerError;
//! use nuncio_proto::session::fence::Fences;
//! use nuncio_proto::session::handshake::{Handshake, Step};
//! use nuncio_proto::session::keepalive::{Beat, Keepalive};
//!
//! /// What can happen.
//! enum Input {
//!     Bytes(&'static [u8]),
//!     Publish(&'static str, &'static str),
//!     Time(Duration),
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let start = Instant::now();
//! let mut now = start;
//! let mut happens = VecDeque::from([
//!     Input::Bytes(b"INFO {\"server_id\":\"A\",\"headers\":true}\r\n"),
//!     Input::Bytes(b"PONG\r\nMSG greet.joe 1 5\r\nhe"),
//!     Input::Publish("greet.sue", "hi"),
//!     Input::Bytes(b"llo\r\n"),
//!     Input::Time(Duration::from_secs(120)),
//!     Input::Bytes(b"PONG\r\n"),
//! ]);
//!
//! let mut read = Vec::new();
//! let mut decoder = ServerDecoder::new(Limits::default());
//! let mut handshake = Some(Handshake::new());
//! let mut keepalive = Keepalive::new(Duration::from_secs(120), 2, now);
//! let mut fences = Fences::default();
//! let mut outbox = Batch::new();
//! let mut registry = Registry::default();
//! registry.insert(1, Interest { subject: (*b"greet.*").into(), queue: None }, None, Vec::new());
//! let mut wire = Vec::new();
//!
//! // 1. One mutation ...
//! while let Some(input) = happens.pop_front() {
//!     match input {
//!         Input::Bytes(bytes) => {
//!             keepalive.heard();
//!             read.extend_from_slice(bytes);
//!         }
//!         Input::Publish(subject, text) => {
//!             outbox.publish(subject.as_bytes(), None, None, &Payload::Borrowed(text.as_bytes()));
//!         }
//!         Input::Time(passed) => now = start + passed,
//!     }
//!     // 2. ... and all that follows from it: what has arrived,
//!     let mut at = 0;
//!     while let Some((op, len)) = decoder.decode(&read[at..])? {
//!         if let Some(shaking) = &mut handshake {
//!             match shaking.handle(op)? {
//!                 Step::Connect(_info) => outbox.control(|out| {
//!                     encode::connect(out, &Connect::default().to_json());
//!                     out.extend_from_slice(encode::PING);
//!                 }),
//!                 Step::Done => {
//!                     handshake = None;
//!                     outbox.control(|out| drop(registry.replay(out)));
//!                 }
//!                 Step::Pong => outbox.control(|out| out.extend_from_slice(encode::PONG)),
//!                 Step::Update(_) | Step::More => {}
//!             }
//!         } else {
//!             match op {
//!                 ServerOp::Msg(layout) => {
//!                     let chunk = Chunk::new(read[at..at + len].to_vec().into(), ());
//!                     match registry.deliver(layout.sid) {
//!                         Delivery::Route(queue) => queue.push(Message::new(chunk, 0, layout)),
//!                         Delivery::Last(_) | Delivery::Unknown => {}
//!                     }
//!                 }
//!                 ServerOp::Pong => assert_eq!(fences.pong(), Some("keepalive")),
//!                 ServerOp::Ping => outbox.control(|out| out.extend_from_slice(encode::PONG)),
//!                 ServerOp::Err(text) => return Err(ServerError::parse(text).to_string().into()),
//!                 ServerOp::Info(_) | ServerOp::Ok => {}
//!             }
//!         }
//!         at += len;
//!     }
//!     read.drain(..at);
//!     // what the time has brought,
//!     match keepalive.poll(now) {
//!         Beat::Ping => {
//!             fences.push("keepalive");
//!             outbox.control(|out| out.extend_from_slice(encode::PING));
//!         }
//!         Beat::Stale => return Err("the server does not answer".into()),
//!         Beat::Wait(_until) => {}
//!     }
//!     // and what is to be written. A socket may take less than all; the batch keeps the place.
//!     while outbox.remaining() > 0 {
//!         let mut slices = [IoSlice::new(&[]); 8];
//!         let used = outbox.slices(&mut slices);
//!         let written = slices[..used].iter().map(|slice| slice.len()).sum();
//!         slices[..used].iter().for_each(|slice| wire.extend_from_slice(slice));
//!         outbox.advance(written);
//!     }
//!     outbox.clear(64 * 1024);
//!     // 3. Here a client waits for bytes, for an order, or until `keepalive.deadline()`.
//! }
//!
//! let wire = String::from_utf8(wire)?;
//! let (connect, rest) = wire.split_once("\r\n").unwrap_or_default();
//! assert!(connect.starts_with("CONNECT {"));
//! assert_eq!(rest, "PING\r\nSUB greet.* 1\r\nPUB greet.sue 2\r\nhi\r\nPING\r\n");
//! let greetings = &registry.get_mut(1).ok_or("the subscription is there")?.route;
//! assert_eq!(greetings[0].payload(), b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! # Modules
//!
//! | concern | modules |
//! | --- | --- |
//! | names | [`subject`] (rules, wildcards), [`inbox`] (unique ids, request tokens), [`addr`] (server addresses) |
//! | the wire | [`op`] (operations), [`decode`] (both directions, resumable), [`encode`] (both directions) |
//! | messages | [`message`] (one frame and where its parts lie), [`header`] (owned map, lazy view, status line) |
//! | greetings | [`info`] (`INFO`), [`connect`] (`CONNECT`), [`secret`] (what is never printed) |
//! | going out | [`outbox`] (frames to be written, and what is left of them after a cut) |
//! | coming in | [`registry`] (subscriptions), [`requests`] (who awaits which reply), [`slots`] (the slab beneath) |
//! | streams | [`js`] (the JetStream API and its machines) |
//! | the life of a connection | [`session`] (handshake, keepalive, fences, timers), [`pool`] (servers, back-off), [`server_error`] (`-ERR`) |

pub mod addr;
pub mod auth;
pub mod connect;
pub mod decode;
pub mod encode;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod header;
pub mod inbox;
pub mod info;
pub mod js;
mod json;
pub mod message;
pub mod op;
pub mod outbox;
pub mod pool;
pub mod registry;
pub mod requests;
pub mod secret;
pub mod server_error;
pub mod session;
pub mod slots;
pub mod subject;
pub mod websocket;
mod words;
