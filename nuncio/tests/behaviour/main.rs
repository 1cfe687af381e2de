//! What nuncio promises, rule by rule, against nats-server and against nuncio-server.
//!
//! Each rule is one function on a [`target::Target`], and each runs twice unchanged: `embedded::…` has nuncio-server on
//! a single-threaded runtime, `real::…` has a nats-server process on a runtime of two threads. The version of the
//! latter is that of the test kit unless `NUNCIO_NATS_VERSION` names another.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

/// Writes each rule twice: once for each kind of server. `on <Setup> =>` before a rule sets its server up.
macro_rules! rules {
    ($($(on $setup:expr =>)? async fn $name:ident($($arg:tt)*) $body:block)*) => {
        #[allow(unused_imports)]
        mod rule {
            use super::*;
            $(pub(super) async fn $name($($arg)*) $body)*
        }

        #[allow(unused_imports)]
        mod embedded {
            use super::*;
            $(#[test] fn $name() { crate::target::embedded(crate::setup!($($setup)?), rule::$name); })*
        }

        #[allow(unused_imports)]
        mod real {
            use super::*;
            $(#[test] fn $name() { crate::target::real(crate::setup!($($setup)?), rule::$name); })*
        }
    };
}

macro_rules! setup {
    () => {
        crate::target::Setup::new()
    };
    ($setup:expr) => {
        $setup
    };
}
pub(crate) use setup;

#[path = "../common/bare.rs"]
mod bare;
#[path = "../common/listening.rs"]
mod listening;
mod raw;
mod support;
mod target;
mod wanted;

mod after;
mod auth;
mod bad_input;
mod callback;
mod close;
mod codec;
mod confirmed;
mod connect;
mod context;
mod drain;
mod drain_subscription;
mod events;
mod fake;
mod flush;
mod forward;
mod headers;
mod lame_duck;
mod limits;
mod malformed;
mod no_mux;
mod no_responders;
mod options;
mod permissions;
mod plaintext;
mod pool;
mod publish;
mod queue_group;
mod reconnect;
mod request;
mod request_many;
mod responders;
mod slots;
mod slow_consumer;
mod statistics;
mod subscribe;
mod threads;
mod trace;
mod unsubscribe;
mod wildcard;
mod wire;
