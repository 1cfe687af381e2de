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

use crate::command::verbs;

verbs! {
    /// What may be written after `nuncio bench`.
    pub(crate) enum Verb {
        Pub: publish::Syntax,
        Sub: subscribe::Syntax,
        Request: request::Syntax,
        Reply: reply::Syntax,
        JsPub: js_publish::Syntax,
        JsSub: js_subscribe::Syntax,
    }
}
