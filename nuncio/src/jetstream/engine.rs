//! What the machines of nuncio-proto have in common for those who drive them.

use std::time::Instant;

use nuncio_proto::js::output::{Output, Presence};
use nuncio_proto::js::status::PullStatus;

use crate::Message;
use crate::jetstream::ground::{Ground, Task};
use crate::jetstream::maker::Made;

/// What is to be done with a message.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    /// It is handed to the application.
    pub(crate) hand_out: bool,
    /// There are outputs to poll for.
    pub(crate) due: bool,
}

/// A machine of nuncio-proto, in the words of [`Flow`](crate::jetstream::flow::Flow).
pub(crate) trait Engine {
    fn message(&mut self, message: &Message, ground: &Ground, now: Instant) -> Taken;
    fn status(&mut self, message: &Message, ground: &Ground, status: &PullStatus<'_>, now: Instant);
    fn waiting(&mut self, now: Instant);
    fn disconnected(&mut self);
    fn connected(&mut self, now: Instant);
    fn tick(&mut self, now: Instant);
    fn deadline(&self) -> Option<Instant>;
    fn poll(&mut self, now: Instant) -> Option<Output>;
    fn stop(&mut self);
    fn drained(&mut self);
    fn heard(&self) -> Instant;

    /// Servers of the cluster have come or gone.
    fn servers_changed(&mut self, _: Instant) {}
    fn probed(&mut self, _: Presence) {}
    fn made(&mut self, _: Made, _: &mut Ground, _: Instant) {}
    fn deleted(&mut self, _: u64) {}
    /// Nothing is awaited any more: what is still to be done at the server is sent, without waiting for it.
    fn leave(&mut self, _: &Ground) {}
    fn perform(&mut self, output: Output, ground: &Ground) -> Option<Task> {
        ground.perform(output)
    }
}

/// What every machine has under the same name.
macro_rules! forward {
    ($($machine:ident)?) => {
        fn waiting(&mut self, now: Instant) {
            self$(.$machine)?.waiting(true, now);
        }

        fn disconnected(&mut self) {
            self$(.$machine)?.disconnected();
        }

        fn connected(&mut self, now: Instant) {
            self$(.$machine)?.connected(now);
        }

        fn tick(&mut self, now: Instant) {
            self$(.$machine)?.tick(now);
        }

        fn deadline(&self) -> Option<Instant> {
            self$(.$machine)?.deadline()
        }

        fn stop(&mut self) {
            self$(.$machine)?.stop();
        }

        fn heard(&self) -> Instant {
            self$(.$machine)?.heard()
        }
    };
}
pub(crate) use forward;
