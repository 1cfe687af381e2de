//! The commands, one a file: what may be written, what it means, and how it is done.

mod bench;
mod consumer;
mod context;
mod events;
mod job;
mod publish;
mod reply;
mod request;
mod rtt;
mod server;
mod stream;
mod subscribe;

use job::verbs;
pub(crate) use job::{Job, Session};

verbs! {
    /// What may be written after `nuncio`.
    pub(crate) enum Command {
        Pub: publish::Syntax,
        Sub: subscribe::Syntax,
        Request: request::Syntax,
        Reply: reply::Syntax,
        Rtt: rtt::Syntax,
        Events: events::Syntax,
        Server: server::Syntax,
        Stream: stream::Syntax,
        Consumer: consumer::Syntax,
        Context: context::Syntax,
        Bench: bench::Syntax,
    }
}
