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
        /// List, make, change, read, back up, restore and remove JetStream streams.
        #[command(subcommand)]
        Stream: stream::Verb,
        /// List, make, change, consume from, pause and remove consumers of JetStream streams.
        #[command(subcommand)]
        Consumer: consumer::Verb,
        Context: context::Syntax,
        /// Measure how fast this client and a server are together.
        ///
        /// Each client is a connection of its own. The figures are those of this program alone: what it took of the processor
        /// for each message, the memory it had at most, and how long requests took. With --json the result is one object: msgs,
        /// seconds, msgs_per_sec, cpu_ns_per_msg, rss_bytes, p50_us, p90_us, p99_us, p999_us, max_us (null where nothing is timed),
        /// lost.
        #[command(subcommand)]
        Bench: bench::Verb,
    }
}
