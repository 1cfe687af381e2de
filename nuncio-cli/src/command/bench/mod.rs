//! `nuncio bench`.

mod js_publish;
mod js_subscribe;
mod load;
mod meter;
mod plot;
mod publish;
mod receive;
mod reply;
mod report;
mod request;
mod send;
mod subscribe;

use clap::Args;

use crate::command::{Job, verbs};
use crate::exit::Failure;

/// Measure how fast this client and a server are together.
///
/// Each client is a connection of its own. The figures are those of this program alone: what it took of the processor
/// for each message, the memory it had at most, and how long requests took. With --json the result is one object: msgs,
/// seconds, msgs_per_sec, cpu_ns_per_msg, rss_bytes, p50_us, p90_us, p99_us, p999_us, max_us (null where nothing is timed),
/// lost.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    #[command(subcommand)]
    verb: Verb,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        self.verb.resolve()
    }
}

verbs! {
    enum Verb {
        Pub: publish::Syntax,
        Sub: subscribe::Syntax,
        Request: request::Syntax,
        Reply: reply::Syntax,
        JsPub: js_publish::Syntax,
        JsSub: js_subscribe::Syntax,
    }
}
